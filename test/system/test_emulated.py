"""The PTX of whole models, executed on the emulated device: golden numbers, equal bits on every path, no finding of the
sanitizer, every emitted kernel executed. HAMLET_LONG=1 runs more packs and lengths."""

import json
import os
import unittest

import numpy as np

import harness

LONG = bool(os.environ.get("HAMLET_LONG"))
TARGETS = ("--target", "sm_80")
EMULATED = ("--device", "emulated")
SHORT_PACKS = ("minimax-alternating-6x24", "minimax-bf16", "qwen3-moe-raw")


def packs():
    names = [p for p in harness.own_packs() if LONG or p.name in SHORT_PACKS]
    return names + (harness.shared_packs() if LONG else [])


def compiled(folder, dtype):
    return harness.compiled(folder, "--dtype", dtype, *TARGETS)


def prompts(truth, lengths):
    return [harness.request(n, truth[n + ".input_ids"]) for n in (f"t{length:04}" for length in lengths)]


class Emulated(unittest.TestCase):
    def test_golden_f32(self):
        for folder in packs():
            with self.subTest(pack=folder.name):
                about, truth = harness.golden(folder)
                requests = prompts(truth, (1, 2, 3, 63, 64, 65) + ((255, 257) if LONG else ()))
                run = harness.batch(compiled(folder, "f32"), folder, requests, *EMULATED)
                for r in requests:
                    want = truth[r["id"] + ".logits"].astype(np.float64)
                    positions = truth.get(r["id"] + ".positions")
                    found = run.logits[r["id"]]
                    found = found if positions is None else found[positions]
                    error = np.abs(found - want).max() / np.abs(want).max()
                    self.assertLessEqual(error, about["float32"]["tolerance_max"], r["id"])

    def test_one_function(self):
        for folder in packs():
            about, truth = harness.golden(folder)
            for dtype in ("f32", "bf16"):
                with self.subTest(pack=folder.name, dtype=dtype):
                    file = compiled(folder, dtype)
                    requests = prompts(truth, (2, 65))
                    whole = harness.batch(file, folder, requests, *EMULATED)
                    for options in (("--prefill-chunk", 7), ("--prefill-chunk", 1), ("--max-batch", 1)):
                        other = harness.batch(file, folder, requests, *options, *EMULATED)
                        for r in requests:
                            harness.assert_same_bits(
                                self, other.logits[r["id"]], whole.logits[r["id"]], f"{r['id']} {options}"
                            )

    def test_sanitizer_and_ledger(self):
        """Eager and lazy completion; every kernel of the container runs, without a finding."""
        for folder in packs():
            for dtype in ("f32", "bf16"):
                with self.subTest(pack=folder.name, dtype=dtype):
                    _, truth = harness.golden(folder)
                    file = compiled(folder, dtype)
                    executed = set()
                    with harness.workspace() as work:
                        for mode in ("eager", "lazy"):
                            # Each variant of rows, of inner layers and (logits dumped) of the last: pieces of 1, 3, 13 and 64 tokens,
                            # batches, decode. Kernels over routed rows go by the mean of an expert: pieces of 13, 23 and 40 tokens.
                            for lengths, tokens, chunk in (((3,), 2, 64), ((65,), 0, 64), ((1, 2, 3), 2, 64), ((63,), 0, 13), ((63,), 0, 40)):
                                ledger = work / "ledger"
                                ledger.unlink(missing_ok=True)
                                requests = [{**r, "max_tokens": tokens} for r in prompts(truth, lengths)]
                                env = {"EMU_CHECK": "1", "EMU_ASYNC": mode, "EMU_LEDGER": str(ledger)}
                                harness.batch(
                                    file, folder, requests, "--prefill-chunk", chunk, *EMULATED, env=env, logits=tokens == 0
                                )
                                for line in ledger.read_text().splitlines():
                                    entry = json.loads(line)
                                    self.assertEqual(entry["errors"], 0, line)
                                    executed.add(entry["kernel"])
                    inspected = json.loads(harness.ok("inspect", file, "--json").out)
                    emitted = {v["symbol"] for k in inspected["kernels"] for v in k["variants"]}
                    self.assertEqual(emitted - executed, set(), "emitted and never executed")


if __name__ == "__main__":
    unittest.main()
