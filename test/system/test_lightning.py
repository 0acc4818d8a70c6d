"""The lightning kernels alone against a float64 recurrence over tokens."""

import unittest

import numpy as np

import harness
import lightning

NUMERICS = "#tile.numerics<operands = f32, accumulate = f32, group = 1>"
TOLERANCE = 1e-5  # of the largest output

# name: (query heads, key heads, value heads, Dk, Dv, rank of the decay)
SHAPES = {
    "plain": (4, 4, 4, 16, 16, 1),
    "wide": (2, 2, 2, 128, 128, 1),
    "odd": (3, 3, 3, 24, 24, 1),
    "long_values": (2, 2, 2, 16, 40, 1),
    "short_values": (2, 2, 2, 32, 8, 1),
    "token": (4, 4, 4, 16, 16, 2),
    "token_long_values": (2, 2, 2, 16, 40, 2),
    "token_short_values": (2, 2, 2, 32, 8, 2),
    "more_queries": (6, 2, 2, 16, 24, 1),
    "token_more_queries": (6, 2, 2, 16, 24, 2),
    "more_values": (2, 2, 4, 16, 16, 1),
    "token_more_values": (2, 2, 4, 24, 16, 2),
}


def function(name, heads, initial, final):
    hq, hk, hv, dk, dv, rank = SHAPES[name]
    states, outputs = max(hk, hv), max(hq, hk, hv)
    q, k, v = f"tensor<?x{hq}x{dk}xf32>", f"tensor<?x{hk}x{dk}xf32>", f"tensor<?x{hv}x{dv}xf32>"
    g = f"tensor<{states}xf32>" if rank == 1 else f"tensor<?x{states}xf32>"
    state, result = f"tensor<?x{states}x{dk}x{dv}xf32>", f"tensor<?x{outputs}x{dv}xf32>"
    arguments = [("q", q), ("k", k), ("v", v), ("g", g)]
    arguments += [("s0", state)] if initial else []
    arguments += [("starts", "tensor<?xi32>")]
    types = ", ".join(t for _, t in arguments)
    listed = ", ".join(f"%{n}: {t}" for n, t in arguments)
    results = f"({result}, {state})" if final else result
    start = "initial(%s0) " if initial else ""
    lines = [
        f"func.func @{heads}({listed}) -> {results} {{",
        f"  %o{', %s' if final else ''} = lightning.attention gated {NUMERICS} %q, %k, %v decay(%g) {start}"
        f"starts(%starts) {{scale = 0.25 : f32}} : ({types}) -> {result}{f' final {state}' if final else ''}",
        f"  return %o{', %s' if final else ''} : {results.strip('()')}",
        "}",
    ]
    return "\n".join(lines)


# What is tried at other chunks than 64: compiling every shape for each chunk would be most of this file's time.
OTHER_CHUNKS = ("plain", "token", "odd", "token_more_queries", "token_more_values")


def module(names):
    functions = []
    for name in names:
        functions.append(function(name, name, False, False))
        functions.append(function(name, name + "_state", True, True))
    return "\n".join(functions) + "\n"


class Lightning(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        context = harness.workspace()
        cls.work = context.__enter__()
        cls.addClassCleanup(context.__exit__, None, None, None)
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        cls.source = cls.kept("lightning.mlir", module(SHAPES))
        cls.other_source = cls.kept("lightning-chunks.mlir", module(OTHER_CHUNKS))

    @staticmethod
    def kept(name, text):
        """A stable path and contents, so that the compiled file is kept."""
        path = harness.CACHE / name
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
        return path

    def call(self, name, inputs, outputs, chunk=64):
        source = self.source if chunk == 64 else self.other_source
        file = harness.compiled(source, "--lightning-chunk", chunk)
        arguments = ["call", file, "--function", name]
        for i, array in enumerate(inputs):
            np.save(self.work / f"i{i}.npy", array)
            arguments += ["--input", self.work / f"i{i}.npy"]
        for i in range(outputs):
            arguments += ["--output", self.work / f"o{i}.npy"]
        harness.ok(*arguments)
        return [np.load(self.work / f"o{i}.npy") for i in range(outputs)]

    def check(self, name, lengths, decay, states=False, chunk=64, seed=0, tolerance=TOLERANCE):
        """Random operands; `decay(rng, shape)` gives the log decays."""
        hq, hk, hv, dk, dv, rank = SHAPES[name]
        rng = np.random.default_rng([seed, len(lengths), sum(lengths)])
        total, heads = sum(lengths), max(hk, hv)
        q, k, v = (
            rng.standard_normal((total, h, d)).astype(np.float32)
            for h, d in ((hq, dk), (hk, dk), (hv, dv))
        )
        g = decay(rng, (heads,) if rank == 1 else (total, heads)).astype(np.float32)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        initial = None
        inputs = [q, k, v, g]
        if states:
            initial = rng.standard_normal((len(lengths), heads, dk, dv)).astype(np.float32)
            inputs.append(initial)
        want = lightning.recurrence(q, k, v, g, None, 0.25, starts, initial)
        found = self.call(name + ("_state" if states else ""), inputs + [starts], 2 if states else 1, chunk)
        for what, a, b in zip(("outputs", "final states"), found, want):
            self.assertEqual(a.shape, b.shape)
            error = np.abs(a - b).max() / np.abs(b).max()
            self.assertLessEqual(error, tolerance, f"{name} {what} {lengths[:8]} chunk {chunk}")

    @staticmethod
    def rate(low, high):
        """Log decays between -low and -high, evenly in the logarithm."""

        def decay(rng, shape):
            return -np.exp(rng.uniform(np.log(low), np.log(high), shape))

        return decay

    def test_slow_decay_over_4097_tokens(self):
        for name in ("plain", "wide", "token"):
            self.check(name, [4097], lambda rng, shape: np.full(shape, np.log1p(-5e-5)))

    def test_fast_decay(self):
        for name in ("plain", "odd", "token"):
            self.check(name, [300], lambda rng, shape: np.full(shape, -5.0))

    def test_mixed_decays(self):
        for name in SHAPES:
            with self.subTest(name):
                self.check(name, [1000], self.rate(5e-5, 5))

    def test_no_decay(self):
        for name in ("plain", "token"):
            self.check(name, [257], lambda rng, shape: np.zeros(shape))

    def test_resets(self):
        """Decays per token with resets of -100 among slow ones."""

        def decay(rng, shape):
            g = -np.exp(rng.uniform(np.log(1e-4), np.log(1e-1), shape))
            return np.where(rng.random(shape) < 0.03, -100.0, g)

        for name in ("token", "token_more_queries", "token_more_values"):
            for chunk in (32, 64, 256):
                with self.subTest(name=name, chunk=chunk):
                    self.check(name, [1500], decay, chunk=chunk)

    def test_reset_to_nothing(self):
        """A decay of e^-1000 forgets all before the token."""

        def decay(rng, shape):
            return np.where(rng.random(shape) < 0.02, -1000.0, -0.05)

        self.check("token", [400], decay)

    def test_packed_sequences(self):
        lengths = [1, 0, 63, 64, 0, 0, 65, 2, 130, 0]
        for name in SHAPES:
            for states in (False, True):
                with self.subTest(name=name, states=states):
                    self.check(name, lengths, self.rate(1e-3, 1), states)

    def test_states(self):
        for name in SHAPES:
            with self.subTest(name):
                self.check(name, [300], self.rate(1e-4, 0.5), True)

    def test_short(self):
        for length in (1, 2, 3, 63, 64, 65, 127, 128, 129):
            for states in (False, True):
                self.check("plain", [length], self.rate(1e-3, 1), states)

    def test_chunks(self):
        for chunk in (1, 32, 100, 256):
            for name in ("plain", "token", "odd"):
                with self.subTest(name=name, chunk=chunk):
                    self.check(name, [513, 0, 40], self.rate(5e-5, 5), True, chunk)

    def test_worked_example(self):
        """Five tokens small enough to follow by hand, any chunk."""
        t = np.arange(5)
        pair = lambda a, b: np.stack([a, b], -1)[:, None]
        q = pair((t + 1) / 4, (-1.0) ** t * (t + 2) / 8)
        k = pair((3 - t) / 4, (t - 1) / 8)
        v = pair((t % 3 - 1) / 2, (t + 1) / 4)
        text = (
            "func.func @f(%q: tensor<?x1x2xf32>, %k: tensor<?x1x2xf32>, %v: tensor<?x1x2xf32>, %g: tensor<1xf32>, %starts: tensor<?xi32>) -> tensor<?x1x2xf32> {\n"
            f"  %o = lightning.attention gated {NUMERICS} %q, %k, %v decay(%g) starts(%starts) {{scale = 1.0 : f32}} : "
            "(tensor<?x1x2xf32>, tensor<?x1x2xf32>, tensor<?x1x2xf32>, tensor<1xf32>, tensor<?xi32>) -> tensor<?x1x2xf32>\n"
            "  return %o : tensor<?x1x2xf32>\n}\n"
        )
        want = [[-0.078125, 0.0390625], [-0.127940061, 0.188970031], [0.03303014, 0.347209429],
                [0.037858897, 0.060100369], [-0.03923131, 0.285025727]]  # fmt: skip
        self.source = self.other_source = self.kept("lightning-2x2.mlir", text)
        f32 = lambda x: x.astype(np.float32)
        for chunk in (1, 2, 3, 4, 5, 8):
            inputs = [f32(q), f32(k), f32(v), np.float32([-0.5]), np.int32([0, 5])]
            (found,) = self.call("f", inputs, 1, chunk)
            np.testing.assert_allclose(found[:, 0], want, atol=3e-7)

    def test_what_is_not_lowered_is_refused(self):
        """Delta rules and decays per channel: a diagnostic, not a wrong file."""
        t = "tensor<?x2x16xf32>"
        for update, decay, beta, g, more in (
            ("delta", "", "beta(%b) ", "", ""),
            ("gated_delta", "decay(%g) ", "beta(%b) ", f"%g: tensor<2xf32>, ", "tensor<2xf32>, "),
            ("gated", "decay(%g) ", "", f"%g: tensor<?x2x16xf32>, ", "tensor<?x2x16xf32>, "),
        ):
            b = "%b: tensor<?x2xf32>, " if beta else ""
            types = f"{t}, {t}, {t}, {more}{'tensor<?x2xf32>, ' if beta else ''}tensor<?xi32>"
            text = (
                f"func.func @f(%q: {t}, %k: {t}, %v: {t}, {g}{b}%starts: tensor<?xi32>) -> {t} {{\n"
                f"  %o = lightning.attention {update} {NUMERICS} %q, %k, %v {decay}{beta}starts(%starts) "
                f"{{scale = 1.0 : f32}} : ({types}) -> {t}\n  return %o : {t}\n}}\n"
            )
            source = self.work / "refused.mlir"
            source.write_text(text)
            with self.subTest(update=update, decay=more):
                result = harness.run("compile", source, "-o", self.work / "x.hmlt")
                harness.assert_fails(self, result, "lightning.attention")
                self.assertFalse((self.work / "x.hmlt").exists())


class Call(unittest.TestCase):
    """The command itself, on the same functions."""

    def test_bad_calls(self):
        Lightning.setUpClass()
        try:
            file = harness.compiled(Lightning.source, "--lightning-chunk", 64)
            work = Lightning.work
            x = np.zeros((5, 4, 16), np.float32)
            good = [x, x, x, np.zeros(4, np.float32), np.int32([0, 5])]

            def call(inputs, name="plain", outputs=1):
                arguments = ["call", file, "--function", name]
                for i, array in enumerate(inputs):
                    np.save(work / f"b{i}.npy", array)
                    arguments += ["--input", work / f"b{i}.npy"]
                for i in range(outputs):
                    arguments += ["--output", work / f"y{i}.npy"]
                return harness.run(*arguments)

            self.assertEqual(call(good).status, 0, str(call(good)))
            for i in range(1):
                (work / f"y{i}.npy").unlink()
            bad = [
                call(good[:4]),
                call(good + [x]),
                call(good, "no_such_function"),
                call(good, outputs=2),
                call([x[:, :3]] + good[1:]),
                call([x.astype(np.float64)] + good[1:]),
                call([x[0]] + good[1:]),
                call([x[:4]] + good[1:]),  # tokens differ
            ]
            for result in bad:
                self.assertIn(result.status, (1, 2), str(result))
                self.assertTrue(result.err.strip(), str(result))
                self.assertNotIn("Assertion", result.err)
            (work / "b0.npy").write_bytes(b"\x93NUMPY\x01\x00")
            arguments = ["call", file, "--function", "plain"]
            for i in range(5):
                arguments += ["--input", work / f"b{i}.npy"]
            harness.assert_fails(self, harness.run(*arguments, "--output", work / "y.npy"), "b0.npy")
            self.assertFalse((work / "y.npy").exists())
        finally:
            Lightning.doClassCleanups()


if __name__ == "__main__":
    unittest.main()
