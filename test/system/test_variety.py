"""Random small models of every kind of shape, made here from seeds: compiled, compared with the float64 reference in
f32, and bit-equal between one prefill, pieces and single tokens, in f32 and in bf16."""

import json
import pathlib
import sys
import unittest

import numpy as np

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import make_golden  # noqa: E402
import reference  # noqa: E402
import tensors  # noqa: E402


def shape(rng):
    """Sizes with no regard for powers of two."""
    heads_kv = int(rng.choice([1, 2, 3]))
    heads = heads_kv * int(rng.choice([1, 2, 3, 5]))
    dim = int(rng.choice([8, 10, 12, 20, 24, 34]))
    experts = int(rng.choice([2, 3, 5, 8]))
    return dict(
        hidden_size=int(rng.choice([24, 36, 48, 50, 66])),
        num_attention_heads=heads,
        num_key_value_heads=heads_kv,
        head_dim=dim,
        intermediate_size=int(rng.choice([17, 32, 33, 50])),
        num_local_experts=experts,
        num_experts_per_tok=int(rng.integers(1, min(experts, 4) + 1)),
        vocab_size=int(rng.choice([61, 97, 130])),
        tie_word_embeddings=bool(rng.integers(2)),
        sliding_window=None if rng.integers(2) else int(rng.choice([1, 5, 64, 100])),
    )


def make(seed, folder):
    rng = np.random.default_rng(seed)
    layers = int(rng.integers(1, 6))
    sizes = shape(rng)
    kinds = [int(k) for k in rng.integers(0, 2, layers)]
    dtype = ("F32", "F16", "F32", "BF16")[seed % 4]
    if seed % 2:
        if layers == 1:
            kinds = [1]
        config = make_golden.remote(
            "MiniMaxM1ForCausalLM", kinds, bool(rng.integers(2)), model_type="minimax_m1",
            rotary_dim=2 * int(rng.integers(1, sizes["head_dim"] // 2 + 1)),
            shared_intermediate_size=int(rng.choice([0, 0, 21])), **sizes,
        )  # fmt: skip
    else:
        names = ("linear_attention", "full_attention")
        config = make_golden.native(
            layers, layer_types=[names[k] for k in kinds], block_size=64,
            rope_parameters=make_golden.rope(1e6, float(rng.choice([0.5, 1.0]))), **sizes,
        )  # fmt: skip
        if sizes["head_dim"] % 4:
            config["rope_parameters"]["partial_rotary_factor"] = 1.0
    config["torch_dtype"] = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}[dtype]
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    spec = reference.read_config(config)
    weights, dtypes = make_golden.make_weights(spec, rng, dtype)
    if seed % 3:
        tensors.write(folder / "model.safetensors", weights, dtypes)
    else:
        place = {n: i % 3 for i, n in enumerate(rng.permutation(sorted(weights)))}
        tensors.write_sharded(folder, weights, place, dtypes)
    return config, reference.Model(spec, weights), rng


class Variety(unittest.TestCase):
    def check(self, seed):
        with harness.workspace() as work:
            folder = work / "model"
            config, model, rng = make(seed, folder)
            chunk = int(rng.choice([1, 7, 32, 64, 100, 256]))
            # Prompts whose routing f32 cannot flip.
            prompts = {}
            for length in (1, 2, 63, 65, 130):
                for _ in range(40):
                    ids = rng.integers(0, config["vocab_size"], length)
                    model.router_margin = np.inf
                    want = model.forward(ids)
                    if model.router_margin > 3e-5:
                        prompts[f"n{length}"] = (ids, want)
                        break
            self.assertTrue(prompts)
            requests = [harness.request(n, ids) for n, (ids, _) in prompts.items()]
            about = json.dumps({"seed": seed, "chunk": chunk, **config})
            for dtype in ("f32", "bf16"):
                file = work / f"{dtype}.hmlt"
                harness.ok("compile", folder, "-o", file, "--dtype", dtype, "--lightning-chunk", chunk)
                whole = harness.batch(file, folder, requests)
                if dtype == "f32":
                    for name, (_, want) in prompts.items():
                        error = np.abs(whole.logits[name] - want).max() / np.abs(want).max()
                        self.assertLessEqual(error, 1e-5, f"{name} {about}")
                for options in (("--prefill-chunk", 1), ("--prefill-chunk", 7, "--threads", 1), ("--max-batch", 1)):
                    other = harness.batch(file, folder, requests, *options)
                    for name in prompts:
                        harness.assert_same_bits(self, other.logits[name], whole.logits[name], f"{name} {options} {about}")


for seed in range(12):
    setattr(Variety, f"test_seed_{seed:02}", lambda self, seed=seed: self.check(seed))

if __name__ == "__main__":
    unittest.main()
