"""A token that is not finite makes NaN of what sees it and changes no bit of
what does not: other rows of its block, other sequences, whoever has its slot and
its pages next, in one piece or many."""

import unittest

import numpy as np

import harness
import tensors

WINDOW = 50
F32 = "#tile.numerics<operands = f32, accumulate = f32, group = 1>"
BF16 = "#tile.numerics<operands = bf16, accumulate = f32, group = 2>"

# name: (op, query heads, decay, window, element); 2 key heads of 16, values of 24.
OPS = {
    "head_decay": ("lightning", 2, "head", 0, "f32"),
    "head_decay_bf16": ("lightning", 2, "head", 0, "bf16"),
    "token_decay": ("lightning", 4, "token", 0, "f32"),
    "softmax": ("softmax", 4, None, 0, "f32"),
    "softmax_bf16": ("softmax", 4, None, 0, "bf16"),
    "window": ("softmax", 4, None, WINDOW, "f32"),
    "window_bf16": ("softmax", 4, None, WINDOW, "bf16"),
}


def function(name):
    op, heads, decay, window, element = OPS[name]
    q, k, v, out = (f"tensor<?x{h}x{d}x{element}>" for h, d in ((heads, 16), (2, 16), (2, 24), (heads, 24)))
    g = {"head": "tensor<2xf32>", "token": "tensor<?x2xf32>", None: None}[decay]
    types = [q, k, v] + ([g] if g else []) + ["tensor<?xi32>"]
    names = ["%q", "%k", "%v"] + (["%g"] if g else []) + ["%s"]
    arguments = ", ".join(f"{n}: {t}" for n, t in zip(names, types))
    kind = "lightning.attention gated" if op == "lightning" else "attention.softmax"
    options = "scale = 0.25 : f32" + (f", window = {window}" if window else "")
    return (
        f"func.func @{name}({arguments}) -> {out} {{\n"
        f"  %o = {kind} {F32 if element == 'f32' else BF16} %q, %k, %v {'decay(%g) ' if g else ''}starts(%s)"
        f" {{{options}}} : ({', '.join(types)}) -> {out}\n  return %o : {out}\n}}\n"
    )


def poisoned(folder, destination, token):
    """A copy of a checkpoint whose embedding of `token` is NaN."""
    harness.copy_pack(folder, destination)
    path = destination / "model.safetensors"
    header, start = tensors.read_header(path)
    entry = header["model.embed_tokens.weight"]
    nan = {"F32": b"\0\0\xc0\x7f", "BF16": b"\xc0\x7f", "F16": b"\0\x7e"}[entry["dtype"]]
    width = entry["shape"][1]
    with open(path, "r+b") as f:
        f.seek(start + entry["data_offsets"][0] + token * width * len(nan))
        f.write(nan * width)
    return destination


class NonFinite(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        context = harness.workspace()
        cls.work = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        cls.source = harness.CACHE / "nonfinite.mlir"
        text = "".join(map(function, OPS))
        if not cls.source.exists() or cls.source.read_text() != text:
            cls.source.write_text(text)

    def call(self, file, name, inputs, *options):
        arguments = ["call", file, "--function", name, *options]
        for i, array in enumerate(inputs):
            np.save(self.work / f"i{i}.npy", array)
            arguments += ["--input", self.work / f"i{i}.npy"]
        harness.ok(*arguments, "--output", self.work / "o.npy")
        return np.load(self.work / "o.npy")

    def check(self, file, name, lengths, bad, *options):
        _, heads, decay, window, _ = OPS[name]
        rng = np.random.default_rng(len(lengths))
        total = sum(lengths)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        q, k, v = (rng.standard_normal((total, h, d)).astype(np.float32) for h, d in ((heads, 16), (2, 16), (2, 24)))
        shape = {"head": (2,), "token": (total, 2), None: None}[decay]
        g = [] if decay is None else [-rng.uniform(0.001, 0.05, shape).astype(np.float32)]
        want = self.call(file, name, [q, k, v, *g, starts], *options)
        sees = np.zeros(total, bool)
        sees[bad : starts[np.searchsorted(starts, bad, side="right")]] = True
        if window:
            sees[bad + window :] = False
        for what, value in (("key", np.nan), ("value", np.nan), ("element", np.nan), ("element", np.inf)):
            with self.subTest(name, what=what, value=value, lengths=lengths):
                keys, values = k.copy(), v.copy()
                if what == "key":
                    keys[bad] = value
                else:
                    values[bad, 0, 3 if what == "element" else slice(None)] = value
                found = self.call(file, name, [q, keys, values, *g, starts], *options)
                touched = np.zeros(found.shape, bool)
                touched[sees] = True
                if what == "value":
                    touched[:, heads // 2 :] = False
                if what == "element":
                    touched[:, heads // 2 :] = touched[:, :, :3] = touched[:, :, 4:] = False
                self.assertFalse(np.isfinite(found[touched]).any())
                harness.assert_same_bits(
                    self, np.where(touched, 0, found).astype(np.float32).reshape(total, -1),
                    np.where(touched, 0, want).astype(np.float32).reshape(total, -1), "what does not see it",
                )  # fmt: skip

    def test_operations(self):
        file = harness.compiled(self.source)
        for name in OPS:
            self.check(file, name, [200], 100)
            self.check(file, name, [30, 70, 33], 60)

    def test_operations_emulated(self):
        file = harness.compiled(self.source, "--target", "sm_80")
        for name in OPS:
            self.check(file, name, [5, 70], 45, "--device", "emulated")

    def test_splits(self):
        for name, dtype in (
            ("minimax-alternating-6x24", "f32"), ("minimax-alternating-6x24", "bf16"), ("mixtral-window", "bf16"),
        ):  # fmt: skip
            folder = harness.pack(name)
            _, truth = harness.golden(folder)
            size = truth["t0001.logits"].shape[1]
            bad, prompt = size - 1, [(7 * i + 3) % (size - 1) for i in range(135)]
            broken = poisoned(folder, self.work / f"{name}-{dtype}", bad)
            file = harness.compiled(folder, "--dtype", dtype)
            spoilt = harness.request("spoilt", prompt[:100] + [bad] + prompt[101:])
            after = harness.request("after", prompt[:70])
            want = harness.batch(file, folder, [harness.request("all", prompt)]).logits["all"]
            for piece in (128, 64, 33, 7, 1):
                with self.subTest(pack=name, dtype=dtype, piece=piece):
                    # One at a time: the second has the slot and the pages of the first.
                    run = harness.batch(file, broken, [spoilt, after], "--prefill-chunk", piece, "--max-batch", 1)
                    found = run.logits["spoilt"]
                    harness.assert_same_bits(self, found[:100], want[:100], "rows before the token")
                    self.assertTrue(np.isnan(found[100:]).all())
                    harness.assert_same_bits(self, run.logits["after"], want[:70], "the next sequence")


if __name__ == "__main__":
    unittest.main()
