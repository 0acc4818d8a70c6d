#!/usr/bin/env python3
"""Converts a checkpoint of bench/make_bench_model.py to llama.cpp's format.

    convert_llama.py SOURCE MODEL OUT.gguf --dtype f32|bf16

SOURCE is llama.cpp's folder: its converter does the work, for the architecture
of MiniMax-M1. Different from a real checkpoint are the dialect (the bench model
is written in that of Transformers' `minimax`, with the same tensors) and the
vocabulary, which has a size and no words. Runs in an environment that has torch
and transformers.
"""

import argparse
import json
import os
import pathlib
import sys
import tempfile


def remote_code_config(config):
    """The configuration in the dialect of MiniMax-M1."""
    same = (
        "hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "intermediate_size",
        "num_local_experts", "num_experts_per_tok", "vocab_size", "max_position_embeddings", "hidden_act", "rms_norm_eps",
        "tie_word_embeddings", "torch_dtype",
    )  # fmt: skip
    rope = config["rope_parameters"]
    values = dict(
        architectures=["MiniMaxM1ForCausalLM"],
        model_type="minimax_m1",
        rotary_dim=int(config["head_dim"] * rope["partial_rotary_factor"]),
        rope_theta=rope["rope_theta"],
        attn_type_list=[int(kind == "full_attention") for kind in config["layer_types"]],
        postnorm=True,
        shared_intermediate_size=0,
        shared_moe_mode="sigmoid",
    )
    for ours, theirs in ("full_attn", "full_attention"), ("linear_attn", "linear_attention"), ("mlp", "mlp"):
        for factor in ("alpha", "beta"):
            values[f"layernorm_{theirs}_{factor}"] = config.get(f"{ours}_{factor}_factor", 1.0)
    return {**{key: config[key] for key in same}, **values}


def convert(source, model, out, dtype):
    sys.path[:0] = [str(source), str(source / "gguf-py")]
    import gguf
    import torch
    from conversion import get_model_class

    parent = get_model_class("MiniMaxM1ForCausalLM")

    class BenchModel(parent):
        model_arch = parent.model_arch

        def set_vocab(self):
            self._set_vocab_none()
            self.gguf_writer.add_vocab_size(self.hparams["vocab_size"])

        def _get_suppress_tokens(self):
            return None

    kinds = dict(f32=gguf.LlamaFileType.ALL_F32, bf16=gguf.LlamaFileType.MOSTLY_BF16)
    partial = out.with_suffix(".partial.gguf")
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        folder = pathlib.Path(folder)
        values = remote_code_config(json.loads((model / "config.json").read_text()))
        (folder / "config.json").write_text(json.dumps(values))
        os.symlink((model / "model.safetensors").resolve(), folder / "model.safetensors")
        BenchModel(folder, kinds[dtype], partial, model_name="bench").write()
    partial.rename(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--dtype", required=True, choices=("f32", "bf16"))
    args = parser.parse_args()
    convert(args.source, args.model, args.out, args.dtype)


if __name__ == "__main__":
    main()
