"""Cases for the Python package; test_python.py runs this file where the package is, in a folder with tiny-minimax."""

import gc
import json
import pathlib
import signal
import subprocess
import sys
import threading
import unittest

import hamlet
import numpy as np

MODEL = "tiny-minimax"
MUL = """func.func @mul(%x: tensor<?x32xf32>, %y: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %z = nn.mul %x, %y : tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}
"""
FIELDS = ("max_tokens", "temperature", "top_k", "top_p")
COMMAND = pathlib.Path(hamlet.__file__).parent / "bin" / "hamlet"

INTERRUPTED = """
import hamlet
model = hamlet.load("tiny.hmlt", "tiny-minimax")
try:
    print("started", flush=True)
    model.generate([1, 2, 3], max_tokens=8000)
except KeyboardInterrupt:
    print(len(model.generate([1, 2, 3], max_tokens=2).tokens), flush=True)
"""


def setUpModule():
    hamlet.compile(MODEL, "tiny.hmlt", dtype="f32", target=["cpu"])
    pathlib.Path("mul.mlir").write_text(MUL)
    hamlet.compile("mul.mlir", "mul.hmlt", target="cpu,sm_80")


def load():
    return hamlet.load("tiny.hmlt", MODEL, threads=2)


def ids(count, seed=1):
    return np.random.default_rng(seed).integers(0, 512, count)


def run_batch(lines):
    """What `hamlet run --batch` answers."""
    pathlib.Path("in.jsonl").write_text("".join(lines))
    command = [COMMAND, "run", "tiny.hmlt", "--weights", MODEL, "--batch", "in.jsonl", "--output", "out.jsonl"]
    subprocess.run(command, check=True, capture_output=True)
    return [json.loads(line) for line in pathlib.Path("out.jsonl").read_text().splitlines()]


class Compile(unittest.TestCase):
    def test_words_are_the_compilers(self):
        said = subprocess.run([COMMAND, "compile", "nowhere", "-o", "x.hmlt"], capture_output=True, text=True).stderr
        with self.assertRaises(hamlet.HamletError) as caught:
            hamlet.compile("nowhere", "x.hmlt")
        self.assertTrue(said.strip().endswith(str(caught.exception)), (said, str(caught.exception)))
        with self.assertRaisesRegex(hamlet.HamletError, "bogus"):
            hamlet.compile(MODEL, "x.hmlt", options=["--bogus"])
        self.assertFalse(pathlib.Path("x.hmlt").exists())

    def test_progress(self):
        lines = []
        hamlet.compile("mul.mlir", "again.hmlt", progress=lines.append)
        self.assertTrue(any("wrote" in line for line in lines), lines)
        self.assertEqual(hamlet.compile("mul.mlir", "again.hmlt"), pathlib.Path("again.hmlt"))


class Generate(unittest.TestCase):
    REQUESTS = [
        hamlet.Request(ids(70), max_tokens=9),
        hamlet.Request([5, 6], max_tokens=30, temperature=1.2, top_k=40, top_p=0.9, seed=3),
        hamlet.Request([7], max_tokens=0),
        hamlet.Request([8] * 5, max_tokens=20, early_stop=(2, 0.0)),
    ]

    def test_as_hamlet_run(self):
        lines = []
        for i, r in enumerate(self.REQUESTS):
            line = {"id": str(i), "prompt_ids": [int(t) for t in r.prompt_ids], "seed": r.seed}
            line |= {name: getattr(r, name) for name in FIELDS if getattr(r, name) is not None}
            if r.early_stop:
                line["early_stop"] = {"count": r.early_stop[0], "probability": r.early_stop[1]}
            lines.append(json.dumps(line) + "\n")
        wanted = run_batch(lines)
        found = load().generate(self.REQUESTS, max_batch=2, prefill_chunk=13)
        self.assertEqual(len(found), len(wanted))
        for a, b in zip(found, wanted):
            self.assertEqual(a.tokens, b["tokens"])
            self.assertEqual([np.float32(p) for p in a.logprobs], [np.float32(p) for p in b["logprobs"]])
            self.assertEqual(a.finish_reason, b["finish_reason"])
            self.assertIsNone(a.error)

    def test_stream(self):
        model = load()
        answers = model.generate(self.REQUESTS)
        seen = [[] for _ in self.REQUESTS]
        with model.stream(self.REQUESTS) as stream:
            for token in stream:
                seen[token.request].append((token.id, token.logprob))
            self.assertEqual(stream.answers, answers)
        for tokens, answer in zip(seen, answers):
            self.assertEqual(tokens, list(zip(answer.tokens, answer.logprobs)))
        stream = model.stream(self.REQUESTS)
        first = next(stream)
        self.assertEqual(stream.run(), answers, "from where it stands")
        self.assertIn(first.id, [answers[first.request].tokens[0]])
        with self.assertRaises(StopIteration):
            next(stream)
        stream.close()
        with self.assertRaisesRegex(hamlet.HamletError, "closed"):
            next(stream)

    def test_stop_ids(self):
        model = load()
        tokens = model.generate([1, 2, 3], max_tokens=8).tokens
        answer = model.generate([1, 2, 3], max_tokens=8, stop_ids=[tokens[3]])
        self.assertEqual(answer.finish_reason, "stop")
        self.assertEqual(answer.tokens, tokens[: tokens.index(tokens[3]) + 1])

    def test_bad_requests(self):
        model = load()
        for error, words, prompt, options in (
            (TypeError, "found bytes", b"hello", {}),
            (TypeError, "prompt_ids: expected token ids, found str", hamlet.Request("hello"), {}),
            (TypeError, "token ids", [1.5], {}),
            (TypeError, "token ids", [[1, 2]], {}),
            (ValueError, "-1 is not a token id", [-1], {}),
            (ValueError, "not a token id", [2**40], {}),
            (hamlet.HamletError, "at least one", [], {}),
            (hamlet.HamletError, "vocabulary of 512", [512], {}),
            (hamlet.HamletError, "'top_p'", [1], {"top_p": 0}),
            (hamlet.HamletError, "'max_tokens'", [1], {"max_tokens": -1}),
            (hamlet.HamletError, "exceed the context of 8192", [1], {"max_tokens": 9000}),
            (hamlet.HamletError, "positions", [1], {"max_context": 9000}),
            (TypeError, "top_q", [1], {"top_q": 0}),
            (TypeError, "has its own", [hamlet.Request([1])], {"top_k": 0}),
            (TypeError, "request 1", [hamlet.Request([1]), 5], {}),
        ):
            with self.subTest(prompt=prompt, options=options), self.assertRaisesRegex(error, words):
                model.generate(prompt, **options)
        with self.assertRaisesRegex(hamlet.HamletError, "cannot open"):
            hamlet.load("nowhere.hmlt")
        with self.assertRaisesRegex(hamlet.HamletError, "weights"):
            hamlet.load("tiny.hmlt")

    def test_sample(self):
        logits = np.random.default_rng(0).standard_normal(512).astype(np.float32)
        token, logprob = hamlet.sample(logits)
        self.assertEqual(token, int(logits.argmax()))
        wide = logits.astype(np.float64)
        self.assertAlmostEqual(logprob, float(wide[token] - np.log(np.exp(wide).sum())), places=5)
        drawn = {hamlet.sample(logits, temperature=1, seed=s)[0] for s in range(50)}
        self.assertGreater(len(drawn), 10)
        self.assertEqual(hamlet.sample(logits, temperature=1, seed=9, position=4), hamlet.sample(logits, temperature=1, seed=9, position=4))
        with self.assertRaisesRegex(hamlet.HamletError, "not finite"):
            hamlet.sample(np.full(4, np.nan, np.float32))
        with self.assertRaisesRegex(TypeError, "float32"):
            hamlet.sample(wide)


class Text(unittest.TestCase):
    CHAT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Zoë said:"}]
    REQUESTS = [
        hamlet.Request(prompt="Once upon a time", max_tokens=40, temperature=0),
        hamlet.Request(messages=CHAT, max_tokens=30, seed=5),
        hamlet.Request([5, 6], max_tokens=4),
        hamlet.Request(prompt="日本語 naïve", max_tokens=20, temperature=1.5, top_k=0, top_p=1, seed=2),
        hamlet.Request(prompt="x"),
    ]

    def test_as_hamlet_run(self):
        lines = []
        for i, r in enumerate(self.REQUESTS):
            line = {"id": str(i), "seed": r.seed, **{name: getattr(r, name) for name in FIELDS if getattr(r, name) is not None}}
            for key in ("prompt_ids", "prompt", "messages"):
                if getattr(r, key) is not None:
                    line[key] = getattr(r, key)
            lines.append(json.dumps(line) + "\n")
        wanted = run_batch(lines)
        found = load().generate(self.REQUESTS)
        self.assertEqual([a.tokens for a in found], [b["tokens"] for b in wanted])
        self.assertEqual([a.text for a in found], [b.get("text") for b in wanted])
        self.assertEqual(len(found[4].tokens), 16)

    def test_one(self):
        model = load()
        wanted = model.generate(self.REQUESTS)
        self.assertEqual(model.generate("Once upon a time", max_tokens=40, temperature=0), wanted[0])
        self.assertEqual(model.generate(self.CHAT, max_tokens=30, seed=5), wanted[1])
        by_ids = model.generate(model.text.encode_chat(self.CHAT), max_tokens=30, temperature=0.8, top_k=50, top_p=0.95, seed=5)
        self.assertEqual((by_ids.tokens, by_ids.text), (wanted[1].tokens, None))

    def test_pieces(self):
        model = load()
        answers = model.generate(self.REQUESTS)
        pieces = ["" for _ in self.REQUESTS]
        with model.stream(self.REQUESTS) as stream:
            for token in stream:
                pieces[token.request] += token.text
            self.assertEqual(stream.answers, answers)
        self.assertEqual(pieces, [a.text or "" for a in answers])

    def test_what_ends_an_answer_is_no_text(self):
        model = load()
        whole = model.generate(self.REQUESTS[0])
        place = next(i for i, t in enumerate(whole.tokens) if i > 3 and t not in whole.tokens[:i])
        options = {"max_tokens": 40, "temperature": 0, "stop_ids": [whole.tokens[place]]}
        answer = model.generate("Once upon a time", **options)
        self.assertEqual((answer.finish_reason, answer.tokens), ("stop", whole.tokens[: place + 1]))
        self.assertEqual(answer.text, model.text.decode(whole.tokens[:place]))
        with model.stream("Once upon a time", **options) as stream:
            self.assertEqual("".join(token.text for token in stream), answer.text)

    def test_generation_config(self):
        folder = self.folder("configured", without="generation_config.json")
        config = {"do_sample": True, "temperature": 0.5, "max_new_tokens": 5, "eos_token_id": [3], "repetition_penalty": 1.5}
        (folder / "generation_config.json").write_text(json.dumps(config))
        model = hamlet.load("tiny.hmlt", folder, threads=2)
        self.assertEqual(model.text.defaults(), {"max_tokens": 5, "temperature": 0.5, "top_k": 50, "top_p": 1, "stop_ids": [3]})
        self.assertEqual(model.text.messages, ["note: generation_config.json: not supported and ignored: repetition_penalty: 1.5"])
        ids = model.text.encode("a b")
        found = model.generate("a b", seed=1)
        self.assertEqual(found.tokens, model.generate(ids, max_tokens=5, temperature=0.5, top_k=50, seed=1, stop_ids=[3]).tokens)
        self.assertEqual(len(model.generate(ids).tokens), 16, "of text alone")

    def test_threads(self):
        text, found = hamlet.Text(MODEL), []
        wanted = text.encode("Once upon a time " * 50)
        work = [threading.Thread(target=lambda: found.append(text.encode("Once upon a time " * 50))) for _ in range(4)]
        for thread in work:
            thread.start()
        for thread in work:
            thread.join()
        self.assertEqual(found, [wanted] * 4)

    def test_text(self):
        text = hamlet.Text(pathlib.Path(MODEL))
        self.assertEqual(text.token_id("<|end|>"), 3)
        self.assertIsNone(text.token_id("<|nothing|>"))
        self.assertTrue(text.is_special(3))
        self.assertFalse(text.is_special(40))
        self.assertEqual(text.decode([3]), "")
        self.assertEqual(text.decode(np.array([3]), skip_special=False), "<|end|>")
        with_turn = text.encode_chat(self.CHAT)
        self.assertEqual(text.encode_chat(self.CHAT, add_generation_prompt=False), with_turn[:-1])
        self.assertEqual(text.encode("a\0b"), text.encode("a") + text.encode("\0") + text.encode("b"))

    def folder(self, name, without):
        """The checkpoint without a file."""
        folder = pathlib.Path(name)
        folder.mkdir()
        for path in pathlib.Path(MODEL).iterdir():
            if path.name != without:
                (folder / path.name).symlink_to(path.resolve())
        return folder

    def test_errors(self):
        model = load()
        for error, words, prompt, options in (
            (hamlet.HamletError, "request 0: the prompt has no tokens", "", {}),
            (hamlet.HamletError, "found 2", hamlet.Request([1], prompt="a"), {}),
            (hamlet.HamletError, "found none", hamlet.Request(), {}),
            (hamlet.HamletError, "found 2", "a", {"messages": self.CHAT}),
            (hamlet.HamletError, "request 0: 'messages' has .*, expected objects with a 'role'", [{"content": "a"}], {}),
            (hamlet.HamletError, "an empty one", hamlet.Request(messages=[]), {}),
            (TypeError, "JSON", [{"role": "user", "content": object()}], {}),
            (TypeError, "has its own", hamlet.Request(prompt="a"), {"seed": 1}),
            (hamlet.HamletError, "'top_p'", "a", {"top_p": 0}),
            (hamlet.HamletError, "exceed the context", "a", {"max_tokens": 9000}),
        ):
            with self.subTest(words), self.assertRaisesRegex(error, words):
                model.generate(prompt, **options)
        bare = hamlet.load("tiny.hmlt", self.folder("bare", without="tokenizer.json"))
        self.assertEqual(len(bare.generate([1, 2], max_tokens=3).tokens), 3)
        for prompt in ("a", self.CHAT, [hamlet.Request([1]), hamlet.Request(prompt="a")]):
            with self.assertRaisesRegex(hamlet.HamletError, "'bare' has no tokenizer.json"):
                bare.generate(prompt)
        chatless = hamlet.Text(self.folder("chatless", without="tokenizer_config.json"))
        self.assertTrue(chatless.encode("a"))
        with self.assertRaisesRegex(hamlet.HamletError, "'chatless' has no chat template"):
            chatless.encode_chat(self.CHAT)
        with self.assertRaisesRegex(hamlet.HamletError, "without a checkpoint's folder"):
            hamlet.load("mul.hmlt").generate("a")


class Sessions(unittest.TestCase):
    def setUp(self):
        self.session = load().session(max_sequences=3, max_context=400)

    def rows(self, sequence, tokens):
        self.session.step([(sequence, tokens)], rows="all")
        return self.session.logits()

    def test_fork_and_truncate(self):
        tokens, others = ids(140), ids(30, 2)
        for length in (1, 63, 64, 65, 130):
            alone = self.session.add()
            self.rows(alone, tokens[:length])
            wanted = self.rows(alone, tokens[length:])
            self.session.remove(alone)
            a = self.session.add()
            self.rows(a, tokens[:length])
            b = self.session.fork(a)
            room = 63 - length % 64
            if room:
                self.rows(a, others[:room])
            self.session.truncate(a, length)
            for sequence in (b, a):
                found = self.rows(sequence, tokens[length:])
                self.assertTrue(np.array_equal(found.view(np.uint32), wanted.view(np.uint32)), length)
                self.session.remove(sequence)

    def test_logits_are_shared(self):
        a = self.session.add()
        first = self.rows(a, [1, 2, 3])
        kept = first.copy()
        shared = np.from_dlpack(first)
        self.assertTrue(np.shares_memory(shared, first))
        self.rows(a, ids(300))  # the arena grows
        self.assertTrue((first == kept).all())

    def test_views_keep_their_memory(self):
        a = self.session.add()
        wanted = self.rows(a, [1, 2, 3])
        view = self.session.logits_view()
        self.assertFalse(view.flags.writeable)
        with self.assertRaisesRegex(hamlet.HamletError, "still used"):
            self.session.step([(a, [4])])
        part = view[1:]
        del view
        with self.assertRaisesRegex(hamlet.HamletError, "still used"):
            self.session.step([(a, [4])])
        self.session = None
        gc.collect()
        self.assertTrue((part == wanted[1:]).all())

    def test_errors(self):
        a = self.session.add()
        with self.assertRaisesRegex(hamlet.HamletError, "no logits"):
            self.session.logits_view()
        self.assertEqual(self.session.logits().shape, (0, 512))
        for call in (
            lambda: self.session.step([(7, [1])]),
            lambda: self.session.step([(a, [1]), (a, [1])]),
            lambda: self.session.step([(a, [])]),
            lambda: self.session.step([]),
            lambda: self.session.fork(9),
            lambda: self.session.length(-1),
            lambda: self.session.truncate(a, 1),
            lambda: load().session(max_sequences=0),
            lambda: load().session(max_context=10**6),
        ):
            with self.assertRaises(hamlet.HamletError):
                call()
        with self.assertRaisesRegex(ValueError, "none, last, all"):
            self.session.step([(a, [1])], rows="some")


class Call(unittest.TestCase):
    def test_call(self):
        other = load()  # models do not meet
        for device in ("cpu", "emulated"):
            model = hamlet.load("mul.hmlt", device=device)
            self.assertEqual(model.vocabulary, 0)
            x = np.arange(96, dtype=np.float32).reshape(3, 32)
            [z] = model.call("mul", [x, x.T.copy().T])  # the second is not in C order
            del model
            gc.collect()
            self.assertTrue((z == x * x).all(), device)
            self.assertTrue(np.shares_memory(np.from_dlpack(z), z))
        self.assertEqual(len(other.generate([1, 2], max_tokens=3).tokens), 3)

    def test_errors(self):
        model = hamlet.load("mul.hmlt")
        x = np.zeros((3, 32), np.float32)
        for words, name, arrays in (
            ("no function 'add'; there are: mul", "add", [x, x]),
            ("takes 2 operands", "mul", [x]),
            ("expected f32, found i32", "mul", [x, x.astype(np.int32)]),
            ("no counterpart", "mul", [x, x.astype(np.float64)]),
            ("expected shape", "mul", [x, x[0]]),
            ("operand 1", "mul", [x, x[:2]]),
        ):
            with self.subTest(words), self.assertRaisesRegex(hamlet.HamletError, words):
                model.call(name, arrays)
        with self.assertRaisesRegex(hamlet.HamletError, "functions, not a model"):
            model.generate([1])
        with self.assertRaisesRegex(hamlet.HamletError, "functions, not a model"):
            model.session(max_context=1)


class Threads(unittest.TestCase):
    def test_others_go_on(self):
        """Two threads share a model, and Python goes on meanwhile."""
        model, found, counted = load(), [], 0
        threads = [threading.Thread(target=lambda: found.append(model.generate([1, 2, 3], max_tokens=60).tokens)) for _ in range(2)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            counted += 1
        self.assertEqual(found[0], found[1])
        self.assertEqual(len(found[0]), 60)
        self.assertGreater(counted, 100)

    def test_interrupt(self):
        with subprocess.Popen([sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, text=True) as process:
            self.assertEqual(process.stdout.readline(), "started\n")
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertEqual(out, "2\n", "the model is as good as before")


if __name__ == "__main__":
    unittest.main(verbosity=2)
