"""The compiler, which is a program of its own: LLVM stays out of this process."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
from typing import Callable, Optional, Sequence, Union

from ._hamlet import HamletError

Path = Union[str, "os.PathLike[str]"]

COMMAND = pathlib.Path(__file__).parent / "bin" / "hamlet"


def compile(
    source: Path,
    output: Path,
    *,
    target: Union[str, Sequence[str]] = "cpu",
    dtype: str = "as-stored",
    options: Sequence[str] = (),
    progress: Optional[Callable[[str], None]] = None,
) -> pathlib.Path:
    """Compiles a checkpoint's folder, a config.json or a .mlir file to `output`, which is returned.

    `target`: "cpu", "sm_80", ... or several. `dtype`: "as-stored", "f32" or "bf16". `options`: more of those that
    `hamlet compile --help` lists. `progress` is called with each line that the compiler says. Raises HamletError with its
    words.
    """
    targets = target if isinstance(target, str) else ",".join(target)
    command = [str(COMMAND), "compile", os.fspath(source), "-o", os.fspath(output), "--target", targets]
    if dtype != "as-stored":  # which a .mlir file does not take
        command += ["--dtype", dtype]
    command += list(options)
    try:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        )
    except OSError as error:
        raise HamletError(f"cannot start the compiler '{COMMAND}': {error.strerror}") from None
    lines = []
    try:
        assert process.stdout
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if progress:
                progress(lines[-1])
        status = process.wait()
    except BaseException:  # an interrupt, or one of `progress`
        process.terminate()
        process.wait()
        raise
    if status != 0:
        raise HamletError(_message(lines, status))
    return pathlib.Path(output)


def _message(lines: Sequence[str], status: int) -> str:
    """What is wrong, without the command's name before it."""
    for i, line in enumerate(lines):
        for prefix in ("hamlet: error: ", "hamlet-compiler: error: ", "hamlet: ", "hamlet-compiler: "):
            if line.startswith(prefix) and "warning: " not in line and "note: " not in line:
                return "\n".join([line[len(prefix) :], *lines[i + 1 :]])
    return "\n".join(lines) or f"the compiler ended with status {status}"


def main() -> None:
    """The command `hamlet` of this package."""
    os.execv(COMMAND, [str(COMMAND), *sys.argv[1:]])
