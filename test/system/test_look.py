"""Looking inside a container: `hamlet inspect` and `hamlet explain`."""

import json
import re
import unittest

import harness

PACK = "minimax-bf16"
FUNCTIONS = """func.func @first(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = nn.mul %x, %x : tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}
func.func @second(%x: tensor<?x8xf32>, %w: tensor<24x8xf32>) -> tensor<?x24xf32> {
  %y = nn.linear #tile.numerics<operands = f32, accumulate = f32, group = 1> %x, %w : (tensor<?x8xf32>, tensor<24x8xf32>) -> tensor<?x24xf32>
  return %y : tensor<?x24xf32>
}
"""
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


def sections(text):
    """The blocks between empty lines, by their first line."""
    return {block.splitlines()[0]: block.splitlines()[1:] for block in text.strip("\n").split("\n\n")}


def section(text, start):
    return next(lines for name, lines in sections(text).items() if name.startswith(start))


def sizes(line):
    """The figures with units of bytes in a line."""
    return [float(n) * UNITS[unit] for n, unit in re.findall(r"(\d+(?:\.\d+)?) (B|KiB|MiB|GiB)\b", line)]


def rows(lines):
    """(rows, total row or None) of a table, without its titles and notes."""
    rule = next((i for i, line in enumerate(lines) if set(line.strip()) == {"-"}), None)
    return lines[1:rule], lines[rule + 1] if rule is not None else None


class Look(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.file = harness.compiled(harness.pack(PACK), "--target", "cpu")
        cls.facts = json.loads(harness.ok("inspect", cls.file, "--json").out)
        cls.page = harness.ok("inspect", cls.file).out
        cls.explained = harness.ok("explain", cls.file).out
        cls.json = json.loads(harness.ok("explain", cls.file, "--json").out)

    def assert_narrow(self, text):
        for line in text.splitlines():
            # A word that is longer stands alone.
            self.assertTrue(len(line) <= 80 or "/" in line, line)  # a path is as long as it is
        self.assertNotIn("\x1b", text)


class Inspect(Look):
    def test_keys_of_the_json(self):
        """Scripts rely on these; more may come."""
        self.assertLessEqual(
            {"version", "content_hash", "model", "provenance", "images", "kernels", "functions", "weights", "constants",
             "caches", "states", "remarks"}, set(self.facts))  # fmt: skip
        for key, keys in {
            "images": {"target", "bytes", "cubin_bytes"},
            "kernels": {"name", "kind", "product", "fused", "remarks", "parameters", "metric", "realizations", "variants"},
            "functions": {"name", "operands", "results", "extents", "step", "logits_buffer", "derived", "checks", "buffers", "launches"},
            "weights": {"name", "dtype", "shape", "targets", "stack", "sources"},
            "caches": {"name", "kind", "layer", "per", "bytes"},
        }.items():
            for each in self.facts[key]:
                self.assertLessEqual(keys, set(each), key)
        self.assertLessEqual(
            {"architecture", "vocab", "hidden", "layers", "max_positions", "eos_ids", "chunk", "dtype", "parameters"},
            set(self.facts["model"]))  # fmt: skip
        variants = [v for k in self.facts["kernels"] for v in k["variants"]]
        for variant in variants:
            self.assertEqual({"rows", "symbol", "targets", "schedules"}, set(variant))
        for schedule in (s for v in variants for s in v["schedules"]):
            self.assertEqual({"target", "product", "rows", "panels", "depth", "part", "predicted_cycles", "given"}, set(schedule))
        text = json.dumps(self.facts)
        self.assertIn("model.embed_tokens.weight", text)

    def test_the_page(self):
        model = self.facts["model"]
        first = self.page.splitlines()[0]
        self.assertIn(model["architecture"], first)
        self.assertIn(f"{model['layers']} layers", first)
        for text in (f"{model['max_positions']} tokens", "EOS ids", self.facts["provenance"]["compiler"],
                     self.facts["provenance"]["input_hash"], self.facts["content_hash"]):  # fmt: skip
            self.assertIn(text, self.page)
        for image in self.facts["images"]:
            self.assertRegex(self.page, rf"(?m)^  {re.escape(image['target'])} ")
        self.assert_narrow(self.page)
        self.assertLess(len(self.page.splitlines()), 130)

    def test_largest_first_and_totals(self):
        target = self.facts["images"][0]["target"]
        whole = sum(w["targets"][target]["bytes"] for w in self.facts["weights"])
        for start in ("  largest tensors", "Weights, as"):
            lines = section(self.page, start)
            # The title of the first is its section's name.
            listed, total = rows(["", *lines] if start.startswith(" ") else lines)
            figures = [sizes(line)[0] for line in listed if " more " not in line]
            self.assertEqual(figures, sorted(figures, reverse=True), start)
            self.assertAlmostEqual(sizes(total)[0] / whole, 1, delta=0.1)
            self.assertAlmostEqual(sum(sizes(line)[0] for line in listed) / whole, 1, delta=0.1)
        largest = max(w["targets"][target]["bytes"] for w in self.facts["weights"])
        tops = [w["name"] for w in self.facts["weights"] if w["targets"][target]["bytes"] == largest]
        self.assertIn(section(self.page, "  largest tensors")[0].split()[0], tops)

        listed, total = rows(section(self.page, "Kernels"))
        launches = [int(line.split()[-1]) for line in listed]
        self.assertEqual(launches, sorted(launches, reverse=True))
        expected = sum(len(f["launches"]) for f in self.facts["functions"])
        self.assertEqual(sum(launches), expected)
        self.assertEqual(int(total.split()[-1]), expected)
        self.assertEqual(int(total.split()[1]), len(self.facts["kernels"]))

        listed, _ = rows(section(self.page, "Caches"))
        slot = sum(c["bytes"] for c in self.facts["caches"] if c["per"] == "slot")
        self.assertAlmostEqual(sum(sizes(line)[0] for line in listed if line.split()[0] == "lightning") / slot, 1, delta=0.05)

    def test_full_has_everything(self):
        full = harness.ok("inspect", self.file, "--full").out
        for weight in self.facts["weights"]:
            self.assertIn(f"name={weight['name']}  ", full)
            for source in weight["sources"]:
                self.assertIn(source["tensor"], full)
        for kernel in self.facts["kernels"]:
            for variant in kernel["variants"]:
                self.assertIn(variant["symbol"], full)
        target = self.facts["images"][0]["target"]
        whole = sum(w["targets"][target]["bytes"] for w in self.facts["weights"])
        self.assertIn(f"({whole} bytes)", full)
        launches = sum(len(f["launches"]) for f in self.facts["functions"])
        self.assertEqual(len(re.findall(r"(?m)^    launches: ", full)), launches)
        self.assertEqual(harness.run("inspect", self.file, "--full", "--json").status, 2)

    def test_functions(self):
        with harness.workspace() as work:
            (work / "f.mlir").write_text(FUNCTIONS)
            file = work / "f.hmlt"
            harness.ok("compile", work / "f.mlir", "-o", file, "--target", harness.targets()[0])
            page = harness.ok("inspect", file).out
            self.assertIn("functions only", page.splitlines()[0])
            for name in ("first", "second"):
                self.assertRegex(page, rf"(?m)^  {name} ")
            self.assert_narrow(page)
            text = harness.ok("explain", file, "--tokens", 100).out
            self.assert_narrow(text)
            kernels = {k["kind"]: k for k in json.loads(harness.ok("explain", file, "--tokens", 100, "--json").out)["kernels"]}
            self.assertEqual(kernels["linear"]["launches"], 1)
            for command in ("inspect", "explain"):
                harness.ok(command, file, "--full")


class Explain(Look):
    def test_totals_and_order(self):
        kernels = self.json["kernels"]
        self.assertEqual({k["name"] for k in kernels}, {k["name"] for k in self.facts["kernels"]})
        shares = [k["share"] for k in kernels]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertAlmostEqual(sum(shares), 1)
        self.assertEqual(sum(k["launches"] for k in kernels), sum(len(f["launches"]) for f in self.facts["functions"]))
        for step in ("decode", "prefill"):
            total = self.json["steps"][step]["total"]
            for key in ("launches", "bytes", "weight_bytes", "buffer_bytes", "cache_bytes", "flops"):
                self.assertAlmostEqual(sum(k["work"][step][key] for k in kernels), total[key], msg=f"{step} {key}")
            for key in ("bytes_share", "flops_share"):
                self.assertAlmostEqual(sum(k["work"][step][key] for k in kernels), 1)
            self.assertGreater(total["flops"], 0)
        listed, total = rows(section(self.explained, "Work")[1:])
        self.assertEqual([line.split()[0] for line in listed], [k["name"] for k in kernels])
        self.assertEqual(int(total.split()[1]), sum(k["launches"] for k in kernels))

    def test_what_a_step_launches(self):
        """Only what its grid is not empty for, in the variant that has enough rows."""
        kernels = {k["name"]: k for k in self.json["kernels"]}
        self.assertEqual(kernels["lightning_decode"]["work"]["prefill"]["launches"], 0)
        self.assertEqual(kernels["lightning_prefill"]["work"]["decode"]["launches"], 0)
        self.assertGreater(kernels["lightning_prefill"]["work"]["prefill"]["cache_bytes"], 0)
        for realization in kernels["linear"]["realizations"]:
            runs = {step: v["rows"] for v in realization["variants"] for step in v["runs"]}
            self.assertEqual(runs["decode"], min(v["rows"] for v in realization["variants"]))
            self.assertEqual(runs["prefill"], max(v["rows"] for v in realization["variants"]))

    def test_tokens(self):
        longer = json.loads(harness.ok("explain", self.file, "--json", "--tokens", 1024).out)["steps"]["prefill"]["total"]
        usual = self.json["steps"]["prefill"]["total"]
        self.assertEqual(self.json["steps"]["prefill"]["tokens"], 512)
        self.assertGreater(longer["flops"], 1.9 * usual["flops"])
        harness.assert_fails(self, harness.run("explain", self.file, "--tokens", 0), "--tokens", status=2)

    def test_the_page(self):
        self.assert_narrow(self.explained)
        for kernel in self.facts["kernels"]:
            self.assertRegex(self.explained, rf"(?m)^  {kernel['name']}: ")
            for op in kernel["fused"]:
                self.assertIn(op, self.explained)
        self.assertEqual(len(re.findall(r"(?m)^      why: ", self.explained)), sum(len(k["remarks"]) for k in self.facts["kernels"]))
        # A line a variant, whatever the targets.
        lines = re.findall(r"(?m)^ +\d+  (?:decode|prefill|decode\+prefill|  ).*x\d", self.explained)
        variants = sum(len(k["variants"]) for k in self.facts["kernels"] if any(v["schedules"] for v in k["variants"]))
        self.assertEqual(len(lines), variants)

    def test_full_and_one_kernel(self):
        full = harness.ok("explain", self.file, "--full").out
        products = sum(len(v["schedules"]) for k in self.facts["kernels"] for v in k["variants"])
        self.assertEqual(len(re.findall(r"cycles predicted", full)), products)
        one = harness.ok("explain", self.file, "--kernel", "linear").out
        self.assertIn("\nlinear (linear), ", one)
        self.assertNotIn("\nlinear_1 (", one)
        self.assertIn(one.split("\n\n")[1].strip(), full)
        alone = json.loads(harness.ok("explain", self.file, "--kernel", "linear", "--json").out)
        self.assertEqual([k["name"] for k in alone["kernels"]], ["linear"])
        self.assertEqual(alone["steps"], self.json["steps"])

    def test_one_target(self):
        mine, other = (i["target"] for i in self.facts["images"][:2])
        for options in ((), ("--full",), ("--json",), ("--kernel", "linear")):
            text = harness.ok("explain", self.file, "--target", mine, *options).out
            self.assertIn(mine, text)
            self.assertNotRegex(text, rf"{re.escape(other)}(?![-\w])")

    def test_mistakes(self):
        harness.assert_fails(self, harness.run("explain", self.file, "--kernel", "linaer"),
                             "no kernel 'linaer'", "did you mean 'linear'")  # fmt: skip
        harness.assert_fails(self, harness.run("explain", self.file, "--kernel", "zzzzzzzzzzzz"), "the file has ", "lightning_decode")
        harness.assert_fails(self, harness.run("explain", self.file, "--target", "sm_1"), "no code for 'sm_1'", "x86-64-v3")
        with harness.workspace() as work:
            (work / "text.hmlt").write_text("no container\n")
            (work / "cut.hmlt").write_bytes(self.file.read_bytes()[:5000])
            for name in ("text.hmlt", "cut.hmlt", "absent.hmlt"):
                for command in (("inspect",), ("inspect", "--full"), ("explain",), ("explain", "--json")):
                    harness.assert_fails(self, harness.run(command[0], work / name, *command[1:]), name)


if __name__ == "__main__":
    unittest.main()
