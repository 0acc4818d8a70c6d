"""Runs tile kernels as PTX on the emulator, from numpy arrays.

    run(ptx, "linear", grid, args) -> the arrays of args as the kernel left them
"""
import os
import subprocess
import tempfile

import numpy as np

BIN = os.environ.get("HAMLET_BIN", "build/bin")
OPT = os.path.join(BIN, "hamlet-opt")
EMULATOR = os.path.join(BIN, "hamlet-ptx")


class Ptx:
    """The PTX of all kernels of one .mlir text, and how each is launched."""

    def __init__(self, source, arch="sm_80"):
        done = subprocess.run([OPT, "-", f"-tile-to-ptx=chip={arch}", "-o", os.devnull], input=source,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        self.text, self.remarks, self.kernels = done.stdout, done.stderr, {}
        for line in self.text.splitlines():
            if line.startswith("// kernel "):
                words = line.split()
                self.kernels[words[2]] = {"shared": int(words[4]), "threads": int(words[6]), "scratch": int(words[8])}

    @staticmethod
    def of(path):
        with open(path) as file:
            return Ptx(file.read())


def run(ptx, entry, grid, args, check=True):
    """Arrays are pointers, ints are indices. Fails on any finding of the sanitizer."""
    info = ptx.kernels[entry]
    grid = tuple(grid) + (1,) * (3 - len(grid))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "k.ptx")
        with open(path, "w") as file:
            file.write(ptx.text)
        command = [EMULATOR, "run", path, "--entry", entry, "--grid", ",".join(map(str, grid)), "--block",
                   str(info["threads"]), "--shared", str(info["shared"])]
        saved = {}
        for i, arg in enumerate(args):
            if isinstance(arg, np.ndarray):
                name = os.path.join(folder, f"a{i}.npy")
                np.save(name, arg)
                saved[i] = os.path.join(folder, f"o{i}.npy")
                command += ["--arg", "@" + name, "--save", f"{i}={saved[i]}"]
            else:
                command += ["--arg", f"u64:{arg}"]
        if info["scratch"]:
            command += ["--arg", f"empty:u8:{info['scratch'] * grid[0] * grid[1] * grid[2]}"]
        if check:
            command.append("--check")
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise AssertionError(f"{entry}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return [np.load(saved[i]) if i in saved else arg for i, arg in enumerate(args)]


def bf16(x):
    """Rounds to bf16, nearest even: uint16."""
    bits = np.asarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def f32(x):
    """bf16 as f32."""
    return (np.asarray(x, np.uint16).astype(np.uint32) << 16).view(np.float32)


def panel(x, pairs=False):
    """[K, N] to [N/16][K][16], or [N/16][K/2][16][2]."""
    k, n = x.shape
    kp, np_ = k + (k % 2 if pairs else 0), -(-n // 16) * 16
    full = np.zeros((kp, np_), x.dtype)
    full[:k, :n] = x
    full = full.reshape(kp, np_ // 16, 16).transpose(1, 0, 2)
    if pairs:
        full = full.reshape(np_ // 16, kp // 2, 2, 16).transpose(0, 1, 3, 2)
    return np.ascontiguousarray(full)


def unpanel(x, k, n, pairs=False):
    if pairs:
        x = x.transpose(0, 1, 3, 2).reshape(x.shape[0], -1, 16)
    return x.transpose(1, 0, 2).reshape(x.shape[1], -1)[:k, :n]
