"""The gradients of the attentions: float64 formulas, which are held against differences of the forward functions; equal
bits of a sequence whatever else is in the batch; and the same program on the emulated GPU, without a finding."""

import json
import unittest

import numpy as np

import harness
import lightning
import tensors
import token_gradients as reference

# Of a gradient's largest value, or of 1 where that is less: those of a lone token's query and key are 0.
TOLERANCE = {"f32": 1e-5, "bf16": 1e-2}
RAGGED = [1, 0, 63, 64, 0, 65, 2, 130, 0]
LENGTHS = ([1], [63], [64], [65], [257], RAGGED)
# On the emulated GPU: one of each kind, few tokens.
EMULATED = {
    "odd": [1, 0, 65],
    "grouped": [1, 0, 65],
    "window": [1, 0, 65],
    "wide_window": [85],
    "head_128": [1, 0, 65],
    "grouped_bf16": [1, 0, 65],
    "constant_more_queries": [1, 0, 65],
    "constant_chunks": [101],
    "constant_bf16": [1, 0, 65],
    "token_more_values": [1, 0, 65],
    "token_more_keys": [1, 0, 65],
    "token_chunks": [90],
    "token_bf16": [1, 0, 65],
}

# name: (query heads, key heads, D, Dv, window, type)
SOFTMAX = {
    "plain": (2, 2, 16, 16, 0, "f32"),
    "odd": (3, 1, 24, 40, 0, "f32"),
    "grouped": (4, 2, 32, 16, 0, "f32"),
    "window": (3, 3, 16, 16, 5, "f32"),
    "wide_window": (4, 2, 16, 24, 70, "f32"),
    "head_128": (2, 1, 128, 128, 0, "f32"),
    "plain_bf16": (2, 2, 16, 16, 0, "bf16"),
    "grouped_bf16": (6, 2, 64, 32, 0, "bf16"),
    "window_bf16": (3, 3, 16, 24, 70, "bf16"),
}
# name: (query heads, key heads, value heads, Dk, Dv, decay per token, initial and final state, chunk, type)
LIGHTNING = {
    "constant": (2, 2, 2, 16, 16, False, False, None, "f32"),
    "constant_states": (3, 3, 3, 24, 40, False, True, None, "f32"),
    "constant_more_queries": (6, 2, 2, 16, 24, False, True, 32, "f32"),
    "constant_more_values": (2, 1, 4, 16, 16, False, True, None, "f32"),
    "constant_more_keys": (1, 4, 2, 32, 16, False, False, None, "f32"),
    "constant_chunks": (2, 2, 2, 16, 16, False, True, 100, "f32"),
    "token": (2, 2, 2, 16, 16, True, False, None, "f32"),
    "token_states": (3, 3, 3, 24, 40, True, True, None, "f32"),
    "token_more_queries": (6, 2, 2, 16, 24, True, True, 32, "f32"),
    "token_more_values": (2, 1, 4, 16, 16, True, True, None, "f32"),
    "token_more_keys": (1, 4, 2, 32, 16, True, True, None, "f32"),
    "token_chunks": (4, 1, 2, 16, 16, True, True, 200, "f32"),
    "head_128": (1, 1, 1, 128, 128, True, True, None, "f32"),
    "constant_bf16": (4, 2, 2, 16, 32, False, True, None, "bf16"),
    "token_bf16": (2, 2, 4, 64, 32, True, True, None, "bf16"),
}


def numerics(element):
    return f"#tile.numerics<operands = {element}, accumulate = f32, group = {2 if element == 'bf16' else 1}>"


def function(name, arguments, lines, results):
    listed = ", ".join(f"%{n}: {t}" for n, t in arguments)
    values, types = (", ".join(x) for x in zip(*results))
    return "\n".join([f"func.func @{name}({listed}) -> ({types}) {{", *lines, f"  return {values} : {types}", "}"])


def softmax_function(name):
    """Forward and back."""
    hq, hk, d, dv, window, element = SOFTMAX[name]
    q, k, v, o = (f"tensor<?x{h}x{n}x{element}>" for h, n in ((hq, d), (hk, d), (hk, dv), (hq, dv)))
    lse, starts = f"tensor<?x{hq}xf32>", "tensor<?xi32>"
    attributes = f"starts(%starts) {{scale = 0.25 : f32, window = {window}}}"
    lines = [
        f"  %o, %l = attention.softmax {numerics(element)} %q, %k, %v {attributes} : ({q}, {k}, {v}, {starts}) -> {o} "
        f"log_sum_exp {lse}",
        f"  %dq, %dk, %dv = attention.softmax_grad {numerics(element)} %q, %k, %v, %o, %l, %do {attributes} : "
        f"({q}, {k}, {v}, {o}, {lse}, {o}, {starts}) -> ({q}, {k}, {v})",
    ]
    arguments = [("q", q), ("k", k), ("v", v), ("do", o), ("starts", starts)]
    return function(f"softmax_{name}", arguments, lines, [("%dq", q), ("%dk", k), ("%dv", v)])


def lightning_function(name):
    hq, hk, hv, dk, dv, token, states, chunk, element = LIGHTNING[name]
    heads, outputs = max(hk, hv), max(hq, hk, hv)
    q, k, v, o = (f"tensor<?x{h}x{n}x{element}>" for h, n in ((hq, dk), (hk, dk), (hv, dv), (outputs, dv)))
    g, state = f"tensor<{'?x' if token else ''}{heads}xf32>", f"tensor<?x{heads}x{dk}x{dv}xf32>"
    arguments = [("q", q), ("k", k), ("v", v), ("g", g), ("do", o), ("starts", "tensor<?xi32>")]
    arguments += [("s0", state), ("ds", state)] if states else []
    order = ["q", "k", "v", "g"] + (["s0"] if states else []) + ["starts", "do"] + (["ds"] if states else [])
    types = ", ".join(dict(arguments)[n] for n in order)
    results = [("%dq", q), ("%dk", k), ("%dv", v)]
    results += ([("%dg", g)] if token else []) + ([("%ds0", state)] if states else [])
    lines = [
        f"  {', '.join(n for n, _ in results)} = lightning.attention_grad gated {numerics(element)} %q, %k, %v decay(%g) "
        f"{'initial(%s0) ' if states else ''}starts(%starts) dresult(%do) {'dfinal(%ds) ' if states else ''}"
        f"{{scale = 0.25 : f32{f', chunk = {chunk}' if chunk else ''}}} : ({types}) -> ({q}, {k}, {v})"
        f"{f' ddecay {g}' if token else ''}{f' dinitial {state}' if states else ''}"
    ]
    return function(f"lightning_{name}", arguments, lines, results)


def rates(low, high):
    """Log decays between -low and -high, evenly in the logarithm."""
    return lambda rng, shape: -np.exp(rng.uniform(np.log(low), np.log(high), shape))


def resets(to):
    return lambda rng, shape: np.where(rng.random(shape) < 0.05, to, rates(1e-4, 1e-1)(rng, shape))


def lightning_case(name, lengths, decay=rates(1e-3, 1), seed=0):
    """(arrays, float64 gradients)"""
    hq, hk, hv, dk, dv, token, states, _, element = LIGHTNING[name]
    rng, total, heads = np.random.default_rng([seed, *lengths]), sum(lengths), max(hk, hv)
    stored = lambda x: tensors.round_to(x, "BF16") if element == "bf16" else x
    normal = lambda *shape: rng.standard_normal(shape).astype(np.float32)
    q, k, v, do = (stored(normal(total, *x)) for x in ((hq, dk), (hk, dk), (hv, dv), (max(hq, heads), dv)))
    g = decay(rng, (total, heads) if token else heads).astype(np.float32)
    starts = boundaries(lengths)
    given = [normal(len(lengths), heads, dk, dv) for _ in range(2 if states else 0)]
    want = reference.lightning(q, k, v, g, do, starts, 0.25, *given)
    want = want[:3] + (want[3:4] if token else ()) + (want[4:] if states else ())
    return [q, k, v, g, do, starts, *given], want


def boundaries(lengths):
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)


def softmax_case(name, lengths, seed=0):
    """(arrays, float64 gradients)"""
    hq, hk, d, dv, window, element = SOFTMAX[name]
    rng, total = np.random.default_rng([seed, *lengths]), sum(lengths)
    shapes = ((hq, d), (hk, d), (hk, dv), (hq, dv))
    arrays = [rng.standard_normal((total, *s)).astype(np.float32) for s in shapes]
    if element == "bf16":
        arrays = [tensors.round_to(x, "BF16") for x in arrays]
    starts = boundaries(lengths)
    q, k, v, do = (x.astype(np.float64) for x in arrays)
    out, lse = reference.softmax_forward(q, k, v, starts, 0.25, window)
    return [*arrays, starts], reference.softmax(q, k, v, out, lse, do, starts, 0.25, window)


def viewed(text):
    """A function whose q, k, v and dresult are heads of one matrix, a column in, and whose dq is one."""
    head, body = text.split(") -> (", 1)
    name, listed = head.split("(", 1)
    arguments = [a.split(": ") for a in listed.split(", ")]
    lines, column, element = [], 1, arguments[0][1].split("x")[-1][:-1]
    for operand, type in arguments:
        if operand in ("%q", "%k", "%v", "%do"):
            heads, dim = map(int, type.split("x")[1:3])
            attributes = f"offset = {column}, heads = {heads}, dim = {dim}"
            lines.append(f"  {operand} = nn.heads %x {{{attributes}}} : (tensor<?xWIDTHx{element}>) -> {type}")
            column += heads * dim
    matrix = f"tensor<?x{column}x{element}>"
    lines = [line.replace(f"tensor<?xWIDTHx{element}>", matrix) for line in lines]
    _, heads, dim = arguments[0][1][:-1].split("x")[:3]
    merged = f"tensor<?x{int(heads) * int(dim)}x{element}>"
    results, rest = body.split(") {\n", 1)
    inner, types = rest.rsplit("  return %dq, ", 1)
    more = [f"{n}: {t}" for n, t in arguments if n not in ("%q", "%k", "%v", "%do")]
    lines.append(inner + f"  %m = nn.merge_heads %dq : ({arguments[0][1]}) -> {merged}")
    kept = results.split(", ", 1)[1]
    names = types.split(" : ")[0]
    return (
        f"{name}_viewed({', '.join([f'%x: {matrix}', *more])}) -> ({merged}, {kept}) {{\n"
        + "\n".join(lines)
        + f"\n  return %m, {names} : {merged}, {kept}\n}}"
    )


def alone(arrays, starts, sequence):
    """The operands of one sequence: of arrays with a row for each token, for each sequence, and others."""
    a, b = starts[sequence], starts[sequence + 1]
    cut = {starts[-1]: slice(a, b), len(starts) - 1: slice(sequence, sequence + 1)}
    return [np.int32([0, b - a]) if x is starts else x[cut.get(len(x), slice(None))] for x in arrays]


class Gradients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        cls.source = harness.CACHE / "gradients-attention.mlir"
        functions = [softmax_function(n) for n in SOFTMAX] + [lightning_function(n) for n in LIGHTNING]
        functions += [viewed(f) for f in (softmax_function("grouped"), lightning_function("token_more_values"))]
        text = "\n".join(functions) + "\n"
        if not cls.source.exists() or cls.source.read_text() != text:
            cls.source.write_text(text)

    worst = {"f32": 0.0, "bf16": 0.0}

    def close(self, found, want, element, what, tolerance=None):
        self.assertEqual(len(found), len(want), what)
        for i, (a, b) in enumerate(zip(found, want)):
            self.assertEqual(a.shape, b.shape, what)
            if a.size:
                error = np.abs(a - b).max() / max(np.abs(b).max(), 1.0)
                self.worst[element] = max(self.worst[element], error)
                self.assertLessEqual(error, tolerance or TOLERANCE[element], f"{what}, gradient {i}")

    # The reference itself.

    def differences(self, loss, arrays, gradients):
        for array, gradient in zip(arrays, gradients):
            for at in np.ndindex(array.shape):
                before, step = array[at], 1e-6
                array[at] = before + step
                above = loss()
                array[at] = before - step
                below = loss()
                array[at] = before
                self.assertAlmostEqual((above - below) / (2 * step), gradient[at], delta=2e-8 * max(1, abs(gradient).max()))

    def test_formulas_of_softmax(self):
        starts = [0, 2, 2, 7]
        for window in (0, 3):
            rng = np.random.default_rng(window)
            q, k, v, do = (rng.standard_normal((7, h, d)) for h, d in ((4, 3), (2, 3), (2, 2), (4, 2)))
            out, lse = reference.softmax_forward(q, k, v, starts, 0.5, window)
            gradients = reference.softmax(q, k, v, out, lse, do, starts, 0.5, window)
            loss = lambda: (reference.softmax_forward(q, k, v, starts, 0.5, window)[0] * do).sum()
            self.differences(loss, (q, k, v), gradients)

    # Softmax attention.

    def test_softmax(self):
        file = harness.compiled(self.source)
        for name, case in SOFTMAX.items():
            for lengths in LENGTHS:
                with self.subTest(name=name, lengths=lengths):
                    arrays, want = softmax_case(name, lengths)
                    found = harness.call(file, f"softmax_{name}", arrays, 3)
                    self.close(found, want, case[-1], f"{name} {lengths}")

    def same_alone(self, name, arrays, starts, results):
        """Each sequence alone, on one thread, has the bits it has in the batch."""
        file = harness.compiled(self.source)
        whole = harness.call(file, name, arrays, results)
        for s in range(len(starts) - 1):
            if starts[s] == starts[s + 1]:
                continue
            found = harness.call(file, name, alone(arrays, starts, s), results, "--threads", 1)
            for i, (a, b) in enumerate(zip(found, whole)):
                b = b[starts[s] : starts[s + 1]] if len(b) == starts[-1] else b[s : s + 1]
                harness.assert_same_bits(self, a, b, f"{name}, sequence {s}, result {i}")

    def test_softmax_of_a_sequence_alone(self):
        for name in ("grouped", "odd", "wide_window", "grouped_bf16"):
            with self.subTest(name=name):
                arrays, _ = softmax_case(name, RAGGED)
                self.same_alone(f"softmax_{name}", arrays, arrays[-1], 3)

    def test_softmax_keeps_to_its_sequence(self):
        """A value that is not finite reaches no other sequence."""
        file = harness.compiled(self.source)
        arrays, _ = softmax_case("grouped", [70, 65, 3])
        clean = harness.call(file, "softmax_grouped", arrays, 3)
        for operand in range(4):
            dirty = [x.copy() for x in arrays]
            dirty[operand][100] = np.nan
            found = harness.call(file, "softmax_grouped", dirty, 3)
            for a, b in zip(found, clean):
                for part in (slice(0, 70), slice(135, 138)):
                    harness.assert_same_bits(self, a[part], b[part], f"operand {operand}")

    # Linear attention.

    def test_formulas_of_lightning(self):
        starts = [0, 2, 2, 6]
        for token, (hq, hk, hv) in ((False, (2, 1, 1)), (True, (1, 1, 2)), (True, (2, 2, 1)), (False, (1, 1, 2))):
            rng, heads = np.random.default_rng(hq), max(hk, hv)
            shapes = ((6, hq, 3), (6, hk, 3), (6, hv, 2), (6, max(hq, heads), 2), (3, heads, 3, 2), (3, heads, 3, 2))
            q, k, v, do, s0, ds = (rng.standard_normal(s) for s in shapes)
            g = -rng.uniform(0.01, 2, (6, heads) if token else heads)
            gradients = reference.lightning(q, k, v, g, do, starts, 0.5, s0, ds)

            def loss():
                out, final = lightning.recurrence(q, k, v, g, None, 0.5, starts, s0)
                return (out * do).sum() + (final * ds).sum()

            self.differences(loss, (q, k, v, g, s0), gradients)

    def lightning(self, file, name, lengths, **more):
        arrays, want = lightning_case(name, lengths, **more)
        found = harness.call(file, f"lightning_{name}", arrays, len(want))
        self.close(found, want, LIGHTNING[name][-1], f"{name} {lengths}")

    def test_lightning(self):
        file = harness.compiled(self.source)
        for name in LIGHTNING:
            for lengths in LENGTHS:
                with self.subTest(name=name, lengths=lengths):
                    self.lightning(file, name, lengths)

    def test_lightning_decays(self):
        """None, slow and fast ones, and resets among slow ones."""
        file = harness.compiled(self.source)
        for name in ("constant_states", "token_states", "token_more_queries", "token_chunks"):
            decays = [lambda rng, shape: np.zeros(shape), rates(5e-5, 1e-3), rates(3, 8)]
            decays += [resets(-100.0), resets(-1000.0)] if LIGHTNING[name][5] else []
            for i, decay in enumerate(decays):
                with self.subTest(name=name, decay=i):
                    self.lightning(file, name, [300], decay=decay)

    def test_lightning_of_a_sequence_alone(self):
        for name in ("constant_states", "constant_more_queries", "token_more_values", "token_chunks", "token_bf16"):
            with self.subTest(name=name):
                arrays, want = lightning_case(name, RAGGED)
                self.same_alone(f"lightning_{name}", arrays, arrays[5], len(want))

    def test_lightning_keeps_to_its_sequence(self):
        file = harness.compiled(self.source)
        name, lengths = "token_more_values", [70, 65, 3]
        arrays, want = lightning_case(name, lengths)
        clean = harness.call(file, f"lightning_{name}", arrays, len(want))
        for operand in (0, 1, 2, 4):
            dirty = [x.copy() for x in arrays]
            dirty[operand][100] = np.nan
            found = harness.call(file, f"lightning_{name}", dirty, len(want))
            for a, b in zip(found, clean):
                for part in (slice(0, 70), slice(135, 138)) if len(a) == 138 else (slice(0, 1), slice(2, 3)):
                    harness.assert_same_bits(self, a[part], b[part], f"operand {operand}")

    def test_views(self):
        """Operands that are heads of one matrix: the same bits."""
        file = harness.compiled(self.source)
        for name, (arrays, want), given in (
            ("softmax_grouped", softmax_case("grouped", RAGGED), 3),
            ("lightning_token_more_values", lightning_case("token_more_values", RAGGED), 4),
        ):
            plain = harness.call(file, name, arrays, len(want))
            heads, more = [*arrays[:3], arrays[given]], [x for i, x in enumerate(arrays) if i > 2 and i != given]
            rows = np.concatenate([np.full((len(arrays[0]), 1), np.nan)] + [x.reshape(len(x), -1) for x in heads], 1)
            found = harness.call(file, name + "_viewed", [rows.astype(np.float32), *more], len(want))
            self.assertEqual(found[0].ndim, 2)
            for i, (a, b) in enumerate(zip(found, plain)):
                harness.assert_same_bits(self, a.reshape(b.shape), b, f"{name}, gradient {i}")

    # The emulated GPU.

    def emulated(self, name, arrays, results):
        """What a checked run gives."""
        file = harness.compiled(self.source, "--target", "sm_80")
        with harness.workspace() as work:
            command = ["call", file, "--function", name, "--device", "emulated"]
            for i, array in enumerate(arrays):
                np.save(work / f"i{i}.npy", array)
                command += ["--input", work / f"i{i}.npy"]
            for i in range(results):
                command += ["--output", work / f"o{i}.npy"]
            ledger = work / "ledger"
            harness.ok(*command, env={"EMU_CHECK": "1", "EMU_LEDGER": str(ledger)})
            entries = [json.loads(line) for line in ledger.read_text().splitlines()]
            self.assertTrue(entries)
            for entry in entries:
                self.assertEqual(entry["errors"], 0, entry)
            return [np.load(work / f"o{i}.npy") for i in range(results)]

    def test_emulated(self):
        for name, lengths in EMULATED.items():
            with self.subTest(name=name):
                kind, make, cases = (
                    ("softmax", softmax_case, SOFTMAX) if name in SOFTMAX else ("lightning", lightning_case, LIGHTNING)
                )
                arrays, want = make(name, lengths)
                found = self.emulated(f"{kind}_{name}", arrays, len(want))
                self.close(found, want, cases[name][-1], name)

    @classmethod
    def tearDownClass(cls):
        print("largest errors:", {k: f"{v:.2g}" for k, v in cls.worst.items()})


if __name__ == "__main__":
    unittest.main()
