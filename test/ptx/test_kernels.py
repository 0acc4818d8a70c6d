"""Kernels compiled by nvcc and clang-22 against numpy references and each other."""
import sys, tempfile
import numpy as np
from harness import *

rng = np.random.default_rng(7)


def adamw():
    n = 5000
    p, g, m = (rng.standard_normal(n).astype(np.float32) for _ in range(3))
    v = np.abs(rng.standard_normal(n)).astype(np.float32) * 0.01
    lr, b1, b2, eps, wd, c1, c2 = 1e-3, .9, .95, 1e-8, .1, 10., 20.
    mi = np.float32(b1) * m + np.float32(1 - b1) * g
    vi = np.float32(b2) * v + np.float32(1 - b2) * g * g
    ref = p - np.float32(lr) * (mi * c1 / (np.sqrt(vi * c2) + np.float32(eps)) + np.float32(wd) * p)
    args = [p, g, m, v, "i32:%d" % n] + ["f32:%r" % x for x in (lr, b1, b2, eps, wd, c1, c2)]
    return "simple.cu", "sm_80", "adamw", "4", "256", args, {0: (ref, 1e-6)}, []


def rmsnorm():
    rows, d = 3, 1024
    x, w = bf16(rng.standard_normal((rows, d))), bf16(rng.standard_normal(d))
    f = unbf16(x)
    ref = f / np.sqrt((f * f).mean(1, keepdims=True) + 1e-5) * unbf16(w)
    return ("simple.cu", "sm_80", "rmsnorm", str(rows), "256",
            [x, w, "empty:bf16:%dx%d" % (rows, d), "i32:%d" % d, "f32:1e-5"], {2: (ref, 0.02)}, [])


def argmax():
    rows, vocabulary = 4, 3000
    x = rng.standard_normal((rows, vocabulary)).astype(np.float32)
    return ("simple.cu", "sm_80", "argmax", str(rows), "256",
            [x, "empty:i32:%d" % rows, "zeros:i32:8", "i32:%d" % vocabulary],
            {1: (x.argmax(1), 0), 2: (np.bincount(x.argmax(1) & 7, minlength=8), 0)}, [])


def gemm_sm80():
    n = 128
    a, b = bf16(rng.standard_normal((n, n))), bf16(rng.standard_normal((n, n)))
    return ("gemm_sm80.cu", "sm_80", "gemm_mma", "1,1", "256",
            [a, b, "empty:f32:%dx%d" % (n, n)] + ["i32:%d" % n] * 3, {2: (unbf16(a) @ unbf16(b).T, 1e-4)}, [])


def gemm_sm90():
    m = n = 256
    k = 640
    a, b = bf16(rng.standard_normal((m, k))), bf16(rng.standard_normal((n, k)))
    args = ["tensormap:4:bf16:%dx%d:%d:64x128:128" % (k, m, 2 * k), "tensormap:5:bf16:%dx%d:%d:64x64:128" % (k, n, 2 * k),
            "tensormap:6:bf16:%dx%d:%d:128x64:none" % (n, m, 2 * n), "i32:%d" % k]
    # The buffers behind the maps are three more parameters of the wrapper.
    return ("gemm_sm90.cu", "sm_90a", "gemm_wgmma", "2,2", "384", args + [a, b, "empty:bf16:%dx%d" % (m, n)],
            {6: (unbf16(a) @ unbf16(b).T, 0.01)}, ["--shared", str(198 * 1024), "--cluster", "2"])


def reduce_ticket():
    x = rng.standard_normal(20000).astype(np.float32)
    return ("more.cu", "sm_80", "reduce_ticket", "7", "256",
            [x, "empty:f32:7", "zeros:u32:1", "empty:f32:1", "i32:20000"], {3: (np.array([x.sum(dtype=np.float64)]), 1e-4)}, [])


def softmax():
    x = rng.standard_normal((5, 777)).astype(np.float32)
    e = np.exp(x.astype(np.float64) - x.max(1, keepdims=True))
    return ("more.cu", "sm_80", "softmax", "5", "128", [x, "empty:f32:5x777", "i32:777"],
            {1: (e / e.sum(1, keepdims=True), 1e-5)}, [])


def dispatch():
    n = 1000
    x = rng.integers(0, 32, n).astype(np.int32)
    order = np.argsort(x, kind="stable")
    position = np.empty(n, np.int64)
    position[order] = np.arange(n)
    counts = np.bincount(x, minlength=32)
    return ("more.cu", "sm_80", "dispatch", "1", "256",
            [x, "empty:i32:32", "empty:i32:32", "empty:i32:%d" % n, "i32:%d" % n],
            {1: (counts, 0), 2: (np.cumsum(counts) - counts, 0), 3: (position, 0)}, [])


def topk():
    x = rng.standard_normal((3, 500)).astype(np.float32)
    return ("more.cu", "sm_80", "topk", "3", "256", [x, "empty:i32:3x8", "i32:500", "i32:8"],
            {1: (np.argsort(-x, 1, kind="stable")[:, :8], 0)}, ["--shared", "2000"])


def locked_count():
    return ("more.cu", "sm_80", "locked_count", "20", "32", ["zeros:u32:1", "zeros:i32:1"],
            {1: (np.array([20]), 0)}, [])


def attention():
    heads, length, d = 2, 150, 64
    q, k, v = (bf16(rng.standard_normal((heads, length, d))) for _ in range(3))
    s = unbf16(q) @ unbf16(k).transpose(0, 2, 1) / 8
    p = np.exp(np.where(np.tril(np.ones((length, length), bool)), s, -np.inf))
    ref = p / p.sum(2, keepdims=True) @ unbf16(v)
    return ("attention_sm80.cu", "sm_80", "attention", "3,2", "128",
            [q, k, v, "empty:f32:%dx%dx%d" % (heads, length, d), "i32:%d" % length, "f32:0.125"], {3: (ref, 0.01)}, [])


CASES = [attention, reduce_ticket, softmax, dispatch, topk, locked_count, gemm_sm90, adamw, rmsnorm, argmax, gemm_sm80]


def main():
    if not compilers():
        print("skipped: neither clang++-22 with CUDA headers nor nvcc is here")
        return SKIPPED
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            source, arch, entry, grid, block, args, expected, extra = case()
            for name, ptx in compile_cuda(source, arch, folder).items():
                for mode in ([], ["--async", "lazy"], ["--async", "random", "--seed", "3"], ["--check"]):
                    run = Run(ptx, entry, grid, block, args, list(expected), extra + mode)
                    wrong = run.stderr + str(run.errors()) if run.status else ""
                    for n, (ref, tolerance) in expected.items():
                        if n not in run.out:
                            wrong = wrong or "nothing was saved"
                            continue
                        got = run.out[n]
                        got = unbf16(got) if got.dtype == np.uint16 else got
                        error = np.abs(got.astype(np.float64) - ref).max() / max(1e-30, np.abs(ref).max())
                        if not error <= tolerance:
                            wrong = wrong or "argument %d: relative error %g" % (n, error)
                    print("%-12s %-6s %-28s %s" % (entry, name, " ".join(mode), wrong or "ok"))
                    failed += bool(wrong)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
