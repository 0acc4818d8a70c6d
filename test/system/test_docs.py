"""Every command line in README and docs runs, on the example and in a folder of its own."""

import json
import os
import re
import shlex
import shutil
import subprocess
import unittest

import numpy as np

import harness
import tensors

PAGES = [harness.ROOT / "README.md", harness.ROOT / "bench" / "README.md", *sorted((harness.ROOT / "docs").glob("*.md"))]
BINARIES = ("hamlet", "hamlet-opt", "hamlet-ptx", "hamlet-compiler", "hamlet-machine")
# What other tests run, or would take this machine for too long: each with where it is run.
ELSEWHERE = {
    r"^\./(quickstart|check)": "the README's two commands: .ci/run",
    r"^ninja .*check-hamlet-lit|^/usr/lib/llvm-22/bin/lit|^ctest|test/system/test_|^build/bin/Hamlet\w+Tests": "tests run tests",
    r"bench/": "bench/run: test_bench",
    r"^(cmake|pip|pkg-config|cc|gcc|clang|python|nvcc|LD_LIBRARY_PATH)": "test_install, test_python, test_runtime_api",
    r"hamlet-ptx": "the emulator's tests",
}
FUNCTION = """func.func @NAME(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = nn.activation silu %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
"""


def commands(page):
    """(line number, command) of each line in a block without a language or of a shell that is one."""
    block = None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if line.startswith("```"):
            block = (line[3:].strip() in ("", "sh", "bash", "console")) if block is None else None
            continue
        text = line.strip().removeprefix("$ ")
        first = re.split(r"[ |]", text)[0]
        known = first.removeprefix("build/bin/") in BINARIES or first in ("echo", "mkdir", "printf") or any(re.search(p, text) for p in ELSEWHERE)
        if block and text and known and not text.startswith(("#", "==", "hamlet: ")):
            yield number, text


class Docs(unittest.TestCase):
    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        (self.work / "build").mkdir()
        (self.work / "build" / "bin").symlink_to(harness.BIN.resolve())
        for folder in ("examples", "models", "targets"):
            (self.work / folder).symlink_to(harness.ROOT / folder)
        shutil.copytree(harness.ROOT / "examples" / "tiny-minimax", self.work / "CHECKPOINT")
        harness.write_requests(self.work / "in.jsonl", [harness.request("a", [1, 2, 3], 4)])
        (self.work / "functions.mlir").write_text(FUNCTION)
        np.save(self.work / "x.npy", np.ones((3, 8), np.float32))
        batch = {"ids": np.arange(9, dtype=np.int32), "starts": np.int32([0, 4, 9]), "mask": np.float32([0, 1, 1, 1, 0, 1, 1, 1, 1])}
        zeros = np.zeros(9, np.float32)
        tensors.write(self.work / "batch.safetensors", batch | {"advantages": zeros, "old_logprobs": zeros})
        self.env = {**os.environ, "PATH": f"{harness.BIN.resolve()}:{os.environ['PATH']}", "HAMLET_CACHE": str(harness.KERNELS)}
        # Pages take them from one another.
        for source, file in (("CHECKPOINT", "model.hmlt"), ("functions.mlir", "functions.hmlt")):
            self.shell(f"hamlet compile {source} -o {file} --target native,sm_80")

    def shell(self, command):
        return subprocess.run(["bash", "-c", command], cwd=self.work, env=self.env, capture_output=True, timeout=harness.TIMEOUT, stdin=subprocess.DEVNULL)

    def test_command_lines(self):
        ran = 0
        for page in PAGES:
            for number, command in commands(page):
                if any(re.search(pattern, command) for pattern in ELSEWHERE):
                    continue
                with self.subTest(page=page.name, line=number, command=command):
                    done = self.shell(command)
                    self.assertEqual(done.returncode, 0, done.stderr.decode())
                    ran += 1
        self.assertGreater(ran, 15)

    def test_links(self):
        """Each page that a page links to, and each file in its folder list, is there."""
        for page in [*PAGES, harness.ROOT / "CONTRIBUTING.md"]:
            for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
                self.assertTrue((page.parent / target).exists(), f"{page}: {target}")
            for target in re.findall(r"`((?:docs|models|targets|bench|test)/[\w./-]+\.(?:md|py|yaml))`", page.read_text()):
                self.assertTrue((harness.ROOT / target).exists(), f"{page}: {target}")

    def test_every_page_is_one_step_away(self):
        readme = (harness.ROOT / "README.md").read_text()
        for page in sorted((harness.ROOT / "docs").glob("*.md")):
            self.assertIn(f"docs/{page.name}", readme)


if __name__ == "__main__":
    unittest.main()
