"""Logits and greedy tokens against the float64 truth of the golden packs."""

import unittest

import numpy as np

import harness

BF16_FROM = 63  # tokens: shorter cases are not compared in bf16


def cases(truth):
    return sorted(n[: -len(".logits")] for n in truth if n.endswith(".logits"))


def rows_of(truth, case, logits):
    """The dumped rows that the pack stores."""
    positions = truth.get(case + ".positions")
    return logits if positions is None else logits[positions]


class Golden(unittest.TestCase):
    def run_cases(self, folder, truth, dtype, *options):
        file = harness.compiled(folder, "--dtype", dtype, *options)
        requests = [harness.request(c, truth[c + ".input_ids"]) for c in cases(truth)]
        return harness.batch(file, folder, requests)

    def check_f32(self, folder, *options, dtype="f32"):
        facts, truth = harness.golden(folder)
        run = self.run_cases(folder, truth, dtype, *options)
        for case in cases(truth):
            want = truth[case + ".logits"].astype(np.float64)
            found = rows_of(truth, case, run.logits[case])
            self.assertEqual(found.shape, want.shape)
            error = np.abs(found - want).max() / np.abs(want).max()
            self.assertLessEqual(
                error, facts["float32"]["tolerance_max"], f"{folder.name} {case} {options}"
            )

    def check_bf16(self, folder):
        facts, truth = harness.golden(folder)
        run = self.run_cases(folder, truth, "bf16")
        for case in cases(truth):
            want = truth[case + ".logits"].astype(np.float64)
            if len(truth[case + ".input_ids"]) < BF16_FROM:
                continue
            found = rows_of(truth, case, run.logits[case])
            error = np.sqrt(((found - want) ** 2).mean(-1))
            error = np.median(error / np.sqrt((want**2).mean(-1)))
            self.assertLessEqual(
                error, facts["bfloat16"]["tolerance_row_median"], f"{folder.name} {case}"
            )

    def check_greedy(self, folder):
        config_eos = harness.json.loads((folder / "config.json").read_text()).get("eos_token_id")
        eos = {config_eos} if isinstance(config_eos, int) else set(config_eos or [])
        _, truth = harness.golden(folder)
        names = sorted(n[: -len(".tokens")] for n in truth if n.endswith(".tokens"))
        requests, wanted = [], {}
        for name in names:
            tokens = truth[name + ".tokens"].tolist()
            stop = next((i for i, t in enumerate(tokens) if t in eos), None)
            wanted[name] = tokens if stop is None else tokens[: stop + 1]
            prompt = truth[name + ".prompt_ids"]
            requests.append(harness.request(name, prompt, len(tokens)))
        file = harness.compiled(folder, "--dtype", "f32")
        run = harness.batch(file, folder, requests, logits=False)
        for name in names:
            self.assertEqual(run.tokens(name), wanted[name], f"{folder.name} {name}")
            whole = len(wanted[name]) == len(truth[name + ".tokens"])
            reason = run.answers[name]["finish_reason"]
            self.assertEqual(reason, "length" if whole else "stop")

    def each(self, packs, check):
        for folder in packs:
            with self.subTest(pack=folder.name):
                check(folder)

    def test_own_f32(self):
        self.each(harness.own_packs(), self.check_f32)

    def test_own_greedy(self):
        self.each(harness.own_packs(), self.check_greedy)

    def test_own_bf16(self):
        packs = [p for p in harness.own_packs() if "bfloat16" in harness.golden(p)[0]]
        self.assertTrue(packs)
        self.each(packs, self.check_bf16)

    @unittest.skipUnless(harness.shared_packs(), f"no packs in {harness.SHARED}/golden")
    def test_shared_f32(self):
        self.each(harness.shared_packs(), self.check_f32)

    @unittest.skipUnless(harness.shared_packs(), f"no packs in {harness.SHARED}/golden")
    def test_shared_greedy(self):
        self.each(harness.shared_packs(), self.check_greedy)

    @unittest.skipUnless(harness.shared_packs(), f"no packs in {harness.SHARED}/golden")
    def test_shared_bf16(self):
        packs = [p for p in harness.shared_packs() if harness.golden(p)[0]["stored"] == "bfloat16"]
        self.each(packs, self.check_bf16)

    def test_chunks(self):
        for name in ("minimax-7p1-tied", "minimax-alternating-6x24", "minimax-m1-shared"):
            for chunk in (32, 100, 256):
                with self.subTest(pack=name, chunk=chunk):
                    self.check_f32(harness.pack(name), "--lightning-chunk", chunk)

    def test_f16_as_stored_is_f32(self):
        """f16 weights are widened exactly: the bits of --dtype f32."""
        folder = harness.pack("minimax-text-01-f16")
        _, truth = harness.golden(folder)
        one = self.run_cases(folder, truth, "as-stored")
        other = self.run_cases(folder, truth, "f32")
        for case in cases(truth):
            harness.assert_same_bits(self, one.logits[case], other.logits[case], case)

    def test_as_stored_is_the_stored_type(self):
        for name, dtype in (("minimax-bf16", "bf16"), ("minimax-window-top4", "f32")):
            folder = harness.pack(name)
            _, truth = harness.golden(folder)
            one = self.run_cases(folder, truth, "as-stored")
            other = self.run_cases(folder, truth, dtype)
            for case in cases(truth):
                harness.assert_same_bits(self, one.logits[case], other.logits[case], case)

    def test_example(self):
        """The checkpoint of ./quickstart against the reference itself."""
        import reference

        folder = harness.ROOT / "examples" / "tiny-minimax"
        model = reference.Model.load(folder)
        ids = [(7 * i * i + 3) % 512 for i in range(150)]
        want = model.forward(ids)
        file = harness.compiled(folder, "--dtype", "f32")
        run = harness.batch(file, folder, [harness.request("a", ids)])
        error = np.abs(run.logits["a"] - want).max() / np.abs(want).max()
        self.assertLessEqual(error, 1e-5)


if __name__ == "__main__":
    unittest.main()
