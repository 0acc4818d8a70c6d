"""Bad input: a clear error, status 1, nothing partial left, never a crash."""

import json
import os
import random
import resource
import shutil
import subprocess
import unittest

import numpy as np

import harness
import tensors
from harness import assert_fails

PACK = "minimax-window-top4"
SHARDED = "minimax-m1-shared"


class BadInput(unittest.TestCase):
    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        self.folder = harness.pack(PACK)
        self.file = harness.compiled(self.folder, "--dtype", "f32")

    def run_prompt(self, file=None, weights=None, ids="1,2,3", *options, **more):
        return harness.run(
            "run", file or self.file, "--weights", weights or self.folder,
            "--prompt-ids", ids, "--max-tokens", 2, *options, **more,
        )  # fmt: skip

    def model(self, pack=PACK):
        return harness.copy_pack(harness.pack(pack), self.work / "model")


class Requests(BadInput):
    GOOD = {"id": "good", "prompt_ids": [1, 2, 3], "max_tokens": 1}

    def check(self, line, *words, options=()):
        """The bad line is the second of three; nothing is written."""
        source, output = self.work / "in.jsonl", self.work / "out" / "out.jsonl"
        output.parent.mkdir(exist_ok=True)
        output.unlink(missing_ok=True)
        text = line if isinstance(line, str) else json.dumps(line)
        last = dict(self.GOOD, id="last")
        source.write_text(f"{json.dumps(self.GOOD)}\n{text}\n{json.dumps(last)}\n")
        result = harness.run(
            "run", self.file, "--weights", self.folder, "--batch", source, "--output", output,
            "--dump-logits", output.parent / "logits.safetensors",
            "--stats", output.parent / "stats.json", *options,
        )  # fmt: skip
        assert_fails(self, result, *words)
        self.assertRegex(result.err, r"(line |:)2\b", str(result))
        self.assertEqual(os.listdir(output.parent), [], str(result))

    def test_prompts(self):
        bad = {"id": "b", "prompt_ids": [1]}
        self.check(dict(bad, prompt_ids=[]), "prompt")
        vocabulary = json.loads((self.folder / "config.json").read_text())["vocab_size"]
        self.check(dict(bad, prompt_ids=[1, vocabulary]), str(vocabulary))
        self.check(dict(bad, prompt_ids=[-1]), "-1")
        self.check(dict(bad, prompt_ids=[1.5]))
        self.check(dict(bad, prompt_ids=[2**40]))
        self.check(dict(bad, prompt_ids=["1"]))
        self.check(dict(bad, prompt_ids="1,2"))
        self.check({"id": "b"}, "prompt_ids")

    def test_ids(self):
        self.check({"prompt_ids": [1]}, "id")
        self.check({"id": "good", "prompt_ids": [1]}, "good")
        self.check({"id": 5, "prompt_ids": [1]}, "id")

    def test_options(self):
        for key, values in {
            "max_tokens": (-1, 1.5, "3", None),
            "temperature": (-0.1, "hot"),
            "top_k": (-1, 0.5),
            "top_p": (0, -0.5, 1.01),
            "seed": ("x", 0.5),
            "stop_ids": (3, ["a"]),
            "early_stop": (3, {"count": 3}, {"count": 0, "probability": 0.5}, {"probability": 0.5, "often": 2}),
            "max_token": (3,),
        }.items():
            for value in values:
                with self.subTest(key=key, value=value):
                    self.check({"id": "b", "prompt_ids": [1], key: value}, key)

    def test_json(self):
        for line in ("{", "[1, 2]", '{"id": "b", "prompt_ids": [1], }', "nonsense", '"text"'):
            with self.subTest(line=line):
                self.check(line)
        self.check("[" * 100000)

    def test_context(self):
        self.check({"id": "b", "prompt_ids": [1] * 60, "max_tokens": 50}, options=("--max-context", 100))
        long = {"id": "b", "prompt_ids": [1] * 10, "max_tokens": 5000}
        self.check(long, "4096")  # max_position_embeddings
        exact = dict(self.GOOD, prompt_ids=[1] * 60, max_tokens=40)
        harness.batch(self.file, self.folder, [exact], "--max-context", 100)

    def test_prompt_ids_option(self):
        for ids in ("", "1,,2", "1,x", "1,-3", "99999", "1,2,", "1e3"):
            with self.subTest(ids=ids):
                result = self.run_prompt(None, None, ids)
                self.assertIn(result.status, (1, 2), str(result))
                self.assertTrue(result.err.strip(), str(result))

    def test_files_that_are_not_there(self):
        missing = self.work / "missing.jsonl"
        result = harness.run("run", self.file, "--weights", self.folder, "--batch", missing, "--output", self.work / "o")
        self.assertIn(result.status, (1, 2), str(result))
        self.assertIn("missing.jsonl", result.err)
        assert_fails(self, self.run_prompt(file=self.work / "none.hmlt"), "none.hmlt")
        assert_fails(self, self.run_prompt(weights=self.work / "nowhere"), "nowhere")
        assert_fails(self, self.run_prompt(file=self.work))


class Checkpoints(BadInput):
    def rewrite(self, change):
        """The checkpoint with its tensors changed by `change(dict)`."""
        model = self.model()
        path = model / "model.safetensors"
        weights = dict(tensors.read(path))
        change(weights)
        tensors.write(path, weights)
        return model

    def both(self, model, *words):
        """The run fails; so does a compilation, which reads the headers."""
        assert_fails(self, self.run_prompt(weights=model), *words)
        result = harness.run("compile", model, "-o", self.work / "out.hmlt")
        assert_fails(self, result, *words)
        self.assertFalse((self.work / "out.hmlt").exists())

    def test_missing_tensor(self):
        name = "model.layers.1.self_attn.out_proj.weight"
        self.both(self.rewrite(lambda w: w.pop(name)), name)

    def test_wrong_shape(self):
        name = "model.layers.2.block_sparse_moe.experts.3.w2.weight"
        self.both(self.rewrite(lambda w: w.update({name: w[name].T.copy()})), name)

    def test_wrong_dtype(self):
        name = "model.norm.weight"
        self.both(self.rewrite(lambda w: w.update({name: w[name].astype(np.int32)})), name)

    def test_missing_shard(self):
        model = self.model(SHARDED)
        shard = model / "model-00002-of-00003.safetensors"
        shard.unlink()
        file = harness.compiled(harness.pack(SHARDED), "--dtype", "f32")
        assert_fails(self, self.run_prompt(file, model), shard.name)
        assert_fails(self, harness.run("compile", model, "-o", self.work / "o.hmlt"), shard.name)

    def test_tensor_in_two_shards(self):
        model = self.model(SHARDED)
        index = json.loads((model / "model.safetensors.index.json").read_text())
        name, shard = sorted(index["weight_map"].items())[0]
        other = next(s for s in sorted(set(index["weight_map"].values())) if s != shard)
        weights = dict(tensors.read(model / other))
        weights[name] = tensors.read(model / shard)[name]
        tensors.write(model / other, weights)
        file = harness.compiled(harness.pack(SHARDED), "--dtype", "f32")
        words = ("in more than one file", name, "expected once", shard, other)
        assert_fails(self, self.run_prompt(file, model), *words)
        assert_fails(self, harness.run("compile", model, "-o", self.work / "o.hmlt"), *words)

    def test_bad_index(self):
        file = harness.compiled(harness.pack(SHARDED), "--dtype", "f32")
        model = self.model(SHARDED)
        index = model / "model.safetensors.index.json"
        good = json.loads(index.read_text())
        name = sorted(good["weight_map"])[5]
        for text in (
            "{", "[]", "{}", '{"weight_map": 3}', '{"weight_map": {"a": 1}}',
            json.dumps({"weight_map": {**good["weight_map"], name: "../model-00001-of-00003.safetensors"}}),
            json.dumps({"weight_map": {**good["weight_map"], name: "/etc/passwd"}}),
        ):  # fmt: skip
            with self.subTest(text=text[:40]):
                index.write_text(text)
                assert_fails(self, self.run_prompt(file, model))

    def test_truncated(self):
        model = self.model()
        path = model / "model.safetensors"
        whole = path.read_bytes()
        header = 8 + int.from_bytes(whole[:8], "little")
        for size in (0, 1, 7, 8, 9, 100, header - 1, header, header + 1, len(whole) // 2, len(whole) - 1):
            with self.subTest(size=size):
                path.write_bytes(whole[:size])
                assert_fails(self, self.run_prompt(weights=model), "model.safetensors")

    def test_hostile_headers(self):
        model = self.model()
        path = model / "model.safetensors"
        whole = path.read_bytes()
        length = int.from_bytes(whole[:8], "little")
        header, data = json.loads(whole[8 : 8 + length]), whole[8 + length :]
        name = "model.norm.weight"
        entry = header[name]
        begin, end = entry["data_offsets"]

        def variant(**change):
            return json.dumps({**header, name: {**entry, **change}}).encode()

        texts = [
            b"{}", b"[]", b"null", b"{", b"\xff\xfe{}", b'{"a": 3}', b"[" * 100000,
            json.dumps(header).encode()[:-1] + b', "%s": %s}' % (name.encode(), json.dumps(entry).encode()),
            variant(data_offsets=[begin, end + 4]),
            variant(data_offsets=[end, begin]),
            variant(data_offsets=[-4, end]),
            variant(data_offsets=[begin, 2**63]),
            variant(data_offsets=[2**64 - 8, 2**64 - 4]),
            variant(data_offsets=[0, end - begin]),  # overlaps another
            variant(data_offsets=[len(data), len(data) + end - begin]),
            variant(data_offsets="0"),
            variant(data_offsets=[begin]),
            variant(shape=[-1, -(end - begin) // 4]),
            variant(shape=[2**33, 2**33]),
            variant(shape=[1e400]),
            variant(shape=None),
            variant(dtype="F33"),
            variant(dtype=7),
        ]  # fmt: skip
        for text in texts:
            with self.subTest(header=text[-160:]):
                path.write_bytes(len(text).to_bytes(8, "little") + text + data)
                assert_fails(self, self.run_prompt(weights=model))
        for claimed in (0, 2**63, 2**64 - 1, len(whole), len(whole) - 7):
            with self.subTest(claimed=claimed):
                path.write_bytes(claimed.to_bytes(8, "little") + whole[8:])
                assert_fails(self, self.run_prompt(weights=model))

    def test_flipped_header_bits(self):
        """An error or, where the bit means nothing, a run: never a crash."""
        model = self.model()
        path = model / "model.safetensors"
        whole = bytearray(path.read_bytes())
        length = 8 + int.from_bytes(whole[:8], "little")
        rng = random.Random(3)
        for _ in range(40):
            bit = rng.randrange(8 * length)
            whole[bit // 8] ^= 1 << bit % 8
            path.write_bytes(whole)
            whole[bit // 8] ^= 1 << bit % 8
            result = self.run_prompt(weights=model)
            self.assertIn(result.status, (0, 1), f"bit {bit}\n{result}")
            if result.status:
                assert_fails(self, result)

    def test_nan_weights(self):
        name = "model.layers.0.self_attn.q_proj.weight"

        def poison(w):
            w[name] = np.full_like(w[name], np.nan)

        result = self.run_prompt(weights=self.rewrite(poison))
        assert_fails(self, result, "'prompt'", "position 3", "not finite")

    def test_one_request_that_is_not_finite(self):
        """It fails alone, with its name; the answers of the others are those that they are without it."""
        bad = 7  # the id whose embedding is not a number
        requests = [harness.request(f"r{i}", p, 5) for i, p in enumerate(([1, 2, 3], [4, bad], [5, 6, 8], [9] * 70 + [bad, 1], [2, 2]))]
        good = [r for r in requests if bad not in r["prompt_ids"]]
        wanted = harness.batch(self.file, self.folder, good, logits=False).answers
        self.assertFalse(any(bad in a["tokens"] for a in wanted.values()))

        def poison(w):
            table = w["model.embed_tokens.weight"].copy()
            table[bad] = np.nan
            w["model.embed_tokens.weight"] = table

        model = self.rewrite(poison)
        source, output = self.work / "in.jsonl", self.work / "out.jsonl"
        harness.write_requests(source, requests)
        for options in ((), ("--max-batch", 2, "--prefill-chunk", 3)):
            result = harness.run("run", self.file, "--weights", model, "--batch", source, "--output", output, *options)
            assert_fails(self, result, "request 'r1', position 2", "request 'r3', position 72", "2 of 5 requests failed")
            answers = [json.loads(line) for line in output.read_text().splitlines()]
            self.assertEqual([a["id"] for a in answers], [r["id"] for r in requests])
            for answer in answers:
                if answer["id"] in wanted:
                    self.assertEqual(answer, wanted[answer["id"]])
                else:
                    self.assertEqual(set(answer), {"id", "error"})
                    self.assertIn("not finite", answer["error"])


class Configurations(BadInput):
    def compile(self, text):
        path = self.work / "config.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        output = self.work / "out" / "m.hmlt"
        output.parent.mkdir(exist_ok=True)
        output.unlink(missing_ok=True)
        result = harness.run("compile", path, "-o", output)
        if result.status:
            self.assertEqual(os.listdir(output.parent), [], str(result))
        return result

    def test_bad_values(self):
        good = json.loads((self.folder / "config.json").read_text())
        self.assertEqual(self.compile(good).status, 0)
        for key, values in {
            "model_type": ("no_such_family", 7, ""),
            "hidden_size": (0, -8, "64", 1.5, None, 2**62),
            "num_hidden_layers": (0, -1, 10**9, 6),
            "num_attention_heads": (0, 2**40),
            "num_key_value_heads": (3, 0),
            "head_dim": (0, -2),
            "layer_types": ([], ["linear_attention"], ["round_attention"] * 5, "full_attention", [5] * 5),
            "num_experts_per_tok": (0, 10, -1),
            "num_local_experts": (0, 10**12),
            "vocab_size": (0, 2**62),
            "rms_norm_eps": (-1, "small"),
            "hidden_act": ("gelu",),
            "rope_parameters": ({"rope_type": "yarn", "rope_theta": 1e6}, 5),
            "sliding_window": (-5, "wide"),
        }.items():
            for value in values:
                with self.subTest(key=key, value=value):
                    result = self.compile({**good, key: value})
                    assert_fails(self, result, "config.json")
        assert_fails(self, self.compile({**good, "model_type": "no_such_family", "architectures": ["X"]}), "no_such_family")

    def test_bad_text(self):
        for text in ("", "{", "[]", "nonsense", "\x00\x01", "{}", "[" * 200000):
            with self.subTest(text=text[:10]):
                assert_fails(self, self.compile(text))

    def test_bad_mlir(self):
        path = self.work / "m.mlir"
        for text in ("nonsense", "func.func @f(", 'module { "no.op"() : () -> () }', ""):
            with self.subTest(text=text):
                path.write_text(text)
                result = harness.run("compile", path, "-o", self.work / "m.hmlt")
                assert_fails(self, result)
                self.assertFalse((self.work / "m.hmlt").exists())

    def test_other_sources(self):
        (self.work / "empty").mkdir()
        for source in (self.work / "missing", self.work / "empty", "/dev/null"):
            with self.subTest(source=str(source)):
                assert_fails(self, harness.run("compile", source, "-o", self.work / "m.hmlt"))

    def test_bad_options(self):
        for options in (
            ("--lightning-chunk", 0), ("--lightning-chunk", -3), ("--lightning-chunk", "x"),
            ("--split", 0), ("--split", 1), ("--split", 12), ("--split", -8), ("--split", 2048), ("--split", "x"),
            ("--dtype", "f64"), ("--target", "abacus"), ("--compile-to", "gold"), ("--no-such-flag",),
        ):  # fmt: skip
            with self.subTest(options=options):
                result = harness.run("compile", self.folder, "-o", self.work / "m.hmlt", *options)
                self.assertIn(result.status, (1, 2), str(result))
                self.assertTrue(result.err.strip())
                self.assertFalse((self.work / "m.hmlt").exists())


class Containers(BadInput):
    def test_truncated(self):
        whole = self.file.read_bytes()
        path = self.work / "cut.hmlt"
        for size in [0, 1, 4, 8, 16, 64, 1000] + [len(whole) * i // 8 for i in range(1, 8)] + [len(whole) - 1]:
            with self.subTest(size=size):
                path.write_bytes(whole[:size])
                assert_fails(self, harness.run("inspect", path), "cut.hmlt")
        assert_fails(self, self.run_prompt(file=path), "cut.hmlt")
        path.write_bytes(whole + b"more")
        self.assertIn(harness.run("inspect", path).status, (0, 1))

    def test_any_flipped_bit_is_caught(self):
        whole = bytearray(self.file.read_bytes())
        path = self.work / "flipped.hmlt"
        rng = random.Random(4)
        bits = [rng.randrange(8 * len(whole)) for _ in range(50)]
        bits += [rng.randrange(8 * 64) for _ in range(20)]
        for i, bit in enumerate(bits):
            whole[bit // 8] ^= 1 << bit % 8
            path.write_bytes(whole)
            whole[bit // 8] ^= 1 << bit % 8
            run = self.run_prompt(file=path) if i % 5 == 0 else harness.run("inspect", path)
            with self.subTest(bit=bit):
                assert_fails(self, run, "flipped.hmlt")

    def test_other_files(self):
        for name in ("config.json", "model.safetensors"):
            assert_fails(self, harness.run("inspect", self.folder / name), name)
        noise = self.work / "noise.hmlt"
        noise.write_bytes(random.Random(5).randbytes(5000))
        assert_fails(self, harness.run("inspect", noise))

    def test_weights_of_another_model(self):
        assert_fails(self, self.run_prompt(weights=harness.pack("mixtral-window")))


class FullDisk(BadInput):
    """Writing fails half-way: an error, and the old file stays as it was."""

    def limited(self, size, *arguments):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        # Python ignores SIGXFSZ; without restore_signals the command does too
        # and sees the error as a failed write, as on a full disk.
        return harness.run(*arguments, preexec_fn=limit, restore_signals=False)

    def test_compile(self):
        output = self.work / "out" / "m.hmlt"
        output.parent.mkdir()
        # The kernels are there: it is the container that is not written.
        options = (*harness.CACHED, "--target", harness.targets()[-1])
        for old in (None, b"old contents"):
            if old:
                output.write_bytes(old)
            for size in (0, 100, 4096, self.file.stat().st_size - 1):
                with self.subTest(old=old, size=size):
                    assert_fails(self, self.limited(size, "compile", self.folder, "-o", output, *options))
                    self.assertEqual(os.listdir(output.parent), ["m.hmlt"] if old else [])
                    if old:
                        self.assertEqual(output.read_bytes(), old)

    def test_run(self):
        output = self.work / "out"
        output.mkdir()
        source = self.work / "in.jsonl"
        harness.write_requests(source, [harness.request("a", [1, 2, 3] * 20, 30)])
        base = ["run", self.file, "--weights", self.folder, "--batch", source]
        logits = base + ["--output", output / "o.jsonl", "--dump-logits", output / "l.safetensors"]
        for size in (0, 64, 5000):
            with self.subTest(size=size):
                assert_fails(self, self.limited(size, *logits))
                self.assertEqual(os.listdir(output), [])
        assert_fails(self, self.limited(10, *base, "--output", output / "o.jsonl"))
        self.assertEqual(os.listdir(output), [])
        stats = ["--output", "/dev/null", "--stats", output / "s.json"]
        self.limited(10, *base, *stats)
        self.assertEqual([f for f in os.listdir(output) if f != "s.json"], [])

    def test_small_file_system(self):
        mount = self.work / "disk"
        mount.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=16k", "none", str(mount)], capture_output=True
        )
        if done.returncode:
            self.skipTest("mounting a small tmpfs is not allowed here")
        try:
            result = harness.run("compile", self.folder, "-o", mount / "m.hmlt")
            assert_fails(self, result)
            self.assertEqual(os.listdir(mount), [])
        finally:
            subprocess.run(["umount", str(mount)], check=True)

    def test_unwritable(self):
        for output in (self.work / "no" / "such" / "folder.hmlt", self.work):
            assert_fails(self, harness.run("compile", self.folder, "-o", output))


if __name__ == "__main__":
    unittest.main()
