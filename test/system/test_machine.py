"""hamlet-machine: peaks, and this machine described as a CPU target."""

import json
import re
import unittest

import harness

MACHINE = harness.BIN / "hamlet-machine"
EXAMPLE = harness.ROOT / "examples" / "tiny-minimax"
SHORT = ("--rounds", 1, "--megabytes", 32)


def described(level, *options):
    return harness.ok("--target-yaml", level, *SHORT, *options, hamlet=MACHINE).out


def values(text):
    """key: (value, comment) of each line that is no comment."""
    lines = (re.fullmatch(r"(\w+): (\S+)(?: # (.+))?", line) for line in text.splitlines() if not line.startswith("#"))
    return {m[1]: (m[2], m[3]) for m in lines}


@unittest.skipUnless(MACHINE.exists(), f"no {MACHINE}")
class Machine(unittest.TestCase):
    def test_peaks(self):
        found = json.loads(harness.ok(*SHORT, "--threads", 1, hamlet=MACHINE).out)
        self.assertEqual(found["threads"], 1)
        self.assertGreater(found["gflops"]["fma_256"], 0)
        self.assertGreater(found["read_gb_per_s"], 0)

    def test_each_level(self):
        for level in harness.targets():
            with self.subTest(level=level):
                found = values(described(level))
                mine = values((harness.ROOT / "targets" / f"{level}.yaml").read_text())
                self.assertEqual(set(found), set(mine))  # the keys of a built-in level
                for key in ("target", "kind", "vector_bits", "vector_registers"):
                    self.assertEqual(found[key][0], mine[key][0], key)
                for key, (value, source) in found.items():
                    if key not in ("target", "kind"):
                        self.assertGreater(float(value), 0, key)
                    if key != "kind":
                        self.assertTrue(source, f"{key} has no source")
        chosen = values(harness.ok("--target-yaml", *SHORT, hamlet=MACHINE).out)["target"][0]
        self.assertIn(chosen, harness.targets())

    def test_compiles_and_runs(self):
        """What the machine says changes the speed, never a bit."""
        level = harness.targets()[-1]
        options = ("--dtype", "f32", "--target", level)
        with harness.workspace() as work:
            folder = work / "mine"
            folder.mkdir()
            for each in harness.targets():
                (folder / f"native-{each}.yaml").write_text(described(each))
            file = work / "mine.hmlt"
            harness.ok("compile", EXAMPLE, "-o", file, *options, "--targets", folder, hamlet=harness.COMPILER_BIN / "hamlet", timeout=600)
            requests = [harness.request("a", range(70)), harness.request("b", [3, 1, 4], 4)]
            one = harness.batch(harness.compiled(EXAMPLE, *options), EXAMPLE, requests)
            two = harness.batch(file, EXAMPLE, requests)
            for id in ("a", "b"):
                harness.assert_same_bits(self, two.logits[id], one.logits[id], id)
            self.assertEqual(one.answers, two.answers)
            described_by = json.loads(harness.ok("inspect", file, "--json").out)["provenance"]["flags"]
            self.assertIn(level, described_by)

    def test_mistakes(self):
        for arguments, status, words in (
            (("--target-yaml", "native"), 1, ("'native'", "x86-64-v3", "x86-64-v4")),
            (("--nonsense",), 2, ("--nonsense", "usage")),
            (("--rounds", 0), 2, ("--rounds",)),
            (("--rounds",), 2, ("--rounds",)),
        ):
            with self.subTest(arguments=arguments):
                harness.assert_fails(self, harness.run(*arguments, hamlet=MACHINE), *words, status=status)


if __name__ == "__main__":
    unittest.main()
