"""Millions of warp instructions a second, plain and with the sanitizer, and a
256^3 bf16 product on mma.sync; one host thread. HAMLET_EMULATOR_ISA picks the
vector level."""
import os, sys, tempfile, time
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/ptx"))
os.environ["HAMLET_EMULATOR_THREADS"] = "1"
from harness import *

rng = np.random.default_rng(1)


def cases():
    n = 1 << 20
    f = lambda *s: rng.standard_normal(s).astype(np.float32)
    yield "adamw", "simple.cu", "64", "256", [f(n), f(n), f(n), np.abs(f(n)), "i32:%d" % n] + ["f32:%g" % v for v in (
        1e-3, .9, .95, 1e-8, .1, 10, 20)]
    yield "rmsnorm", "simple.cu", "512", "256", [bf16(f(512, 4096)), bf16(f(4096)), "empty:bf16:512x4096", "i32:4096", "f32:1e-5"]
    yield "argmax", "simple.cu", "64", "256", [f(64, 32000), "empty:i32:64", "zeros:i32:8", "i32:32000"]
    yield "softmax", "more.cu", "64", "128", [f(64, 8192), "empty:f32:64x8192", "i32:8192"]
    yield "gemm_mma", "gemm_sm80.cu", "2,2", "256", [bf16(f(256, 256)), bf16(f(256, 256)), "empty:f32:256x256"] + ["i32:256"] * 3


def main():
    rates = {"plain": [], "check": []}
    with tempfile.TemporaryDirectory() as folder:
        for entry, source, grid, block, args in cases():
            ptx = list(compile_cuda(source, "sm_80", folder).values())[-1]
            row = entry
            for mode, extra in (("plain", []), ("check", ["--check", "--async", "eager"])):
                best = min((Run(ptx, entry, grid, block, args, (), extra).report for _ in range(3)),
                           key=lambda r: r["seconds"])
                row += "  %s %.1f M/s, %.1f ms" % (mode, best["instructions"] / best["seconds"] / 1e6, best["seconds"] * 1e3)
                if entry != "gemm_mma":
                    rates[mode].append(best["instructions"] / best["seconds"] / 1e6)
            print(row, flush=True)
    for mode, r in rates.items():
        print("geometric mean, %s: %.1f M warp instructions/s" % (mode, float(np.exp(np.log(r).mean()))))


if __name__ == "__main__":
    main()
