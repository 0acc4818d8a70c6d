"""What the sampling options mean, checked on dumped logits."""

import math
import unittest

import numpy as np

import harness

PACK = "minimax-alternating-6x24"


def log_softmax(row, temperature=1.0):
    x = row.astype(np.float64) / temperature
    x = x - x.max()
    return x - np.log(np.exp(x).sum())


class Sampling(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = harness.pack(PACK)
        cls.file = harness.compiled(cls.folder, "--dtype", "f32")
        _, cls.truth = harness.golden(cls.folder)
        cls.prompt = cls.truth["greedy5.prompt_ids"].tolist()
        cls.greedy = cls.truth["greedy5.tokens"].tolist()

    def one(self, count=20, logits=True, **options):
        """(tokens, logprobs, finish reason, the row that gave each token)."""
        run = harness.batch(
            self.file, self.folder, [harness.request("a", self.prompt, count, **options)], logits=logits
        )
        answer = run.answers["a"]
        rows = run.logits["a"][len(self.prompt) - 1 :] if logits else None
        return answer["tokens"], answer["logprobs"], answer["finish_reason"], rows

    def test_greedy_and_its_logprobs(self):
        tokens, logprobs, reason, rows = self.one()
        self.assertEqual(tokens, self.greedy[:20])
        self.assertEqual(reason, "length")
        self.assertEqual(len(rows), 20)
        for token, logprob, row in zip(tokens, logprobs, rows):
            self.assertEqual(token, int(np.argmax(row)))
            self.assertAlmostEqual(logprob, log_softmax(row)[token], delta=2e-6)

    def test_more_logprobs(self):
        """Before temperature, the most probable ones, those of the prompt; prompts cut in pieces too."""
        wanted = dict(raw_logprobs=True, top_logprobs=3, prompt_logprobs=True, temperature=0.5, seed=5)
        requests = [harness.request("a", self.prompt, 12, **wanted), harness.request("b", self.prompt, 0, prompt_logprobs=True)]
        run = harness.batch(self.file, self.folder, requests)
        a, rows = run.answers["a"], run.logits["a"]
        n = len(self.prompt)
        self.assertEqual(a["prompt_logprobs"][0], None)
        self.assertEqual(len(a["prompt_logprobs"]), n)
        for i in range(1, n):
            self.assertAlmostEqual(a["prompt_logprobs"][i], log_softmax(rows[i - 1])[self.prompt[i]], delta=2e-6)
        for token, logprob, raw, top, row in zip(a["tokens"], a["logprobs"], a["raw_logprobs"], a["top_logprobs"], rows[n - 1 :], strict=True):
            self.assertAlmostEqual(logprob, log_softmax(row, 0.5)[token], delta=4e-6)
            self.assertAlmostEqual(raw, log_softmax(row)[token], delta=2e-6)
            best = np.argsort(-row, kind="stable")[:3].tolist()
            self.assertEqual([t for t, _ in top], best)
            for t, l in top:
                self.assertAlmostEqual(l, log_softmax(row, 0.5)[t], delta=4e-6)
        self.assertEqual(run.answers["b"]["prompt_logprobs"], a["prompt_logprobs"])
        for options in (("--prefill-chunk", "3"), ("--max-batch", "1")):
            again = harness.batch(self.file, self.folder, requests, *options, logits=False)
            self.assertEqual(again.answers, run.answers, options)

    def test_defaults(self):
        """Only id and prompt_ids are required: 16 greedy tokens."""
        bare = [{"id": "a", "prompt_ids": self.prompt}]
        run = harness.batch(self.file, self.folder, bare)
        self.assertEqual(run.tokens("a"), self.greedy[:16])
        self.assertEqual(sorted(run.answers["a"]), ["finish_reason", "id", "logprobs", "tokens"])
        self.assertEqual(len(run.logits["a"]), len(self.prompt) + 15)

    def test_max_tokens_zero(self):
        tokens, logprobs, reason, _ = self.one(0)
        self.assertEqual((tokens, logprobs, reason), ([], [], "length"))

    def test_temperature_in_logprobs(self):
        for temperature in (0.3, 0.7, 1.0, 2.5):
            tokens, logprobs, _, rows = self.one(temperature=temperature, seed=3)
            for token, logprob, row in zip(tokens, logprobs, rows):
                want = log_softmax(row, temperature)[token]
                self.assertAlmostEqual(logprob, want, delta=5e-6 + 2e-6 * abs(want))

    def test_logprobs_are_of_the_whole_vocabulary(self):
        """top_k and top_p narrow the choice, not what is reported."""
        tokens, logprobs, _, rows = self.one(temperature=1.0, top_k=4, top_p=0.8, seed=9)
        for token, logprob, row in zip(tokens, logprobs, rows):
            self.assertAlmostEqual(logprob, log_softmax(row)[token], delta=1e-5)

    def test_top_k(self):
        self.assertEqual(self.one(temperature=2.0, top_k=1, seed=1)[0], self.greedy[:20])
        tokens, _, _, rows = self.one(60, temperature=5.0, top_k=3, seed=2)
        ranks = [int((row > row[t]).sum()) for t, row in zip(tokens, rows)]
        self.assertLess(max(ranks), 3)
        self.assertEqual(set(ranks), {0, 1, 2})

    def test_top_k_beyond_the_vocabulary(self):
        self.assertEqual(
            self.one(temperature=1.0, top_k=10**6, seed=4)[0], self.one(temperature=1.0, seed=4)[0]
        )

    def test_top_p(self):
        self.assertEqual(self.one(temperature=3.0, top_p=1e-6, seed=1)[0], self.greedy[:20])
        for p in (0.3, 0.9):
            tokens, _, _, rows = self.one(60, temperature=1.5, top_p=p, seed=2)
            for token, row in zip(tokens, rows):
                probability = np.exp(log_softmax(row, 1.5))
                above = probability[row > row[token]].sum()
                self.assertLess(above, p + 1e-6)

    def test_seed(self):
        first = self.one(40, temperature=1.5, seed=7)
        self.assertEqual(self.one(40, temperature=1.5, seed=7)[:3], first[:3])
        self.assertNotEqual(self.one(40, temperature=1.5, seed=8)[0], first[0])

    def test_distribution(self):
        """3,000 seeds: frequencies follow temperature, then top-k, then top-p."""
        settings = dict(temperature=1.3, top_k=12, top_p=0.9)
        count = 3000
        requests = [
            harness.request(f"s{i}", self.prompt, 1, seed=i, **settings) for i in range(count)
        ]
        run = harness.batch(self.file, self.folder, requests, "--max-batch", 64, logits=False)
        row = harness.batch(
            self.file, self.folder, [harness.request("a", self.prompt)]
        ).logits["a"][-1]
        probability = np.exp(log_softmax(row, settings["temperature"]))
        order = np.argsort(-probability, kind="stable")[: settings["top_k"]]
        share = probability[order] / probability[order].sum()
        kept = 1 + int(np.searchsorted(np.cumsum(share), settings["top_p"]))
        share = share[:kept] / share[:kept].sum()
        drawn = np.array([run.tokens(f"s{i}")[0] for i in range(count)])
        self.assertLessEqual(set(drawn), set(order[:kept]))
        seen = np.array([(drawn == t).sum() for t in order[:kept]])
        chi2 = ((seen - count * share) ** 2 / (count * share)).sum()
        # Mean kept - 1, deviation sqrt(2 (kept - 1)); the seeds are fixed.
        self.assertLess(chi2, (kept - 1) + 5 * math.sqrt(2 * max(kept - 1, 1)))

    def test_positions_draw_apart(self):
        """One seed is not one number: each position draws its own."""
        tokens, _, _, rows = self.one(200, temperature=50.0, seed=5)
        self.assertGreater(len(set(tokens)), 30)

    def test_stop_ids(self):
        stop = self.greedy[6]
        first = self.greedy.index(stop)
        tokens, logprobs, reason, rows = self.one(40, stop_ids=[stop, 10**6])
        self.assertEqual(tokens, self.greedy[: first + 1])
        self.assertEqual(len(logprobs), first + 1)
        self.assertEqual(reason, "stop")
        self.assertEqual(len(rows), first + 1)

    def test_eos_of_the_configuration(self):
        stop = self.greedy[9]
        first = self.greedy.index(stop)
        for eos in (stop, [stop, 1 if stop != 1 else 2]):
            with harness.workspace() as folder:
                model = harness.copy_pack(self.folder, folder / "model")
                harness.edit_config(model, eos_token_id=eos)
                harness.ok("compile", model, "-o", folder / "m.hmlt")
                run = harness.batch(
                    folder / "m.hmlt", model, [harness.request("a", self.prompt, 30)], logits=False
                )
                answer = run.answers["a"]
                self.assertEqual(answer["finish_reason"], "stop")
                tokens = answer["tokens"]
                stops = {eos} if isinstance(eos, int) else set(eos)
                self.assertIn(tokens[-1], stops)
                self.assertEqual(tokens, self.greedy[: len(tokens)])
                self.assertLessEqual(len(tokens), first + 1)

    def test_early_stop(self):
        every = {"count": 4, "probability": 1e-9}
        tokens, _, reason, _ = self.one(30, early_stop=every)
        self.assertEqual((tokens, reason), (self.greedy[:4], "early"))
        never = {"count": 1, "probability": 1.0}
        self.assertEqual(self.one(10, early_stop=never)[2], "length")

    def test_early_stop_counts_in_a_row(self):
        tokens, logprobs, _, _ = self.one(64, early_stop=None)
        probability = np.exp(logprobs)
        bound = float(np.median(probability))
        run, want = 0, None
        for i, p in enumerate(probability):
            run = run + 1 if p > bound else 0
            if run == 2:
                want = i + 1
                break
        self.assertIsNotNone(want, "the greedy run has no two likely tokens in a row")
        found = self.one(64, early_stop={"count": 2, "probability": bound})
        self.assertEqual((found[0], found[2]), (tokens[:want], "early"))

    def test_prompt_ids_option(self):
        """The single-prompt form prints the tokens, ids after one another."""
        ids = ",".join(map(str, self.prompt))
        result = harness.ok(
            "run", self.file, "--weights", self.folder, "--prompt-ids", ids, "--max-tokens", 12
        )
        import re

        numbers = [int(n) for n in re.findall(r"-?\d+", result.out)]
        wanted = self.greedy[:12]
        found = any(numbers[i : i + 12] == wanted for i in range(len(numbers)))
        self.assertTrue(found, str(result))

    def test_prompt_ids_takes_the_same_options(self):
        ids = ",".join(map(str, self.prompt))
        tokens = self.one(8, temperature=1.2, top_k=9, top_p=0.95, seed=11)[0]
        with harness.workspace() as folder:
            result = harness.ok(
                "run", self.file, "--weights", self.folder, "--prompt-ids", ids,
                "--max-tokens", 8, "--temperature", 1.2, "--top-k", 9, "--top-p", 0.95,
                "--seed", 11, "--stats", folder / "s.json",
            )  # fmt: skip
            import re

            numbers = [int(n) for n in re.findall(r"-?\d+", result.out)]
            found = any(numbers[i : i + 8] == tokens for i in range(len(numbers)))
            self.assertTrue(found, f"{tokens}\n{result}")


if __name__ == "__main__":
    unittest.main()
