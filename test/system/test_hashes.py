"""The bits of the packs' logits, for each dtype and level of CPU, by their hash.

A change of the compiler or the runtime that does not speak of numbers leaves
them as they are. One that changes the order of a sum replaces them once, and
says so: HAMLET_STORE_HASHES=1 writes what this machine gives.
"""

import hashlib
import json
import os
import unittest

import harness

STORE = harness.GOLDEN / "logits_hashes.json"
LEVELS = {"avx2": "x86-64-v3", "avx512": "x86-64-v4", "avx512bf16": "x86-64-v4-bf16"}


def hash_of(run):
    state = hashlib.sha256()
    for case in sorted(run.logits):
        state.update(case.encode())
        state.update(run.logits[case].astype("<f4").tobytes())
    return state.hexdigest()[:32]


class Hashes(unittest.TestCase):
    def test_logits(self):
        known = json.loads(STORE.read_text()) if STORE.exists() else {}
        store = os.environ.get("HAMLET_STORE_HASHES") == "1"
        levels = harness.cpu_levels()
        absent = [level for level in LEVELS if level not in levels]
        if absent:
            print(f"skipped: this machine has no {', '.join(absent)}")
        targets = ",".join(LEVELS[level] for level in levels)
        for folder in harness.own_packs():
            _, truth = harness.golden(folder)
            cases = sorted(n[: -len(".input_ids")] for n in truth if n.endswith(".input_ids"))
            requests = [harness.request(c, truth[c + ".input_ids"]) for c in cases]
            for dtype in ("f32", "bf16"):
                file = harness.compiled(folder, "--dtype", dtype, "--target", targets)
                for level in levels:
                    # In f32 every level has the same bits.
                    key = f"{folder.name} {dtype}" + (f" {level}" if dtype == "bf16" else "")
                    run = harness.batch(file, folder, requests, env={"HAMLET_CPU": level})
                    found = hash_of(run)
                    if store:
                        known[key] = found
                    with self.subTest(key=key, level=level):
                        self.assertEqual(found, known.get(key), f"{key} at {level}")
        if store:
            STORE.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    unittest.main()
