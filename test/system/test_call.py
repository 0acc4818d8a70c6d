"""What `hamlet call` looks at before kernels run: arrays whose rows must be as many, numbers that index others. Each
function is called with good operands first; each bad one is named. And that a NaN goes where it should."""

import json
import unittest

import numpy as np

import harness

F32 = "#tile.numerics<operands = f32, accumulate = f32, group = 1>"
ROUTE = "{top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32}"
MODULE = f"""
func.func @linear_residual(%x: tensor<?x32xf32>, %w: tensor<32x32xf32>, %r: tensor<?x32xf32>) -> tensor<?x32xf32> {{
  %y = nn.linear {F32} %x, %w : (tensor<?x32xf32>, tensor<32x32xf32>) -> tensor<?x32xf32>
  %z = nn.residual %r, %y {{alpha = 1.0 : f32, beta = 1.0 : f32}} : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}}
func.func @mul(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {{
  %z = nn.mul %x, %y : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}}
func.func @embedding(%ids: tensor<?xi32>, %t: tensor<96x32xf32>) -> tensor<?x32xf32> {{
  %y = nn.embedding %ids, %t : (tensor<?xi32>, tensor<96x32xf32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}}
func.func @select(%x: tensor<?x32xf32>, %rows: tensor<?xi32>) -> tensor<?x32xf32> {{
  %y = nn.select_rows %x, %rows : (tensor<?x32xf32>, tensor<?xi32>) -> tensor<?x32xf32>
  return %y : tensor<?x32xf32>
}}
func.func @replay(%x: tensor<?x32xf32>, %w: tensor<8x32xf32>, %ids: tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<?x2xf32>) {{
  %i, %g = moe.route softmax %x, %w ids(%ids) {ROUTE} : (tensor<?x32xf32>, tensor<8x32xf32>, tensor<?x2xi32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  return %i, %g : tensor<?x2xi32>, tensor<?x2xf32>
}}
func.func @dispatch(%ids: tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>) {{
  %o, %r, %p = moe.dispatch %ids {{experts = 8}} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
  return %o, %r, %p : tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>
}}
func.func @experts(%x: tensor<?x32xf32>, %o: tensor<9xi32>, %order: tensor<?xi32>, %wg: tensor<8x48x32xf32>, %wu: tensor<8x48x32xf32>, %h: tensor<?x48xf32>, %wd: tensor<8x32x48xf32>) -> (tensor<?x48xf32>, tensor<?x32xf32>) {{
  %u = moe.expert_up silu {F32} %x, %o, %order, %wg, %wu {{top_k = 2}} : (tensor<?x32xf32>, tensor<9xi32>, tensor<?xi32>, tensor<8x48x32xf32>, tensor<8x48x32xf32>) -> tensor<?x48xf32>
  %d = moe.expert_down {F32} %h, %o, %wd : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32>
  return %u, %d : tensor<?x48xf32>, tensor<?x32xf32>
}}
func.func @dispatched(%ids: tensor<?x2xi32>, %h: tensor<?x48xf32>, %wd: tensor<8x32x48xf32>) -> tensor<?x32xf32> {{
  %o, %r, %p = moe.dispatch %ids {{experts = 8}} : (tensor<?x2xi32>) -> (tensor<9xi32>, tensor<?xi32>, tensor<?x2xi32>)
  %d = moe.expert_down {F32} %h, %o, %wd : (tensor<?x48xf32>, tensor<9xi32>, tensor<8x32x48xf32>) -> tensor<?x32xf32>
  return %d : tensor<?x32xf32>
}}
func.func @combine(%y: tensor<?x32xf32>, %p: tensor<?x2xi32>, %g: tensor<?x2xf32>) -> tensor<?x32xf32> {{
  %z = moe.combine %y, %p, %g : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}}
func.func @lightning(%q: tensor<?x2x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %g: tensor<2xf32>, %s0: tensor<?x2x16x16xf32>, %starts: tensor<?xi32>) -> tensor<?x2x16xf32> {{
  %o = lightning.attention gated {F32} %q, %k, %v decay(%g) initial(%s0) starts(%starts) {{scale = 1.0 : f32}} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<2xf32>, tensor<?x2x16x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
  return %o : tensor<?x2x16xf32>
}}
func.func @softmax(%q: tensor<?x2x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %starts: tensor<?xi32>) -> tensor<?x2x16xf32> {{
  %o = attention.softmax {F32} %q, %k, %v starts(%starts) {{scale = 0.25 : f32}} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
  return %o : tensor<?x2x16xf32>
}}
func.func @fixed_starts(%q: tensor<?x2x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>) -> tensor<?x2x16xf32> {{
  %starts = arith.constant dense<[0, 3, 7]> : tensor<3xi32>
  %o = attention.softmax {F32} %q, %k, %v starts(%starts) {{scale = 0.25 : f32}} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<3xi32>) -> tensor<?x2x16xf32>
  return %o : tensor<?x2x16xf32>
}}
"""


def floats(*shape):
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


def ints(*values):
    return np.array(values, np.int32)


X = floats(5, 32)
HEADS = [floats(7, 2, 16)] * 3
IDS = ints((0, 1), (7, 2), (3, 3))
PAIRS = ints(0, 1, 2, 3, 4, 5, 6, 6, 6)
OFFSETS = ints(0, 2, 2, 4, 4, 6, 6, 6, 6)
UP = [floats(8, 48, 32)] * 2
DOWN = floats(8, 32, 48)
EXPERTS = [X[:3], OFFSETS, ints(0, 1, 2, 3, 4, 5), *UP, floats(6, 48), DOWN]
LIGHTNING = [*HEADS, -floats(2) ** 2, floats(2, 2, 16, 16), ints(0, 3, 7)]

# function: good operands, then (operand, bad value, words of the message)
CASES = {
    "linear_residual": ([X, floats(32, 32), X], [(2, X[:4], "operand 2"), (0, X[:4], "nn.residual")]),
    "mul": ([X, X], [(1, X[:4], "operand 1")]),
    "embedding": ([ints(0, 95), floats(96, 32)], [(0, ints(0, 96), "operand 0"), (0, ints(-1, 0), "below 96")]),
    "select": ([X, ints(4, 0, 4)], [(1, ints(5), "operand 1"), (1, ints(-1), "below 5"), (0, X[:4], "below 4")]),
    "replay": ([X[:3], floats(8, 32), IDS], [(2, IDS + 1, "below 8"), (0, X, "rows of ids"), (2, IDS - 1, "operand 2")]),
    "dispatch": ([IDS], [(0, IDS + 1, "below 8"), (0, IDS - 1, "operand 0")]),
    "experts": (
        EXPERTS,
        [
            (5, floats(4, 48), "moe.expert_down"),
            (5, floats(8, 48), "moe.expert_down"),
            (2, ints(0, 1, 2, 3), "rows of order"),
            (2, ints(0, 1, 2, 3, 4, 6), "below 6"),
            (2, ints(0, 1, 2, 3, 4, -1), "below 6"),
            (1, OFFSETS - 1, "ascend from 0"),
            (1, ints(0, 2, 1, 4, 4, 6, 6, 6, 6), "ascend"),
            (1, ints(0, 2, 2, 4, 4, 5, 5, 5, 5), "0 to 6"),
            (1, ints(0, 2, 2, 4, 4, 6, 6, 6, 7), "0 to 6"),
            (0, X[:2], "rows of order"),
        ],
    ),
    "dispatched": (
        [IDS, floats(6, 48), DOWN],
        [(1, floats(5, 48), "moe.expert_down"), (1, floats(7, 48), "moe.expert_down"), (0, IDS[:2], "moe.expert_down")],
    ),
    "combine": (
        [floats(6, 32), ints((0, 1), (2, 3), (4, 5)), floats(3, 2)],
        [(1, ints((0, 1), (2, 3), (4, 6)), "below 6"), (2, floats(2, 2), "rows of gates"), (0, floats(5, 32), "below 5")],
    ),
    "lightning": (
        LIGHTNING,
        [
            (1, floats(6, 2, 16), "operand 1"),
            (2, floats(8, 2, 16), "operand 2"),
            (4, floats(1, 2, 16, 16), "operand 4"),
            (4, floats(3, 2, 16, 16), "rows of initial"),
            (5, ints(0, 3, 8), "0 to 7"),
            (5, ints(0, 7), "operand 4"),
            (5, ints(1, 3, 7), "0 to 7"),
            (5, ints(), "rows of initial"),
        ],
    ),
    "fixed_starts": (HEADS, [(0, HEADS[0][:6], "operand 1"), (None, [x[:6] for x in HEADS], "0 to 6")]),
}  # fmt: skip


class Call(unittest.TestCase):
    def setUp(self):
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        source = harness.CACHE / "checked-calls.mlir"
        if not source.exists() or source.read_text() != MODULE:
            source.write_text(MODULE)
        self.file = harness.compiled(source)

    def call(self, work, name, operands):
        arguments = ["call", self.file, "--function", name]
        for i, operand in enumerate(operands):
            np.save(work / f"i{i}.npy", operand)
            arguments += ["--input", work / f"i{i}.npy"]
        for i in range(3 if name == "dispatch" else 2 if name in ("experts", "replay") else 1):
            arguments += ["--output", work / f"o{i}.npy"]
        return harness.run(*arguments)

    def check(self, name):
        good, bad = CASES[name]
        with harness.workspace() as work:
            done = self.call(work, name, good)
            self.assertEqual(done.status, 0, str(done))
            for output in work.glob("o*.npy"):
                output.unlink()
            for i, value, words in bad:
                operands = value if i is None else [value if i == j else x for j, x in enumerate(good)]
                harness.assert_fails(self, self.call(work, name, operands), "function '" + name + "'", words)
                self.assertFalse(list(work.glob("o*.npy")), "a failed call left an output")

    def test_softmax_carries_nan(self):
        """Rows that see a key with a NaN are NaN, and no other."""
        with harness.workspace() as work:
            for place in (0, 5, 63, 64, 69):
                q, k, v = (floats(70, 2, 16) for _ in range(3))
                k[place, 1, 3] = np.nan
                done = self.call(work, "softmax", [q, k, v, ints(0, 70)])
                self.assertEqual(done.status, 0, str(done))
                found = np.isnan(np.load(work / "o0.npy"))
                want = np.zeros_like(found)
                want[place:, 1] = True
                np.testing.assert_array_equal(found, want)

    def test_inspect_shows_checks(self):
        functions = json.loads(harness.ok("inspect", self.file, "--json").out)["functions"]
        checks = {f["name"]: f["checks"] for f in functions}
        self.assertEqual(len(checks["dispatch"]), 1)
        self.assertIn("operand 0 (ids of moe.dispatch)", checks["dispatch"][0]["what"])
        self.assertIn("checks: ", harness.ok("inspect", self.file, "--full").out)


for name in CASES:
    setattr(Call, f"test_{name}", lambda self, name=name: self.check(name))


if __name__ == "__main__":
    unittest.main()
