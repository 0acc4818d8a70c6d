"""Text in and out: prompts, chats, batches, the defaults that a checkpoint brings."""

import json
import os
import pty
import re
import signal
import subprocess
import time
import unittest

import harness

PACK = "minimax-7p1-tied"
EXAMPLE = harness.ROOT / "examples" / "tiny-minimax"
TEMPLATE = (
    "{% for m in messages %}{% if m.role not in ['system', 'user', 'assistant'] %}{{ raise_exception('unknown role ' + m.role) }}{% endif %}"
    "{{ m.role + ' ' + m.content + ' ' }}{% endfor %}{% if add_generation_prompt %}assistant{% endif %}"
)


def words(size):
    """A tokenizer of words: `w7` is 7; the first three are the roles."""
    vocabulary = {"system": 0, "user": 1, "assistant": 2, **{f"w{i}": i for i in range(3, size)}}
    return {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
        "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": vocabulary, "unk_token": "w3"},
    }  # fmt: skip


class Text(unittest.TestCase):
    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.file = harness.compiled(harness.pack(PACK))
        self.model = harness.copy_pack(harness.pack(PACK), self.work / "model")
        size = json.loads((self.model / "config.json").read_text())["vocab_size"]
        self.write("tokenizer.json", words(size))
        self.write("tokenizer_config.json", {"chat_template": TEMPLATE})

    def write(self, name, value):
        (self.model / name).write_text(json.dumps(value))

    def run_it(self, *options, **more):
        return harness.run("run", self.file, "--weights", self.model, *options, **more)

    def ids(self, prompt, *options):
        return self.run_it("--prompt-ids", ",".join(map(str, prompt)), *options).out.split()

    def test_prompt(self):
        """The same tokens as of the ids, as text or as ids."""
        wanted = self.ids([5, 9, 4], "--max-tokens", 12)
        self.assertEqual(len(wanted), 12)
        prompt = ("--prompt", "w5 w9\n w4", "--max-tokens", 12)
        self.assertEqual(self.run_it(*prompt, "--print-ids").out.split(), wanted)
        roles = {"0": "system", "1": "user", "2": "assistant"}
        self.assertEqual(self.run_it(*prompt).out, " ".join(roles.get(i, "w" + i) for i in wanted) + "\n")

    def test_batch(self):
        lines = [
            {"id": "ids", "prompt_ids": [5, 9, 4], "max_tokens": 6},
            {"id": "text", "prompt": "w5 w9 w4", "max_tokens": 6},
            {"id": "chat", "messages": [{"role": "user", "content": "w9 w9"}], "max_tokens": 6},
        ]
        run = harness.batch(self.file, self.model, lines, logits=False)
        self.assertEqual(run.tokens("text"), run.tokens("ids"))
        self.assertNotIn("text", run.answers["ids"])
        self.assertEqual(len(run.answers["text"]["text"].split()), 6)
        chat = [str(t) for t in run.tokens("chat")]
        self.assertEqual(chat, self.ids([1, 9, 9, 2], "--max-tokens", 6))

    def test_generation_config(self):
        """Of text only: its sampling is said once, flags and keys win, its EOS ends an answer and is not text."""
        greedy = self.ids([5, 9, 4], "--max-tokens", 20)
        self.write("generation_config.json", {"do_sample": True, "temperature": 0.7, "top_k": 5, "repetition_penalty": 1.2, "max_new_tokens": 9})
        self.assertEqual(self.ids([5, 9, 4], "--max-tokens", 20), greedy)
        result = self.run_it("--prompt", "w5 w9 w4", "--print-ids")
        self.assertEqual(result.err.count("temperature 0.7, top_k 5, max_new_tokens 9"), 1, result.err)
        self.assertIn("not supported and ignored: repetition_penalty: 1.2", result.err)
        self.assertEqual(result.out.split(), self.ids([5, 9, 4], "--temperature", "0.7", "--top-k", 5, "--max-tokens", 9))
        self.assertEqual(self.run_it("--prompt", "w5 w9 w4", "--print-ids", "--temperature", 0, "--max-tokens", 20).out.split(), greedy)
        requests = [{"id": str(i), "prompt": "w5 w9 w4", **more} for i, more in enumerate(({}, {"temperature": 0, "max_tokens": 20}))]
        run = harness.batch(self.file, self.model, requests, logits=False)
        self.assertEqual([str(t) for t in run.tokens("0")], result.out.split())
        self.assertEqual([str(t) for t in run.tokens("1")], greedy)
        self.assertEqual(run.result.err.count("taken from generation_config.json"), 1)
        end = greedy[6]
        first = greedy.index(end)
        self.write("generation_config.json", {"eos_token_id": [int(end)]})
        run = harness.batch(self.file, self.model, [{"id": "a", "prompt": "w5 w9 w4", "max_tokens": 20}], logits=False)
        self.assertEqual(run.answers["a"]["finish_reason"], "stop")
        self.assertEqual(len(run.answers["a"]["text"].split()), first)
        self.assertEqual(len(self.run_it("--prompt", "w5 w9 w4", "--max-tokens", 20).out.split()), first)

    def test_mistakes(self):
        bad = self.work / "bad.jsonl"

        def batch(line):
            bad.write_text(json.dumps(line) + "\n")
            return self.run_it("--batch", bad, "--output", self.work / "out")

        harness.assert_fails(self, batch({"id": "a", "messages": [{"role": "tool", "content": "x"}]}), "bad.jsonl:1", "unknown role tool")
        harness.assert_fails(self, batch({"id": "a", "messages": [{"content": "x"}]}), "bad.jsonl:1", "'role'")
        harness.assert_fails(self, self.run_it("--prompt", "a", "--prompt-ids", "1"), "--prompt", status=2)
        (self.model / "tokenizer_config.json").unlink()
        harness.assert_fails(self, batch({"id": "a", "messages": [{"role": "user", "content": "x"}]}), "has no chat template")
        self.write("tokenizer.json", {**words(50), "model": {"type": "Unigram", "vocab": []}})
        harness.assert_fails(self, self.run_it("--prompt", "w5"), "tokenizer.json", "Unigram")
        harness.assert_fails(self, batch({"id": "a", "prompt": "x"}), "tokenizer.json", "Unigram")
        self.assertEqual(batch({"id": "a", "prompt_ids": [1]}).status, 0)
        (self.model / "tokenizer.json").unlink()
        harness.assert_fails(self, self.run_it("--prompt", "w5"), "has no tokenizer.json", "--prompt-ids")
        harness.assert_fails(self, batch({"id": "a", "prompt": "x"}), "bad.jsonl:1", "no tokenizer.json")
        harness.assert_fails(self, harness.run("chat", self.file, "--weights", self.model), "has no tokenizer.json")

    def chat(self, text, *options):
        command = [str(harness.HAMLET), "chat", str(self.file), "--weights", str(self.model), *map(str, options)]
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=harness.TIMEOUT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.decode().splitlines(), done.stderr.decode()

    def test_chat_is_its_history(self):
        """Each answer is that of the whole conversation so far, and /reset forgets it."""
        said = ["w5 w9", "w4", "w7 w8 w9"]
        answers, _ = self.chat("\n".join(said) + "\n/reset\n" + said[0] + "\n", "--max-tokens", 5, "--system", "w11")
        self.assertEqual(len(answers), 4)
        self.assertEqual(answers[3], answers[0])
        messages, requests = [{"role": "system", "content": "w11"}], []
        for i, (line, answer) in enumerate(zip(said, answers)):
            messages.append({"role": "user", "content": line})
            requests.append({"id": str(i), "messages": list(messages), "max_tokens": 5})
            messages.append({"role": "assistant", "content": answer})
        run = harness.batch(self.file, self.model, requests, logits=False)
        self.assertEqual([run.answers[str(i)]["text"] for i in range(3)], answers[:3])

    def test_chat_goes_on_after_a_mistake(self):
        answers, err = self.chat("w5 " * 300 + "\nw5\n", "--max-tokens", 3, "--max-context", 64)
        self.assertEqual(len(answers), 1)
        self.assertIn("/reset begins anew", err)

    def test_interrupt_ends_an_answer(self):
        """Ctrl-C ends the answer; the chat takes the next line."""
        main, terminal = pty.openpty()
        command = [str(harness.HAMLET), "chat", str(self.file), "--weights", str(self.model), "--max-tokens", "1000000", "--max-context", "3500"]
        self.assertGreaterEqual(json.loads((self.model / "config.json").read_text())["max_position_embeddings"], 3500)
        process = subprocess.Popen(command, stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(process.kill)
        os.set_blocking(process.stdout.fileno(), False)
        said = ""

        def until(done, seconds=60):
            nonlocal said
            end = time.monotonic() + seconds
            while time.monotonic() < end and not done():
                said += (process.stdout.read() or b"").decode()
                time.sleep(0.005)
            self.assertTrue(done(), said[-200:])

        os.write(main, b"w5 w9\n")
        until(lambda: len(said) > 20)
        process.send_signal(signal.SIGINT)
        until(lambda: "\n" in said)
        self.assertIsNone(process.poll())
        first = said.index("\n")
        self.assertLess(len(said[:first].split()), 3490)
        process.send_signal(signal.SIGINT)  # between answers it is no end either
        time.sleep(0.1)
        self.assertIsNone(process.poll())
        os.write(main, b"/exit\n")
        self.assertEqual(process.wait(30), 0)

    def test_example(self):
        """The example has a tokenizer: bytes of characters come whole."""
        file = harness.compiled(EXAMPLE)
        result = harness.ok("run", file, "--weights", EXAMPLE, "--prompt", "Zoë said:", "--max-tokens", 40)
        self.assertTrue(result.out.strip())
        ids = [int(i) for i in harness.ok("run", file, "--weights", EXAMPLE, "--prompt", "Zoë said:", "--max-tokens", 40, "--print-ids").out.split()]
        self.assertEqual(len(ids), 40)
        self.assertRegex(result.err, re.escape("temperature 0.8, top_k 50, top_p 0.95"))


if __name__ == "__main__":
    unittest.main()
