"""A model that runs is the model that was asked for: what a checkpoint has that was not understood is an error or told
by name, in `compile` and in `run`; what does no harm is taken."""

import json
import unittest

import numpy as np

import harness
import tensors
from harness import assert_fails

PACK = "mixtral-window"  # f32
SHARDED = "minimax-m1-shared"
BF16 = "minimax-bf16"
PROMPT = [3, 1, 4, 1, 5, 9, 2, 6]


class Base(unittest.TestCase):
    def setUp(self):
        context = harness.workspace()
        self.work = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)

    def model(self, pack=PACK):
        return harness.copy_pack(harness.pack(pack), self.work / f"model{len(list(self.work.iterdir()))}")

    def compile(self, source, *options):
        """Compiles to `self.hmlt`, quickly: the kernels are those of the pack."""
        self.hmlt = self.work / "m.hmlt"
        self.hmlt.unlink(missing_ok=True)
        options = ("--target", harness.targets()[-1], *harness.CACHED, *options)
        return harness.run("compile", source, "-o", self.hmlt, *options)

    def run_prompt(self, file, weights, *options, tokens=2):
        ids = ",".join(map(str, PROMPT))
        return harness.run(
            "run", file, "--weights", weights, "--prompt-ids", ids, "--max-tokens", tokens, *options
        )

    def ok(self, result, *words, out=()):
        self.assertEqual(result.status, 0, str(result))
        for word in words:
            self.assertIn(word, result.err, str(result))
        for word in out:
            self.assertIn(word, result.out, str(result))
        if not words:
            self.assertNotIn("hamlet:", result.err, str(result))
        return result

    def rewrite(self, model, change, dtypes=None):
        """The tensors of `model` changed by `change(dict)`; their dtypes stay, but for `dtypes`."""
        path = model / "model.safetensors"
        stored = {name: entry["dtype"] for name, entry in tensors.read_header(path)[0].items() if name != "__metadata__"}
        weights = dict(tensors.read(path))
        change(weights)
        tensors.write(path, weights, {**{n: stored.get(n, "F32") for n in weights}, **(dtypes or {})})
        return model

    def header(self, model, change, pad=b""):
        """The header of `model.safetensors` changed by `change(dict)`, with `pad` after it."""
        path = model / "model.safetensors"
        whole = path.read_bytes()
        length = int.from_bytes(whole[:8], "little")
        header = json.loads(whole[8 : 8 + length])
        change(header)
        text = json.dumps(header).encode() + pad
        path.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])
        return model


class Tensors(Base):
    def test_unused(self):
        file = harness.compiled(harness.pack(PACK))
        clean = self.run_prompt(file, harness.pack(PACK))
        self.ok(clean, "finished")
        model = self.rewrite(self.model(), lambda w: w.update({"mtp.fc.weight": np.ones(3, np.float32)}))
        self.ok(self.compile(model), "hamlet: warning: ", "tensors: 1 unused", "mtp.fc.weight")
        for compiled in (file, self.hmlt):
            assert_fails(self, self.run_prompt(compiled, model), "1 unused", "mtp.fc.weight", "--ignore-unused")
            taken = self.run_prompt(compiled, model, "--ignore-unused")
            self.ok(taken, "hamlet: warning: ", "mtp.fc.weight")
            self.assertEqual(taken.out, clean.out)

    def test_parts_of_layers(self):
        file = harness.compiled(harness.pack(PACK))
        for name in ("self_attn.q_norm.weight", "self_attn.q_proj.bias", "self_attn.q_proj.weight_scale_inv"):
            with self.subTest(name=name):
                name = f"model.layers.0.{name}"
                model = self.rewrite(self.model(), lambda w: w.update({name: np.ones(3, np.float32)}))
                assert_fails(self, self.compile(model), name, "--ignore-unused")
                self.assertFalse(self.hmlt.exists())
                assert_fails(self, self.run_prompt(file, model), name)
                self.ok(self.compile(model, "--ignore-unused"), "hamlet: warning: ", name)

    def test_known_to_be_useless(self):
        file = harness.compiled(harness.pack(BF16))
        extra = {f"model.layers.{i}.self_attn.slope_rate": np.ones((2, 1, 1), np.float32) for i in range(3)}
        model = self.rewrite(self.model(BF16), lambda w: w.update(extra))
        self.ok(self.compile(model), out=("3 unused (a persistent buffer of decay rates",))
        for compiled in (file, self.hmlt):
            self.ok(self.run_prompt(compiled, model), "hamlet: note: unused tensors, 3: '*.self_attn.slope_rate' (a")

    def test_unread_dtypes(self):
        def fnuz(header):
            end = max(e["data_offsets"][1] for n, e in header.items() if n != "__metadata__")
            header["mtp.fc"] = {"dtype": "F8_E4M3FNUZ", "shape": [0], "data_offsets": [end, end]}

        model = self.header(self.model(), fnuz)
        self.ok(self.compile(model), "mtp.fc")
        self.ok(self.run_prompt(self.hmlt, model, "--ignore-unused"), "mtp.fc")
        # Where it is read it is refused by name.
        name = "model.norm.weight"
        model = self.header(self.model(), lambda h: h[name].update(dtype="F8_E4M3FNUZ"))
        for result in (self.compile(model), self.run_prompt(harness.compiled(harness.pack(PACK)), model)):
            assert_fails(self, result, name, "F8_E4M3FNUZ")

    def test_headers(self):
        file = harness.compiled(harness.pack(PACK))

        def odd(header):
            header["__metadata__"] = None
            header["model.norm.weight"].update(quantizer={"a": [1, None]}, note="x", n=-1.5)

        model = self.header(self.model(), odd)
        for result in (self.compile(model), self.run_prompt(file, model)):
            self.assertEqual(result.status, 0, str(result))
        model = self.header(self.model(), lambda h: None, pad=b"\0\0\0")
        for result in (self.compile(model), self.run_prompt(file, model)):
            assert_fails(self, result, "NUL", "model.safetensors")

    def test_index_entries_without_tensors(self):
        file = harness.compiled(harness.pack(SHARDED))
        model = self.model(SHARDED)
        index = model / "model.safetensors.index.json"
        content = json.loads(index.read_text())
        shard = content["weight_map"]["lm_head.weight"]
        content["weight_map"].update({"mtp.fc.weight": shard, "vision.a": "not-there.safetensors"})
        index.write_text(json.dumps(content))
        words = ("not-there.safetensors is not there", "mtp.fc.weight")
        self.ok(self.compile(model), out=words)
        self.ok(self.run_prompt(file, model), *words)
        content["weight_map"]["model.norm.weight"] = "not-there.safetensors"
        index.write_text(json.dumps(content))
        for result in (self.compile(model), self.run_prompt(file, model)):
            assert_fails(self, result, "1 missing: not-there.safetensors")

    def test_two_forms(self):
        model = self.model()
        (model / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}')
        word = "model.safetensors is read"
        self.ok(self.compile(model), out=(word,))
        self.ok(self.run_prompt(self.hmlt, model), word)


class MixedDTypes(Base):
    def logits(self, file, model):
        return harness.batch(file, model, [harness.request("a", PROMPT * 9)]).logits["a"]

    def test_head(self):
        """The head is taken as it is: logits grow by exactly what it does, which bf16 could not hold."""
        pure = harness.compiled(harness.pack(BF16))
        grow = np.float32(1 + 2**-12)
        model = self.rewrite(
            self.model(BF16), lambda w: w.update({"lm_head.weight": w["lm_head.weight"] * grow}), {"lm_head.weight": "F32"}
        )
        small = self.memory(self.compile(harness.pack(BF16)))
        result = self.ok(self.compile(model), out=("1 in f32", "stored in bf16", ", bf16\n"))
        self.assertEqual(self.memory(result), small)
        want = self.logits(pure, harness.pack(BF16)) * grow
        error = np.abs(self.logits(self.hmlt, model) - want).max() / np.abs(want).max()
        self.assertLess(error, 1e-6)

    def memory(self, result):
        return next(line for line in result.out.splitlines() if line.startswith("memory"))

    def test_single_matrices(self):
        """As near to the f32 model as the bf16 model is, in the bf16 model's memory."""
        folder = harness.pack(BF16)
        small = self.memory(self.compile(folder))
        truth = self.logits(harness.compiled(folder, "--dtype", "f32"), folder)
        pure = self.logits(harness.compiled(folder), folder)
        scale = np.abs(truth).max()
        layer = "model.layers.0."
        for names in (
            ["model.embed_tokens.weight"],
            [layer + "self_attn.qkv_proj.weight", layer + "block_sparse_moe.experts.2.w2.weight"],
            [layer + "block_sparse_moe.experts.1.w1.weight"],
        ):
            with self.subTest(names=names):
                # What the configuration says is not needed: most bytes are bf16.
                model = self.rewrite(self.model(BF16), lambda w: None, {n: "F32" for n in names})
                harness.edit_config(model, dtype=None)
                words = (f"{len(names)} in f32", "which most of their bytes are in")
                result = self.ok(self.compile(model), out=words)
                self.assertEqual(self.memory(result), small)
                found = self.logits(self.hmlt, model)
                error = np.abs(found - truth).max() / scale
                self.assertLess(error, 1.5 * np.abs(pure - truth).max() / scale)
                if "embed" in names[0]:  # rounded after the lookup or before it
                    harness.assert_same_bits(self, found, pure, names[0])

    def test_configuration_decides(self):
        model = self.rewrite(self.model(BF16), lambda w: None, {"lm_head.weight": "F32"})
        harness.edit_config(model, dtype="float32")
        result = self.ok(self.compile(model), out=("stored in f32, as its configuration says", ", f32\n"))
        truth = self.logits(harness.compiled(harness.pack(BF16), "--dtype", "f32"), harness.pack(BF16))
        harness.assert_same_bits(self, self.logits(self.hmlt, model), truth, str(result))


class Configurations(Base):
    def plan(self, **changes):
        folder = harness.edit_config(self.model(), **changes)
        return harness.run("plan", folder / "config.json"), folder

    def test_refused(self):
        for name, value in {
            "quantization_config": {"quant_method": "fp8"},
            "attn_logit_softcapping": 50.0,
            "rope_parameters": {"type": "yarn", "factor": 4},
            "rope_scaling": {"type": "linear", "factor": 2},
            "mlp_bias": True,
            "no_rope_layers": [1, 0, 1],
        }.items():
            with self.subTest(key=name):
                result, folder = self.plan(**{name: value})
                assert_fails(self, result, "config.json", name)
                for source in (folder, folder / "config.json"):
                    assert_fails(self, self.compile(source), "config.json", name)

    def test_taken(self):
        for changes in (
            dict(rope_theta=None, rope_parameters={"rope_theta": 1e6}),
            dict(rope_scaling={}),
            dict(rope_scaling={"rope_type": "default"}, rope_parameters={"type": "default"}),
            dict(initializer_range=float("inf"), router_aux_loss_coef=float("nan")),
            dict(quantization_config=None, attn_logit_softcapping=None, mlp_bias=False),
        ):
            with self.subTest(**changes):
                self.ok(self.plan(**changes)[0])

    def test_unknown_keys_are_warnings(self):
        result, folder = self.plan(my_note=[1], other_thing="x")
        self.ok(result, "hamlet: warning: ", "my_note, other_thing")
        self.ok(self.compile(folder, "--quiet"), "my_note, other_thing")

    def test_weights_of_another_configuration(self):
        file = harness.compiled(harness.pack(PACK))
        self.assertNotIn("warning", self.run_prompt(file, harness.pack(PACK)).err)
        model = harness.edit_config(
            self.model(), rope_theta=1e5, eos_token_id=7, rms_norm_eps=1e-6, sliding_window=100, transformers_version="9",
            attn_logit_softcapping=30.0, mlp_bias=False,
        )  # fmt: skip
        result = self.run_prompt(file, model)
        self.assertEqual(result.status, 0, str(result))
        for line in (
            "rope_theta: compiled with 1000000, found 100000.0",
            "eos_token_id: compiled with null, found 7",
            "rms_norm_eps: compiled with 1e-05, found 1e-06",
            "attn_logit_softcapping: compiled without it, found 30.0",
        ):
            self.assertIn(line, result.err)
        self.assertEqual(result.err.count("warning"), 4, str(result))

    def test_tokens_that_end_an_answer(self):
        """Only the generation's configuration has them: they count, and it is said."""
        first = int(self.run_prompt(harness.compiled(harness.pack(PACK)), harness.pack(PACK), tokens=5).out.split()[0])
        model = self.model()
        (model / "generation_config.json").write_text(json.dumps({"eos_token_id": [first]}))
        self.ok(self.compile(model), out=(f"generation_config.json: eos_token_id {first} ends",))
        result = self.run_prompt(self.hmlt, model, tokens=5)
        self.assertEqual(result.out.split(), [str(first)], str(result))
        self.assertIn("finished: stop", result.err)


if __name__ == "__main__":
    unittest.main()
