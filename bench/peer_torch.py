#!/usr/bin/env python3
"""Times single operations in torch, for bench/run: a line of JSON in, a line out.

    peer_torch.py --threads N

In: {"kind": "product", "m": .., "dtype": "f32|bf16", "repeats": N, ..}. Out:
{"seconds": best of the repeats, for one layer if it has several}, after a warm-up. The first line out names the
version. Runs in an environment that has torch; transformers is not needed.
"""

import argparse
import json
import sys
import time

import torch
import torch.nn.functional as F

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def product(o, dtype):
    x, w = torch.randn(o["m"], o["k"]).to(dtype), (torch.randn(o["n"], o["k"]) * o["k"] ** -0.5).to(dtype)
    return lambda: F.linear(x, w)


def norm(o, dtype):
    x, w = torch.randn(o["rows"], o["width"]).to(dtype), torch.ones(o["width"], dtype=dtype)
    return lambda: F.rms_norm(x, (o["width"],), w, 1e-5)


def softmax(o, dtype):
    q = torch.randn(1, o["heads"], o["tokens"], o["dim"]).to(dtype)
    k, v = (torch.randn(1, o["kv_heads"], o["tokens"], o["dim"]).to(dtype) for _ in "kv")
    return lambda: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)


def lightning(o, dtype):
    """The chunk formula of Lightning Attention-2, the chunks of a head batched but for the state."""
    heads, dim, chunk = o["heads"], o["dim"], 64
    chunks = o["tokens"] // chunk
    q, k, v = ((torch.randn(heads, chunks, chunk, dim) * 0.25).to(dtype) for _ in "qkv")
    slope = 2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)
    i = torch.arange(chunk)
    far = (i[:, None] - i[None, :]).clamp(min=0)
    mask = (torch.exp(-slope[:, None, None] * far) * (i[:, None] >= i[None, :])).to(dtype)[:, None]
    into = torch.exp(-slope[:, None] * (i + 1)).to(dtype)[:, None, :, None]
    out = torch.exp(-slope[:, None] * (chunk - 1 - i)).to(dtype)[:, None, :, None]
    whole = torch.exp(-slope * chunk)[:, None, None]

    def run():
        inner = ((q @ k.transpose(-1, -2)) * mask) @ v
        added = (k * out).transpose(-1, -2) @ v
        state, states = torch.zeros(heads, dim, dim), []
        for c in range(chunks):
            states.append(state)
            state = state * whole + added[:, c]
        return inner + (q * into) @ torch.stack(states, 1).to(dtype)

    return run


def moe(o, dtype):
    """As Transformers' eager experts: a loop over the experts that have tokens."""
    hidden, inner, experts = o["hidden"], o["inner"], o["experts"]
    x = torch.randn(o["tokens"], hidden).to(dtype)
    router = torch.randn(experts, hidden) * hidden**-0.5
    up = (torch.randn(experts, 2 * inner, hidden) * hidden**-0.5).to(dtype)
    down = (torch.randn(experts, hidden, inner) * inner**-0.5).to(dtype)

    def run():
        values, ids = torch.topk(torch.softmax(x.float() @ router.T, -1), 2)
        values = (values / values.sum(-1, keepdim=True)).to(dtype)
        result = torch.zeros_like(x)
        mask = F.one_hot(ids, experts).permute(2, 1, 0)
        for expert in (mask.sum((1, 2)) > 0).nonzero().flatten().tolist():
            slot, token = torch.where(mask[expert])
            gate, rest = F.linear(x[token], up[expert]).chunk(2, -1)
            y = F.linear(F.silu(gate) * rest, down[expert])
            result.index_add_(0, token, y * values[token, slot, None])
        return result

    return run


def softmax_decode(o, dtype):
    """One query a head over a cache, the layers in turn."""
    q = torch.randn(1, o["heads"], 1, o["dim"]).to(dtype)
    caches = [[torch.randn(1, o["kv_heads"], o["tokens"], o["dim"]).to(dtype) for _ in "kv"] for _ in range(o["layers"])]
    return lambda: [F.scaled_dot_product_attention(q, k, v, enable_gqa=True) for k, v in caches]


def lightning_decode(o, dtype):
    """The recurrence: the state decays, takes in the token and is read; the layers in turn."""
    heads, dim = o["heads"], o["dim"]
    q, k, v = (torch.randn(heads, 1, dim).to(dtype) for _ in "qkv")
    decay = torch.exp(-(2.0 ** (-8.0 * torch.arange(1, heads + 1) / heads)))[:, None, None]
    states = [torch.randn(heads, dim, dim) for _ in range(o["layers"])]

    def run():
        added = k.transpose(-1, -2).float() @ v.float()
        return [(q.float() @ state.mul_(decay).add_(added)).to(dtype) for state in states]

    return run


KINDS = {f.__name__: f for f in (product, norm, softmax, lightning, moe, softmax_decode, lightning_decode)}


@torch.no_grad()
def measure(order):
    torch.manual_seed(0)
    run = KINDS[order["kind"]](order, DTYPES[order["dtype"]])
    run()
    best, limit = float("inf"), time.perf_counter() + 3
    for i in range(order["repeats"]):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        if i >= 2 and time.perf_counter() > limit:
            break
    return best / order.get("layers", 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, required=True)
    torch.set_num_threads(parser.parse_args().threads)
    print(json.dumps({"version": f"torch {torch.__version__}"}), flush=True)
    for line in sys.stdin:
        print(json.dumps({"seconds": measure(json.loads(line))}), flush=True)


if __name__ == "__main__":
    main()
