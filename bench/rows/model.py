"""Rows of the whole bench model, and of long contexts."""

import json
import os
import pathlib
import random

from .common import ROOT, WIDTH, execute

import make_bench_model

DTYPES = {"f32": "float32", "bf16": "bfloat16"}


class Model:
    """A checkpoint of bench/make_bench_model.py, compiled, and how it runs."""

    def __init__(self, bench, dtype, scale):
        self.bench, self.dtype = bench, dtype
        self.folder = bench.work / f"{scale}-{dtype}"
        if not (self.folder / "config.json").exists():
            print(f"writing the bench model ({scale}, {DTYPES[dtype]}) to {self.folder}", flush=True)
            make_bench_model.make(self.folder, DTYPES[dtype], scale)
        self.config = json.loads((self.folder / "config.json").read_text())
        self.file = bench.work / f"{self.folder.name}.hmlt"
        compiler = (bench.args.bin / "hamlet-compiler").stat().st_mtime
        if not self.file.exists() or self.file.stat().st_mtime < max(compiler, (self.folder / "config.json").stat().st_mtime):
            execute([bench.hamlet, "compile", self.folder, "-o", self.file, "--dtype", dtype])

    def run(self, prompt, decode, batch=1, profile=None):
        """The statistics of one process: `batch` prompts, then `decode` tokens of each."""
        rng = random.Random(0)
        lines = [
            dict(id=str(i), prompt_ids=[rng.randrange(self.config["vocab_size"]) for _ in range(prompt)], max_tokens=decode + 1)
            for i in range(batch)
        ]
        source, stats = self.bench.work / "in.jsonl", self.bench.work / "stats.json"
        source.write_text("".join(json.dumps(line) + "\n" for line in lines))
        execute(
            [self.bench.hamlet, "run", self.file, "--weights", self.folder, "--batch", source, "--threads", self.bench.threads,
             "--max-batch", batch, "--output", self.bench.work / "out.jsonl", "--stats", stats]
            + (["--profile", profile] if profile else [])
        )  # fmt: skip
        return json.loads(stats.read_text())

    def step_cost(self, batch, context):
        """(FLOPs, bytes) of one decode step, of products and what they read.

        Experts: the expected number of different ones that `batch` tokens choose
        at random. Keys, values and states of every sequence are read once, states
        are not counted as written.
        """
        c = self.config
        h, inner, heads, dim = c["hidden_size"], c["intermediate_size"], c["num_attention_heads"], c["head_dim"]
        kv, experts, top = c["num_key_value_heads"], c["num_local_experts"], c["num_experts_per_tok"]
        wide = heads * dim
        soft = sum(kind == "full_attention" for kind in c["layer_types"])
        linear = len(c["layer_types"]) - soft
        dense = linear * (h * 3 * wide + 2 * h * wide) + soft * (h * (wide + 2 * kv * dim) + wide * h) + c["vocab_size"] * h
        expert = 3 * h * inner
        touched = experts * (1 - (1 - top / experts) ** batch)
        layers = linear + soft
        flops = batch * 2 * (dense + layers * (top * expert + experts * h))
        flops += batch * soft * 4 * context * wide
        bytes = WIDTH[self.dtype] * (dense + layers * touched * expert) + 4 * layers * experts * h
        bytes += batch * (soft * context * 2 * kv * dim * WIDTH[self.dtype] + linear * heads * dim * dim * 4)
        return flops, bytes

    def prefill_flops(self, prompt):
        """Products of a prompt, the LM head on its last row only, and attention."""
        c = self.config
        step, _ = self.step_cost(1, 0)
        wide = c["num_attention_heads"] * c["head_dim"]
        soft = sum(kind == "full_attention" for kind in c["layer_types"])
        head = 2 * c["vocab_size"] * c["hidden_size"]
        return prompt * (step - head) + head + soft * 2 * prompt * (prompt + 1) * wide


def rate_row(machine, name, rate, peers, flops, bytes, dtype, tokens, **more):
    """A row in tokens/s; `flops` and `bytes` are those of `tokens` tokens."""
    limit, bound = machine.bound(flops, bytes, dtype)
    return dict(
        what=name, unit="tokens/s", hamlet=rate, dtype=dtype, flops=flops, bytes=bytes, tokens=tokens, bound=bound,
        roofline=limit * rate / tokens, peers=peers, ratios={p: rate / r for p, r in peers.items()}, around=machine.around(), **more,
    )  # fmt: skip


def torch_figures(bench, model, env, prompt, decode, batch):
    text, _, _ = execute(
        [bench.peers.python, ROOT / "bench" / "peer_transformers.py", model.folder, "--dtype", model.dtype,
         "--prompt", prompt, "--decode", decode, "--batch", batch, "--threads", bench.threads, "--rounds", bench.rounds],
        env={"OMP_NUM_THREADS": str(bench.threads), "HF_HUB_OFFLINE": "1", **env},
    )  # fmt: skip
    return json.loads(text.strip().splitlines()[-1])


def llama_figures(bench, model, prompt, decode, batch):
    gguf = model.folder.with_suffix(".gguf")
    if not gguf.exists():
        print(f"converting the bench model to {gguf}", flush=True)
        convert = [bench.peers.python, ROOT / "bench" / "convert_llama.py", bench.peers.llama_source, model.folder, gguf]
        execute([*convert, "--dtype", model.dtype])
    threads = bench.threads
    if batch == 1:
        text, _, _ = execute(
            [bench.peers.llama_bench, "-m", gguf, "-p", prompt, "-n", decode, "-t", threads, "-r", bench.rounds, "-o", "json"]
        )
        rates = {bool(r["n_prompt"]): max(r.get("samples_ts") or [r["avg_ts"]]) for r in json.loads(text)}
        return dict(prefill=rates[True], decode=rates[False], version=bench.peers.llama_version)
    text, _, _ = execute(
        [bench.peers.llama_batched_bench, "-m", gguf, "-npp", prompt, "-ntg", decode, "-npl", batch, "-t", threads, "-tb", threads,
         "-c", batch * (prompt + decode) + 64, "--output-format", "jsonl"]
    )  # fmt: skip
    found = [json.loads(line) for line in text.splitlines() if line.startswith("{")][-1]
    return dict(prefill=found["speed_pp"], decode=found["speed_tg"], version=bench.peers.llama_version)


def peer_figures(bench, model, prompt, decode, batch):
    """{column: tokens per second of both phases, and the version}."""
    figures = {}
    for column, env in bench.peers.torch_settings(model.dtype).items():
        figures[column] = torch_figures(bench, model, env, prompt, decode, batch)
    if "llama.cpp" in bench.peers.names:
        figures["llama.cpp"] = llama_figures(bench, model, prompt, decode, batch)
    return figures


def whole_model(bench, dtype, wanted):
    """Rows "prefill" and "decode, batch N" of the bench model that `wanted` accepts.

    The best round counts, beside what the machine reached just before and just
    after it.
    """
    prompt, decode = bench.args.prompt, bench.args.decode
    prefill = f"prefill {prompt} tokens {dtype}"
    batches = {b: f"decode batch {b} {dtype}" for b in (1, 4, 16)}
    model = None
    for batch, name in batches.items():
        rows = [row for row in ((prefill, "prefill"), (name, "decode")) if wanted(row[0]) and (batch == 1 or row[1] == "decode")]
        if not rows:
            continue
        model = model or Model(bench, dtype, "tiny" if bench.quick else "full")
        length = prompt if batch == 1 else min(prompt, 128)
        best, peers = {}, {}
        for round in range(bench.rounds):
            before = bench.machine.again()
            stats = model.run(length, decode, batch)
            machine = before.until(bench.machine.again())
            for _, phase in rows:
                rate = stats[f"{phase}_tokens_per_second"]
                if phase not in best or rate > best[phase][0]:
                    best[phase] = (rate, machine, stats)
            if round == 0:  # Hamlet before and after the peers: neither has the cooler machine
                peers = peer_figures(bench, model, length, decode, batch)
        for name, phase in rows:
            rate, machine, stats = best[phase]
            flops, bytes = (model.prefill_flops(length), 0) if phase == "prefill" else model.step_cost(batch, length + decode / 2)
            yield rate_row(
                machine, name, rate, {p: f[phase] for p, f in peers.items()}, flops, bytes, dtype,
                length if phase == "prefill" else batch, context=length, peak_bytes=stats["peak_bytes"],
                **{key: stats[key][phase] for key in ("rows_per_launch", "launches_per_step", "barriers_per_step")}, versions={p: f["version"] for p, f in peers.items()},
            )  # fmt: skip


def long_context(bench, wanted):
    """Seconds a token at a long context over those at a short one, lightning layers only."""
    short, long = (64, 256) if bench.quick else (1024, 65536)
    names = {phase: f"{phase} a token at {long} over {short}, lightning f32" for phase in ("prefill", "decode")}
    if not any(map(wanted, names.values())):
        return
    model = Model(bench, "f32", "lightning")
    best = {(phase, n): 0.0 for phase in names for n in (short, long)}
    for _ in range(bench.rounds):
        for n in (short, long):
            stats = model.run(n, 64)
            for phase in names:
                best[phase, n] = max(best[phase, n], stats[f"{phase}_tokens_per_second"])
    for phase, name in names.items():
        if wanted(name):
            yield dict(
                what=name, unit="times", hamlet=best[phase, short] / best[phase, long], peers={}, ratios={},
                tokens_per_second={n: best[phase, n] for n in (short, long)},
            )  # fmt: skip


def real_model(bench):
    folder = pathlib.Path(os.environ.get("HAMLET_SHARED", ROOT / ".." / "shared")) / "models" / "minimax-m1"
    if not folder.exists():
        folder = ROOT / "models" / "minimax-m1" / "config.json"
    if not folder.exists():
        print("compile MiniMax-M1: not measured, its configuration is not here", flush=True)
        return
    _, seconds, memory = execute([bench.hamlet, "compile", folder, "-o", bench.work / "m1.hmlt", "--no-cache"])
    yield dict(what="compile MiniMax-M1", unit="seconds", hamlet=seconds, peak_bytes=memory, peers={}, ratios={})
