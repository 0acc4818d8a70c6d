"""bench/run in small: every row is measured, and the report takes what it writes."""

import json
import os
import pathlib
import subprocess
import sys
import unittest

import harness

ROOT = pathlib.Path(__file__).resolve().parents[2]
ROWS = ("product", "lightning", "softmax", "MoE", "norm", "LM head", "softmax decode", "lightning decode", "prefill", "decode batch 16", "kernel decode")


class Bench(unittest.TestCase):
    def test_quick(self):
        with harness.workspace() as work:
            found = work / "found.json"
            command = [sys.executable, ROOT / "bench" / "run", "--quick", "--dtypes", "f32", "--work", work, "--json", found, "--peers", "torch,llama.cpp",
                       "--peers-dir", work / "no-such-folder"]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "HAMLET_BIN": str(harness.BIN)})
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            for peer in ("torch", "llama.cpp"):
                self.assertIn(f"peer {peer}: absent", done.stdout)
            rows = json.loads(found.read_text())["rows"]
            for name in ROWS:
                mine = [row for row in rows if row["what"].startswith(name)]
                self.assertTrue(mine, f"no row {name} in {[row['what'] for row in rows]}")
                for row in mine:
                    self.assertGreater(row["hamlet"], 0, row)
                    self.assertEqual(row["peers"], {}, row)
                    if row["unit"] != "times":
                        self.assertEqual(len(row["around"]["reads"]), 2, row)
            page = work / "page.md"
            page.write_text("before\n<!-- table -->\nold\n<!-- end -->\nafter\n")
            subprocess.run([sys.executable, ROOT / "bench" / "report.py", "--page", page, found], check=True)
            text = page.read_text()
            self.assertTrue(text.startswith("before\n") and text.endswith("\nafter\n"), text)
            self.assertNotIn("old", text)
            for row in rows:
                if not row["what"].startswith("kernel "):
                    self.assertIn(f"| {row['what']} |", text)

    def test_no_such_row(self):
        with harness.workspace() as work:
            done = subprocess.run(
                [sys.executable, ROOT / "bench" / "run", "--quick", "--only", "nonsense", "--work", work],
                capture_output=True, text=True, env={**os.environ, "HAMLET_BIN": str(harness.BIN)},
            )  # fmt: skip
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("nonsense", done.stderr)


if __name__ == "__main__":
    unittest.main()
