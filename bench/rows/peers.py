"""The peers that are there. One that is asked for and absent is named, and has no column."""

import json
import os
import subprocess

from .common import ROOT


class Torch:
    """A bench/peer_torch.py that lives as long as the run: torch loads once."""

    def __init__(self, python, threads):
        self.process = subprocess.Popen(
            [str(python), str(ROOT / "bench" / "peer_torch.py"), "--threads", str(threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            # Idle workers must not spin while Hamlet is measured.
            env={**os.environ, "OMP_NUM_THREADS": str(threads), "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "20000", "KMP_BLOCKTIME": "1"},
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


def present(args):
    """Of the peers asked for, those that are installed; says which are not."""
    found = []
    for peer in args.peers:
        problem = None
        if peer == "torch":
            try:
                probe = subprocess.run([str(args.peer_python), "-c", "import torch, transformers"], capture_output=True)
                problem = probe.returncode and f"{args.peer_python} has no torch and transformers; name one that has with --peer-python"
            except OSError as error:
                problem = f"{args.peer_python}: {error.strerror}"
        elif not (args.llama_bench and args.llama_bench.exists()):
            problem = "no llama-bench; name it with --llama-bench"
        elif not (args.llama_models and args.llama_models.is_dir()):
            problem = "no folder of converted models; name it with --llama-models"
        if problem:
            print(f"peer {peer}: absent ({problem}; see bench/README.md)", flush=True)
        else:
            found.append(peer)
    return found
