"""Little memory, few threads, few open files: the work is done, or one clear line says what there was not enough of."""

import os
import resource
import subprocess
import unittest

import numpy as np

import harness

PACK = "minimax-window-top4"
MUL = """func.func @mul(%x: tensor<?x8xf32>, %y: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %z = nn.mul %x, %y : tensor<?x8xf32>
  return %z : tensor<?x8xf32>
}
"""
MEGA = 1 << 20
LONG = bool(os.environ.get("HAMLET_TEST_ALL"))


def memory(first, last, step):
    return range(first, last, int(step * MEGA))


class Limits(unittest.TestCase):
    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.folder = harness.pack(PACK)
        self.file = harness.compiled(self.folder, "--dtype", "f32")
        source = self.work / "mul.mlir"
        source.write_text(MUL)
        self.out = self.work / "out"
        self.out.mkdir()
        array = np.ones((2, 8), np.float32)
        np.save(self.work / "x.npy", array)
        inputs = ["--input", self.work / "x.npy"] * 2
        self.commands = {
            "compile": ["compile", self.folder, "-o", self.out / "m.hmlt", "--quiet", "--remarks", self.out / "r"],
            "compile mul": ["compile", source, "-o", self.out / "m.hmlt", "--quiet"],
            "plan": ["plan", self.folder / "config.json"],
            "inspect": ["inspect", self.file],
            "run": ["run", self.file, "--weights", self.folder, "--prompt-ids", "1,2", "--max-tokens", 2],
            "call": ["call", harness.compiled(source), "--function", "mul", *inputs, "--output", self.out / "y.npy"],
        }

    def limited(self, name, what, value):
        """Runs a command under a limit; true if it failed, well. Where not even the program's libraries fit it has
        nothing to say."""

        def limit():
            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            resource.setrlimit(what, (value, value))

        result = harness.run(*self.commands[name], preexec_fn=limit, timeout=120)
        if result.status == 127:
            self.assertIn("error while loading shared libraries", result.err)
            return False
        if result.status == 0:
            return False
        harness.assert_fails(self, result)
        for word in ("bad_alloc", "LLVM ERROR", "Bad file descriptor"):
            self.assertNotIn(word, result.err, str(result))
        self.assertRegex(result.err, "not enough memory|annot allocate memory|Resource temporarily unavailable|Too many open files")
        lines = result.err.strip().splitlines()
        self.assertLessEqual(len(lines), 2, str(result))
        self.assertEqual(os.listdir(self.out), [], str(result))
        return True

    def sweep(self, name, what, values):
        failed = 0
        for value in values:
            with self.subTest(command=name, limit=value):
                for path in self.out.iterdir():
                    path.unlink()
                failed += self.limited(name, what, value)
        return failed

    def test_memory(self):
        probe = subprocess.run(
            [str(harness.HAMLET), "--help"], capture_output=True, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (500 * MEGA, 500 * MEGA)),
        )  # fmt: skip
        if probe.returncode:
            self.skipTest("a sanitized program needs more than any limit leaves it")
        failed = self.sweep("compile", resource.RLIMIT_AS, memory(MEGA * 330, MEGA * 450, 30 if not LONG else 4))
        self.assertGreater(failed, 1)
        self.sweep("plan", resource.RLIMIT_AS, memory(MEGA * 310, MEGA * 330, 20 if not LONG else 1))
        for name in ("inspect", "run", "call"):
            failed = self.sweep(name, resource.RLIMIT_AS, memory(MEGA * 7, MEGA * 12, 1 if not LONG else 0.1))
            self.assertGreater(failed, 0, name)

    def test_open_files(self):
        self.assertGreater(self.sweep("compile mul", resource.RLIMIT_NOFILE, range(4, 9)), 1)
        for name in ("plan", "inspect", "run", "call"):
            self.sweep(name, resource.RLIMIT_NOFILE, range(3, 7))
        for name in self.commands:  # as few as are enough for anything
            self.assertFalse(self.limited(name, resource.RLIMIT_NOFILE, 16), name)


if __name__ == "__main__":
    unittest.main()
