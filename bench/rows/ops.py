"""Rows of one operation: a function in the graph dialects, compiled and called.

Weights are `nn.weight`, so that they are packed as a model's are; what changes
from token to token is an operand.
"""

import dataclasses

import numpy as np

from .common import WIDTH

F32 = "#tile.numerics<operands = f32, accumulate = f32, group = 1>"
BF16 = "#tile.numerics<operands = bf16, accumulate = f32, group = 2>"
NUMERICS = {"f32": F32, "bf16": BF16}


@dataclasses.dataclass
class Operation:
    name: str
    dtype: str
    mlir: str
    inputs: list  # arrays; a bf16 operand is given as f32
    results: int
    weights: dict  # name: (shape, dtype)
    flops: float
    bytes: float
    torch: dict  # what bench/peer_torch.py is asked for


def _array(shape, seed=0, scale=1.0):
    return (scale * np.random.default_rng(seed).standard_normal(shape, np.float32)).astype(np.float32)


def weight(name, shape, seed=1):
    """The weights of a row: of the size that keeps a product's result near 1."""
    rng = np.random.default_rng(seed + sum(name.encode()))
    values = rng.standard_normal(shape, np.float32)
    return 1 + np.float32(0.1) * values if len(shape) == 1 else values * np.float32(shape[-1] ** -0.5)


def product(m, n, k, dtype):
    x, w, y = f"tensor<?x{k}x{dtype}>", f"tensor<{n}x{k}x{dtype}>", f"tensor<?x{n}x{dtype}>"
    text = f"""func.func @row(%x: {x}) -> {y} {{
  %w = nn.weight @w : {w}
  %y = nn.linear {NUMERICS[dtype]} %x, %w : ({x}, {w}) -> {y}
  return %y : {y}
}}
"""
    return Operation(
        f"product {m}x{k}x{n} {dtype}", dtype, text, [_array((m, k))], 1, {"w": ((n, k), dtype)},
        2.0 * m * n * k, WIDTH[dtype] * (m * k + n * k + m * n), dict(kind="product", m=m, n=n, k=k, dtype=dtype),
    )  # fmt: skip


def lm_head(m, hidden, vocabulary, dtype):
    x, w, y = f"tensor<?x{hidden}xf32>", f"tensor<{vocabulary}x{hidden}x{dtype}>", f"tensor<?x{vocabulary}xf32>"
    text = f"""func.func @row(%x: {x}) -> {y} {{
  %w = nn.weight @w : {w}
  %y = nn.lm_head {F32} %x, %w : ({x}, {w}) -> {y}
  return %y : {y}
}}
"""
    return Operation(
        f"LM head {m}x{hidden}x{vocabulary} {dtype}", "f32", text, [_array((m, hidden))], 1,
        {"w": ((vocabulary, hidden), dtype)}, 2.0 * m * hidden * vocabulary,
        WIDTH[dtype] * vocabulary * hidden + 4 * m * (hidden + vocabulary),
        dict(kind="product", m=m, n=vocabulary, k=hidden, dtype=dtype),
    )  # fmt: skip


def norm(rows, width, dtype):
    x = f"tensor<?x{width}x{dtype}>"
    text = f"""func.func @row(%x: {x}) -> {x} {{
  %w = nn.weight @w : tensor<{width}xf32>
  %y = nn.rms_norm %x, %w {{eps = 1.0e-5 : f32}} : ({x}, tensor<{width}xf32>) -> {x}
  return %y : {x}
}}
"""
    return Operation(
        f"norm {rows}x{width} {dtype}", dtype, text, [_array((rows, width))], 1, {"w": ((width,), "f32")},
        4.0 * rows * width, 2 * WIDTH[dtype] * rows * width, dict(kind="norm", rows=rows, width=width, dtype=dtype),
    )  # fmt: skip


def lightning(tokens, heads, dim, dtype):
    """Its FLOPs are those of whole chunks of 64, as the chunk formula in torch has them."""
    chunk = 64
    t = f"tensor<?x{heads}x{dim}x{dtype}>"
    text = f"""func.func @row(%q: {t}, %k: {t}, %v: {t}, %g: tensor<{heads}xf32>, %starts: tensor<?xi32>) -> {t} {{
  %o = lightning.attention gated {NUMERICS[dtype]} %q, %k, %v decay(%g) starts(%starts) {{scale = 1.0 : f32}} : ({t}, {t}, {t}, tensor<{heads}xf32>, tensor<?xi32>) -> {t}
  return %o : {t}
}}
"""
    decay = -(2.0 ** (-8.0 * np.arange(1, heads + 1) / heads)).astype(np.float32)
    inputs = [_array((tokens, heads, dim), i, 0.25) for i in range(3)] + [decay, np.array([0, tokens], np.int32)]
    return Operation(
        f"lightning T{tokens} H{heads} d{dim} {dtype}", dtype, text, inputs, 1, {},
        tokens * heads * 4.0 * dim * (chunk + dim), WIDTH[dtype] * 4 * tokens * heads * dim,
        dict(kind="lightning", tokens=tokens, heads=heads, dim=dim, dtype=dtype),
    )  # fmt: skip


def softmax(tokens, heads, kv_heads, dim, dtype):
    q, k = f"tensor<?x{heads}x{dim}x{dtype}>", f"tensor<?x{kv_heads}x{dim}x{dtype}>"
    text = f"""func.func @row(%q: {q}, %k: {k}, %v: {k}, %starts: tensor<?xi32>) -> {q} {{
  %o = attention.softmax {NUMERICS[dtype]} %q, %k, %v starts(%starts) {{scale = {dim**-0.5:e} : f32}} : ({q}, {k}, {k}, tensor<?xi32>) -> {q}
  return %o : {q}
}}
"""
    inputs = [_array((tokens, h, dim), i) for i, h in enumerate((heads, kv_heads, kv_heads))]
    return Operation(
        f"softmax T{tokens} H{heads}/{kv_heads} d{dim} {dtype}", dtype, text, inputs + [np.array([0, tokens], np.int32)], 1, {},
        2.0 * tokens * (tokens + 1) * heads * dim, WIDTH[dtype] * 2 * tokens * (heads + kv_heads) * dim,
        dict(kind="softmax", tokens=tokens, heads=heads, kv_heads=kv_heads, dim=dim, dtype=dtype),
    )  # fmt: skip


def moe(tokens, hidden, inner, experts, dtype):
    x, up, down = f"tensor<?x{hidden}x{dtype}>", f"tensor<{experts}x{inner}x{hidden}x{dtype}>", f"tensor<{experts}x{hidden}x{inner}x{dtype}>"
    h, router, n = f"tensor<?x{inner}x{dtype}>", f"tensor<{experts}x{hidden}xf32>", NUMERICS[dtype]
    ids, gates, offsets = "tensor<?x2xi32>", "tensor<?x2xf32>", f"tensor<{experts + 1}xi32>"
    text = f"""func.func @row(%x: {x}) -> {x} {{
  %r = nn.weight @router : {router}
  %g = nn.weight @gate : {up}
  %u = nn.weight @up : {up}
  %d = nn.weight @down : {down}
  %ids, %gates = moe.route softmax %x, %r {{top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32}} : ({x}, {router}) -> ({ids}, {gates})
  %offsets, %order, %place = moe.dispatch %ids {{experts = {experts}}} : ({ids}) -> ({offsets}, tensor<?xi32>, {ids})
  %h = moe.expert_up silu {n} %x, %offsets, %order, %g, %u {{top_k = 2}} : ({x}, {offsets}, tensor<?xi32>, {up}, {up}) -> {h}
  %y = moe.expert_down {n} %h, %offsets, %d : ({h}, {offsets}, {down}) -> {x}
  %z = moe.combine %y, %place, %gates : ({x}, {ids}, {gates}) -> {x}
  return %z : {x}
}}
"""
    rows = _array((tokens, hidden))
    chosen = np.argsort(rows @ weight("router", (experts, hidden)).T, 1)[:, -2:]
    touched = len(np.unique(chosen))  # experts whose weights are read
    shapes = {name: ((experts, inner, hidden), dtype) for name in ("gate", "up")}
    return Operation(
        f"MoE {tokens} tokens, {experts} experts {dtype}", dtype, text, [rows], 1,
        {"router": ((experts, hidden), "f32"), **shapes, "down": ((experts, hidden, inner), dtype)},
        tokens * (2 * 6.0 * hidden * inner + 2.0 * hidden * experts),
        WIDTH[dtype] * (touched * 3 * hidden * inner + 2 * tokens * hidden) + 4 * experts * hidden,
        dict(kind="moe", tokens=tokens, hidden=hidden, inner=inner, experts=experts, dtype=dtype),
    )  # fmt: skip


def operations(quick):
    if quick:
        for dtype in ("f32", "bf16"):
            yield product(128, 256, 256, dtype)
            yield product(1, 1024, 256, dtype)
        yield lightning(512, 4, 64, "f32")
        yield softmax(512, 4, 2, 64, "f32")
        yield moe(16, 128, 128, 8, "f32")
        yield norm(512, 256, "f32")
        yield lm_head(1, 256, 2000, "f32")
        return
    for dtype in ("f32", "bf16"):
        yield product(512, 2048, 2048, dtype)
        yield product(1024, 1024, 1024, dtype)
        yield product(64, 2048, 2048, dtype)
        # More than a last-level cache: 64 MiB of weights in both dtypes.
        yield product(1, 8192 if dtype == "f32" else 16384, 2048, dtype)
        yield lightning(4096, 16, 64, dtype)
        yield softmax(4096, 16, 4, 64, dtype)
        for tokens in (1, 16, 512):
            yield moe(tokens, 1024, 1024, 32, dtype)
        yield norm(16384, 1024, dtype)
        yield lm_head(1, 1024, 32000, dtype)
