"""The examples of the graph dialects' documentation compile, run under
`hamlet call`, and give what numpy gives."""

import json
import re
import unittest

import numpy as np

import harness
import layer_gradients as layers
import lightning
import reference
import tensors
import token_gradients

T, PAIRS, SEQUENCES = 37, 2, [0, 5, 5, 30, 37]
F32_TOLERANCE, BF16_TOLERANCE = 1e-5, 2e-2  # of the largest value


def examples():
    """(file, text) of every mlir fence in the dialects' operation files."""
    for dialect in ("NN", "Lightning", "Attention", "MoE"):
        for path in sorted((harness.ROOT / "dialects" / dialect).glob("*.td")):
            for text in re.findall(r"```mlir\n(.*?)```", path.read_text(), re.S):
                yield path.name, text


def parse(text):
    """(name, [(argument, type)], number of results) of the example's function."""
    head = re.search(r"func\.func @(\w+)\((.*?)\)\s*->\s*(.*?)\s*\{\s*\n", text, re.S)
    arguments = re.findall(r"%(\w+): (tensor<[^>]*>|![\w.]+<[^>]*>)", head.group(2))
    results = re.sub(r"!nn\.state<[^>]*>>", "", head.group(3))  # no results for the caller
    return head.group(1), arguments, len(re.findall(r"tensor<", results))


def make(name, type, function, rng):
    """An operand that means something: its numpy array."""
    *extents, element = type[len("tensor<") : -1].split("x")
    rows = {"starts": len(SEQUENCES), "s0": len(SEQUENCES) - 1, "s1": len(SEQUENCES) - 1}.get(name, T)
    pairs = {"expert_down": "h", "combine": "y", "combine_rows": "y", "gate_grad": "y", "expert_input_grad": "dy"}
    if pairs.get(function) == name or function == "expert_weight_grad" and name != "ids":
        rows = T * PAIRS
    shape = [rows if e == "?" else int(e) for e in extents]
    if element == "i32":
        if name == "starts":
            return np.int32(SEQUENCES)
        if name == "positions":
            return rng.integers(0, 5000, shape).astype(np.int32)
        limit = {"rows": T, "ids": 96 if function in ("nn_embedding", "nn_embedding_grad") else 8}[name]
        return rng.integers(0, limit, shape).astype(np.int32)
    x = rng.standard_normal(shape)
    if name == "g":
        x = -np.exp(rng.uniform(np.log(1e-3), np.log(2), shape))
    if name in ("gate", "gates"):
        x = rng.random(shape)
    if name in ("w", "wg", "wu") and len(shape) > 1:
        x *= shape[-1] ** -0.5
    x = x.astype(np.float16 if element == "f16" else np.float32)
    return tensors.round_to(x, "BF16") if element == "bf16" else x


def attention(q, k, v, starts, scale, window=0):
    out = np.zeros((len(q), q.shape[1], v.shape[2]))
    for a, b in zip(starts, starts[1:]):
        distance = np.arange(b - a)[:, None] - np.arange(b - a)[None]
        visible = (distance >= 0) & ((distance < window) if window else True)
        for h in range(q.shape[1]):
            g = h // (q.shape[1] // k.shape[1])
            scores = np.where(visible, scale * q[a:b, h] @ k[a:b, g].T, -np.inf)
            if b > a:
                out[a:b, h] = reference.softmax(scores) @ v[a:b, g]
    return out


def log_sum_exp(q, k, starts, scale):
    out = np.zeros(q.shape[:2])
    for a, b in zip(starts, starts[1:]):
        for i in range(a, b):
            for h in range(q.shape[1]):
                scores = scale * k[a : i + 1, h // (q.shape[1] // k.shape[1])] @ q[i, h]
                out[i, h] = scores.max() + np.log(np.exp(scores - scores.max()).sum())
    return out


def route(score, x, w, bias=0.0, ids=None, k=2, renormalise=True, scaling=1.0, groups=1, top_groups=1):
    logits = x @ w.T
    score = reference.softmax(logits) if score == "softmax" else reference.sigmoid(logits)
    choice = score + bias
    if groups > 1:
        parts = choice.reshape(len(x), groups, -1)
        worth = np.sort(parts, -1)[..., -2:].sum(-1)
        kept = np.argsort(-worth, -1, kind="stable")[:, :top_groups]
        mask = np.full(parts.shape, -np.inf)
        np.put_along_axis(mask, kept[:, :, None], 0.0, 1)
        choice = (parts + mask).reshape(choice.shape)
    if ids is None:
        ids = np.argsort(-choice, -1, kind="stable")[:, :k]
    gates = np.take_along_axis(score, ids, -1)
    if renormalise:
        gates = gates / gates.sum(-1, keepdims=True)
    return ids, scaling * gates


def dispatch(ids, experts=8):
    flat = ids.ravel()
    order = np.argsort(flat, kind="stable")
    place = np.empty(len(flat), np.int64)
    place[order] = np.arange(len(flat))
    offsets = np.searchsorted(flat[order], np.arange(experts + 1))
    return offsets, order, place.reshape(ids.shape)


def expert_up(x, ids, wg, wu):
    _, order, _ = dispatch(ids)
    return np.stack(
        [
            reference.silu(x[p // PAIRS] @ wg[e].T) * (x[p // PAIRS] @ wu[e].T)
            for p, e in zip(order, ids.ravel()[order])
        ]
    )


def expert_down(h, ids, w):
    _, order, _ = dispatch(ids)
    return np.stack([row @ w[e].T for row, e in zip(h, ids.ravel()[order])])


def expand(x, ids, gates=None):
    _, order, _ = dispatch(ids)
    rows = x[order // PAIRS]
    return rows if gates is None else gates.ravel()[order][:, None] * rows


def expert_weight_grad(x, dy, ids):
    offsets, _, _ = dispatch(ids)
    return np.stack([dy[a:b].T @ x[a:b] for a, b in zip(offsets, offsets[1:])])


def route_grad(score, logits, ids, dgates, balance=None, scaling=1.0):
    """Of renormalised gates."""
    p = reference.softmax(logits) if score == "softmax" else reference.sigmoid(logits)
    chosen = np.take_along_axis(p, ids, -1)
    gates = chosen / chosen.sum(-1, keepdims=True)
    by_score = scaling * (dgates - (dgates * gates).sum(-1, keepdims=True)) / chosen.sum(-1, keepdims=True)
    found = np.zeros_like(p)
    for row, (experts, values) in enumerate(zip(ids, by_score)):
        np.add.at(found[row], experts, values)
    if score == "sigmoid":
        found *= p * (1 - p)
    else:
        found = p * (found - (p * found).sum(-1, keepdims=True))
    if balance is not None:
        p = reference.softmax(logits)
        found += p * (balance - (p * balance).sum(-1, keepdims=True))
    return found


def table(positions, theta, dims):
    exponent = np.arange(0, dims, 2) / dims
    frequency = (1.0 / np.float64(theta) ** exponent).astype(np.float32)
    angle = (positions.astype(np.float32)[:, None] * frequency).astype(np.float64)
    return np.cos(angle), np.sin(angle)


def rotary(x, positions):
    heads = reference.rotate(x.reshape(len(x), 2, 16), positions, 8, 1e4)
    return heads.reshape(len(x), -1)


def constant(q, k, v, g, *rest):
    initial, starts = (rest[0], rest[1]) if len(rest) == 2 else (None, rest[0])
    return lightning.recurrence(q, k, v, g, None, 1.0, starts, initial)


def outputs_only(q, k, v, g, *rest):
    return constant(q, k, v, g, *rest)[0]


def heads_norm(x, w):
    x = x.reshape(len(x), 4, 16)
    return reference.rms_norm(x, w, 1e-6).reshape(len(x), 64)


def norm_gradients(x, w, dy):
    dx, inverse = layers.norm_grad(x, w, dy, 1)
    return dx, layers.norm_weight_grad(x, inverse, dy, len(w))


REFERENCE = {
    "nn_embedding": lambda ids, table: table[ids],
    "nn_select_rows": lambda x, rows: x[rows],
    "nn_linear": lambda x, w: x @ w.T,
    "nn_linear_bias": lambda x, w, b: x @ w.T + b,
    "nn_lm_head": lambda x, w: x @ w.T,
    "nn_rms_norm": lambda x, w: reference.rms_norm(x, w, 1e-5),
    "nn_rms_norm_inverse": lambda x, w: (
        reference.rms_norm(x, w, 1e-5),
        1 / np.sqrt((x.astype(np.float64) ** 2).mean(-1, keepdims=True) + 1e-5),
    ),
    "nn_rms_norm_heads": heads_norm,
    "nn_activation": lambda x: reference.silu(reference.sigmoid(x)),
    "nn_mul": lambda x, y: x * y,
    "nn_residual": lambda r, y: np.float64(np.float32(3.5565588)) * r + y,
    "nn_mix": lambda m, s, g: m * (1 - g) + s * g,
    "nn_heads": lambda x: x[:, 32:64],
    "nn_rotary_table": lambda p: table(p, 1e7, 64),
    "nn_rotary": rotary,
    "nn_state": lambda x, dy: dy.T @ x,
    "nn_linear_input_grad": lambda dy, w: dy @ w,
    "nn_bias_grad": lambda dy: dy.sum(0),
    "nn_embedding_grad": lambda ids, dy: layers.embedding_grad(ids, dy, 96),
    "nn_scale": lambda x: np.float64(np.float32(3.5565588)) * x,
    "nn_activation_grad": lambda x, dy: layers.silu_grad(x, layers.sigmoid_grad(x, dy)),
    "nn_rms_norm_grad": lambda x, w, dy: layers.norm_grad(x, w, dy, 1),
    "nn_rms_norm_weight_grad": norm_gradients,
    "nn_mix_grad": lambda m, s, g, dy: (dy * (1 - g), dy * g, (dy * (s - m)).sum(-1, keepdims=True)),
    "nn_concat_heads": lambda q, k, v: np.concatenate([x.reshape(len(x), -1) for x in (q, k, v)], 1),
    "nn_fused": lambda x, w: reference.silu(x @ w.T),
    "lightning_constant": outputs_only,
    "lightning_constant_final": constant,
    "lightning_constant_initial": outputs_only,
    "lightning_constant_initial_final": constant,
    "lightning_token": outputs_only,
    "lightning_token_final": constant,
    "lightning_token_initial": outputs_only,
    "lightning_token_initial_final": constant,
    "lightning_grad": lambda q, k, v, g, s, do: token_gradients.lightning(q, k, v, g, do, s, 1.0)[:3],
    "lightning_grad_token": lambda q, k, v, g, s0, s, do, s1: token_gradients.lightning(q, k, v, g, do, s, 1.0, s0, s1),
    "softmax": lambda q, k, v, s: attention(q, k, v, s, 0.25),
    "softmax_residual": lambda q, k, v, s: (
        attention(q, k, v, s, 0.25),
        log_sum_exp(q, k, s, 0.25),
    ),
    "softmax_grad": lambda q, k, v, o, l, do, s: token_gradients.softmax(q, k, v, o, l, do, s, 0.25),
    "softmax_grad_window": lambda q, k, v, o, l, do, s: token_gradients.softmax(q, k, v, o, l, do, s, 0.25, 10),
    "softmax_window": lambda q, k, v, s: attention(q, k, v, s, 0.25, 100),
    "route_softmax": lambda x, w: route("softmax", x, w),
    "route_sigmoid_bias_groups": lambda x, w, b: route(
        "sigmoid", x, w, b, scaling=2.5, groups=4, top_groups=2
    ),
    "route_replay": lambda x, w, ids: route("softmax", x, w, ids=ids, renormalise=False),
    "route_bias_replay": lambda x, w, b, ids: route("sigmoid", x, w, b, ids),
    "dispatch": dispatch,
    "expert_up": expert_up,
    "expert_down": expert_down,
    "combine": lambda y, ids, g: (y[dispatch(ids)[2]] * g[:, :, None]).sum(1),
    "combine_rows": lambda y, ids: y[dispatch(ids)[2]].sum(1),
    "expert_up_sums": lambda x, ids, wg, wu: (
        expert_up(x, ids, wg, wu),
        *(expert_down(expand(x, ids), ids, w) for w in (wg, wu)),
    ),
    "expand": expand,
    "expand_gates": expand,
    "gate_grad": lambda y, ids, dz: (y[dispatch(ids)[2]] * dz[:, None]).sum(-1),
    "route_grad": lambda *inputs: route_grad("softmax", *inputs),
    "route_grad_balance": lambda *inputs: route_grad("sigmoid", *inputs, scaling=2.5),
    "expert_input_grad": lambda dy, ids, w: expert_down(dy, ids, w.swapaxes(1, 2)),
    "expert_weight_grad": expert_weight_grad,
}


F32 = "#tile.numerics<operands = f32, accumulate = f32, group = 1>"
LINEAR = f"""func.func @linear_rows(%x: tensor<?x32xf32>, %w: tensor<48x32xf32>) -> tensor<?x48xf32> {{
  %y = nn.linear {F32} %x, %w : (tensor<?x32xf32>, tensor<48x32xf32>) -> tensor<?x48xf32>
  return %y : tensor<?x48xf32>
}}
"""
EXPERTS = f"""func.func @expert_rows(%x: tensor<?x32xf32>, %r: tensor<4x32xf32>, %g: tensor<4x48x32xf32>, %u: tensor<4x48x32xf32>, %d: tensor<4x32x48xf32>) -> tensor<?x32xf32> {{
  %ids, %gates = moe.route softmax %x, %r {{top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32}} : (tensor<?x32xf32>, tensor<4x32xf32>) -> (tensor<?x2xi32>, tensor<?x2xf32>)
  %offsets, %order, %place = moe.dispatch %ids {{experts = 4}} : (tensor<?x2xi32>) -> (tensor<5xi32>, tensor<?xi32>, tensor<?x2xi32>)
  %h = moe.expert_up silu {F32} %x, %offsets, %order, %g, %u {{top_k = 2}} : (tensor<?x32xf32>, tensor<5xi32>, tensor<?xi32>, tensor<4x48x32xf32>, tensor<4x48x32xf32>) -> tensor<?x48xf32>
  %y = moe.expert_down {F32} %h, %offsets, %d : (tensor<?x48xf32>, tensor<5xi32>, tensor<4x32x48xf32>) -> tensor<?x32xf32>
  %z = moe.combine %y, %place, %gates : (tensor<?x32xf32>, tensor<?x2xi32>, tensor<?x2xf32>) -> tensor<?x32xf32>
  return %z : tensor<?x32xf32>
}}
"""
SOFTMAX = f"""func.func @softmax_{{i}}(%q: tensor<?x2x16xf32>, %k: tensor<?x2x16xf32>, %v: tensor<?x2x16xf32>, %starts: tensor<?xi32>) -> (tensor<?x2x16xf32>, tensor<?x2xf32>) {{{{
  %o, %l = attention.softmax {F32} %q, %k, %v starts(%starts) {{{{scale = {{scale}} : f32}}}} : (tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?x2x16xf32>, tensor<?xi32>) -> tensor<?x2x16xf32> log_sum_exp tensor<?x2xf32>
  return %o, %l : tensor<?x2x16xf32>, tensor<?x2xf32>
}}}}
"""


class RowsOfCalls(unittest.TestCase):
    """A call runs the variant that its rows ask for; which one changes no bit."""

    def check_rows(self, name, text, kernel, weights, wanted):
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        source = harness.CACHE / f"{name}.mlir"
        if not source.exists() or source.read_text() != text:
            source.write_text(text)
        file = harness.compiled(source)
        rng = np.random.default_rng(3)
        x = rng.standard_normal((max(wanted), 32), np.float32)
        arrays = [0.2 * rng.standard_normal(shape, np.float32) for shape in weights]
        found = {}
        with harness.workspace() as work:
            for i, array in enumerate(arrays):
                np.save(work / f"w{i}.npy", array)
            for rows in wanted:
                np.save(work / "x.npy", x[:rows])
                inputs = [a for i in range(len(arrays)) for a in ("--input", work / f"w{i}.npy")]
                harness.ok("call", file, "--function", name, "--input", work / "x.npy", *inputs,
                           "--output", work / "y.npy", "--profile", work / "trace.json")  # fmt: skip
                found[rows] = np.load(work / "y.npy")
                events = json.loads((work / "trace.json").read_text())["traceEvents"]
                ran = {e["args"]["rows"] for e in events if e["name"] == kernel}
                self.assertEqual(ran, {wanted[rows]}, f"{rows} rows")
        for rows, y in found.items():
            harness.assert_same_bits(self, y, found[max(wanted)][:rows], f"{rows} rows")

    def test_products(self):
        self.check_rows("linear_rows", LINEAR, "linear", [(48, 32)], {1: 1, 2: 8, 8: 8, 9: 16, 17: 64, 65: 64, 130: 64})

    def test_experts(self):
        """By the mean rows of an expert: two of four for each token."""
        weights = [(4, 32), (4, 48, 32), (4, 48, 32), (4, 32, 48)]
        wanted = {1: 1, 2: 1, 3: 8, 16: 8, 17: 16, 33: 64, 130: 64}
        for kernel in ("expert_up", "expert_down"):
            self.check_rows("expert_rows", EXPERTS, kernel, weights, wanted)


class Examples(unittest.TestCase):
    def call(self, text, inputs, outputs, *options):
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        name, _, _ = parse(text)
        source = harness.CACHE / f"example-{name}.mlir"
        if not source.exists() or source.read_text() != text:
            source.write_text(text)
        file = harness.compiled(source)
        return harness.call(file, name, inputs, outputs, *options)

    def compare(self, name, text, found, want):
        tolerance = BF16_TOLERANCE if "bf16>" in text.split("\n")[0] else F32_TOLERANCE
        want = want if isinstance(want, tuple) else (want,)
        self.assertEqual(len(found), len(want))
        for a, b in zip(found, want):
            b = np.asarray(b)
            self.assertEqual(a.shape, b.shape, name)
            if a.dtype.kind == "i":
                np.testing.assert_array_equal(a, b, name)
            else:
                self.assertEqual(a.dtype, np.float32, name)
                error = np.abs(a - b).max() / np.abs(b).max()
                self.assertLessEqual(error, tolerance, name)

    def test_examples(self):
        seen = set()
        for file, text in examples():
            name, arguments, outputs = parse(text)
            with self.subTest(example=name, file=file):
                self.assertNotIn(name, seen, "two examples of one name")
                seen.add(name)
                if any(t.startswith("!") for _, t in arguments) or name == "nn_weight":
                    continue
                self.assertIn(name, REFERENCE, "this file has no numpy for the example")
                rng = np.random.default_rng(len(name))
                inputs = [make(n, t, name, rng) for n, t in arguments]
                found = self.call(text, inputs, outputs)
                exact = [x.astype(np.float64) if x.dtype.kind == "f" else x for x in inputs]
                self.compare(name, text, found, REFERENCE[name](*exact))
        self.assertGreater(len(seen), 20)

    def example(self, wanted):
        for _, text in examples():
            if parse(text)[0] == wanted:
                return text
        self.fail(f"no example {wanted}")

    def test_weights_by_name(self):
        rng = np.random.default_rng(1)
        w = rng.standard_normal((48, 32)).astype(np.float32)
        x = rng.standard_normal((9, 32)).astype(np.float32)
        with harness.workspace() as work:
            tensors.write(work / "model.safetensors", {"proj.weight": w})
            (found,) = self.call(self.example("nn_weight"), [x], 1, "--weights", work)
        np.testing.assert_allclose(found, x.astype(np.float64) @ w.T, rtol=1e-5, atol=1e-5)

    def test_angles_far_out(self):
        """Cosines of f32 angles up to the longest context of MiniMax-M1."""
        positions = np.int32([0, 1, 3, 999, 4095, 65537, 1_000_003, 10_239_999])
        found = self.call(self.example("nn_rotary_table"), [positions], 2)
        for a, b in zip(found, table(positions, 1e7, 64)):
            # A frequency may differ in its last place, and with it the angle.
            error = np.abs(a - b)
            bound = 5e-7 + positions[:, None] * 1.3e-7 * 1e7 ** (-np.arange(32) / 32)
            self.assertTrue((error <= bound).all(), error.max(1))
            self.assertLess(error[:, 0].max(), 5e-7)  # frequency 1 is exact

    def test_rows(self):
        """Any number of rows, none among them, gives each row the same bits."""
        text = self.example("nn_linear")
        rng = np.random.default_rng(2)
        x = rng.standard_normal((130, 32)).astype(np.float32)
        w = rng.standard_normal((48, 32)).astype(np.float32)
        (whole,) = self.call(text, [x, w], 1)
        for rows in (1, 2, 7, 8, 9, 63, 64, 65, 129):
            (part,) = self.call(text, [x[130 - rows :], w], 1)
            harness.assert_same_bits(self, part, whole[130 - rows :], f"{rows} rows")

    def test_extreme_values(self):
        """Sigmoid and SiLU at the ends of f32, and at zero."""
        text = self.example("nn_activation").replace("%y = nn.activation silu %s", "%y = nn.activation silu %x")
        text = text.replace("@nn_activation", "@silu")
        x = np.zeros((2, 32), np.float32)
        x[0, :9] = [0, -0.0, 1e-30, -1e-30, 88, -88, 1e30, -1e30, -104]
        (found,) = self.call(text, [x], 1)
        want = np.zeros((2, 32))
        with np.errstate(over="ignore"):
            want = reference.silu(x.astype(np.float64))
        self.assertTrue(np.isfinite(found).all())
        np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-37)

    def test_scales_of_softmax(self):
        """Scores that fall where products rise, scores that are all alike, and a few that count."""
        rng = np.random.default_rng(7)
        q, k, v = (rng.standard_normal((150, 2, 16), np.float32) for _ in range(3))
        starts = np.array([0, 70, 150], np.int32)
        exact = [x.astype(np.float64) for x in (q, k, v)]
        for i, scale in enumerate((-0.25, 0.0, 7.5)):
            text = SOFTMAX.format(i=i, scale=scale)
            found = self.call(text, [q, k, v, starts], 2)
            want = attention(*exact, starts, scale), log_sum_exp(*exact[:2], starts, scale)
            self.compare(f"scale {scale}", text, found, want)


if __name__ == "__main__":
    unittest.main()
