"""Decode steps of attention: one kernel of a model that has little else, from `hamlet run --profile`.

Caches are the runtime's, so that a step cannot be called alone; the profile's
event has its time. Peers compute the same step on tensors of the same sizes,
one set for each layer.
"""

import json
import statistics

from .common import WIDTH, timed_row
from .model import Model

CHUNK = 64


def _measure(bench, model, kernel, prompt, decode, footprint):
    """Median seconds of the kernel's launches, and the machine around the run.

    One run: it has a launch for each token and layer, and its prompt may take
    most of a minute.
    """
    trace = bench.work / "trace.json"
    before = bench.machine.again(footprint)
    model.run(prompt, decode, profile=trace)
    machine = before.until(bench.machine.again(footprint))
    seconds = [e["dur"] / 1e6 for e in json.loads(trace.read_text())["traceEvents"] if e["name"] == kernel]
    if not seconds:
        raise SystemExit(f"{model.file}: its profile has no kernel {kernel}")
    return statistics.median(seconds), machine


def decode_steps(bench, dtype, wanted):
    context = 1024 if bench.quick else 32768
    yield from _step(bench, "softmax", "attention_decode", f"softmax decode over {context} tokens {dtype}", dtype, context, wanted)
    yield from _step(bench, "lightning", "lightning_decode", f"lightning decode step {dtype}", dtype, 1024, wanted)


def _step(bench, scale, kernel, name, dtype, context, wanted):
    if not wanted(name):
        return
    model, decode = Model(bench, dtype, scale), 64
    c = model.config
    heads, kv_heads, dim, layers = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"], c["num_hidden_layers"]
    if scale == "softmax":
        tokens = context + decode // 2
        flops, bytes = 4.0 * tokens * heads * dim, 2.0 * tokens * kv_heads * dim * WIDTH[dtype]
    else:  # the anchor and, on average, half a tail
        tail = CHUNK / 2
        flops, bytes = heads * dim * (2.0 * dim + 4.0 * tail), heads * dim * (4.0 * dim + 2.0 * tail * WIDTH[dtype])
    seconds, machine = _measure(bench, model, kernel, context, decode, layers * bytes)
    order = dict(kind=f"{scale}_decode", heads=heads, kv_heads=kv_heads, dim=dim, tokens=context, layers=layers, dtype=dtype, repeats=50)
    peers = {column: torch.ask(order) for column, torch in bench.peers.torches(dtype).items()}
    yield timed_row(name, machine, seconds, peers, flops, bytes, dtype, layers=layers, heads=heads, kv_heads=kv_heads)
