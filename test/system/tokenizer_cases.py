"""Tokenizers of many kinds, trained with PyPI's `tokenizers`, and texts of many
kinds: ids, decoded texts and streams of hamlet-tokenize-test beside the
package's own.

    python tokenizer_cases.py DRIVER [--only NAME] [--long]

Runs in any Python with `tokenizers` and needs nothing else.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Qwen2's expression, and that of models with 100,000 tokens and runs of digits.
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
DIGITS3 = r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
CASED = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"

SCRIPTS = [
    "The quick brown fox can't jump; we'll see it's 12345678 o'clock.", "Größe Äpfel straße ÀÉÎõü naïve façade",
    "Съешь же ещё этих мягких французских булок", "Ταχίστη αλώπηξ βαφής ψημένη γη", "שלום עולם, מה שלומך?", "مرحبا بالعالم ١٢٣٤",
    "नमस्ते दुनिया १२३", "สวัสดีชาวโลก ไทย", "你好，世界！今天天气很好。", "日本語のテキスト、ひらがなとカタカナ。", "한국어 텍스트 각각", "Việt Nam tiếng Việt", "ქართული ენა",
    "አማርኛ", "ᏣᎳᎩ", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚", "Ⅷ ½ ² ³ ① ㊿ ٪",
    "👩‍👩‍👧‍👦 👍🏽 🏳️‍🌈 🇩🇪 ❤️ 🤷🏾‍♂️", "e\u0301 a\u0308\u0323 \u1E9B\u0323 \u212B \u2126 ﬁ ﬀ ǆ ẞ İ ı ſ K", "\u1100\u1161\u11A8 가 각",
    "q\u0323\u0307 q\u0307\u0323 \u0958 \u2ADC", "zero\u200bwidth\u200cjoin\u200der\u2060\ufeffbom", "\u180e\u2028\u2029\u0085\u00a0\u3000\u202f spaces",
]  # fmt: skip
CODE = [
    "def f(x):\n    return [i**2 for i in range(10)]  # comment\n\n\n",
    "int main(void) {\r\n\tprintf(\"%d\\n\", 0xFF);\r\n}\r\n", "<div class='a'>\n\t<!-- x --></div>", "a+=b;c--;d<<=2;//e\n\n    \t  \nx", "    \n   x  \n ",
]  # fmt: skip
CONTROLS = "".join(map(chr, range(0x20))) + "\x7f\x80\x9f\xad"
INVALID = [b"\xff", b"a\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xed\xa0\x80x", b"\xc0\xaf", b"ok \xf8\x88\x80\x80\x80 ok", b"\x80\xbf abc", b"\xf4\x90\x80\x80", b"<|x\xe2|> \xe2\x96"]  # fmt: skip


def training_text():
    """Lines of the repository and of Python's own library."""
    files = sorted(ROOT.glob("docs/*.md")) + sorted(ROOT.glob("test/system/*.py")) + [pathlib.Path(json.__file__), pathlib.Path(random.__file__)]
    lines = [line for f in files for line in f.read_text(errors="replace").splitlines(keepends=True)]
    return lines + SCRIPTS * 5 + CODE * 5


def corpus(added, seed, long):
    """Texts as bytes; `added` are texts of added tokens."""
    rng = random.Random(seed)
    texts = [b"", b" ", b"a", b"\n", b"  ", "\u2581".encode(), "\u2581\u2581a \u2581b".encode()]
    texts += [t.encode() for t in SCRIPTS + CODE + [CONTROLS]] + INVALID
    texts += [c.encode() for c in CONTROLS[:6]]
    pieces = SCRIPTS + CODE + [" ", "  ", "\n", "\t", "\u3000", "\u2581", "'S", "'Ll", "_", "é", "1"] + added * 3
    letters = "".join(SCRIPTS + CODE) + " \n"
    alphabet = [chr(c) for c in range(0x20, 0x250)] + list(letters)
    for _ in range(150):
        parts = [rng.choice(pieces) if rng.random() < 0.5 else "".join(rng.choices(letters, k=rng.randrange(1, 9))) for _ in range(rng.randrange(1, 8))]
        texts.append("".join(parts).encode())
    for _ in range(100):
        texts.append("".join(rng.choices(alphabet, k=rng.randrange(1, 40))).encode())
    for _ in range(60):
        texts.append("".join(rng.choices(added + [" ", "a", "A", "\t", "é", "_", "."], k=rng.randrange(1, 9))).encode())
    for _ in range(40):
        text = bytearray("".join(rng.choices(pieces, k=3)).encode())
        for _ in range(rng.randrange(1, 4)):
            text[rng.randrange(len(text))] = rng.randrange(256)
        texts.append(bytes(text))
    for c in ("a", " ", "\n", "=", "あ", "\u0301", "1", "\u2581", " \t", "ab"):
        texts.append((c * (100_000 if long else 3000)).encode())
    return texts


def bpe(vocab_size, pre, special=(), alphabet=True, **model):
    """A byte-level BPE tokenizer, trained."""
    t = Tokenizer(models.BPE(**model))
    t.pre_tokenizer = pre
    t.decoder = decoders.ByteLevel()
    t.post_processor = processors.ByteLevel(trim_offsets=False)
    initial = pre_tokenizers.ByteLevel.alphabet() if alphabet else []
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=list(special), initial_alphabet=initial, show_progress=False)
    t.train_from_iterator(training_text(), trainer)
    return t


def splits(pattern, behavior="isolated", invert=False, prefix=False):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behavior, invert), pre_tokenizers.ByteLevel(prefix, use_regex=False)])


def sentencepiece(normalizer, pre, decoder, **options):
    """BPE over characters with byte fallback, as converters of SentencePiece write it."""
    t = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True, **options))
    t.normalizer, t.pre_tokenizer = normalizer, pre
    byte_tokens = [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=1600, special_tokens=["<unk>", "<s>", "</s>"] + byte_tokens, show_progress=False, limit_alphabet=300)
    training = t if pre else Tokenizer(models.BPE(unk_token="<unk>"))
    if not pre:
        training.normalizer = normalizer
        training.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    training.train_from_iterator(training_text(), trainer)
    made = json.loads(t.to_str())
    trained = json.loads(training.to_str())
    made["model"]["vocab"], made["model"]["merges"] = trained["model"]["vocab"], trained["model"]["merges"]
    # Bytes are no special tokens of a real file.
    made["added_tokens"] = [a for a in trained["added_tokens"] if not a["content"].startswith("<0x")]
    t = Tokenizer.from_str(json.dumps(made))
    t.decoder = decoder
    t.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return t


def word_level(pre, vocab_size, **parts):
    t = Tokenizer(models.WordLevel(unk_token="[UNK]"))
    t.pre_tokenizer = pre
    for name, part in parts.items():
        setattr(t, name, part)
    t.train_from_iterator(training_text(), trainers.WordLevelTrainer(vocab_size=vocab_size, special_tokens=["[UNK]", "[CLS]", "[SEP]"], show_progress=False))
    return t


CHAT = [AddedToken(x, special=True, normalized=False) for x in ("<|im_start|>", "<|im_end|>", "<|endoftext|>")]
ODD = [
    AddedToken("<think>", special=False, normalized=False), AddedToken("  ", special=False, normalized=False), AddedToken("    ", normalized=False),
    AddedToken("[L]", lstrip=True, normalized=False), AddedToken("[R]", rstrip=True, normalized=True), AddedToken("[B]", lstrip=True, rstrip=True, special=True, normalized=False),
    AddedToken("word", single_word=True, normalized=False), AddedToken("Straße", single_word=True, normalized=True), AddedToken("[LR", normalized=False),
    AddedToken("é", normalized=True), AddedToken("Ünï cödé", normalized=True), AddedToken("[LRX", normalized=False),
]  # fmt: skip
LLAMA_DECODER = lambda: decoders.Sequence([decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
MIXTRAL = lambda: normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])


def with_tokens(t, tokens):
    t.add_tokens([a for a in tokens if not a.special])
    t.add_special_tokens([a for a in tokens if a.special])
    return t


def changed(t, **parts):
    """A copy of `t` whose file has other parts."""
    made = json.loads(t.to_str())
    made.update(parts.pop("file", {}))
    made["model"].update(parts.pop("model", {}))
    t = Tokenizer.from_str(json.dumps(made))
    for name, part in parts.items():
        setattr(t, name, part)
    return t


def cases():
    """name -> tokenizer, each made when it is asked for."""
    level = pre_tokenizers.ByteLevel
    gpt2 = bpe(2000, level(add_prefix_space=False), ["<|endoftext|>"])
    yield "gpt2", gpt2
    yield "gpt2-prefix", changed(gpt2, pre_tokenizer=level(add_prefix_space=True))
    yield "gpt2-odd", with_tokens(changed(gpt2), ODD + CHAT[:2])
    yield "gpt2-string-merges", changed(gpt2, model={"merges": [" ".join(m) for m in json.loads(gpt2.to_str())["model"]["merges"]]})
    for form in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase"):
        yield f"gpt2-{form}", with_tokens(changed(gpt2, normalizer=getattr(normalizers, form)()), ODD)
    yield "gpt2-accents", changed(gpt2, normalizer=normalizers.Sequence([normalizers.NFD(), normalizers.StripAccents(), normalizers.Strip()]))
    yield "gpt2-no-split", changed(gpt2, pre_tokenizer=level(add_prefix_space=False, use_regex=False))
    yield "gpt2-roberta", changed(gpt2, post_processor=processors.RobertaProcessing(("</s>", 5), ("<s>", 4)))
    yield "gpt2-null-decoder", changed(gpt2, decoder=None, file={"decoder": None})
    yield "gpt2-late", changed(gpt2, pre_tokenizer=pre_tokenizers.Sequence([level(add_prefix_space=False), pre_tokenizers.Punctuation("merged_with_previous")]))
    yield "bytes-missing", bpe(600, level(add_prefix_space=False), ["<unk>"], alphabet=False, unk_token="<unk>")
    yield "bytes-missing-fused", bpe(600, level(add_prefix_space=False), ["<unk>"], alphabet=False, unk_token="<unk>", fuse_unk=True)
    yield "bytes-missing-dropped", bpe(600, level(add_prefix_space=False), [], alphabet=False)
    qwen = with_tokens(bpe(3000, splits(QWEN2)), CHAT)
    qwen.normalizer = normalizers.NFC()
    yield "qwen2", qwen
    yield "qwen2-odd", with_tokens(changed(qwen), ODD)
    yield "qwen2-ignore-merges", changed(qwen, model={"ignore_merges": True, "merges": json.loads(qwen.to_str())["model"]["merges"][:900]})
    yield "digits3", bpe(3000, splits(DIGITS3), CHAT)
    yield "cased", bpe(3000, splits(CASED), CHAT)
    bos = dict(single="<|im_start|> $A", pair="<|im_start|> $A $B", special_tokens=[("<|im_start|>", 0)])
    yield "cased-template", changed(bpe(1500, splits(CASED), CHAT), post_processor=processors.Sequence([processors.ByteLevel(trim_offsets=False), processors.TemplateProcessing(**bos)]))
    for behavior in ("removed", "isolated", "contiguous", "merged_with_previous", "merged_with_next"):
        for invert in (False, True):
            yield f"split-{behavior}-{invert}", changed(gpt2, pre_tokenizer=splits(r"\s|\d(?=a)|(?=\p{Lu})|\b", behavior, invert, prefix=invert))
    yield "split-string", changed(gpt2, pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.Split("e", "merged_with_next"), pre_tokenizers.Split("", "isolated"), level(False)]))
    yield "split-onig", changed(gpt2, pre_tokenizer=splits(r"^\w+$|a{2}+|\h{,2}x|(?m:t.)|[\s\S&&]?\v|x(?i)a|b".replace("&&", "")))
    yield "split-classes", changed(gpt2, pre_tokenizer=splits(r"[\w-]+|[^\S\r\n]+|\W|\p{^L}\p{Han}|[\h_]+"))
    metaspace, never = pre_tokenizers.Metaspace, pre_tokenizers.Metaspace(prepend_scheme="never", split=False)
    mixtral = sentencepiece(MIXTRAL(), None, LLAMA_DECODER())
    yield "mixtral", mixtral
    yield "mixtral-odd", with_tokens(changed(mixtral), ODD + CHAT)
    yield "mixtral-ignore-merges", changed(mixtral, model={"ignore_merges": True, "fuse_unk": False, "byte_fallback": False})
    yield "mixtral-no-fallback", changed(mixtral, model={"byte_fallback": False, "fuse_unk": True})
    yield "mixtral-dropped", changed(mixtral, model={"byte_fallback": False, "unk_token": None})
    holes = {t: i for t, i in json.loads(mixtral.to_str())["model"]["vocab"].items() if t not in ("<0xE2>", "<0x9F>", "<0xD0>")}
    yield "mixtral-holes", changed(mixtral, model={"vocab": holes}, file={"added_tokens": [a for a in json.loads(mixtral.to_str())["added_tokens"]]})
    for scheme in ("first", "always", "never"):
        pre = metaspace(prepend_scheme=scheme, split=scheme != "first")
        yield f"metaspace-{scheme}", with_tokens(sentencepiece(None, pre, decoders.Metaspace(prepend_scheme=scheme)), CHAT + ODD[:4])
    yield "metaspace-first-strip", sentencepiece(normalizers.Sequence([normalizers.Strip(), normalizers.Replace(Regex("ab|z"), "")]), metaspace(prepend_scheme="first", split=True), LLAMA_DECODER())
    yield "fallback-only", changed(mixtral, decoder=decoders.ByteFallback())
    yield "fallback-strip", changed(mixtral, decoder=decoders.Sequence([decoders.ByteFallback(), decoders.Strip("e", 2, 1), decoders.Replace(Regex("[aeiou]+"), "*"), decoders.WordPiece("t")]))
    yield "fuse-replace", changed(mixtral, decoder=decoders.Sequence([decoders.Fuse(), decoders.Replace("aba", "<>"), decoders.Replace("\u2581\u2581", "ab"), decoders.Metaspace()]))
    words = word_level(pre_tokenizers.Whitespace(), 900, normalizer=normalizers.Lowercase(), post_processor=processors.BertProcessing(("[SEP]", 2), ("[CLS]", 1)), decoder=decoders.WordPiece())
    yield "words", with_tokens(words, ODD)
    yield "words-bert", word_level(pre_tokenizers.BertPreTokenizer(), 900)
    yield "words-digits", word_level(pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(True), pre_tokenizers.Punctuation("contiguous")]), 700)
    yield "words-runs", word_level(pre_tokenizers.Sequence([pre_tokenizers.Digits(False), pre_tokenizers.Metaspace(), pre_tokenizers.Punctuation("removed")]), 700)
    yield "characters", word_level(pre_tokenizers.Split(Regex("."), "isolated"), 300, decoder=decoders.Fuse())
    yield "characters-odd", with_tokens(word_level(pre_tokenizers.Split("", "isolated"), 300, decoder=decoders.Fuse(), normalizer=normalizers.NFKC()), ODD + CHAT)


class Driver:
    def __init__(self, binary, path):
        self.process = subprocess.Popen([str(binary), str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.head = json.loads(self.process.stdout.readline())

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the driver ended at {str(request)[:500]}")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Failures:
    def __init__(self, name):
        self.name, self.count, self.checks = name, 0, 0

    def same(self, what, expected, found, about):
        self.checks += 1
        if expected == found:
            return
        self.count += 1
        if self.count <= 5:
            cut = lambda x: str(x) if len(str(x)) < 600 else str(x)[:600] + "..."
            print(f"{self.name}: {what} differ for {cut(ascii(about))}\n  expected {cut(ascii(expected))}\n  found    {cut(ascii(found))}")


def compare(name, t, driver, long):
    failures = Failures(name)
    added = [a.content for a in t.get_added_tokens_decoder().values()]
    failures.same("sizes", t.get_vocab_size(True), driver.head.get("size"), driver.head)
    if "error" in driver.head:
        return failures
    rng = random.Random(name)
    sequences = []
    for text in corpus(added, name, long):
        for special in (True, False):
            try:
                expected = t.encode(text.decode(errors="replace"), add_special_tokens=special).ids
            except Exception as error:  # of WordLevel without an unknown token
                expected = str(error)
            answer = driver.ask(encode=text.hex(), special=special)
            failures.same("ids", expected, answer.get("ids", answer.get("error")), text)
        sequences.append(answer.get("ids", []))
    top = max(t.get_vocab(True).values())
    for _ in range(100):
        sequences.append([rng.choice((rng.randrange(top + 1), rng.randrange(min(top, 300) + 1))) for _ in range(rng.randrange(1, 12))])
    sequences += [[], [top + 1], [0, 2**31 - 1, 1]]
    for ids in sequences:
        for skip in (True, False):
            try:
                expected = t.decode(ids, skip_special_tokens=skip)
            except BaseException as error:  # Strip has a Rust panic on short tokens.
                if "Panic" not in type(error).__name__:
                    raise
                expected = None
            answer = driver.ask(decode=ids, skip=skip)
            stream = [bytes.fromhex(part) for part in answer["stream"]]
            found = bytes.fromhex(answer["text"])
            if expected is not None:
                failures.same("texts", expected, found.decode(errors="backslashreplace"), ids)
            failures.same("streams", found, b"".join(stream), ids)
            halves = [part for part in stream if part != part.decode(errors="replace").encode()]
            failures.same("characters in halves", [], halves, ids)
    for token, id in rng.sample(sorted(t.get_vocab(True).items()), 50):
        failures.same("ids of tokens", t.token_to_id(token), driver.ask(token=token.encode().hex())["id"], token)
        failures.same("tokens", (t.id_to_token(id) or "").encode().hex(), driver.ask(id=id)["token"], id)
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("driver", type=pathlib.Path)
    parser.add_argument("--only", help="cases whose name has this in it")
    parser.add_argument("--long", action="store_true", help="runs of 100,000 characters for every case")
    args = parser.parse_args()
    failed = checks = count = 0
    with tempfile.TemporaryDirectory(prefix="hamlet-test-") as folder:
        for name, t in cases():
            if args.only and args.only not in name:
                continue
            path = pathlib.Path(folder) / "tokenizer.json"
            path.write_text(t.to_str())
            driver = Driver(args.driver, path)
            found = compare(name, t, driver, args.long or name in ("qwen2", "mixtral", "words"))
            driver.close()
            count, checks, failed = count + 1, checks + found.checks, failed + found.count
            if found.count:
                print(f"{name}: {found.count} of {found.checks} comparisons differ")
    print(f"{count} tokenizers, {checks} comparisons with tokenizers {tokenizers.__version__}, {failed} differ")
    return 1 if failed or not count else 0


if __name__ == "__main__":
    sys.exit(main())
