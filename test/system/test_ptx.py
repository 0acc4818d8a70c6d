"""The PTX of whole models as text: which products it holds, where their operands come from, that ptxas takes it. Every pack, in
f32 and bf16; test_emulated.py executes it."""

import os
import re
import subprocess
import unittest

import harness

PTXAS = harness.ptxas()
LONG = bool(os.environ.get("HAMLET_LONG"))


def packs():
    return harness.own_packs() + (harness.shared_packs() if LONG else [])


def kernels_of_tile(text):
    """name -> (products of bf16 pairs, other products) in the tile IR."""
    found = {}
    for part in re.split(r"(?=func\.func @)", text)[1:]:
        name = re.match(r"func\.func @(\w+)", part).group(1)
        dots = re.findall(r"tile\.dot <([^>]*)>", part)
        pairs = sum("operands = bf16" in d for d in dots)
        found[name] = (pairs, len(dots) - pairs)
    return found


def kernels_of_ptx(text):
    return {m.group(1): m.group(2) for m in re.finditer(r"\.visible \.entry (\w+)\((.*?)\n}", text, re.S)}


def mma_operands(body):
    """(number of mma.sync, the instructions that define what they multiply)."""
    defined = {}
    for opcode, target in re.findall(r"^\s*(?:@!?%p\d+\s+)?([a-z][\w.:]*)\s+(\{[^}]*\}|%\w+)", body, re.M):
        for register in re.findall(r"%\w+", target):
            defined.setdefault(register, set()).add(opcode)
    products = re.findall(r"mma\.sync\.\S+\s*\{[^}]*\},\s*\{([^}]*)\},\s*\{([^}]*)\}", body)
    sources = set()
    for a, b in products:
        for register in re.findall(r"%\w+", a + b):
            sources |= defined[register]
    return len(products), sources


class Ptx(unittest.TestCase):
    def each(self):
        for folder in packs():
            for dtype in ("f32", "bf16"):
                with self.subTest(pack=folder.name, dtype=dtype):
                    options = ("--dtype", dtype, "--target", "sm_80")
                    yield tuple(harness.stage(folder, stage, *options) for stage in ("tile", "ptx"))

    def test_products(self):
        """bf16 products are mma.sync whose operands come out of shared memory; f32 products are fma."""
        seen = 0
        for tile, ptx in self.each():
            dots, entries = kernels_of_tile(tile), kernels_of_ptx(ptx)
            self.assertEqual(set(dots), set(entries))
            for name, (pairs, others) in dots.items():
                count, sources = mma_operands(entries[name])
                if pairs:
                    # One warp's share of each product: at least one a product, and no operand straight from global memory.
                    self.assertGreaterEqual(count, pairs, name)
                    self.assertTrue(all(s.startswith("ld.shared") for s in sources), f"{name}: {sources}")
                    seen += 1
                else:
                    self.assertEqual(count, 0, name)
                if others:
                    self.assertIn("fma.rn.f32", entries[name], name)
                    self.assertIn("ld.shared", entries[name], name)
        self.assertGreater(seen, 20)

    @unittest.skipUnless(PTXAS, "no ptxas: install CUDA to assemble the PTX")
    def test_ptxas(self):
        """ptxas takes every kernel for sm_80 and spills no register."""
        for _, ptx in self.each():
            with harness.workspace() as work:
                (work / "m.ptx").write_text(ptx)
                command = [PTXAS, "-arch=sm_80", "-v", str(work / "m.ptx"), "-o", str(work / "m.cubin")]
                done = subprocess.run(command, capture_output=True, text=True)
                self.assertEqual(done.returncode, 0, done.stderr[-2000:])
                spilled = re.findall(r"(\d+) bytes spill", done.stderr)
                self.assertEqual(len(spilled), 2 * len(kernels_of_ptx(ptx)))
                self.assertEqual(set(spilled), {"0"}, done.stderr[-2000:])


if __name__ == "__main__":
    unittest.main()
