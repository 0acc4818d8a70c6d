"""The order of a sum is an op's meaning: the CPU and PTX give the same bits of f32."""
import os
import sys
import unittest

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path += [HERE, os.path.join(HERE, "../ptx")]
from emulated import EMULATOR, Ptx, bf16, f32, run  # noqa: E402
from on_cpu import Cpu  # noqa: E402


def dot_kernel(m, k, n, split, b="f32", operands="f32", acc="zero"):
    group = 2 if operands == "bf16" else 1
    a = "bf16" if operands == "bf16" else "f32"
    start = {"zero": f"%c = arith.constant dense<0.0> : tensor<{m}x{n}xf32>",
             "loaded": f"%c = tile.load %yv[%c0, %c0] : !tile.desc<{m}x{n}xf32> -> tensor<{m}x{n}xf32>"}[acc]
    return f"""
func.func @k(%a: !tile.ptr<{a}>, %b: !tile.ptr<{b}>, %y: !tile.ptr<f32>) attributes {{tile.kernel}} {{
  %c0 = arith.constant 0 : index
  %av = tile.view %a[%c0] sizes [{m}, {k}] strides [{k}, 1] : !tile.ptr<{a}> -> !tile.desc<{m}x{k}x{a}>
  %bv = tile.view %b[%c0] sizes [{k}, {n}] strides [{n}, 1] : !tile.ptr<{b}> -> !tile.desc<{k}x{n}x{b}>
  %yv = tile.view %y[%c0] sizes [{m}, {n}] strides [{n}, 1] : !tile.ptr<f32> -> !tile.desc<{m}x{n}xf32>
  %at = tile.load %av[%c0, %c0] : !tile.desc<{m}x{k}x{a}> -> tensor<{m}x{k}x{a}>
  %bt = tile.load %bv[%c0, %c0] : !tile.desc<{k}x{n}x{b}> -> tensor<{k}x{n}x{b}>
  {start}
  %d = tile.dot #tile.numerics<operands = {operands}, accumulate = f32, group = {group}, split = {split}> %at, %bt, %c : tensor<{m}x{k}x{a}>, tensor<{k}x{n}x{b}> -> tensor<{m}x{n}xf32>
  tile.store %d, %yv[%c0, %c0] : tensor<{m}x{n}xf32>, !tile.desc<{m}x{n}xf32>
  return
}}
"""


def sum_kernel(rows, n, strands=16, split=0):
    return f"""
func.func @k(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {{tile.kernel}} {{
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [{rows}, {n}] strides [{n}, 1] : !tile.ptr<f32> -> !tile.desc<{rows}x{n}xf32>
  %yv = tile.view %y[%c0] sizes [{rows}] strides [1] : !tile.ptr<f32> -> !tile.desc<{rows}xf32>
  %t = tile.load %xv[%c0, %c0] : !tile.desc<{rows}x{n}xf32> -> tensor<{rows}x{n}xf32>
  %s = tile.reduce sum %t axis 1 strands {strands} split {split} : tensor<{rows}x{n}xf32> -> tensor<{rows}xf32>
  tile.store %s, %yv[%c0] : tensor<{rows}xf32>, !tile.desc<{rows}xf32>
  return
}}
"""


def strand_sum(x, strands):
    """Partial sums that are each an ascending chain, then halves onto halves."""
    p = np.zeros(strands, np.float32)
    p[:len(x[:strands])] = x[:strands]
    for i in range(strands, len(x)):
        p[i % strands] += x[i]
    while len(p) > 1:
        p = p[:len(p) // 2] + p[len(p) // 2:]
    return p[0]


class Products(unittest.TestCase):
    def same(self, m, k, n, split, b="f32", acc="zero"):
        with self.subTest(m=m, k=k, n=n, split=split, b=b, acc=acc):
            rng, text = np.random.default_rng(k), dot_kernel(m, k, n, split, b, acc=acc)
            x, w = rng.standard_normal((m, k)).astype(np.float32), rng.standard_normal((k, n)).astype(np.float32)
            w = bf16(w) if b == "bf16" else w
            args = [x, w, rng.standard_normal((m, n)).astype(np.float32)]
            here, there = Cpu(text).run("k", (1,), args)[2], run(Ptx(text), "k", (1,), args)[2]
            np.testing.assert_array_equal(here.view(np.uint32), there.view(np.uint32))
            exact = x.astype(np.float64) @ (f32(w) if b == "bf16" else w) + (args[2] if acc == "loaded" else 0)
            np.testing.assert_allclose(here, exact, rtol=0, atol=1e-6 * np.abs(exact).max() * k**0.5)

    def test_in_one_piece(self):
        self.same(5, 70, 33, 0)

    def test_split(self):
        for k, split in ((12, 8), (40, 8), (96, 8), (200, 4), (256, 8), (330, 16)):
            self.same(5, k, 33, split)
        self.same(1, 300, 200, 8)  # a thread reads its columns of b where they are
        self.same(64, 96, 64, 2)

    def test_the_accumulator_is_added_last(self):
        self.same(7, 112, 24, 4, acc="loaded")
        self.same(7, 112, 24, 4, b="bf16", acc="loaded")

    def test_tensor_cores(self):
        # Inside of an mma.sync the order is the instruction's; the parts must be there all the same.
        rng = np.random.default_rng(1)
        for m, k, n, split, acc in ((20, 130, 72, 4, "zero"), (64, 256, 64, 8, "loaded")):
            x, w = bf16(rng.standard_normal((m, k))), bf16(rng.standard_normal((k, n)))
            args = [x, w, rng.standard_normal((m, n)).astype(np.float32)]
            text = dot_kernel(m, k, n, split, "bf16", "bf16", acc)
            y = run(Ptx(text), "k", (1,), args)[2]
            exact = f32(x).astype(np.float64) @ f32(w) + (args[2] if acc == "loaded" else 0)
            np.testing.assert_allclose(y, exact, rtol=0, atol=1e-5 * np.abs(exact).max())

    def test_a_tensor_core_adds_acc_once_and_last(self):
        # Parts of 16 ones are exact; 2^24 would swallow each of them if it came first.
        x, w = bf16(np.ones((16, 64))), bf16(np.ones((64, 16)))
        y = run(Ptx(dot_kernel(16, 64, 16, 4, "bf16", "bf16", "loaded")), "k", (1,),
                [x, w, np.full((16, 16), 2.0**30, np.float32)])[2]
        np.testing.assert_array_equal(y, np.full((16, 16), 2.0**30 + 64, np.float32))


class Sums(unittest.TestCase):
    def test_both_targets(self):
        for rows, n, split in ((1, 100, 0), (3, 100, 0), (9, 16, 0), (5, 7, 0), (3, 100, 8), (4, 256, 4), (1, 75, 16)):
            with self.subTest(rows=rows, n=n, split=split):
                text = sum_kernel(rows, n, split=split)
                x = np.random.default_rng(n).standard_normal((rows, n)).astype(np.float32)
                args = [x, np.zeros(rows, np.float32)]
                here, there = Cpu(text).run("k", (1,), args)[1], run(Ptx(text), "k", (1,), args)[1]
                np.testing.assert_array_equal(here, there)
                if split == 0:
                    np.testing.assert_array_equal(here, [strand_sum(row, 16) for row in x])

    def test_32_strands(self):
        x = np.random.default_rng(3).standard_normal((5, 100)).astype(np.float32)
        y = run(Ptx(sum_kernel(5, 100, strands=32)), "k", (1,), [x, np.zeros(5, np.float32)])[1]
        np.testing.assert_array_equal(y, [strand_sum(row, 32) for row in x])
        self.assertTrue((y != [strand_sum(row, 16) for row in x]).any())

    def test_strands_that_are_not_lowered(self):
        with self.assertRaisesRegex(RuntimeError, "has 32 strands; the CPU target lowers 16, a strip"):
            Cpu(sum_kernel(5, 100, strands=32))
        with self.assertRaisesRegex(RuntimeError, "has 8 strands; PTX lowers 16 and 32, half a warp and a warp"):
            Ptx(sum_kernel(5, 100, strands=8))


if __name__ == "__main__":
    if not os.path.exists(EMULATOR):
        print(f"skipped: {EMULATOR} is not built")
        sys.exit(77)
    unittest.main()
