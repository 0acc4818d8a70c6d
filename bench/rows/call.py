"""Measures an operation: `hamlet compile` of its function, `hamlet call --repeat`."""

import json
import shutil
import struct
import sys

import numpy as np

from . import ops
from .common import ROOT, WIDTH, execute, timed_row

sys.path.insert(0, str(ROOT / "test" / "golden"))
import tensors

STORED = {"f32": "F32", "bf16": "BF16"}


def write_weights(folder, weights):
    """A safetensors file of the row's weights, tensor by tensor."""
    header, offset = {}, 0
    for name, (shape, dtype) in weights.items():
        size = int(np.prod(shape)) * WIDTH[dtype]
        header[name] = dict(dtype=STORED[dtype], shape=list(shape), data_offsets=[offset, offset + size])
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(folder / "model.safetensors", "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for name, (shape, dtype) in weights.items():
            f.write(tensors.encode(ops.weight(name, shape), STORED[dtype]))


def repeats(operation, quick):
    """Runs that take about a third of a second on a slow machine."""
    guess = operation.flops / 100e9 + operation.bytes / 15e9 + 5e-6
    return int(min(max((0.02 if quick else 0.35) / guess, 3), 5000))


def measure(bench, operation):
    folder = bench.work / "row"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        (folder / "row.mlir").write_text(operation.mlir)
        if operation.weights:
            write_weights(folder, operation.weights)
        file = folder / "row.hmlt"
        execute([bench.hamlet, "compile", folder / "row.mlir", "-o", file])
        count, stats = repeats(operation, bench.quick), folder / "stats.json"
        command = [bench.hamlet, "call", file, "--function", "row", "--threads", bench.threads, "--repeat", count, "--stats", stats]
        if operation.weights:
            command += ["--weights", folder]
        for i, array in enumerate(operation.inputs):
            np.save(folder / f"i{i}.npy", array)
            command += ["--input", folder / f"i{i}.npy"]
        for i in range(operation.results):
            command += ["--output", folder / f"o{i}.npy"]
        torches = bench.peers.torches(operation.torch["dtype"])
        best, median, peers, before = [], [], {}, bench.machine.again(operation.bytes)
        for _ in range(bench.rounds):
            execute(command)
            found = json.loads(stats.read_text())
            best.append(found["best_seconds"])
            median.append(found["median_seconds"])
            for name, torch in torches.items():
                seconds = torch.ask({**operation.torch, "repeats": count})
                peers[name] = min(peers.get(name, seconds), seconds)
        return timed_row(
            operation.name, before.until(bench.machine.again(operation.bytes)), min(best), peers, operation.flops, operation.bytes,
            operation.dtype, median=min(median), repeats=count,
        )  # fmt: skip
    finally:
        shutil.rmtree(folder, ignore_errors=True)
