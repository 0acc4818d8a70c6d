"""`hamlet plan`: does it fit, how many sequences, how many devices; sizes are those that a run takes."""

import json
import unittest

import harness

M1 = harness.SHARED / "models" / "minimax-m1"


def plan(source, *options):
    return json.loads(harness.ok("plan", source, "--json", *options).out)


class Plan(unittest.TestCase):
    def test_sizes_are_those_of_a_run(self):
        for pack in ("minimax-7p1-tied", "minimax-alternating-6x24"):
            for dtype in ("f32", "bf16"):
                folder = harness.pack(pack)
                file = harness.compiled(folder, "--dtype", dtype, "--target", "x86-64-v3")
                context, sequences = 100, 3
                fit = plan(folder, "--dtype", dtype, "--context", context, "--sequences", sequences)["fit"]
                requests = [harness.request(str(i), [1] * 60, 40) for i in range(sequences)]
                run = harness.batch(file, folder, requests, "--max-batch", sequences, logits=False, env={"HAMLET_CPU": "avx2"})
                # A plan has steps of 1,024 tokens, this run has fewer; lists of a step are some KiB.
                known = fit["weight_bytes"] + fit["cache_bytes"]
                self.assertGreater(run.stats["device_bytes"], known)
                self.assertLess(run.stats["device_bytes"], fit["needed_bytes"] + 65536)

    def test_fits_or_not(self):
        """The bound is where `plan` says: one byte less and it does not fit, and as many sequences as it says do."""
        folder = harness.pack("minimax-7p1-tied")
        need = plan(folder, "--context", 64, "--sequences", 5)["fit"]["needed_bytes"]
        for memory, fits in ((need, True), (need - 1, False)):
            fit = plan(folder, "--context", 64, "--sequences", 5, "--device-memory", memory)["fit"]
            self.assertEqual((fit["fits"], fit["left_bytes"]), (fits, memory - need))
            self.assertEqual(fit["most_sequences"][-1], {"context": 64, "sequences": 5 if fits else 4})
            self.assertEqual(fit["fewest_devices"] == 1, fits)
        text = harness.ok("plan", folder, "--device-memory", "64MiB").out
        self.assertIn("fits: ", text)
        self.assertIn("fewest devices that hold it: 1", text)
        self.assertIn("does not fit: ", harness.ok("plan", folder, "--device-memory", "1kB").out)

    def test_dtype(self):
        folder = harness.pack("minimax-7p1-tied")
        wide, narrow = (plan(folder, "--dtype", d, "--context", 64)["fit"] for d in ("f32", "bf16"))
        self.assertLess(narrow["weight_bytes"], 0.7 * wide["weight_bytes"])

    @unittest.skipUnless(M1.exists(), "needs HAMLET_SHARED")
    def test_m1(self):
        fit = plan(M1, "--gpu", "H200", "--context", 65536, "--sequences", 8)["fit"]
        self.assertEqual((fit["target"], fit["fits"], fit["fewest_devices"]), ("sm_90a", False, 8))
        self.assertTrue(any("more than one device" in what for what in fit["not_yet"]))
        eight = plan(M1, "--gpu", "sm_90a", "--context", 65536, "--sequences", 8, "--tp", 8)["fit"]
        self.assertTrue(eight["fits"])
        self.assertAlmostEqual(eight["weight_bytes"] * 8 / fit["weight_bytes"], 1, delta=0.01)

    def test_mistakes(self):
        folder = harness.pack("minimax-7p1-tied")
        harness.assert_fails(self, harness.run("plan", folder, "--gpu", "B9000"), "B9000", "sm_90a (NVIDIA H200")
        harness.assert_fails(self, harness.run("plan", folder, "--context", 10**9), "--context is 1000000000", "positions")
        for options in (("--device-memory", "80 parsecs"), ("--device-memory", "-1"), ("--dtype", "f64"), ("--sequences", "0")):
            harness.assert_fails(self, harness.run("plan", folder, *options), options[0], status=2)


if __name__ == "__main__":
    unittest.main()
