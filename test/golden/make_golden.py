#!/usr/bin/python3
"""Writes the golden packs in packs/: small random checkpoints and the float64
truth about them. The same packs come out each time.

    make_golden.py [NAME ...] [--out DIR]

See README.md for what a pack holds. The errors of Transformers on a pack are
added by compare_transformers.py.
"""

import argparse
import json
import pathlib
import shutil
import sys
import zlib

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import reference
import tensors

LENGTHS = [1, 2, 3, 63, 64, 65, 255, 256, 257, 300, 1000]
GREEDY_PROMPTS = [5, 70]
GREEDY_TOKENS = 64
# Cases up to this length store the logits of all positions.
STORED_WHOLE = 65

# Relative to the largest score or logit of a row; f32 differs by about 1e-6.
MIN_ROUTER_MARGIN = 4e-5
MIN_GREEDY_GAP = 1e-3
# Different tokens in a greedy run, so that it does not just repeat itself.
MIN_GREEDY_VARIETY = 8
ATTEMPTS = 200


def deepnorm(layers):
    return (2 * layers) ** 0.25


def native(layers, **more):
    factors = {f"{p}_alpha_factor": deepnorm(layers) for p in ("linear_attn", "full_attn", "mlp")}
    return dict(
        architectures=["MiniMaxForCausalLM"],
        model_type="minimax",
        num_hidden_layers=layers,
        hidden_act="silu",
        max_position_embeddings=4096,
        rms_norm_eps=1e-5,
        bos_token_id=None,
        eos_token_id=None,
        **factors,
        **more,
    )


def remote(architecture, types, postnorm, **more):
    config = dict(
        architectures=[architecture],
        num_hidden_layers=len(types),
        attn_type_list=types,
        hidden_act="silu",
        max_position_embeddings=10240,
        rms_norm_eps=1e-5,
        rope_theta=10000000,
        shared_moe_mode="sigmoid",
        bos_token_id=None,
        eos_token_id=None,
        sliding_window=None,
    )
    if postnorm:
        config["postnorm"] = True
        for part in ("full_attention", "linear_attention", "mlp"):
            config[f"layernorm_{part}_alpha"] = deepnorm(len(types))
            config[f"layernorm_{part}_beta"] = 1.0
    config.update(more)
    return config


def rope(theta, fraction):
    return dict(rope_type="default", rope_theta=theta, partial_rotary_factor=fraction)


# name: (configuration, dtype of the weights, shards)
PACKS = {
    # 7 lightning layers to 1 softmax, embeddings tied.
    "minimax-7p1-tied": (
        native(
            8,
            hidden_size=32,
            num_attention_heads=4,
            num_key_value_heads=2,
            head_dim=16,
            intermediate_size=24,
            num_local_experts=4,
            num_experts_per_tok=2,
            vocab_size=96,
            mlp_beta_factor=1.5,
            layer_types=["linear_attention"] * 7 + ["full_attention"],
            rope_parameters=rope(1e7, 0.5),
            tie_word_embeddings=True,
            sliding_window=None,
        ),
        "F32",
        1,
    ),
    # layer_types absent: alternates. 6 heads of 24, a quarter rotated.
    "minimax-alternating-6x24": (
        native(
            4,
            hidden_size=40,
            num_attention_heads=6,
            num_key_value_heads=3,
            head_dim=24,
            intermediate_size=20,
            num_local_experts=3,
            num_experts_per_tok=2,
            vocab_size=61,
            block_size=64,
            rope_parameters=rope(1e6, 0.25),
            tie_word_embeddings=False,
        ),
        "F32",
        1,
    ),
    # 7 + 1 in bf16, the pack for which PyTorch's bf16 error is recorded.
    "minimax-bf16": (
        native(
            8,
            hidden_size=64,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=32,
            intermediate_size=32,
            num_local_experts=4,
            num_experts_per_tok=2,
            vocab_size=96,
            layer_types=["linear_attention"] * 3 + ["full_attention"] + ["linear_attention"] * 4,
            rope_parameters=rope(1e7, 0.5),
            tie_word_embeddings=False,
            dtype="bfloat16",
        ),
        "BF16",
        1,
    ),
    # A shared expert; irregular layers; 3 shards; router in f32, rest bf16.
    "minimax-m1-shared": (
        remote(
            "MiniMaxM1ForCausalLM",
            [0, 1, 0, 0, 1, 1, 0],
            True,
            model_type="minimax_m1",
            hidden_size=48,
            num_attention_heads=6,
            num_key_value_heads=2,
            head_dim=16,
            rotary_dim=8,
            intermediate_size=32,
            shared_intermediate_size=40,
            num_local_experts=5,
            num_experts_per_tok=2,
            vocab_size=80,
            tie_word_embeddings=False,
            torch_dtype="bfloat16",
        ),
        "BF16",
        3,
    ),
    # f16 shards, top-1, no postnorm, odd sizes everywhere.
    "minimax-text-01-f16": (
        remote(
            "MiniMaxText01ForCausalLM",
            [0, 0, 1, 0, 0],
            False,
            model_type="minimax_text_01",
            hidden_size=36,
            num_attention_heads=3,
            num_key_value_heads=1,
            head_dim=15,
            rotary_dim=6,
            intermediate_size=28,
            num_local_experts=7,
            num_experts_per_tok=1,
            vocab_size=97,
            tie_word_embeddings=True,
            torch_dtype="float16",
        ),
        "F16",
        2,
    ),
    # top-4 of 9 experts, 5 heads, a sliding window in the softmax layers.
    "minimax-window-top4": (
        native(
            5,
            hidden_size=40,
            num_attention_heads=5,
            num_key_value_heads=5,
            head_dim=20,
            intermediate_size=16,
            num_local_experts=9,
            num_experts_per_tok=4,
            vocab_size=73,
            layer_types=["full_attention", "linear_attention", "linear_attention", "full_attention", "linear_attention"],
            rope_parameters=rope(1e7, 1.0),
            tie_word_embeddings=False,
            sliding_window=50,
        ),
        "F32",
        1,
    ),
    # rope_theta and head_dim absent; the window of the first Mistral models.
    "mixtral-window": (
        dict(
            architectures=["MixtralForCausalLM"],
            model_type="mixtral",
            hidden_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            num_key_value_heads=2,
            intermediate_size=40,
            num_local_experts=6,
            num_experts_per_tok=2,
            vocab_size=96,
            max_position_embeddings=4096,
            hidden_act="silu",
            rms_norm_eps=1e-5,
            sliding_window=100,
            tie_word_embeddings=False,
            bos_token_id=None,
            eos_token_id=None,
        ),
        "F32",
        1,
    ),
    # Weights of the chosen experts not renormalised.
    "qwen3-moe-raw": (
        dict(
            architectures=["Qwen3MoeForCausalLM"],
            model_type="qwen3_moe",
            hidden_size=40,
            num_hidden_layers=3,
            num_attention_heads=6,
            num_key_value_heads=2,
            head_dim=18,
            intermediate_size=80,
            moe_intermediate_size=24,
            num_experts=10,
            num_experts_per_tok=3,
            norm_topk_prob=False,
            decoder_sparse_step=1,
            mlp_only_layers=[],
            vocab_size=90,
            max_position_embeddings=4096,
            hidden_act="silu",
            rms_norm_eps=1e-6,
            rope_theta=1000000.0,
            attention_bias=False,
            use_sliding_window=False,
            sliding_window=64,
            tie_word_embeddings=True,
            bos_token_id=None,
            eos_token_id=None,
        ),
        "F32",
        1,
    ),
    # No family of the real world: families/lantern.yaml describes it.
    "lantern": (
        dict(
            architectures=["LanternForCausalLM"],
            model_type="lantern",
            width=32,
            n_layers=5,
            n_vocab=88,
            n_heads=4,
            n_kv_heads=2,
            head_width=20,
            rope_dims=12,
            rope_base=50000.0,
            mixers=["linear", "global", "linear", "linear", "global"],
            expert_width=24,
            n_experts=6,
            n_active_experts=3,
            norm_epsilon=1e-6,
            max_tokens=4096,
            torch_dtype="float32",
        ),
        "F32",
        1,
    ),
}


def make_weights(spec, rng, dtype):
    """Random weights as the checkpoint stores them, and each one's dtype.

    The router and the output gate get twice the usual scale, so that experts
    and gates differ from token to token.
    """
    weights, dtypes = {}, {}
    for role, name, shape in reference.layer_shapes(spec):
        if role == "router_bias":
            w = 0.2 * rng.standard_normal(shape)
        elif len(shape) == 1:
            w = 1.0 + 0.2 * rng.standard_normal(shape)
        elif role == "embed":
            w = rng.standard_normal(shape) * (spec.hidden**-0.5 if spec.tied else 1.0)
        else:
            w = rng.standard_normal(shape) * shape[1] ** -0.5
            w *= 2.0 if role in ("router", "output_gate", "head") else 1.0
        dtypes[name] = "F32" if role == "router" and dtype == "BF16" else dtype
        weights[name] = tensors.round_to(w, dtypes[name])
    return weights, dtypes


def stored_positions(length, rng):
    """Which rows of a long case are kept: ends, chunk edges, and a sample."""
    keep = {0, 1, length - 3, length - 2, length - 1}
    for chunk in (32, 64, 100, 256):
        for edge in range(chunk, length, chunk * (4 if chunk < 100 else 1)):
            keep |= {edge - 1, edge}
    keep |= set(rng.choice(length, 12, replace=False).tolist())
    return np.array(sorted(keep), np.int64)


def pick(spec, weights, rng, run, safe):
    """The first random ids for which `run(model, rng)` is `safe`."""
    for _ in range(ATTEMPTS):
        model = reference.Model(spec, weights)
        result = run(model, rng)
        if model.router_margin >= MIN_ROUTER_MARGIN and safe(result):
            return result, model.router_margin
    raise RuntimeError("no ids with safe margins; change the pack's seed or sizes")


def make_truth(spec, weights, rng):
    """Golden tensors by name, and the margins for golden.json."""
    golden, margin, gap = {}, np.inf, np.inf
    for length in LENGTHS:

        def forward(model, rng):
            ids = rng.integers(spec.vocabulary, size=length)
            return ids, model.forward(ids)

        (ids, logits), found = pick(spec, weights, rng, forward, lambda r: True)
        margin = min(margin, found)
        case = f"t{length:04d}"
        golden[case + ".input_ids"] = ids.astype(np.int64)
        if length > STORED_WHOLE:
            positions = stored_positions(length, rng)
            golden[case + ".positions"] = positions
            logits = logits[positions]
        golden[case + ".logits"] = logits.astype(np.float32)
    for length in GREEDY_PROMPTS:

        def generate(model, rng):
            ids = rng.integers(spec.vocabulary, size=length)
            tokens, found = model.greedy(ids, GREEDY_TOKENS)
            return ids, tokens, found

        def safe(result):
            return result[2] >= MIN_GREEDY_GAP and len(set(result[1])) >= MIN_GREEDY_VARIETY

        (ids, tokens, found), router = pick(
            spec, weights, rng, generate, safe
        )
        margin, gap = min(margin, router), min(gap, found)
        golden[f"greedy{length}.prompt_ids"] = ids.astype(np.int64)
        golden[f"greedy{length}.tokens"] = np.array(tokens, np.int64)
    return golden, margin, gap


def make_pack(name, folder):
    config, dtype, shards = PACKS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    spec = reference.read_config(config)
    weights, dtypes = make_weights(spec, rng, dtype)
    if shards == 1:
        tensors.write(folder / "model.safetensors", weights, dtypes)
    else:
        # Shards that follow neither layers nor experts.
        place = {n: i % shards for i, n in enumerate(rng.permutation(sorted(weights)))}
        tensors.write_sharded(folder, weights, place, dtypes)
    golden, margin, gap = make_truth(spec, weights, rng)
    tensors.write(folder / "golden.safetensors", golden)
    stored = {"F32": "float32", "BF16": "bfloat16", "F16": "float16"}[dtype]
    truth = {
        "router_margin": float(margin),
        "greedy_gap": float(gap),
        "stored": stored,
        "float32": {"tolerance_max": 1e-5},
    }
    (folder / "golden.json").write_text(json.dumps(truth, indent=1) + "\n")
    size = sum(f.stat().st_size for f in folder.iterdir())
    print(f"{name:28} {size / 1e3:8.0f} kB  router {margin:.1e}  greedy {gap:.1e}", flush=True)
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=" ".join(PACKS))
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent / "packs")
    args = parser.parse_args()
    total = sum(make_pack(name, args.out / name) for name in args.names or PACKS)
    print(f"{total / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
