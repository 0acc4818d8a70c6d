"""Random small models of every kind of shape, made here from seeds: compiled, compared with the float64 reference in
f32, and bit-equal between one prefill, pieces and single tokens, in f32 and in bf16. Some have a matrix that is stored
in another dtype; those are compiled as stored too."""

import json
import os
import pathlib
import sys
import unittest

import numpy as np

import harness

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "golden"))
import make_golden  # noqa: E402
import reference  # noqa: E402
import tensors  # noqa: E402


DTYPES = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}


def shape(rng):
    """Sizes with no regard for powers of two."""
    heads_kv = int(rng.choice([1, 2, 3]))
    heads = heads_kv * int(rng.choice([1, 2, 3, 4, 5]))
    experts = int(rng.choice([2, 3, 5, 8]))
    return dict(
        hidden_size=int(rng.choice([24, 36, 48, 50, 66, 100])),
        num_attention_heads=heads,
        num_key_value_heads=heads_kv,
        head_dim=int(rng.choice([8, 10, 12, 20, 24, 34, 40, 80, 96])),
        intermediate_size=int(rng.choice([17, 32, 33, 50, 72])),
        num_local_experts=experts,
        num_experts_per_tok=int(rng.integers(1, min(experts, 4) + 1)),
        vocab_size=int(rng.choice([61, 97, 130, 257])),
        tie_word_embeddings=bool(rng.integers(2)),
        sliding_window=None if rng.integers(2) else int(rng.choice([1, 5, 64, 100])),
    )


def minimax(rng, kinds, sizes):
    names = ("linear_attention", "full_attention")
    fraction = float(rng.choice([0.25, 0.5, 1.0]))
    if sizes["head_dim"] * fraction % 2:
        fraction = 1.0
    return make_golden.native(
        len(kinds), layer_types=[names[k] for k in kinds], block_size=int(rng.choice([32, 64, 256])),
        rope_parameters=make_golden.rope(1e6, fraction), **sizes,
    )  # fmt: skip


def remote(architecture, model_type):
    def config(rng, kinds, sizes):
        if len(kinds) == 1:
            kinds = [1]
        return make_golden.remote(
            architecture, kinds, bool(rng.integers(2)), model_type=model_type,
            rotary_dim=2 * int(rng.integers(1, sizes["head_dim"] // 2 + 1)),
            shared_intermediate_size=int(rng.choice([0, 21, 48])), **sizes,
        )  # fmt: skip

    return config


def mixtral(rng, kinds, sizes):
    more = [dict(rope_theta=1e5), dict(rope_parameters=dict(rope_type="default", rope_theta=1e5)), {}]
    return dict(
        architectures=["MixtralForCausalLM"], model_type="mixtral", num_hidden_layers=len(kinds), hidden_act="silu",
        max_position_embeddings=4096, rms_norm_eps=1e-5, bos_token_id=None, eos_token_id=None,
        **more[rng.integers(3)], **sizes,
    )  # fmt: skip


def qwen3_moe(rng, kinds, sizes):
    experts, width = sizes.pop("num_local_experts"), sizes.pop("intermediate_size")
    return dict(
        architectures=["Qwen3MoeForCausalLM"], model_type="qwen3_moe", num_hidden_layers=len(kinds),
        hidden_act="silu", max_position_embeddings=4096, rms_norm_eps=1e-6, rope_theta=1e6, attention_bias=False,
        intermediate_size=3 * width, moe_intermediate_size=width, num_experts=experts, decoder_sparse_step=1,
        mlp_only_layers=[], norm_topk_prob=bool(rng.integers(2)), use_sliding_window=bool(rng.integers(2)),
        bos_token_id=None, eos_token_id=None, **sizes,
    )  # fmt: skip


DIALECTS = [
    minimax,
    remote("MiniMaxM1ForCausalLM", "minimax_m1"),
    remote("MiniMaxText01ForCausalLM", "minimax_text_01"),
    mixtral,
    qwen3_moe,
]


def make(seed, folder):
    rng = np.random.default_rng(seed)
    sizes = shape(rng)
    kinds = [int(k) for k in rng.integers(0, 2, int(rng.integers(1, 6)))]
    config = DIALECTS[seed % len(DIALECTS)](rng, kinds, sizes)
    dtype = str(rng.choice(["F32", "F32", "F16", "BF16"]))
    config["torch_dtype"] = DTYPES[dtype]
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config))
    spec = reference.read_config(config)
    weights, dtypes = make_golden.make_weights(spec, rng, dtype)
    mixed = dtype != "F32" and seed % 4 >= 2
    if mixed:  # one matrix is wider than the rest, with values that only it can hold
        matrices = [n for n in sorted(weights) if weights[n].ndim > 1 and dtypes[n] != "F32"]
        name = np.random.default_rng(seed).choice(matrices)
        dtypes[name] = "F32"
        weights[name] = weights[name] * np.float32(1 + 2**-13)
    if seed % 3:
        tensors.write(folder / "model.safetensors", weights, dtypes)
    else:
        place = {n: i % 3 for i, n in enumerate(rng.permutation(sorted(weights)))}
        tensors.write_sharded(folder, weights, place, dtypes)
    return config, reference.Model(spec, weights), mixed, rng


class Variety(unittest.TestCase):
    def check(self, seed):
        with harness.workspace() as work:
            folder = work / "model"
            config, model, mixed, rng = make(seed, folder)
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
            levels = harness.targets()
            exact = None
            for dtype in ("f32", "as-stored" if mixed else "bf16"):
                file = work / f"{dtype}.hmlt"
                target = levels[seed // len(DIALECTS) % len(levels)]
                harness.compile_pack(folder, file, "--dtype", dtype, "--lightning-chunk", chunk, "--target", target)
                whole = harness.batch(file, folder, requests)
                exact = exact or whole.logits
                if mixed and config["torch_dtype"] == DTYPES["F16"]:  # f32 arithmetic
                    for name in prompts:
                        harness.assert_same_bits(self, whole.logits[name], exact[name], f"{name} {about}")
                if dtype == "f32":
                    for name, (_, want) in prompts.items():
                        error = np.abs(whole.logits[name] - want).max() / np.abs(want).max()
                        self.assertLessEqual(error, 1e-5, f"{name} {about}")
                for options in (("--prefill-chunk", 1), ("--prefill-chunk", 7, "--threads", 1), ("--max-batch", 1)):
                    other = harness.batch(file, folder, requests, *options)
                    for name in prompts:
                        harness.assert_same_bits(self, other.logits[name], whole.logits[name], f"{name} {options} {about}")


# HAMLET_SEEDS=12:200 tries others.
first, last = map(int, os.environ.get("HAMLET_SEEDS", "0:15").split(":"))
for seed in range(first, last):
    setattr(Variety, f"test_seed_{seed:03}", lambda self, seed=seed: self.check(seed))

if __name__ == "__main__":
    unittest.main()
