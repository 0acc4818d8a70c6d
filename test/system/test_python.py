"""The Python package, made of this build's programs and library and of the extension, which is built here; nanobind comes from
PyPI. Runs the examples of docs/python.md and python_cases.py in an environment of their own."""

import os
import re
import subprocess
import sys
import unittest

import harness
from test_install import BUILD, cached, ok

FOLDER = harness.CACHE / "python"
SITE = FOLDER / "site"
PACKAGE = SITE / "hamlet"
DOC = harness.ROOT / "docs" / "python.md"
CASES = harness.ROOT / "test" / "system" / "python_cases.py"

RUN_EXAMPLES = """
import doctest, pathlib, sys
text = pathlib.Path(sys.argv[1]).read_text()
test = doctest.DocTestParser().get_doctest(text, {}, "docs/python.md", None, 0)
runner = doctest.DocTestRunner()
runner.run(test)
sys.exit(runner.failures != 0 or not runner.tries)
"""


def environment():
    """The interpreter of an environment with nanobind; skips without."""
    python = FOLDER / "venv" / "bin" / "python"
    steps = []
    if not python.exists():
        steps.append([sys.executable, "-m", "venv", "--system-site-packages", python.parents[1]])
    try:
        subprocess.run([python, "-c", "import nanobind"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        steps.append([python, "-m", "pip", "install", "--quiet", "nanobind>=2.4"])
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, timeout=harness.TIMEOUT)
        if done.returncode != 0:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no word"]
            raise unittest.SkipTest(f"nanobind cannot be installed: {said[-1]}")
    return python


class Python(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not (BUILD / "CMakeCache.txt").exists():
            raise unittest.SkipTest("there is no build folder beside HAMLET_BIN")
        if cached("HAMLET_SANITIZE"):
            raise unittest.SkipTest("a sanitized library needs a sanitized interpreter")
        FOLDER.mkdir(parents=True, exist_ok=True)
        cls.python = environment()
        prefix, build = FOLDER / "prefix", FOLDER / "extension"
        ok("cmake", "--install", BUILD, "--prefix", prefix, "--component", "Runtime")
        ok("cmake", "--install", BUILD, "--prefix", prefix, "--component", "Development")
        settings = [f"-DCMAKE_PREFIX_PATH={prefix}", f"-DPython_EXECUTABLE={cls.python}", "-DCMAKE_BUILD_TYPE=Release"]
        settings += [f"-D{name}={cached(name)}" for name in ("CMAKE_CXX_COMPILER", "CMAKE_CXX_COMPILER_LAUNCHER")]
        ok("cmake", "-S", harness.ROOT / "python", "-B", build, "-G", "Ninja", *settings)
        ok("cmake", "--build", build)
        # What a wheel has.
        for component in ("Runtime", "Emulator", "Compiler"):
            ok("cmake", "--install", BUILD, "--prefix", PACKAGE, "--component", component)
        ok("cmake", "--install", build, "--prefix", PACKAGE, "--component", "Python")
        compiler = PACKAGE / "bin" / "hamlet-compiler"
        if not compiler.exists():  # a build without the compiler
            compiler.symlink_to(harness.COMPILER_BIN / compiler.name)

    def run_python(self, *arguments):
        with harness.workspace() as work:
            (work / "tiny-minimax").symlink_to(harness.ROOT / "examples" / "tiny-minimax")
            env = {**os.environ, "PYTHONPATH": str(SITE), "HAMLET_CACHE": str(harness.KERNELS)}
            done = subprocess.run(
                [self.python, *arguments], cwd=work, env=env, capture_output=True, text=True, timeout=3 * harness.TIMEOUT
            )
        self.assertEqual(done.returncode, 0, f"\n{done.stdout[-8000:]}{done.stderr[-8000:]}")

    def test_examples(self):
        blocks = re.findall(r"^```python\n(.*?)^```", DOC.read_text(), re.M | re.S)
        self.assertTrue(blocks)
        text = FOLDER / "examples.txt"
        text.write_text("\n".join(blocks))
        self.run_python("-c", RUN_EXAMPLES, text)

    def test_cases(self):
        self.run_python(CASES)

    def test_types(self):
        """The package says that it has types, and the extension's are with it."""
        self.assertTrue((PACKAGE / "py.typed").exists())
        stub = (PACKAGE / "_hamlet.pyi").read_text()
        for name in ("class Model", "class Session", "class Generation", "class Text", "class TextStream", "def sample"):
            self.assertIn(name, stub)


if __name__ == "__main__":
    unittest.main()
