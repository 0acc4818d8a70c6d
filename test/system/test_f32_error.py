"""f32 at real widths: an error of at most 1.5 times PyTorch's.

test/golden/f32_error.py has the cases and recorded PyTorch's errors. Longer
chains of sums show here: one ascending sum over 6144 has four times PyTorch's.
"""

import json
import sys
import unittest

import harness

sys.path.insert(0, str(harness.GOLDEN))
import f32_error

MOST = 1.5


class F32Error(unittest.TestCase):
    def test_widths(self):
        known = json.loads(f32_error.STORE.read_text())["errors"]
        self.assertEqual(set(known), {f32_error.name(case) for case in f32_error.CASES})
        for case in f32_error.CASES:
            with self.subTest(case=f32_error.name(case)), harness.workspace() as work:
                self.check(case, known[f32_error.name(case)], work)

    def check(self, case, torch_error, work):
        name, file = f32_error.name(case), work / "file.hmlt"
        prompt = f32_error.write_checkpoint(work / "model", case)
        truth = f32_error.truth(work / "model", prompt)
        harness.compile_pack(work / "model", file, "--target", harness.targets()[-1])

        def logits(*options):
            return harness.batch(file, work / "model", [harness.request("a", prompt)], *options).logits["a"]

        whole = logits()
        found = f32_error.error(whole, truth)
        print(f"{name}: {found:.3g}, PyTorch {torch_error:.3g}: {found / torch_error:.2f} times")
        self.assertLessEqual(found, MOST * torch_error)
        harness.assert_same_bits(self, logits("--prefill-chunk", 1), whole, name)


if __name__ == "__main__":
    unittest.main()
