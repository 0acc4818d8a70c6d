#!/usr/bin/env python3
"""Times Transformers on a checkpoint, for bench/run; prints one line of JSON.

    peer_transformers.py MODEL --dtype f32|bf16 --prompt N --decode N --threads N [--batch N]

Runs in an environment that has torch and transformers. Of the implementations
of the experts it takes, for each figure, the faster.
"""

import argparse
import json
import time

import torch
import transformers

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


@torch.no_grad()
def measure(model, prompt, decode, batch):
    """Tokens per second, all sequences together, of a prefill and of greedy decode after it."""
    generator = torch.Generator().manual_seed(0)
    ids = torch.randint(model.config.vocab_size, (batch, prompt), generator=generator)
    start = time.perf_counter()
    out = model(input_ids=ids, use_cache=True, logits_to_keep=1)
    middle = time.perf_counter()
    for _ in range(decode):
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        out = model(input_ids=token, past_key_values=out.past_key_values, use_cache=True, logits_to_keep=1)
    end = time.perf_counter()
    return batch * prompt / (middle - start), batch * decode / (end - middle)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--dtype", required=True, choices=("f32", "bf16"))
    parser.add_argument("--prompt", type=int, required=True)
    parser.add_argument("--decode", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    dtype = {"f32": torch.float32, "bf16": torch.bfloat16}[args.dtype]
    model = transformers.AutoModelForCausalLM.from_pretrained(args.model, dtype=dtype).eval()
    best = {"prefill": (0.0, ""), "decode": (0.0, "")}
    for experts in ("eager", "grouped_mm"):
        model.set_experts_implementation(experts)
        measure(model, 64, 2, args.batch)
        for _ in range(args.rounds):
            prefill, decode = measure(model, args.prompt, args.decode, args.batch)
            best["prefill"] = max(best["prefill"], (prefill, experts))
            best["decode"] = max(best["decode"], (decode, experts))
    print(
        json.dumps(
            {
                "prefill": best["prefill"][0],
                "prefill_experts": best["prefill"][1],
                "decode": best["decode"][0],
                "decode_experts": best["decode"][1],
                "version": f"transformers {transformers.__version__}, torch {torch.__version__}",
            }
        )
    )


if __name__ == "__main__":
    main()
