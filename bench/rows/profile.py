"""Where the time of the bench model goes: a row for each kernel, from `hamlet run --profile`.

The trace has one event a launch, with the bytes of weights that it reads and the
FLOPs of its products with them; what has none has no roofline here.
"""

import collections
import json

from .model import Model


def kernels(bench, dtype, wanted):
    prefix = {phase: f"kernel {phase} {dtype}" for phase in ("prefill", "decode")}
    if not any(wanted(f"{p} ") for p in prefix.values()):
        return
    model = Model(bench, dtype, "tiny" if bench.quick else "full")
    trace = bench.work / "trace.json"
    prompt, decode = bench.args.prompt, bench.args.decode
    before = bench.machine.again()
    model.run(prompt, decode, profile=trace)
    machine = before.until(bench.machine.again())
    events = [e for e in json.loads(trace.read_text())["traceEvents"] if e["ph"] == "X"]
    first = max(e["args"]["step"] for e in events) + 1 - decode  # steps of the prompt come before it
    for phase in prefix:
        totals = collections.defaultdict(collections.Counter)
        for event in events:
            if (event["args"]["step"] >= first) == (phase == "decode"):
                totals[event["name"]].update(
                    seconds=event["dur"] / 1e6, launches=1, flops=event["args"]["product_flops"], bytes=event["args"]["weight_bytes"]
                )
        whole = sum(total["seconds"] for total in totals.values())
        for name, total in sorted(totals.items(), key=lambda item: -item[1]["seconds"]):
            seconds, flops, bytes = total["seconds"], total["flops"], total["bytes"]
            row = dict(
                what=f"{prefix[phase]} {name}", unit="seconds", hamlet=seconds, share=seconds / whole, launches=total["launches"],
                peers={}, ratios={}, around=machine.around(),
            )  # fmt: skip
            if flops:
                limit, bound = machine.bound(flops, bytes, dtype)
                row.update(flops=flops, bytes=bytes, bound=bound, roofline=limit / seconds)
            yield row
