"""Triton kernels, compiled without a GPU, against numpy references.

The wheel is looked for in the Python of HAMLET_TRITON_PYTHON, in `python3` of the
path and in this one; without it the test is skipped and says so.
"""
import os, shutil, subprocess, sys, tempfile
import numpy as np
from harness import *

rng = np.random.default_rng(11)


def python():
    for p in (os.environ.get("HAMLET_TRITON_PYTHON"), shutil.which("python3"), sys.executable):
        if p and subprocess.run([p, "-c", "import triton.compiler"], cwd="/", capture_output=True).returncode == 0:
            return p
    return None


def randn(*shape):
    return bf16(rng.standard_normal(shape))


def product():
    m, n, k = 100, 72, 150
    a, b = randn(m, k), randn(k, n)
    return "2,2", [a, b, "empty:f32:%dx%d" % (m, n)] + ["i32:%d" % i for i in (m, n, k)], 2, unbf16(a) @ unbf16(b), 1e-4


def softmax():
    x = rng.standard_normal((5, 777)).astype(np.float32)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    return "5", [x, "empty:f32:5x777", "i32:777"], 1, e / e.sum(1, keepdims=True), 1e-5


def layer_norm():
    x, w, b = randn(4, 1000), randn(1000), randn(1000)
    f = unbf16(x).astype(np.float64)
    d = f - f.mean(1, keepdims=True)
    ref = d / np.sqrt((d * d).mean(1, keepdims=True) + 1e-5) * unbf16(w) + unbf16(b)
    return "4", [x, w, b, "empty:bf16:4x1000", "i32:1000", "f32:1e-5"], 3, ref, 0.01


def attention():
    heads, length, d = 2, 100, 64
    q, k, v = (randn(heads, length, d) for _ in range(3))
    s = unbf16(q) @ unbf16(k).transpose(0, 2, 1) / 8
    s = np.where(np.tril(np.ones((length, length), bool)), s, -np.inf)
    p = np.exp(s - s.max(2, keepdims=True))
    ref = p / p.sum(2, keepdims=True) @ unbf16(v)
    return "2,2", [q, k, v, "empty:f32:2x100x64", "i32:100", "f32:0.125"], 3, ref, 0.01


def linear_attention():
    heads, length, d = 2, 90, 32
    q, k, v = (randn(heads, length, d) for _ in range(3))
    rate = np.array([0.05, 0.3], np.float32)
    state, ref = np.zeros((heads, d, d)), np.zeros((heads, length, d))
    for t in range(length):
        state = state * np.exp(-rate)[:, None, None] + unbf16(k)[:, t, :, None] * unbf16(v)[:, t, None, :]
        ref[:, t] = np.einsum("hd,hde->he", unbf16(q)[:, t], state)
    return "2", [q, k, v, "empty:f32:2x90x32", rate, "i32:90"], 3, ref, 0.02


CASES = [product, softmax, layer_norm, attention, linear_attention]
MODES = ([], ["--async", "lazy"], ["--check", "--async", "eager"], ["--check", "--async", "lazy"],
         ["--check", "--async", "random", "--seed", "5"])


def main():
    wheel = python()
    if not wheel:
        print("skipped: no Python with the triton wheel (HAMLET_TRITON_PYTHON names one)")
        return SKIPPED
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([wheel, os.path.join(HERE, "triton/compile.py"), folder], check=True)
        index = json.load(open(os.path.join(folder, "index.json")))
        print("triton", index["triton"])
        for case in CASES:
            grid, args, out, ref, tolerance = case()
            for arch in ("sm_80", "sm_90a"):
                k = index["kernels"]["%s.%s" % (case.__name__, arch)]
                assert k["scratch"] == [0, 0]
                for mode in MODES:
                    # The last two parameters are scratch memory that none of these uses.
                    run = Run(k["path"], k["entry"], grid, str(32 * k["warps"]), args + ["null", "null"], [out],
                              ["--shared", str(k["shared"])] + mode)
                    wrong = run.stderr + str(run.errors()) if run.status else ""
                    if out in run.out:
                        got = run.out[out]
                        got = unbf16(got) if got.dtype == np.uint16 else got
                        error = np.abs(got.astype(np.float64) - ref).max() / np.abs(ref).max()
                        if not error <= tolerance:
                            wrong = wrong or "relative error %g" % error
                    else:
                        wrong = wrong or "nothing was saved"
                    print("%-18s %-7s %-36s %s" % (case.__name__, arch, " ".join(mode), wrong or "ok"), flush=True)
                    failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
