"""Sums in parts: who owns whole parts can hand over one number for each.

A product of k in two parts is the sum of the products of its halves, to the
bit, and so a split of 2 n of two splits of n: that is what ranks rely on which
share k.
"""

import re
import unittest

import harness
import numpy as np


def numerics(dtype, split):
    return f"#tile.numerics<operands = {dtype}, accumulate = f32, group = {2 if dtype == 'bf16' else 1}, split = {split}>"


def linear(k, n, dtype, split):
    x, w, y = f"tensor<?x{k}x{dtype}>", f"tensor<{n}x{k}x{dtype}>", f"tensor<?x{n}xf32>"
    return f"""func.func @linear(%x: {x}, %w: {w}) -> {y} {{
  %y = nn.linear {numerics(dtype, split)} %x, %w : ({x}, {w}) -> {y}
  return %y : {y}
}}
"""


def head(k, n, dtype, split):
    x, w, y = f"tensor<?x{k}xf32>", f"tensor<{n}x{k}xbf16>", f"tensor<?x{n}xf32>"
    return f"""func.func @head(%x: {x}, %w: {w}) -> {y} {{
  %y = nn.lm_head {numerics('f32', split)} %x, %w : ({x}, {w}) -> {y}
  return %y : {y}
}}
"""


def expert_down(k, n, dtype, split):
    x, w, y = f"tensor<?x{k}xf32>", f"tensor<3x{n}x{k}xf32>", f"tensor<?x{n}xf32>"
    return f"""func.func @down(%h: {x}, %w: {w}, %o: tensor<4xi32>) -> {y} {{
  %y = moe.expert_down {numerics('f32', split)} %h, %o, %w : ({x}, tensor<4xi32>, {w}) -> {y}
  return %y : {y}
}}
"""


class Split(unittest.TestCase):
    def value(self, make, dtype, split, x, w, *more):
        with harness.workspace() as work:
            text = make(x.shape[-1], w.shape[-2], dtype, split)
            source = work / "graph.mlir"
            source.write_text(text)
            name = re.search(r"@(\w+)", text).group(1)
            options = ("--target", harness.targets()[-1])
            harness.ok("compile", source, "-o", work / "file.hmlt", *options)
            return harness.call(work / "file.hmlt", name, [x, w, *more], 1)[0]

    def check(self, make, dtype, rows, k, n, split, *more, experts=()):
        rng = np.random.default_rng(k)
        x = rng.standard_normal((rows, k)).astype(np.float32)
        w = rng.standard_normal((*experts, n, k)).astype(np.float32)
        whole = self.value(make, dtype, split, x, w, *more)
        half = k // 2
        parts = [
            self.value(make, dtype, split // 2, np.ascontiguousarray(x[:, s]), np.ascontiguousarray(w[..., s]), *more)
            for s in (slice(0, half), slice(half, k))
        ]
        harness.assert_same_bits(self, parts[0] + parts[1], whole, f"{make.__name__} {dtype} {rows}x{k}x{n} / {split}")
        # One chain has other bits: the split is not passed over.
        self.assertFalse(np.array_equal(self.value(make, dtype, 0, x, w, *more), whole))

    def test_linear(self):
        for dtype in ("f32", "bf16"):
            for rows, k, n, split in ((1, 64, 17, 2), (65, 256, 48, 8), (9, 1024, 33, 16), (63, 4096, 16, 64)):
                with self.subTest(dtype=dtype, k=k):
                    self.check(linear, dtype, rows, k, n, split)

    def test_head(self):
        self.check(head, "f32", 7, 512, 40, 4)

    def test_experts(self):
        offsets = np.array([0, 5, 5, 37], np.int32)
        self.check(expert_down, "f32", 37, 128, 20, 4, offsets, experts=(3,))

    def test_option(self):
        """--split gives every sum over features its parts, in bf16 too."""
        folder = harness.pack("minimax-m1-shared")
        graph = harness.stage(folder, "graph", "--dtype", "bf16", "--split", 8)
        orders = re.findall(r"(nn.linear|nn.lm_head|moe.expert_up|moe.expert_down|moe.route|nn.rms_norm) .*", graph)
        self.assertEqual(set(orders), {"nn.linear", "nn.lm_head", "moe.expert_up", "moe.expert_down", "moe.route", "nn.rms_norm"})
        for line in graph.splitlines():
            if " nn.rms_norm " in line:
                self.assertIn("sum_split = 8", line)
                self.assertNotIn("sum_blocks", line)  # a tree over heads, not a chain
            elif re.search(r" (nn.linear|nn.lm_head|moe.expert_up|moe.expert_down|moe.route) ", line):
                self.assertRegex(line, "split = 8>")
        requests = [harness.request("a", [3, 1, 4, 1, 5, 9, 2, 6])]
        runs = {}
        for options in ((), ("--split", 8)):
            file = harness.compiled(folder, "--dtype", "bf16", *options)
            runs[options] = harness.batch(file, folder, requests).logits["a"]
            alone = harness.batch(file, folder, requests, "--prefill-chunk", 1).logits["a"]
            harness.assert_same_bits(self, alone, runs[options], "in one piece and alone")
        plain, split = runs.values()
        self.assertFalse(np.array_equal(plain, split))
        self.assertLess(np.abs(plain - split).max(), 0.05 * np.abs(plain).max())


if __name__ == "__main__":
    unittest.main()
