"""Every path gives the same bits: one prefill, chunked prefill, decode token by
token, alone or among others, any number of threads, any level of the CPU."""

import os
import random
import unittest

import numpy as np

import harness

PIECES = (1, 7, 63, 64, 65, 100)
LENGTHS = (1, 2, 3, 63, 64, 65, 130, 300)
PACKS = ("minimax-7p1-tied", "minimax-alternating-6x24", "minimax-m1-shared", "lantern", "mixtral-window")
# A new sequence of random splits each day would make failures hard to repeat.
SEED = int(os.environ.get("HAMLET_TEST_SEED", "20"))


def vocabulary(folder):
    _, truth = harness.golden(folder)
    return truth["t0001.logits"].shape[1]


def prompts(folder, lengths=LENGTHS, seed=1):
    rng = random.Random(f"{folder.name} {seed}")
    size = vocabulary(folder)
    return [
        harness.request(f"p{n}", [rng.randrange(size) for _ in range(n)]) for n in lengths
    ]


class OneFunction(unittest.TestCase):
    def each(self, check):
        for name in PACKS:
            for dtype in ("f32", "bf16"):
                with self.subTest(pack=name, dtype=dtype):
                    folder = harness.pack(name)
                    check(folder, harness.compiled(folder, "--dtype", dtype))

    def same(self, found, wanted, what):
        self.assertEqual(set(found.logits), set(wanted.logits))
        for id in wanted.logits:
            harness.assert_same_bits(self, found.logits[id], wanted.logits[id], f"{what}: {id}")

    def test_pieces_threads_and_batches(self):
        def check(folder, file):
            requests = prompts(folder)
            base = harness.batch(file, folder, requests, "--threads", 2)
            for piece in PIECES:
                threads = 1 + piece % 2
                shuffled = random.Random(piece).sample(requests, len(requests))
                found = harness.batch(
                    file, folder, shuffled, "--prefill-chunk", piece,
                    "--threads", threads, "--max-batch", 1 + piece % 5,
                )  # fmt: skip
                self.same(found, base, f"pieces of {piece}")
            alone = harness.batch(file, folder, requests, "--max-batch", 1, "--threads", 1)
            self.same(alone, base, "one sequence at a time, one thread")

        self.each(check)

    def test_random_splits(self):
        """Pieces, batch sizes, thread counts and orders drawn at random, while
        other requests generate beside the prompts."""
        rng = random.Random(SEED)
        for trial in range(8):
            name, dtype = rng.choice(PACKS), rng.choice(("f32", "bf16"))
            folder = harness.pack(name)
            file = harness.compiled(folder, "--dtype", dtype)
            lengths = rng.sample(range(1, 330), 6)
            requests = prompts(folder, lengths, seed=trial)
            base = harness.batch(file, folder, requests)
            size = vocabulary(folder)
            others = [
                harness.request(
                    f"other{i}", [rng.randrange(size) for _ in range(rng.randint(1, 90))],
                    rng.randint(1, 40), temperature=1.0, seed=i,
                )
                for i in range(4)
            ]  # fmt: skip
            mixed = requests + others
            rng.shuffle(mixed)
            options = ["--prefill-chunk", rng.randint(1, 129)]
            options += ["--max-batch", rng.randint(2, 10), "--threads", rng.randint(1, 3)]
            what = f"{name} {dtype} trial {trial} {options}"
            with self.subTest(what):
                found = harness.batch(file, folder, mixed, *options)
                for id, want in base.logits.items():
                    harness.assert_same_bits(self, found.logits[id], want, f"{what} {id}")

    def test_decode_is_prefill(self):
        """Tokens generated one by one, then the same tokens as one prompt."""

        def check(folder, file):
            size = vocabulary(folder)
            rng = random.Random(folder.name)
            requests = [
                harness.request(
                    f"g{n}", [rng.randrange(size) for _ in range(n)], 140,
                    temperature=1.5, seed=n,
                )
                for n in (1, 5, 60, 64, 70, 191)
            ]  # fmt: skip
            decoded = harness.batch(file, folder, requests, "--max-batch", 3)
            again, small = [], []
            for r in requests:
                tokens = decoded.tokens(r["id"])
                self.assertEqual(len(tokens), 140)
                again.append(harness.request(r["id"], r["prompt_ids"] + tokens[:-1]))
            one = harness.batch(file, folder, again)
            self.same(decoded, one, "decode against one prefill")
            self.assertEqual(len(decoded.logits["g5"]), 5 + 140 - 1)

        self.each(check)

    def test_tokens_do_not_depend_on_neighbours(self):
        folder = harness.pack("minimax-alternating-6x24")
        file = harness.compiled(folder, "--dtype", "f32")
        size = vocabulary(folder)
        rng = random.Random(5)
        requests = [
            harness.request(
                f"r{i}", [rng.randrange(size) for _ in range(rng.randint(1, 80))], 30,
                temperature=0.5 * (i % 4), top_k=(i % 3) * 7, top_p=1.0 - 0.1 * (i % 2), seed=i,
            )
            for i in range(24)
        ]  # fmt: skip
        base = harness.batch(file, folder, requests, logits=False)
        shuffled = random.Random(6).sample(requests, len(requests))
        found = harness.batch(file, folder, shuffled, "--max-batch", 5, "--prefill-chunk", 9, logits=False)
        alone = harness.batch(file, folder, requests, "--max-batch", 1, "--threads", 1, logits=False)
        self.assertEqual(found.answers, base.answers)
        self.assertEqual(alone.answers, base.answers)

    def test_cpu_levels(self):
        """In f32 all levels agree; in bf16 each agrees with itself."""
        levels = harness.cpu_levels()
        for name in PACKS:
            folder = harness.pack(name)
            requests = prompts(folder)
            f32, bf16 = (harness.compiled(folder, "--dtype", d, "--target", "cpu") for d in ("f32", "bf16"))
            runs = [harness.batch(f32, folder, requests, env={"HAMLET_CPU": l}) for l in levels]
            for level, found in zip(levels[1:], runs[1:]):
                with self.subTest(pack=name, level=level):
                    self.same(found, runs[0], f"{level} against {levels[0]}")
            for level in levels:
                with self.subTest(pack=name, level=level, dtype="bf16"):
                    env = {"HAMLET_CPU": level}
                    base = harness.batch(bf16, folder, requests, env=env)
                    found = harness.batch(bf16, folder, requests, "--prefill-chunk", 33, env=env)
                    self.same(found, base, f"{level} bf16 pieces of 33")
        if len(levels) == 1:
            self.skipTest("this machine has AVX2 only: levels were not compared")

    def test_chunks_of_the_lightning_layers(self):
        """Another chunk is another binary, and keeps the promise itself."""
        folder = harness.pack("minimax-7p1-tied")
        requests = prompts(folder)
        for chunk in (32, 100, 256):
            with self.subTest(chunk=chunk):
                file = harness.compiled(folder, "--lightning-chunk", chunk)
                base = harness.batch(file, folder, requests)
                for piece in (1, 31, 99):
                    found = harness.batch(file, folder, requests, "--prefill-chunk", piece)
                    self.same(found, base, f"chunk {chunk}, pieces of {piece}")

    def test_same_run_twice(self):
        folder = harness.pack("minimax-bf16")
        file = harness.compiled(folder)
        requests = prompts(folder)
        first = harness.batch(file, folder, requests)
        self.same(harness.batch(file, folder, requests), first, "a second run")


class RowsPerLaunch(unittest.TestCase):
    """Prefill works in blocks of rows; a decoded row does not drag one."""

    def test_rows(self):
        folder = harness.pack("minimax-7p1-tied")
        file = harness.compiled(folder, "--dtype", "f32")
        prompt = prompts(folder, (256,))[0]
        prompt["max_tokens"] = 40
        stats = harness.batch(file, folder, [prompt], logits=False).stats
        rows = stats["rows_per_launch"]
        self.assertGreaterEqual(rows["prefill"], 8, rows)
        self.assertGreaterEqual(rows["decode"], 1, rows)
        self.assertLess(rows["decode"], 2, rows)
        self.assertEqual(stats["prefill_tokens"], 256)
        # The first token comes from the prompt's last row.
        self.assertEqual(stats["decode_tokens"], 39)

    def test_decode_of_a_batch_shares_launches(self):
        folder = harness.pack("minimax-7p1-tied")
        file = harness.compiled(folder, "--dtype", "f32")
        requests = [dict(r, max_tokens=30) for r in prompts(folder, (20, 21, 22, 23, 24, 25, 26, 27))]
        rows = harness.batch(file, folder, requests, logits=False).stats["rows_per_launch"]
        # Projections see all eight sequences; an expert sees some of them.
        self.assertGreater(rows["decode"], 2, rows)


if __name__ == "__main__":
    unittest.main()
