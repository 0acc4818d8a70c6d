"""Where the time of the bench model goes: a row for each kernel, from `hamlet run --profile`.

The trace has one event a launch. Bytes and FLOPs are those that `hamlet explain`
gives for a step of one token: decode at batch 1 has a fraction of the roofline;
prefill has FLOPs times its tokens.
"""

import collections
import json
import re

from .common import execute
from .model import Model


def explained(bench, file):
    """kernel: (FLOPs, weight bytes, cache bytes, launches) of a step of one token."""
    text, _, _ = execute([bench.hamlet, "explain", file])
    found = {}
    pattern = r"^(\S+) \(\S+\), (\d+) launches.*\n\s+bytes: weights (\d+), buffers (\d+), caches (\d+); FLOPs: (\d+)"
    for name, launches, weights, _, caches, flops in re.findall(pattern, text, re.M):
        found[name] = dict(flops=int(flops), weights=int(weights), caches=int(caches), launches=int(launches))
    return found


def kernels(bench, dtype, wanted):
    prefix = {phase: f"kernel {phase} {dtype}" for phase in ("prefill", "decode")}
    if not any(wanted(f"{p} ") for p in prefix.values()):
        return
    model = Model(bench, dtype, "tiny" if bench.quick else "full")
    trace = bench.work / "trace.json"
    prompt, decode = bench.args.prompt, bench.args.decode
    model.run(prompt, decode, profile=trace)
    events = json.loads(trace.read_text())["traceEvents"]
    about = explained(bench, model.file)
    # Every step launches the first kernel once; steps of the prompt come first.
    first = events[0]["name"]
    starts = [i for i, e in enumerate(events) if e["name"] == first] + [len(events)]
    steps = len(starts) - 1 - decode
    cut = starts[max(steps, 1)]
    for phase, part, tokens in (("prefill", events[:cut], prompt), ("decode", events[cut:], decode)):
        totals, launches = collections.Counter(), collections.Counter()
        for event in part:
            totals[event["name"]] += event["dur"] / 1e6
            launches[event["name"]] += 1
        whole = sum(totals.values())
        for name, seconds in totals.most_common():
            facts = about.get(name, {})
            row = dict(
                what=f"{prefix[phase]} {name}", unit="seconds", hamlet=seconds, share=seconds / whole, launches=launches[name],
                peers={}, ratios={},
            )  # fmt: skip
            flops = facts.get("flops", 0) * tokens
            bytes = (facts.get("weights", 0) * tokens) if phase == "decode" else facts.get("weights", 0)
            if flops and not (phase == "prefill" and name == "logits"):
                limit, bound = bench.machine.bound(flops, bytes, dtype)
                row.update(flops=flops, bytes=bytes, bound=bound, roofline=limit / seconds)
            yield row
