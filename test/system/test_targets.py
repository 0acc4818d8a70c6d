"""GPUs are data: every target of targets/ compiles, assembles and runs on the stand-in device of its kind, and one more takes a
file. HAMLET_TEST_ALL=1: a whole model for each."""

import json
import os
import tempfile
import unittest
from pathlib import Path

import numpy as np

import harness

GPUS = ("sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a", "sm_103a", "sm_120a", "sm_121a")
ROWS, N, K = 13, 72, 96
NUMERICS = "#tile.numerics<operands = bf16, accumulate = f32, group = 2>"
PRODUCT = f"""func.func @f(%x: tensor<?x{K}xbf16>, %w: tensor<{N}x{K}xbf16>) -> tensor<?x{N}xbf16> {{
  %y = nn.linear {NUMERICS} %x, %w : (tensor<?x{K}xbf16>, tensor<{N}x{K}xbf16>) -> tensor<?x{N}xbf16>
  return %y : tensor<?x{N}xbf16>
}}
"""
# Tiles of 64 queries and keys of 128 elements share more than 99 KiB where they may.
ATTENTION = """func.func @f(%q: tensor<?x2x128xf32>, %k: tensor<?x1x128xf32>, %v: tensor<?x1x128xf32>, %starts: tensor<?xi32>) -> tensor<?x2x128xf32> {
  %o = attention.softmax #tile.numerics<operands = f32, accumulate = f32, group = 1> %q, %k, %v starts(%starts) {scale = 0.25 : f32} : (tensor<?x2x128xf32>, tensor<?x1x128xf32>, tensor<?x1x128xf32>, tensor<?xi32>) -> tensor<?x2x128xf32>
  return %o : tensor<?x2x128xf32>
}
"""

APART = """#f32 = #tile.numerics<operands = f32, accumulate = f32, group = 1>
func.func @softmax(%q: tensor<?x2x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %starts: tensor<?xi32>) -> tensor<?x2x16xf32> {
  %o = attention.softmax #f32 %q, %k, %v starts(%starts) {scale = 0.25 : f32} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
  return %o : tensor<?x2x16xf32>
}
func.func @lightning(%q: tensor<?x2x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %g: tensor<?x2xf32>, %starts: tensor<?xi32>) -> tensor<?x2x16xf32> {
  %o = lightning.attention gated #f32 %q, %k, %v decay(%g) starts(%starts) {scale = 1.0 : f32} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2xf32>, tensor<?xi32>) -> tensor<?x2x16xf32>
  return %o : tensor<?x2x16xf32>
}
"""


def capability(gpu):
    return gpu[3:].rstrip("a")


def description(gpu, **values):
    """The text of a built-in target with other values."""
    text = (harness.ROOT / "targets" / f"{gpu}.yaml").read_text()
    lines = []
    for line in text.splitlines():
        key = line.split(":")[0]
        if key in values:
            value = values.pop(key)
            source = line[line.index(", source") :] if "{value:" in line else ""
            line = f"{key}: {{value: {value}{source}" if source else f"{key}: {value}"
        lines.append(line)
    assert not values, f"{gpu} has no {values}"
    return "\n".join(lines) + "\n"


class Targets(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        rng = np.random.default_rng(5)
        self.x, self.w = (rng.standard_normal(shape).astype(np.float32) for shape in ((ROWS, K), (N, K)))
        np.save(self.folder / "x.npy", self.x)
        np.save(self.folder / "w.npy", self.w)
        (self.folder / "f.mlir").write_text(PRODUCT)

    def compile(self, targets, *options, source="f.mlir"):
        file = self.folder / "f.hmlt"
        options = ("--target", targets, *options)
        return file, harness.ok("compile", self.folder / source, "-o", file, *options)

    def call(self, file, sm, inputs=("x", "w")):
        arguments = [a for i in inputs for a in ("--input", self.folder / f"{i}.npy")]
        y = self.folder / "y.npy"
        y.unlink(missing_ok=True)
        result = harness.run("call", file, "--function", "f", *arguments, "--output", y, "--device", "emulated",
                             env={"EMU_SM": str(sm), "EMU_CHECK": "1"})  # fmt: skip
        return result, np.load(y) if result.status == 0 else None

    def assert_product(self, file, sm, what):
        result, y = self.call(file, sm)
        self.assertEqual(result.status, 0, result)
        self.assertNotIn("[emulator]", result.err, what)
        want = bf16(self.x) @ bf16(self.w).T
        self.assertLessEqual(np.abs(y - want).max() / np.abs(want).max(), 2**-8, what)
        return y.tobytes()

    def test_every_gpu_in_one_file(self):
        """One container for all of them; the same bits on each device, since it is one text and one order of sums here."""
        file, result = self.compile(",".join(("cpu", *GPUS)))
        images = json.loads(harness.ok("inspect", file, "--json").out)["images"]
        self.assertEqual([i["target"] for i in images if i["target"].startswith("sm_")], list(GPUS))
        if "no ptxas" not in result.out:
            self.assertNotIn("no cubin", result.out)
            self.assertTrue(all(i["cubin_bytes"] for i in images if i["target"].startswith("sm_")))
        found = {self.assert_product(file, capability(gpu), gpu) for gpu in GPUS}
        self.assertEqual(len(found), 1)

    def test_what_a_file_has_not(self):
        file, _ = self.compile("sm_90a,sm_120a")
        for gpu in GPUS:
            with self.subTest(gpu=gpu):
                if gpu in ("sm_90a", "sm_120a"):
                    self.assert_product(file, capability(gpu), gpu)
                    continue
                harness.assert_fails(self, self.call(file, capability(gpu))[0], f"(sm_{capability(gpu)})", "it has sm_90a (",
                                     "PTX), sm_120a (", f"compile with --target cpu,{gpu}")  # fmt: skip

    def test_a_ninth_gpu(self):
        """A product with a name of its own: its file is all that it takes."""
        folder = self.folder / "targets"
        folder.mkdir()
        (folder / "orin.yaml").write_text(description(
            "sm_80", target="orin", architecture="sm_87", product="Jetson AGX Orin 64 GB", ptx_version="7.4", multiprocessors=16,
            threads_per_sm=1536, blocks_per_sm=16))  # fmt: skip
        (folder / "h100.yaml").write_text(description("sm_90a", target="h100-pcie", product="H100 PCIe", multiprocessors=114))
        more = ("--targets", folder)
        file, _ = self.compile("x86-64-v3,orin,h100-pcie", *more)
        images = json.loads(harness.ok("inspect", file, "--json").out)["images"]
        self.assertEqual([i["target"] for i in images], ["x86-64-v3", "orin", "h100-pcie"])
        ptx = harness.ok("compile", self.folder / "f.mlir", "--compile-to", "ptx", "--target", "orin", *more).out
        self.assertIn(".version 7.4\n.target sm_87\n", ptx)
        for sm in (87, 89, 90, 120):
            self.assert_product(file, sm, sm)
        harness.assert_fails(self, self.call(file, 86)[0], "it has x86-64-v3, orin (sm_87, ", "h100-pcie (sm_90a, ")
        known = harness.run("compile", self.folder / "f.mlir", "-o", file, "--target", "jetson", *more)
        harness.assert_fails(self, known, "sm_121a, h100-pcie, orin, got 'jetson'", status=2)

    def test_sizes_of_a_gpu(self):
        """Two GPUs with other variants, columns, grids and layouts of weights in one file; nothing of it changes a bit."""
        folder = self.folder / "targets"
        folder.mkdir()
        sizes = "kernel_sizes: {product_rows: [1, 32], whole_rows: [1], query_rows: [16, 64], columns: 32, wide_columns: 32, weight_blocks: true, " \
                "row_step: 8, wide_from: 64, whole_rows_bytes: 4096, lightning_rows: 32, lightning_part: 16, whole_tails: false, apart_rows: 24}\n"
        (folder / "mine.yaml").write_text(description("sm_90a", target="mine") + sizes)
        file, model = self.folder / "m.hmlt", harness.pack("minimax-bf16")
        harness.ok("compile", model, "-o", file, "--targets", folder, "--target", "x86-64-v3,sm_80,mine", "--dtype", "bf16")
        product = next(k for k in json.loads(harness.ok("inspect", file, "--json").out)["kernels"] if k["product"])
        made = {r["target"]: r for r in product["realizations"]}
        self.assertEqual(list(made), ["x86-64-v3", "sm_80", "mine"])
        self.assertEqual(made["sm_80"]["grid"], made["x86-64-v3"]["grid"])
        self.assertNotEqual(made["sm_80"]["grid"], made["mine"]["grid"])
        rows = {t: [v["rows"] for v in product["variants"] if t in v["targets"]] for t in made}
        self.assertEqual(rows, {"x86-64-v3": [1, 8, 16, 64], "sm_80": [1, 8, 16, 64], "mine": [1, 32]})
        for variant in product["variants"]:
            for target, facts in variant["targets"].items():
                gpu = target in ("sm_80", "mine") and harness.ptxas()
                self.assertEqual(facts["registers"] > 0, bool(gpu), f"{variant['symbol']} {target}: {facts}")
        # Each target's weights lie as it says.
        layouts = {t: set(r.get("layouts", {}).values()) for t, r in made.items()}
        self.assertEqual(layouts, {"x86-64-v3": {"panel_pairs"}, "sm_80": {"panel_pairs"}, "mine": {"blocks"}})
        text = harness.ok("inspect", file, "--program").out
        (self.folder / "m.mlir").write_text(text)
        harness.ok("compile", self.folder / "m.mlir", "-o", self.folder / "again.hmlt")
        self.assertEqual((self.folder / "again.hmlt").read_bytes(), file.read_bytes())

        _, truth = harness.golden(model)
        requests = [harness.request("a", truth["t0065.input_ids"]), harness.request("b", [1, 2, 3], 2)]
        logits = []
        for sm in ("80", "90"):
            run = harness.batch(file, model, requests, "--device", "emulated", env={"EMU_SM": sm, "EMU_CHECK": "1"})
            self.assertNotIn("[emulator]", run.result.err)
            logits.append(run.logits)
        for id, mine in logits[1].items():
            harness.assert_same_bits(self, mine, logits[0][id], id)
        harness.batch(file, model, requests, "--device", "cpu")

    def test_sizes_of_a_cpu(self):
        """Levels with sizes of their own beside one without, in one file; no size changes a bit."""
        folder = self.folder / "targets"
        folder.mkdir()
        sizes = ("kernel_sizes: {product_rows: [1, 16], whole_rows: [1, 16], query_rows: [16, 64], columns: 48, wide_columns: 32, wide_from: 64, "
                 "row_step: 8, whole_rows_bytes: 8192, lightning_rows: 32, lightning_part: 16, whole_tails: false, "
                 "whole_tails_per_token: true, apart_rows: 16}\n")  # fmt: skip
        levels = ("x86-64-v3", "x86-64-v4-bf16")
        for level in levels:
            (folder / f"{level}.yaml").write_text(description(level) + sizes)
        model = harness.pack("minimax-m1-shared")
        _, truth = harness.golden(model)
        requests = [harness.request(c, truth[c + ".input_ids"], 3) for c in ("t0001", "t0065", "t0257")]
        for dtype in ("f32", "bf16"):
            plain, mine = self.folder / "plain.hmlt", self.folder / "mine.hmlt"
            harness.compile_pack(model, plain, "--dtype", dtype)
            harness.compile_pack(model, mine, "--dtype", dtype, "--targets", folder)
            made = json.loads(harness.ok("inspect", mine, "--json").out)["kernels"]
            grids = {r["target"]: r["grid"] for r in next(k for k in made if k["product"])["realizations"]}
            self.assertNotEqual(grids["x86-64-v3"], grids["x86-64-v4"])
            for level in harness.cpu_levels():
                env = {"HAMLET_CPU": level}
                want = harness.batch(plain, model, requests, "--prefill-chunk", 100, env=env)
                found = harness.batch(mine, model, requests, "--prefill-chunk", 100, env=env)
                for id in want.logits:
                    harness.assert_same_bits(self, found.logits[id], want.logits[id], f"{dtype} {level} {id}")
        # Decays per token, and values that are not finite, which no pack has.
        source = self.folder / "apart.mlir"
        source.write_text(APART)
        rng = np.random.default_rng(3)
        q, k, v = (rng.standard_normal((200, 2, 16)).astype(np.float32) for _ in range(3))
        v[130, 1, 3], v[70, 0, 5] = np.inf, np.nan
        starts = np.array([0, 9, 200], np.int32)
        decay = -rng.uniform(0, 0.2, (200, 2)).astype(np.float32)
        harness.ok("compile", source, "-o", plain)
        harness.ok("compile", source, "-o", mine, "--targets", folder)
        for name, inputs in (("softmax", (q, k, v, starts)), ("lightning", (q, k, v, decay, starts))):
            want, found = (harness.call(file, name, inputs, 1)[0] for file in (plain, mine))
            self.assertTrue(np.isnan(want).any() and np.isfinite(want).any(), name)
            np.testing.assert_array_equal(found, want, name)
        (folder / "x86-64-v4.yaml").write_text(description("x86-64-v4") + "kernel_sizes: {weight_blocks: true}\n")
        result = harness.run("compile", self.folder / "f.mlir", "-o", mine, "--targets", folder)
        harness.assert_fails(self, result, "x86-64-v4.yaml:", "weight_blocks: expected a GPU")

    def test_mistakes_in_sizes(self):
        folder = self.folder / "targets"
        folder.mkdir()
        for sizes, expected in (
            ("product_rows: [8, 1]", "kernel_sizes: product_rows: expected an ascending list"),
            ("whole_rows: [24]", "kernel_sizes: whole_rows: expected"),
            ("query_rows: []", "kernel_sizes: query_rows: expected"),
            ("weight_blocks: 3", "invalid boolean in 'kernel_sizes: {weight_blocks: 3}'"),
            ("columns: 1e2", "invalid number in 'kernel_sizes: {columns: 1e2}'"),
            ("columns: 40", "kernel_sizes: columns: expected a multiple of 16 up to 256, got 40"),
            ("apart_rows: 4", "kernel_sizes: apart_rows: expected a multiple of 8 up to 64, got 4"),
            ("wide_from: 0", "kernel_sizes: wide_from: expected more than 0, got 0"),
            ("colums: 32", "unknown key 'colums'"),
        ):
            with self.subTest(sizes=sizes):
                (folder / "mine.yaml").write_text(description("sm_80", target="mine") + f"kernel_sizes: {{{sizes}}}\n")
                result = harness.run("compile", self.folder / "f.mlir", "-o", self.folder / "none.hmlt",
                                     "--targets", folder, "--target", "mine")  # fmt: skip
                harness.assert_fails(self, result, "mine.yaml:", expected)

    def test_limits_of_a_block(self):
        """What a block may share is the file's to say, and the cache knows it."""
        (self.folder / "a.mlir").write_text(ATTENTION)
        rng = np.random.default_rng(6)
        for name, heads in (("q", 2), ("k", 1), ("v", 1)):
            np.save(self.folder / f"{name}.npy", rng.standard_normal((70, heads, 128)).astype(np.float32))
        np.save(self.folder / "s.npy", np.array([0, 70], np.int32))
        inputs = ("q", "k", "v", "s")
        cache = ("--cache", self.folder / "cache", "--time-passes")

        def shared(file):
            kernels = json.loads(harness.ok("inspect", file, "--json").out)["kernels"]
            return max(t["shared_bytes"] for k in kernels for v in k["variants"] for t in v["targets"].values())

        file, _ = self.compile("sm_80", *cache, source="a.mlir")
        self.assertGreater(shared(file), 99 << 10)
        result, want = self.call(file, 80, inputs)
        self.assertEqual(result.status, 0, result)
        harness.assert_fails(self, self.call(file, 86, inputs)[0], "its blocks share", "at most 101376", "--target cpu,sm_86")

        folder = self.folder / "targets"
        folder.mkdir()
        (folder / "small.yaml").write_text(description("sm_80", shared_bytes_per_block=99 << 10))
        file, result = self.compile("sm_80", "--targets", folder, *cache, source="a.mlir")
        self.assertIn("kernel cache: 0 found", result.err)
        self.assertLessEqual(shared(file), 99 << 10)
        for sm in (80, 86, 120):
            result, y = self.call(file, sm, inputs)
            self.assertEqual(result.status, 0, result)
            self.assertEqual(y.tobytes(), want.tobytes(), sm)

    def test_mistakes(self):
        """One line each, before anything is compiled."""
        folder = self.folder / "targets"
        folder.mkdir()
        file = self.folder / "none.hmlt"
        for values, status, expected in (
            ({"architecture": "sm_125", "generation": "rtx_blackwell"}, 1, "architecture: LLVM"),
            ({"ptx_version": "8.6"}, 1, "ptx_version: LLVM"),
            ({"threads_per_block": 64}, 1, "threads_per_block: kernels have 128 threads, got 64"),
            ({"threads_per_block": "many"}, 1, "mine.yaml:"),
            ({"kind": "tpu"}, 1, "kind: expected cpu or gpu, got 'tpu'"),
        ):
            with self.subTest(values=values):
                (folder / "mine.yaml").write_text(description("sm_120a", target="mine", **values))
                result = harness.run("compile", self.folder / "f.mlir", "-o", file, "--targets", folder, "--target", "mine")
                harness.assert_fails(self, result, expected, status=status)
                self.assertFalse(file.exists())
        (folder / "mine.yaml").unlink()
        result = harness.run("compile", self.folder / "f.mlir", "-o", file, "--targets", folder)
        harness.assert_fails(self, result, "expected target descriptions")
        text = harness.ok("compile", "--help").out
        self.assertIn("|".join(GPUS), text)

    @unittest.skipUnless(os.environ.get("HAMLET_TEST_ALL"), "a model for each GPU: HAMLET_TEST_ALL=1")
    def test_models(self):
        """A whole model in bf16 for each: no spill (there is a cubin), the bits of sm_80, no finding."""
        folder = harness.pack("minimax-bf16")
        _, truth = harness.golden(folder)
        requests = [harness.request("a", truth["t0065.input_ids"]), harness.request("b", [1, 2, 3], 2)]
        want = None
        for gpu in GPUS:
            with self.subTest(gpu=gpu):
                file = harness.compiled(folder, "--dtype", "bf16", "--target", gpu)
                images = json.loads(harness.ok("inspect", file, "--json").out)["images"]
                self.assertTrue(all(i["cubin_bytes"] for i in images))
                run = harness.batch(file, folder, requests, "--device", "emulated",
                                    env={"EMU_SM": capability(gpu), "EMU_CHECK": "1"})  # fmt: skip
                self.assertNotIn("[emulator]", run.result.err)
                want = want or run.logits
                for id, logits in run.logits.items():
                    harness.assert_same_bits(self, logits, want[id], f"{gpu} {id}")


def bf16(x):
    """Rounded to bf16, to the nearest with ties to even."""
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


if __name__ == "__main__":
    unittest.main()
