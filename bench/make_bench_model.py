#!/usr/bin/python3
"""Writes the bench model: a random MiniMax-architecture checkpoint of 547
million parameters, 14 lightning and 2 softmax layers, 8 experts of which a
token takes two; a decoded token reads 212 million weights.

    make_bench_model.py OUT [--dtype float32|bfloat16] [--scale tiny|full]

Needs numpy only; 2.2 GB of disk in float32, 1.1 GB in bfloat16.
"""

import argparse
import json
import pathlib
import struct
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "test" / "golden"))

import reference
import tensors

SCALES = {
    "full": dict(hidden_size=1024, intermediate_size=1024, vocab_size=32000, num_attention_heads=16),
    "tiny": dict(hidden_size=256, intermediate_size=256, vocab_size=2000, num_attention_heads=4),
    # Long contexts: no softmax layer; small, so that a prompt of 64K tokens is short.
    "lightning": dict(
        hidden_size=512, intermediate_size=512, vocab_size=2000, num_attention_heads=8,
        num_hidden_layers=4, layer_types=["linear_attention"] * 4,
    ),  # fmt: skip
    # A long cache of keys and values: all layers are softmax, the rest is small.
    "softmax": dict(
        hidden_size=256, intermediate_size=64, vocab_size=512, num_attention_heads=16,
        num_hidden_layers=2, layer_types=["full_attention"] * 2,
    ),  # fmt: skip
}
LAYERS = 16


def config(scale, dtype):
    factors = {f"{p}_alpha_factor": (2 * LAYERS) ** 0.25 for p in ("linear_attn", "full_attn", "mlp")}
    values = dict(
        architectures=["MiniMaxForCausalLM"],
        model_type="minimax",
        num_hidden_layers=LAYERS,
        num_key_value_heads=4,
        head_dim=64,
        num_local_experts=8,
        num_experts_per_tok=2,
        block_size=256,
        max_position_embeddings=131072,
        hidden_act="silu",
        rms_norm_eps=1e-5,
        layer_types=(["linear_attention"] * 7 + ["full_attention"]) * (LAYERS // 8),
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=None,
        rope_parameters=dict(rope_type="default", rope_theta=1e7, partial_rotary_factor=0.5),
        torch_dtype=dtype,
        **factors,
    )
    return {**values, **SCALES[scale]}


def make(out, dtype="float32", scale="full"):
    """Writes config.json and model.safetensors under `out`, tensor by tensor;
    returns the number of parameters."""
    out = pathlib.Path(out)
    out.mkdir(parents=True, exist_ok=True)
    values = config(scale, dtype)
    stored = {"float32": "F32", "bfloat16": "BF16"}[dtype]
    width = {"F32": 4, "BF16": 2}[stored]
    shapes = list(reference.layer_shapes(reference.read_config(values)))
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for _, name, shape in shapes:
        size = int(np.prod(shape)) * width
        header[name] = dict(dtype=stored, shape=list(shape), data_offsets=[offset, offset + size])
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    rng = np.random.default_rng(0)
    partial = out / "model.safetensors.partial"
    with open(partial, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text)
        for role, _, shape in shapes:
            w = rng.standard_normal(shape, np.float32)
            if len(shape) == 1:
                w = 1 + np.float32(0.1) * w
            elif role != "embed":
                w *= np.float32(shape[-1] ** -0.5)
            f.write(tensors.encode(w, stored))
    partial.rename(out / "model.safetensors")
    (out / "config.json").write_text(json.dumps(values, indent=1) + "\n")
    return offset // width


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--dtype", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--scale", default="full", choices=SCALES)
    args = parser.parse_args()
    print(f"{make(args.out, args.dtype, args.scale):,} parameters in {args.out}")


if __name__ == "__main__":
    main()
