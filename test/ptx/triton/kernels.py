"""Triton kernels that the emulator's test compiles for sm_80 and sm_90a."""
import triton
import triton.language as tl


@triton.jit
def product(a, b, c, m, n, k, BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """c[m, n] (f32) = a[m, k] b[k, n], bf16, row-major, edges masked."""
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    columns = tl.program_id(1) * BN + tl.arange(0, BN)
    inner = tl.arange(0, BK)
    sum = tl.zeros([BM, BN], tl.float32)
    for start in range(0, k, BK):
        at = start + inner
        x = tl.load(a + rows[:, None] * k + at[None, :], (rows[:, None] < m) & (at[None, :] < k), 0.0)
        y = tl.load(b + at[:, None] * n + columns[None, :], (at[:, None] < k) & (columns[None, :] < n), 0.0)
        sum = tl.dot(x, y, sum)
    tl.store(c + rows[:, None] * n + columns[None, :], sum, (rows[:, None] < m) & (columns[None, :] < n))


@triton.jit
def softmax(x, y, columns, B: tl.constexpr):
    """y[row] = softmax(x[row]), f32, one program a row."""
    row = tl.program_id(0)
    at = tl.arange(0, B)
    v = tl.load(x + row * columns + at, at < columns, -float("inf"))
    e = tl.exp(v - tl.max(v, 0))
    tl.store(y + row * columns + at, e / tl.sum(e, 0), at < columns)


@triton.jit
def layer_norm(x, w, b, y, columns, epsilon, B: tl.constexpr):
    """y[row] = (x - mean) / sqrt(variance + epsilon) w + b, bf16 in and out."""
    row = tl.program_id(0)
    at = tl.arange(0, B)
    inside = at < columns
    v = tl.load(x + row * columns + at, inside, 0.0).to(tl.float32)
    mean = tl.sum(v, 0) / columns
    d = tl.where(inside, v - mean, 0.0)
    scale = 1 / tl.sqrt(tl.sum(d * d, 0) / columns + epsilon)
    r = d * scale * tl.load(w + at, inside, 0.0).to(tl.float32) + tl.load(b + at, inside, 0.0).to(tl.float32)
    tl.store(y + row * columns + at, r.to(tl.bfloat16), inside)


@triton.jit
def attention(q, k, v, o, length, scale, D: tl.constexpr, BM: tl.constexpr, BN: tl.constexpr):
    """Causal attention of one head a program_id(1), online softmax, bf16; o is f32."""
    base = tl.program_id(1).to(tl.int64) * length * D
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    d = tl.arange(0, D)
    x = tl.load(q + base + rows[:, None] * D + d[None, :], rows[:, None] < length, 0.0)
    largest = tl.full([BM], -float("inf"), tl.float32)
    total = tl.zeros([BM], tl.float32)
    sum = tl.zeros([BM, D], tl.float32)
    for start in range(0, (tl.program_id(0) + 1) * BM, BN):
        at = start + tl.arange(0, BN)
        inside = at < length
        key = tl.load(k + base + at[None, :] * D + d[:, None], inside[None, :], 0.0)
        s = tl.dot(x, key) * (scale * 1.44269504)
        s = tl.where((at[None, :] <= rows[:, None]) & inside[None, :], s, -float("inf"))
        now = tl.maximum(largest, tl.max(s, 1))
        p = tl.exp2(s - now[:, None])
        keep = tl.exp2(largest - now)
        value = tl.load(v + base + at[:, None] * D + d[None, :], inside[:, None], 0.0)
        sum = tl.dot(p.to(tl.bfloat16), value, sum * keep[:, None])
        total = total * keep + tl.sum(p, 1)
        largest = now
    tl.store(o + base + rows[:, None] * D + d[None, :], sum / total[:, None], rows[:, None] < length)


@triton.jit
def linear_attention(q, k, v, o, decay, length, D: tl.constexpr, C: tl.constexpr):
    """Decayed linear attention in chunks of C, one head a program; o is f32."""
    head = tl.program_id(0)
    base = head.to(tl.int64) * length * D
    rate = tl.load(decay + head)
    i = tl.arange(0, C)
    d = tl.arange(0, D)
    past = i[:, None] - i[None, :]
    inner = tl.where(past >= 0, tl.exp(-rate * past), 0.0)
    state = tl.zeros([D, D], tl.float32)
    for start in range(0, length, C):
        at = start + i
        inside = at < length
        x = tl.load(q + base + at[:, None] * D + d[None, :], inside[:, None], 0.0)
        key = tl.load(k + base + at[:, None] * D + d[None, :], inside[:, None], 0.0)
        value = tl.load(v + base + at[:, None] * D + d[None, :], inside[:, None], 0.0)
        s = tl.dot(x, tl.trans(key)) * inner
        old = tl.dot(x, state.to(tl.bfloat16)) * tl.exp(-rate * (i + 1))[:, None]
        tl.store(o + base + at[:, None] * D + d[None, :], tl.dot(s.to(tl.bfloat16), value, old), inside[:, None])
        faded = (key * tl.exp(-rate * (C - 1 - i))[:, None]).to(tl.bfloat16)
        state = state * tl.exp(-rate * C) + tl.dot(tl.trans(faded), value)


# name: (kernel, types of the arguments, constants, warps, stages)
VARIANTS = {
    "product": (product, ["*bf16"] * 2 + ["*fp32"] + ["i32"] * 3, dict(BM=64, BN=64, BK=32), 4, 3),
    "softmax": (softmax, ["*fp32", "*fp32", "i32"], dict(B=1024), 4, 2),
    "layer_norm": (layer_norm, ["*bf16"] * 4 + ["i32", "fp32"], dict(B=1024), 8, 2),
    "attention": (attention, ["*bf16"] * 3 + ["*fp32", "i32", "fp32"], dict(D=64, BM=64, BN=32), 4, 2),
    "linear_attention": (linear_attention, ["*bf16"] * 3 + ["*fp32", "*fp32", "i32"], dict(D=32, C=32), 4, 2),
}
