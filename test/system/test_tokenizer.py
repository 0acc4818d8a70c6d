"""Text to ids and back beside PyPI's `tokenizers` (tokenizer_cases.py), in a
Python that has the package: the one that HAMLET_TOKENIZERS_PYTHON names, else
/usr/bin/python3, else one made in the tests' cache."""

import fcntl
import os
import pathlib
import subprocess
import sys
import unittest

import harness

VERSION = "0.23.3"  # what ids were compared with last
DRIVER = harness.BIN / "hamlet-tokenize-test"
CASES = pathlib.Path(__file__).with_name("tokenizer_cases.py")


def has_package(python):
    try:
        probe = subprocess.run([str(python), "-c", "import tokenizers"], capture_output=True, timeout=120)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def made_python():
    """(a Python with the package in the tests' cache, None), or (None, why there is none)."""
    folder = harness.CACHE / f"tokenizers-{VERSION}"
    python = folder / "bin" / "python"
    harness.CACHE.mkdir(parents=True, exist_ok=True)
    with open(harness.CACHE / "tokenizers.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if has_package(python):
            return python, None
        for command in (
            [sys.executable, "-m", "venv", "--clear", folder],
            [python, "-m", "pip", "install", "--quiet", "--retries", "1", "--timeout", "20", f"tokenizers=={VERSION}"],
        ):
            try:
                done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=harness.TIMEOUT)
            except (OSError, subprocess.TimeoutExpired) as error:
                return None, str(error)
            if done.returncode:
                return None, (done.stderr or done.stdout).strip().splitlines()[-1]
    return python, None


def python_with_package():
    named = os.environ.get("HAMLET_TOKENIZERS_PYTHON")
    if named:
        return (named, None) if has_package(named) else (None, f"HAMLET_TOKENIZERS_PYTHON, {named}, has no tokenizers")
    if has_package("/usr/bin/python3"):
        return "/usr/bin/python3", None
    return made_python()


class Tokenizers(unittest.TestCase):
    def test_beside_the_package(self):
        python, why = python_with_package()
        if why:
            print(f"skipped: no Python with tokenizers ({why}); HAMLET_TOKENIZERS_PYTHON names one")
            self.skipTest("no Python with the package tokenizers")
        options = ["--long"] if os.environ.get("HAMLET_TEST_ALL") else []
        command = [str(python), str(CASES), str(DRIVER), *options]
        env = {**os.environ, "TOKENIZERS_PARALLELISM": "false", "RUST_BACKTRACE": "0"}
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
        print(done.stdout.strip().splitlines()[-1] if done.stdout else "")
        self.assertEqual(done.returncode, 0, f"{' '.join(command)}\n{done.stdout[-6000:]}{done.stderr[-2000:]}")


if __name__ == "__main__":
    unittest.main()
