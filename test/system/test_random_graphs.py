"""Random graphs against float64, and to the bit against the same ops in regions of their own: what fusion makes of a
graph changes no f32 value. HAMLET_TEST_ALL=1 tries ten times as many."""

import os
import unittest

import numpy as np

import harness
import random_graphs
from random_graphs import compiled

ALL = os.environ.get("HAMLET_TEST_ALL") == "1"
COUNT = 200 if ALL else 20
EMULATED_COUNT = COUNT // 5
FIRST_SEED = int(os.environ.get("HAMLET_FIRST_SEED", 0))
ROWS = (1, 63, 64, 65, 257)
A_MODULE = 20  # graphs that are compiled together
TOLERANCE = {"f32": 2e-5, "bf16": 6e-2}  # of the largest value


def graph(seed):
    element = "bf16" if seed % 4 == 3 else "f32"
    return random_graphs.Graph(f"g{seed}", seed, element, lambda g: g.random(4 + seed % 9))


class RandomGraphs(unittest.TestCase):
    def check(self, file, g, seed, tokens, *options):
        arrays = g.arrays((seed, tokens), tokens)
        found = harness.call(file, g.name, arrays, len(g.outputs), *options)
        for output, (a, b) in enumerate(zip(found, g.truth(arrays, found))):
            what = f"seed {seed}, {tokens} rows, output {output} of\n{g.text(False)}"
            self.assertEqual(a.shape, b.shape, what)
            if a.dtype.kind == "i":
                np.testing.assert_array_equal(a, b, what)
            elif a.size:
                error = np.abs(a - b).max() / max(np.abs(b).max(), 1e-3)
                self.assertLessEqual(error, TOLERANCE[g.element], what)
        return arrays, found

    def test_on_the_cpu(self):
        for first in range(FIRST_SEED, FIRST_SEED + COUNT, A_MODULE):
            graphs = {seed: graph(seed) for seed in range(first, first + A_MODULE)}
            f32 = [g for g in graphs.values() if g.element == "f32"]  # regions are part of what bf16 means
            file = compiled(graphs.values(), f"random-cpu-{first}", apart=f32)
            for seed, g in graphs.items():
                with self.subTest(seed=seed):
                    for tokens in ROWS if ALL else (ROWS[seed % 5], ROWS[(seed + 2) % 5]):
                        arrays, found = self.check(file, g, seed, tokens)
                        if g.element != "f32" or not ALL and tokens != ROWS[seed % 5]:
                            continue
                        apart = harness.call(file, g.name + "_apart", arrays, len(g.outputs))
                        for output, (a, b) in enumerate(zip(found, apart)):
                            what = f"seed {seed}, {tokens} rows, output {output}: alone and fused"
                            harness.assert_same_bits(self, a, b, what)

    def test_on_the_emulated_gpu(self):
        for first in range(FIRST_SEED, FIRST_SEED + EMULATED_COUNT, A_MODULE):
            graphs = {seed: graph(seed) for seed in range(first, min(first + A_MODULE, first + EMULATED_COUNT))}
            file = compiled(graphs.values(), f"random-gpu-{first}", "--target", "sm_80")
            for seed, g in graphs.items():
                with self.subTest(seed=seed):
                    self.check(file, g, seed, (1, 17, 65)[seed % 3], "--device", "emulated")


if __name__ == "__main__":
    unittest.main()
