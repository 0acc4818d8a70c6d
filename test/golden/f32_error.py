#!/usr/bin/env python3
"""The error of f32 at real widths: Transformers' beside which ours must stand.

    f32_error.py [--update]

Each case is a random Mixtral of two layers, normal weights of deviation 0.02
and a prompt of 40, with one wide dimension. The error is the root mean square
of logit - truth over that of the truth, which reference.py works out in
float64. With a Python that has torch and transformers this prints torch's, and
with --update writes them to f32_error.json; test/system/test_f32_error.py
makes the same checkpoints and compares Hamlet's.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import reference
import tensors

STORE = HERE / "f32_error.json"
# (hidden, intermediate): each width once where hidden is summed over, and once
# where the experts' is.
CASES = [
    (64, 96), (128, 64), (256, 64), (512, 64), (1024, 64), (2048, 64), (4096, 32),
    (6144, 32), (9216, 16), (18432, 16), (24576, 16),
    (64, 256), (64, 512), (64, 1024), (64, 2048), (64, 4096), (64, 9216), (64, 24576),
]  # fmt: skip
PROMPT = 40


def name(case):
    return f"{case[0]}/{case[1]}"


def write_checkpoint(folder, case):
    """Writes the checkpoint of a case and returns its prompt."""
    hidden, intermediate = case
    config = {
        "architectures": ["MixtralForCausalLM"], "model_type": "mixtral", "hidden_size": hidden,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "intermediate_size": intermediate, "num_local_experts": 2, "num_experts_per_tok": 2, "vocab_size": 96,
        "max_position_embeddings": 128, "hidden_act": "silu", "rms_norm_eps": 1e-5, "rope_theta": 1e6,
        "sliding_window": None, "tie_word_embeddings": False, "bos_token_id": None, "eos_token_id": None,
        "torch_dtype": "float32",
    }  # fmt: skip
    rng = np.random.default_rng([hidden, intermediate])
    normal = lambda *shape: (0.02 * rng.standard_normal(shape)).astype(np.float32)
    ones = np.ones(hidden, np.float32)
    values = {"model.embed_tokens.weight": normal(96, hidden), "lm_head.weight": normal(96, hidden), "model.norm.weight": ones}
    for l in range(2):
        layer = f"model.layers.{l}."
        values[layer + "input_layernorm.weight"] = values[layer + "post_attention_layernorm.weight"] = ones
        for part, rows in (("q", 64), ("k", 32), ("v", 32)):
            values[f"{layer}self_attn.{part}_proj.weight"] = normal(rows, hidden)
        values[layer + "self_attn.o_proj.weight"] = normal(hidden, 64)
        values[layer + "block_sparse_moe.gate.weight"] = normal(2, hidden)
        for e in range(2):
            expert = f"{layer}block_sparse_moe.experts.{e}."
            values[expert + "w1.weight"] = normal(intermediate, hidden)
            values[expert + "w3.weight"] = normal(intermediate, hidden)
            values[expert + "w2.weight"] = normal(hidden, intermediate)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    tensors.write(folder / "model.safetensors", values)
    return rng.integers(0, 96, PROMPT).tolist()


def truth(folder, prompt):
    return reference.Model.load(folder).forward(prompt)


def error(logits, wanted):
    """Root mean square of the difference over that of what is wanted."""
    difference = np.asarray(logits, np.float64) - wanted
    return float(np.sqrt((difference**2).mean() / (wanted**2).mean()))


def torch_error(folder, prompt, wanted):
    import torch
    import transformers

    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    with torch.no_grad():
        return error(model.eval()(torch.tensor(prompt)[None]).logits[0].numpy(), wanted)


def main():
    import tempfile

    import torch

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    found = {}
    for case in CASES:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            prompt = write_checkpoint(folder, case)
            found[name(case)] = torch_error(folder, prompt, truth(folder, prompt))
            print(name(case), f"{found[name(case)]:.3g}", flush=True)
    if arguments.update:
        record = {"torch": torch.__version__, "cpu": torch.backends.cpu.get_cpu_capability(), "errors": found}
        STORE.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
