#!/usr/bin/python3
"""Writes the checkpoint of this folder: a random MiniMax-architecture model in
the Hugging Face layout, two groups of seven lightning layers and one softmax
layer. Same bytes each time with one version of numpy.

    make_checkpoint.py [OUT]
"""

import argparse
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "test" / "golden"))

import reference
import tensors

LAYERS = 16
CONFIG = dict(
    architectures=["MiniMaxForCausalLM"],
    model_type="minimax",
    hidden_size=96,
    num_hidden_layers=LAYERS,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=32,
    intermediate_size=48,
    num_local_experts=4,
    num_experts_per_tok=2,
    vocab_size=512,
    block_size=256,
    max_position_embeddings=8192,
    hidden_act="silu",
    rms_norm_eps=1e-5,
    layer_types=(["linear_attention"] * 7 + ["full_attention"]) * (LAYERS // 8),
    tie_word_embeddings=False,
    bos_token_id=None,
    eos_token_id=None,
    sliding_window=None,
    rope_parameters=dict(rope_type="default", rope_theta=1e7, partial_rotary_factor=0.5),
    **{f"{part}_alpha_factor": (2 * LAYERS) ** 0.25 for part in ("linear_attn", "full_attn", "mlp")},
    dtype="bfloat16",
)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", nargs="?", type=pathlib.Path, default=HERE)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    (out / "config.json").write_text(json.dumps(CONFIG, indent=1) + "\n")
    rng, weights, dtypes = np.random.default_rng(20), {}, {}
    for role, name, shape in reference.layer_shapes(reference.read_config(CONFIG)):
        if len(shape) == 1:
            w = 1.0 + 0.1 * rng.standard_normal(shape)
        elif role == "embed":
            w = rng.standard_normal(shape)
        else:
            w = rng.standard_normal(shape) * shape[1] ** -0.5
            w *= 2.0 if role in ("router", "output_gate", "head") else 1.0
        dtypes[name] = "F32" if role == "router" else "BF16"
        weights[name] = tensors.round_to(w, dtypes[name])
    tensors.write(out / "model.safetensors", weights, dtypes)
    count = sum(w.size for w in weights.values())
    size = (out / "model.safetensors").stat().st_size
    print(f"{count:,} parameters, {size / 1e6:.1f} MB in {out}")


if __name__ == "__main__":
    main()
