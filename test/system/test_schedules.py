"""Schedules of the CPU: no block changes a bit, and what was chosen stands in the container."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np

import harness

N, K = 72, 600  # the last panel is half full; a depth of 256 leaves a rest
NUMERICS = {
    "f32": "#tile.numerics<operands = f32, accumulate = f32, group = 1>",
    "bf16": "#tile.numerics<operands = bf16, accumulate = f32, group = 2>",
}
BLOCKS = [(1, 1, 600), (3, 1, 256), (2, 2, 100)]
ROWS = (1, 13, 150)


def product(dtype):
    x, w, y = f"tensor<?x{K}x{dtype}>", f"tensor<{N}x{K}x{dtype}>", f"tensor<?x{N}x{dtype}>"
    return f"""func.func @f(%x: {x}, %w: {w}) -> {y} {{
  %y = nn.linear {NUMERICS[dtype]} %x, %w : ({x}, {w}) -> {y}
  return %y : {y}
}}
"""


class Schedules(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def compile(self, name, *options):
        file = self.folder / f"{name}.hmlt"
        result = harness.run("compile", self.folder / "f.mlir", "-o", file, *options)
        self.assertEqual(result.status, 0, result)
        return file

    def bits(self, file, rows, level):
        y = self.folder / "y.npy"
        result = harness.run("call", file, "--function", "f", "--input", self.folder / f"x{rows}.npy", "--input", self.folder / "w.npy",
                             "--output", y, env={"HAMLET_CPU": level})  # fmt: skip
        self.assertEqual(result.status, 0, result)
        return y.read_bytes()

    def test_blocks_change_no_bit(self):
        rng = np.random.default_rng(3)
        np.save(self.folder / "w.npy", rng.standard_normal((N, K), np.float32))
        for rows in ROWS:
            np.save(self.folder / f"x{rows}.npy", rng.standard_normal((rows, K), np.float32))
        for dtype in NUMERICS:
            (self.folder / "f.mlir").write_text(product(dtype))
            chosen = self.compile("model")
            files = []
            for block in BLOCKS:
                schedule = self.folder / "s.yaml"
                schedule.write_text("- block: {rows: %d, panels: %d, depth: %d}\n" % block)
                files.append((block, self.compile("given", "--schedules", schedule).rename(self.folder / f"{len(files)}.hmlt")))
            for level in harness.cpu_levels():
                for rows in ROWS:
                    expected = self.bits(chosen, rows, level)
                    for block, file in files:
                        with self.subTest(dtype=dtype, level=level, rows=rows, block=block):
                            self.assertEqual(self.bits(file, rows, level), expected)

    def test_the_container_has_them(self):
        (self.folder / "f.mlir").write_text(product("f32"))
        schedule = self.folder / "s.yaml"
        schedule.write_text("- rows: 64\n  target: x86-64-v4\n  block: {rows: 5, panels: 3, depth: 200}\n")
        file = self.compile("f", "--schedules", schedule)
        described = json.loads(harness.run("inspect", file, "--json").out)
        kernel = next(k for k in described["kernels"] if k["kind"] == "linear")
        for variant in kernel["variants"]:
            self.assertEqual({s["target"] for s in variant["schedules"]}, {"x86-64-v3", "x86-64-v4"})
            for s in variant["schedules"]:
                given = variant["rows"] == 64 and s["target"] == "x86-64-v4"
                self.assertEqual(s["given"], given)
                self.assertGreater(s["predicted_cycles"], 0)
                if given:
                    self.assertEqual((s["rows"], s["panels"], s["depth"]), (5, 3, 200))
        text = harness.run("explain", file, "--full").out
        self.assertIn("in blocks of 5 rows, 3 panels, depth 200", text)
        self.assertIn("(from a schedule file)", text)

    def test_mistakes_are_named(self):
        (self.folder / "f.mlir").write_text(product("f32"))
        file, schedule = self.folder / "f.hmlt", self.folder / "s.yaml"
        for text, expected in (
            ("- block: {rows: 20, panels: 4, depth: 8}\n", "registers"),
            ("- block: {rows: 0, panels: 4, depth: 8}\n", "at least 1"),
            ("- blok: 3\n", "s.yaml:1"),
            ("- {kernel: none, block: {rows: 2, panels: 2, depth: 8}}\n", "s.yaml, entry 1: fits no product: expected"),
            ("{", "s.yaml"),
            # What fits nothing was meant for something.
            ("- kernel: linaer\n  block: {rows: 1, panels: 1, depth: 8}\n", "s.yaml, entry 1: fits no product"),
            ("- block: {rows: 1, panels: 1, depth: 8}\n- rows: 63\n  block: {rows: 1, panels: 1, depth: 8}\n", "s.yaml, entry 2: fits no product"),
            ("- target: sm_80\n  block: {rows: 1, panels: 1, depth: 8}\n", "entry 1: expected the target to be one of x86-64-v3, x86-64-v4, x86-64-v4-bf16, got 'sm_80'"),
        ):
            schedule.write_text(text)
            result = harness.run("compile", self.folder / "f.mlir", "-o", file, "--schedules", schedule)
            self.assertEqual(result.status, 1, result)
            self.assertIn(expected, result.err)
            self.assertFalse(file.exists())
        result = harness.run("compile", self.folder / "f.mlir", "-o", file, "--schedules", self.folder / "absent.yaml")
        self.assertEqual(result.status, 1, result)
        self.assertIn("absent.yaml", result.err)


if __name__ == "__main__":
    unittest.main()
