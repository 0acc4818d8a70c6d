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
    """What the machine reached when it was asked: FLOP/s by instruction, bytes/s read.

    A level that the processor lacks is absent. Clocks and above all the memory of
    a shared machine change from minute to minute: rows measure again.
    """

    facts: dict
    binary: pathlib.Path
    threads: int
    level: str  # the code that Hamlet is held to, or "" for the best

    @staticmethod
    def measure(binary, threads, level, size=()):
        text, _, _ = execute([binary, "--threads", threads, *size])
        return Machine(json.loads(text), binary, threads, level)

    def again(self, footprint=None):
        """The same, measured now, within a second; bytes are read from a range of `footprint`
        bytes over and over, as a row does: of a small one a part stays in the last cache."""
        most = self.facts["read_megabytes"]
        size = min(max(int(footprint / 2**20), 1), most) if footprint else most
        return Machine.measure(self.binary, self.threads, self.level, ["--rounds", 3 * min(most // size, 10), "--megabytes", size])

    def until(self, later):
        """The mean of two measurements, one before and one after a row."""
        rates = {name: (rate + later.facts["gflops"][name]) / 2 for name, rate in self.facts["gflops"].items()}
        reads = [m.facts["read_gb_per_s"] for m in (self, later)]
        return dataclasses.replace(self, facts={**self.facts, "gflops": rates, "read_gb_per_s": sum(reads) / 2, "reads": reads})

    def flops(self, dtype):
        """The peak that a product of `dtype` could reach in the level's code."""
        rates = self.facts["gflops"]
        names = ["fma_256"]
        if self.level != "avx2":
            names.append("fma_512")
        if dtype == "bf16" and self.level in ("", "avx512bf16"):
            names.append("dot_bf16_512")  # on some processors slower than FMAs of the widened operands
        return max((rates[n] * 1e9 for n in names if n in rates), default=None)

    @property
    def read(self):
        return self.facts["read_gb_per_s"] * 1e9

    def bound(self, flops, bytes, dtype):
        """(seconds that the roofline allows, "compute" or "memory")."""
        compute = flops / self.flops(dtype) if self.flops(dtype) else 0
        memory = bytes / self.read
        return max(compute, memory), "compute" if compute > memory else "memory"

    def around(self):
        """What rows record: the peaks and the bandwidth before and after."""
        return dict(gflops={k: round(v, 1) for k, v in self.facts["gflops"].items()}, reads=self.facts["reads"], read_megabytes=self.facts["read_megabytes"])


def timed_row(name, machine, seconds, peers, flops, bytes, dtype, **more):
    """A row whose figures are seconds; less is better. Ratios above 1: Hamlet is faster."""
    limit, bound = machine.bound(flops, bytes, dtype)
    return dict(
        what=name, unit="s", hamlet=seconds, dtype=dtype, flops=flops, bytes=bytes, bound=bound, roofline=limit / seconds,
        peers=peers, ratios={p: t / seconds for p, t in peers.items()}, around=machine.around(), **more,
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
        if row["bound"] == "memory" and "around" in row:
            text += " ({:.1f}, {:.1f} GB/s)".format(*row["around"]["reads"])
    for peer, figure in row.get("peers", {}).items():
        figure = f"{figure * 1e3:.3f} ms" if row["unit"] == "s" else f"{figure:.1f}"
        text += f"   {peer} {figure}, ratio {row['ratios'][peer]:.2f}"
    return text
