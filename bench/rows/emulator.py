"""Rows of the PTX emulator: warp instructions a second on one core, at each
vector level, plain and with the sanitizer; and a 256^3 bf16 product on mma.sync."""

import math
import os
import pathlib
import sys
import tempfile

from .common import ROOT

import numpy as np

sys.path.insert(0, str(ROOT / "test" / "ptx"))


def levels():
    has = "avx512bw" in pathlib.Path("/proc/cpuinfo").read_text()
    return ("avx512", "avx2") if has else ("avx2",)


def cases(quick):
    """(entry, source, grid, block, arguments)."""
    import harness

    rng = np.random.default_rng(1)
    f = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    bf16 = lambda *shape: harness.bf16(f(*shape))
    part = 4 if quick else 1
    n = (1 << 20) // part
    yield "adamw", "simple.cu", "64", "256", [f(n), f(n), f(n), np.abs(f(n)), f"i32:{n}"] + [f"f32:{v}" for v in (1e-3, 0.9, 0.95, 1e-8, 0.1, 10, 20)]
    rows = 512 // part
    yield "rmsnorm", "simple.cu", f"{rows}", "256", [bf16(rows, 4096), bf16(4096), f"empty:bf16:{rows}x4096", "i32:4096", "f32:1e-5"]
    rows = 64 // part
    yield "softmax", "more.cu", f"{rows}", "128", [f(rows, 8192), f"empty:f32:{rows}x8192", "i32:8192"]
    yield "argmax", "simple.cu", f"{rows}", "256", [f(rows, 32000), f"empty:i32:{rows}", "zeros:i32:8", "i32:32000"]
    yield "gemm_mma", "gemm_sm80.cu", "2,2", "256", [bf16(256, 256), bf16(256, 256), "empty:f32:256x256"] + ["i32:256"] * 3


MODES = (("plain", []), ("sanitizer", ["--check", "--async", "eager"]))


def rows(bench, wanted):
    names = {(level, mode): f"emulator {level} {mode}" for level in levels() for mode, _ in MODES}
    if not any(wanted(name) for name in names.values()):
        return
    os.environ["HAMLET_PTX"] = str(bench.args.bin / "hamlet-ptx")
    os.environ["HAMLET_EMULATOR_THREADS"] = "1"
    import harness

    if not harness.compilers():
        print("emulator: its kernels are CUDA and no compiler for them is installed; no rows", flush=True)
        return
    measured = {}
    with tempfile.TemporaryDirectory() as folder:
        for entry, source, grid, block, args in cases(bench.quick):
            # The last compiler's: nvcc where there is one.
            ptx = list(harness.compile_cuda(source, "sm_80", folder).values())[-1]
            for (level, mode), name in names.items():
                if not wanted(name):
                    continue
                os.environ["HAMLET_EMULATOR_ISA"] = level
                runs = [harness.Run(ptx, entry, grid, block, args, (), dict(MODES)[mode]) for _ in range(bench.rounds)]
                for run in runs:
                    if run.status:
                        sys.exit(f"{name}: {entry} failed with {run.status}: {run.stderr}")
                best = min((run.report for run in runs), key=lambda report: report["seconds"])
                measured[level, mode, entry] = best["seconds"], best["instructions"]
    os.environ.pop("HAMLET_EMULATOR_ISA", None)
    for (level, mode), name in names.items():
        if not wanted(name):
            continue
        rates = {}
        for (at, how, entry), (seconds, instructions) in measured.items():
            if (at, how) == (level, mode) and entry != "gemm_mma":
                rates[entry] = instructions / seconds / 1e6
        for entry, rate in rates.items():
            yield dict(what=f"{name}: {entry}", unit="M warp instructions/s", hamlet=rate)
        mean = math.exp(sum(map(math.log, rates.values())) / len(rates))
        yield dict(what=f"{name}: geometric mean", unit="M warp instructions/s", hamlet=mean)
        yield dict(what=f"{name}: 256^3 bf16 product", unit="ms", hamlet=measured[level, mode, "gemm_mma"][0] * 1e3)
