"""Runs tile kernels as machine code of this CPU, from numpy arrays.

    Cpu(source).run("linear", grid, args) -> the arrays of args as the kernel left them
"""
import ctypes
import os
import re
import subprocess
import tempfile

import numpy as np

BIN = os.environ.get("HAMLET_BIN", "build/bin")
LLVM = os.environ.get("HAMLET_LLVM_TOOLS", "/usr/lib/llvm-22/bin")


def piped(command, text):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return done.stdout


class Cpu:
    """All kernels of one .mlir text, for AVX2: the other levels give the same bits of f32."""

    def __init__(self, source):
        text = piped([os.path.join(BIN, "hamlet-opt"), "-", "-tile-to-cpu-llvm=level=v3"], source)
        self.scratch = {name: int(size) for name, size in
                        re.findall(r"llvm\.func @(\w+)\(.*hamlet\.scratch = (\d+)", text)}
        ir = piped([os.path.join(LLVM, "mlir-translate"), "--mlir-to-llvmir"], text)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kernels.so")
            piped([os.path.join(LLVM, "clang"), "-x", "ir", "-", "-O1", "-march=x86-64-v3", "-shared", "-fPIC",
                   "-nostdlib", "-fno-builtin", "-o", path], ir)
            self.library = ctypes.CDLL(path)

    def run(self, entry, grid, args):
        """Arrays are pointers, ints are indices."""
        held = [aligned(a) if isinstance(a, np.ndarray) else a for a in args]
        words = (ctypes.c_uint64 * len(args))(*[a.ctypes.data if isinstance(a, np.ndarray) else a for a in held])
        scratch = aligned(np.full(self.scratch[entry] + 64, 0xAB, np.uint8))
        x, y, z = tuple(grid) + (1,) * (3 - len(grid))
        function = self.library[entry]
        function.restype = None
        for k in range(z):
            for j in range(y):
                for i in range(x):
                    function(words, *(ctypes.c_int64(p) for p in (i, j, k)), ctypes.c_void_p(scratch.ctypes.data))
        return held


def aligned(array):
    """A copy that begins at a multiple of 64 bytes."""
    room = np.empty(array.nbytes + 64, np.uint8)
    start = -room.ctypes.data % 64
    copy = room[start:start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy
