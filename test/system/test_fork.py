"""Forked and cut sequences of compiled models have the bits of fresh ones: HamletCApiForkTest, through the C interface."""

import unittest

import harness

PROGRAM = harness.BIN / "HamletCApiForkTest"
LENGTHS = ("1", "63", "64", "65", "257")
# Lightning and softmax layers, pages alone, decays per token.
PACKS = ("minimax-alternating-6x24", "minimax-bf16", "qwen3-moe-raw", "lantern")


def fork(file, folder, device, *lengths):
    harness.ok(file, folder, device, *lengths, hamlet=PROGRAM)


@unittest.skipUnless(PROGRAM.exists(), f"{PROGRAM.name} is not part of this build")
class Fork(unittest.TestCase):
    def test_cpu(self):
        for name in PACKS:
            folder = harness.pack(name)
            for dtype in ("f32", "bf16"):
                with self.subTest(pack=name, dtype=dtype):
                    fork(harness.compiled(folder, "--dtype", dtype), folder, "cpu", *LENGTHS)

    def test_emulated(self):
        folder = harness.pack(PACKS[0])
        file = harness.compiled(folder, "--dtype", "bf16", "--target", "sm_80")
        fork(file, folder, "emulated", "65")


if __name__ == "__main__":
    unittest.main()
