"""The examples of the tile dialect's page run on the CPU and as PTX, and give what plain loops give."""
import math
import os
import re
import sys
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, "../ptx")]
from emulated import EMULATOR, Ptx, panel, run  # noqa: E402
from on_cpu import Cpu  # noqa: E402

PAGE = os.environ.get("HAMLET_TILE_PAGE", "build/docs/dialects/tile.md")
RNG = np.random.default_rng(1)


def numbers(*shape):
    return RNG.standard_normal(shape).astype(np.float32)


def zeros(*shape, kind=np.float32):
    return np.zeros(shape, kind)


# Of each example: the grid, the arguments (outputs hold anything), and what the kernel leaves in them by number.
def program_id():
    return (5,), [np.full(5, -1, np.int32)], {0: np.arange(5)}


def view():
    x = numbers(3, 5)
    want = zeros(5, 3)
    for i in range(5):
        for j in range(3):
            want[i, j] = x[j, i]
    return (1,), [x, zeros(5, 3)], {1: want}


def matrix():
    x = numbers(2, 5, 7)
    want = np.concatenate([panel(m).ravel() for m in x])  # each with its padding, one after another
    return (2,), [x, np.zeros_like(want)], {1: want}


def load():
    x, want = numbers(7, 6), zeros(7, 8)
    for i in range(7):
        for j in range(8):
            want[i, j] = x[i, j - 1] if 0 <= j - 1 < 6 else 0
    return (2,), [x, numbers(7, 8), 7], {1: want}


def store():
    want = np.full((5, 10), 7, np.float32)
    want[:4] = 1  # a fifth row there is, which the tile does not have
    return (1,), [np.full((5, 10), 7, np.float32), 5], {0: want}


IDS = np.array([2, -1, 0, 8, 5, 9, 1, 2**31 - 1], np.int32)


def gather():
    x, want = numbers(9, 20), zeros(8, 20)
    for i, row in enumerate(IDS):
        for j in range(20):
            want[i, j] = x[row, j] if 0 <= row < 9 else 0
    return (1,), [x, IDS, numbers(8, 20), 9], {2: want}


def scatter():
    x, y = numbers(8, 20), numbers(9, 20)
    want = y.copy()
    for i, row in enumerate(IDS):
        for j in range(20):
            if 0 <= row < 9:
                want[row, j] = x[i, j]
    return (1,), [x, IDS, y, 9], {2: want}


def load_scalar():
    x = numbers(6, 16)
    return (1,), [x, np.array([4], np.int32), zeros(16), 6], {2: x[4]}


def store_scalar():
    want = [0, 1]
    while len(want) < 12:
        want.append(want[-1] + want[-2])
    return (1,), [zeros(12, kind=np.int32), 12], {0: want}


def fma(x, y, z):
    """Of f32: the product is exact in f64; so is the sum in the 64 bits of a long double, but for a rare tie."""
    return np.float32(np.longdouble(x) * np.longdouble(y) + np.longdouble(z))


def dot():
    x, w, want = numbers(8, 40), numbers(40, 24), zeros(8, 24)
    for i in range(8):
        for j in range(24):
            parts = [np.float32(0), np.float32(0)]
            for k in range(40):
                parts[k >= 32] = fma(x[i, k], w[k, j], parts[k >= 32])
            want[i, j] = parts[0] + parts[1]
    return (1,), [x, panel(w), numbers(8, 24)], {2: want}


def strands(x):
    p = np.zeros(16, np.float32)
    for i, v in enumerate(x):
        p[i % 16] = v if i < 16 else p[i % 16] + v
    for half in (8, 4, 2, 1):
        for lane in range(half):
            p[lane] += p[lane + half]
    return p[0]


def reduce():
    x = numbers(6, 50)
    # ceil(50 / 64) steps of 16: parts of 16, 16, 16 and 2.
    sums = [(strands(r[:16]) + strands(r[16:32])) + (strands(r[32:48]) + strands(r[48:])) for r in x]
    return (1,), [x, zeros(6), zeros(6)], {1: sums, 2: [max(r) for r in x]}


def scan():
    x, high, low = numbers(30), zeros(30), zeros(30)
    total = error = np.float32(0)
    for i, v in enumerate(x):
        following = total + v
        part = following - total
        error = error + ((total - (following - part)) + (v - part))
        total = following
        high[i], low[i] = total, error
    return (1,), [x, zeros(30), zeros(30)], {1: high, 2: low}


def iota():
    return (1,), [zeros(5, 20, kind=np.int32)], {0: [[i - j for j in range(20)] for i in range(5)]}


def broadcast():
    x, w = numbers(6), numbers(18)
    return (1,), [x, w, zeros(6, 18)], {2: [[a * b for b in w] for a in x]}


def extract():
    x = numbers(24)
    x[[3, 17]] = 9
    return (1,), [x, zeros(1, kind=np.int32), zeros(1)], {1: [3], 2: [9]}


def nonpositive():
    return (1,), [zeros(40)], {0: [math.ldexp(1.0, -j) for j in range(40)]}


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with open(PAGE) as file:
            page = file.read()
        texts = [t for t in re.findall(r"^ *```mlir\n(.*?)^ *```", page, re.S | re.M) if "func.func" in t]
        cls.names = [re.search(r"func\.func @(\w+)", t).group(1) for t in texts]
        cls.ops = re.findall(r"^### `tile\.(\w+)`", page, re.M)
        source = "\n".join(texts)
        cls.cpu, cls.ptx = Cpu(source), Ptx(source)

    def test_every_op_has_one(self):
        self.assertIn("matrix", self.ops)
        self.assertEqual(sorted(self.names), sorted(self.ops + ["nonpositive"]))

    def check(self, name):
        grid, args, wants = globals()[name]()
        for target, left in (("CPU", self.cpu.run(name, grid, args)), ("PTX", run(self.ptx, name, grid, args))):
            for number, want in wants.items():
                with self.subTest(target=target, argument=number):
                    np.testing.assert_array_equal(left[number], np.asarray(want, left[number].dtype))


for example in (program_id, view, matrix, load, store, gather, scatter, load_scalar, store_scalar, dot, reduce, scan, iota,
                broadcast, extract, nonpositive):
    setattr(Examples, f"test_{example.__name__}", lambda self, name=example.__name__: self.check(name))

if __name__ == "__main__":
    if not os.path.exists(EMULATOR):
        print(f"skipped: {EMULATOR} is not built")
        sys.exit(77)
    unittest.main()
