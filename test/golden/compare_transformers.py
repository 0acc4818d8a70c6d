#!/usr/bin/env python3
"""Compares packs with Transformers (f32 and bf16, CPU) and records its errors.

    compare_transformers.py [PACK ...] [--update]

Run it with a Python that has torch and transformers. Without --update it fails
where Transformers' f32 logits are not within 1e-5 of a pack's. Packs that
Transformers cannot read are listed and passed over. In the `minimax` dialect
Transformers 5.23 ignores `partial_rotary_factor`, which is repaired here.
"""

import argparse
import json
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import tensors

try:
    import torch
    import transformers
    from transformers.models.minimax import modeling_minimax
except ImportError as error:
    print(f"SKIP: {error}")
    sys.exit(77)

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

READABLE = ("minimax", "mixtral", "qwen3_moe")
BF16_FACTOR = 1.25
BF16_FROM = 63  # tokens


def repair_rotary(model, config):
    """Rotates only the first rotary_dim of each head."""
    rope = config["rope_parameters"]
    dim = int(config["head_dim"] * rope["partial_rotary_factor"])
    power = rope["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.float) / dim)
    model.model.rotary_emb.inv_freq = 1.0 / power

    def apply(q, k, cos, sin, unsqueeze_dim=1):
        cos, sin = cos.unsqueeze(unsqueeze_dim), sin.unsqueeze(unsqueeze_dim)

        def one(x):
            a, rest = x[..., :dim], x[..., dim:]
            a = a * cos + modeling_minimax.rotate_half(a) * sin
            return torch.cat([a, rest], -1)

        return one(q), one(k)

    modeling_minimax.apply_rotary_pos_emb = apply


def load(folder, config, dtype):
    if not (folder / "model.safetensors").exists():
        raise ValueError("sharded; only single files are compared")
    model = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=dtype, attn_implementation="eager"
    )
    if config["model_type"] == "minimax":
        repair_rotary(model, config)
    return model.eval()


def errors(folder, config, dtype):
    """(largest error over largest logit, median row error of each case)."""
    model = load(folder, config, dtype)
    golden = tensors.read(folder / "golden.safetensors")
    worst, medians = 0.0, {}
    for name, want in golden.items():
        if not name.endswith(".logits"):
            continue
        case = name[: -len(".logits")]
        ids = torch.tensor(golden[case + ".input_ids"])[None]
        with torch.no_grad():
            found = model(input_ids=ids, use_cache=False).logits[0].float().numpy()
        if case + ".positions" in golden:
            found = found[golden[case + ".positions"]]
        difference = found.astype(np.float64) - want
        worst = max(worst, float(np.abs(difference).max() / np.abs(want).max()))
        if ids.shape[1] >= BF16_FROM:
            rms = lambda x: np.sqrt((x.astype(np.float64) ** 2).mean(-1))
            medians[case] = float(np.median(rms(difference) / rms(want)))
    return worst, medians


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("packs", nargs="*", type=pathlib.Path)
    parser.add_argument("--update", action="store_true", help="write the errors to golden.json")
    args = parser.parse_args()
    failed = False
    for folder in args.packs or sorted(p.parent for p in HERE.glob("packs/*/golden.json")):
        config = json.loads((folder / "config.json").read_text())
        if config["model_type"] not in READABLE:
            print(f"{folder.name}: not read by Transformers")
            continue
        path = folder / "golden.json"
        truth = json.loads(path.read_text())
        try:
            worst, medians = errors(folder, config, torch.float32)
        except (ValueError, RuntimeError, KeyError) as error:
            print(f"{folder.name}: {error}")
            continue
        print(f"{folder.name}: f32 {worst:.2e}", end="")
        failed |= worst > 1e-5
        truth["float32"].update(transformers_max=worst, transformers_row_median=medians)
        if truth["stored"] == "bfloat16":
            worst, medians = errors(folder, config, torch.bfloat16)
            print(f", bf16 {worst:.2e}, median row {max(medians.values()):.2e}", end="")
            truth["bfloat16"] = dict(
                transformers_max=worst,
                transformers_row_median=medians,
                tolerance_row_median=BF16_FACTOR * max(medians.values()),
            )
        print()
        if args.update:
            path.write_text(json.dumps(truth, indent=1) + "\n")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
