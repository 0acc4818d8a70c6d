"""The peers that are there. One that is asked for and absent is named, and has no column."""

import json
import os
import pathlib
import re
import subprocess

from .common import ROOT

# oneDNN computes bf16 products with AMX where the processor has it, which
# Hamlet does not use: the second column holds it to AVX-512.
WITHOUT_AMX = {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE_BF16"}
AVX2 = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2", "MKL_ENABLE_INSTRUCTIONS": "AVX2"}


def has_amx():
    return " amx_bf16" in pathlib.Path("/proc/cpuinfo").read_text()


class Torch:
    """A bench/peer_torch.py that lives as long as the run: torch loads once."""

    def __init__(self, python, threads, env):
        self.process = subprocess.Popen(
            [str(python), str(ROOT / "bench" / "peer_torch.py"), "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            # Idle workers must not spin while Hamlet is measured.
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000", "KMP_BLOCKTIME": "1", **env},
        )  # fmt: skip
        self.version = self._answer()["version"]

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"bench/peer_torch.py ended with status {self.process.wait()}; its message is above")
        return json.loads(line)

    def ask(self, order):
        """Seconds of one operation."""
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        return self._answer()["seconds"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Peers:
    """Where the peers of `bench/install_peers.sh DIR` lie, and which of them are asked for and present."""

    def __init__(self, folder, asked, threads, level):
        self.python = folder / "venv" / "bin" / "python"
        self.llama_source = folder / "llama" / "source" / "vendor" / "llama.cpp"
        self.llama_bench, self.llama_batched_bench = (
            folder / "llama" / "build" / "bin" / name for name in ("llama-bench", "llama-batched-bench")
        )
        self.threads, self.level = threads, level
        self.names = [name for name in asked if self._present(name)]
        self.running = {}

    def _present(self, name):
        problem = None
        if name == "torch":
            try:
                probe = subprocess.run([str(self.python), "-c", "import torch, transformers"], capture_output=True)
                problem = probe.returncode and f"{self.python} has no torch and transformers"
            except OSError as error:
                problem = f"{self.python}: {error.strerror}"
        elif self.level == "avx2":
            problem = "it is built for this processor and cannot be held to AVX2"
        else:
            for need in (self.llama_bench, self.llama_batched_bench, self.llama_source, self.python):
                problem = problem or (not need.exists() and f"{need} is missing")
        if problem:
            print(f"peer {name}: absent ({problem}; see bench/README.md)", flush=True)
        return not problem

    def torch_settings(self, dtype):
        """{column: environment} of the ways in which torch is measured."""
        if "torch" not in self.names:
            return {}
        if self.level == "avx2":
            return {"torch AVX2": AVX2}
        return {"torch": {}, **({"torch without AMX": WITHOUT_AMX} if dtype == "bf16" and has_amx() else {})}

    def torches(self, dtype):
        """{column: a running Torch}; they live until `close`."""
        columns = self.torch_settings(dtype)
        for name, env in columns.items():
            if name not in self.running:
                self.running[name] = Torch(self.python, self.threads, env)
        return {name: self.running[name] for name in columns}

    @property
    def llama_version(self):
        """That of the package that carries it."""
        about = (self.llama_source.parents[1] / "PKG-INFO").read_text()
        return "llama.cpp of llama-cpp-python " + re.search(r"^Version: (\S+)", about, re.M).group(1)

    def versions(self):
        return {name: torch.version for name, torch in self.running.items()}

    def close(self):
        for torch in self.running.values():
            torch.close()
