#!/usr/bin/env python3
"""Writes tokenizers.json: small tokenizers, trained with PyPI's `tokenizers`, and
what the package makes of some texts and ids. Needs a Python with the package."""

import json
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "system"))

import tokenizer_cases as cases
import tokenizers

NAMES = (
    "gpt2-odd", "gpt2-accents", "bytes-missing-fused", "qwen2-odd", "qwen2-ignore-merges", "digits3", "split-onig",
    "mixtral-odd", "mixtral-no-fallback", "metaspace-first", "fallback-strip", "words", "words-digits", "characters-odd",
)  # fmt: skip
TEXTS = 25  # of each
MOST = 640  # tokens of one vocabulary, so that the file stays small


def decoded(t, ids, skip):
    try:
        return t.decode(ids, skip_special_tokens=skip)
    except BaseException as error:  # Strip has a Rust panic on short tokens.
        if "Panic" not in type(error).__name__:
            raise
        return None


def main():
    small = (cases.SCRIPTS + cases.CODE) * 3
    cases.training_text = lambda: small
    trainer = cases.trainers.BpeTrainer
    cases.trainers.BpeTrainer = lambda vocab_size, **more: trainer(vocab_size=min(vocab_size, MOST), **more)
    made = []
    for name, t in cases.cases():
        if name not in NAMES:
            continue
        rng = random.Random(name)
        added = [a.content for a in t.get_added_tokens_decoder().values()]
        texts = [text for text in cases.corpus(added, name, False) if len(text) < 200]
        rows, decodes = [], []
        for text in rng.sample(texts, TEXTS):
            plain, special = (t.encode(text.decode(errors="replace"), add_special_tokens=s).ids for s in (False, True))
            rows.append([text.hex(), plain, special])
            decodes.append([special, decoded(t, special, False), decoded(t, special, True)])
        top = t.get_vocab_size(True)
        for _ in range(10):
            ids = [rng.randrange(top + 1) for _ in range(6)]
            decodes.append([ids, decoded(t, ids, False), decoded(t, ids, True)])
        made.append(dict(name=name, file=json.loads(t.to_str()), texts=rows, decodes=decodes))
    missing = set(NAMES) - {case["name"] for case in made}
    assert not missing, missing
    rows = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in made)
    text = f'{{"made_with": "tokenizers {tokenizers.__version__}", "cases": [\n{rows}\n]}}\n'
    json.loads(text)
    (HERE / "tokenizers.json").write_text(text)


if __name__ == "__main__":
    main()
