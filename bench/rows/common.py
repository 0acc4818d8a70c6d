"""What the rows share: running commands, the roofline, text of a figure."""

import dataclasses
import json
import os
import pathlib
import platform
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
WIDTH = {"f32": 4, "bf16": 2}


def execute(command, env=None):
    """The command's stdout; its seconds, and its peak memory in bytes."""
    start = time.perf_counter()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([str(c) for c in command], stdout=out, stderr=err, env={**os.environ, **(env or {})})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - start
        out.seek(0)
        err.seek(0)
        text = out.read().decode(errors="replace")
        if process.returncode:
            tail = err.read().decode(errors="replace")[-3000:]
            raise SystemExit(f"{' '.join(map(str, command))}\nfailed with {process.returncode}:\n{tail}")
    return text, seconds, usage.ru_maxrss * 1024


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.processor()


@dataclasses.dataclass
class Machine:
    """Peaks in FLOP/s and bytes/s; a level that the processor lacks is absent."""

    facts: dict

    @staticmethod
    def measure(binary, threads, quick):
        size = ["--rounds", 2, "--megabytes", 128] if quick else []
        text, _, _ = execute([binary, "--threads", threads, *size])
        return Machine(json.loads(text))

    def flops(self, dtype):
        """The peak that a product of `dtype` could reach."""
        rates = self.facts["gflops"]
        names = ("dot_bf16_512", "fma_512", "fma_256") if dtype == "bf16" else ("fma_512", "fma_256")
        return next((rates[n] * 1e9 for n in names if n in rates), None)

    @property
    def read(self):
        rate = self.facts.get("read_gb_per_s")
        return rate and rate * 1e9

    def bound(self, flops, bytes, dtype):
        """(seconds that the roofline allows, "compute" or "memory")."""
        compute = flops / self.flops(dtype) if self.flops(dtype) else 0
        memory = bytes / self.read if self.read else 0
        return max(compute, memory), "compute" if compute > memory else "memory"


def timed_row(name, machine, seconds, peers, flops, bytes, dtype, **more):
    """A row whose figures are seconds; less is better. Ratios above 1: Hamlet is faster."""
    limit, bound = machine.bound(flops, bytes, dtype)
    return dict(
        what=name, unit="s", hamlet=seconds, dtype=dtype, flops=flops, bytes=bytes, bound=bound, roofline=limit / seconds,
        peers=peers, ratios={p: t / seconds for p, t in peers.items()}, **more,
    )  # fmt: skip


def shown(row):
    """One line for the terminal."""
    if row["unit"] == "s":
        text = f"{row['what']:34} {row['hamlet'] * 1e3:9.3f} ms"
        if row["bound"] == "compute":
            text += f" {row['flops'] / row['hamlet'] / 1e9:8.1f} GF/s"
        else:
            text += f" {row['bytes'] / row['hamlet'] / 1e9:8.1f} GB/s"
    else:
        text = f"{row['what']:34} {row['hamlet']:9.2f} {row['unit']}"
    if row.get("roofline"):
        text += f"  {row['roofline']:.2f} of {row['bound']}"
    for peer, figure in row.get("peers", {}).items():
        figure = f"{figure * 1e3:.3f} ms" if row["unit"] == "s" else f"{figure:.1f}"
        text += f"   {peer} {figure}, ratio {row['ratios'][peer]:.2f}"
    return text
