"""Gradients of a mixture of experts against float64, whose formulas are held against central differences: experts without
rows, odd sizes, one to three experts a token; weight gradients to the bit in one call or several; the emulated GPU, with
its sanitizer."""

import unittest

import numpy as np

import harness
import reference
import tensors

EXPERTS, WIDTH, INNER, ODD = 6, 64, 96, 33
TOKENS = (1, 63, 64, 65, 257)
TOLERANCE = {"f32": 2e-5, "bf16": 2**-8}  # of each tensor's largest
NUMERICS = {
    "f32": "#tile.numerics<operands = f32, accumulate = f32, group = 1>",
    "split": "#tile.numerics<operands = f32, accumulate = f32, group = 1, split = 4>",
    "bf16": "#tile.numerics<operands = bf16, accumulate = f32, group = 2>",
}
# score, renormalize, epsilon, scaling
ROUTERS = {
    "softmax_renorm": ("softmax", True, 0.0, 1.0),
    "softmax_renorm_scaled": ("softmax", True, 0.25, 2.5),
    "softmax": ("softmax", False, 0.0, 1.5),
    "sigmoid_renorm": ("sigmoid", True, 0.0, 1.0),
    "sigmoid_renorm_scaled": ("sigmoid", True, 0.5, 2.5),
    "sigmoid": ("sigmoid", False, 0.0, 0.5),
}


def rows(width, element="f32"):
    return f"tensor<?x{width}x{element}>"


def rows_functions(k, element):
    """Gathers and sums of rows."""
    x, wide, ids, gates = rows(ODD, element), rows(ODD), rows(k, "i32"), rows(k)
    offsets = f"tensor<{EXPERTS + 1}xi32>"
    dispatch = f"%o, %r, %p = moe.dispatch %ids {{experts = {EXPERTS}}} : ({ids}) -> ({offsets}, tensor<?xi32>, {ids})"
    return f"""
func.func @rows_{k}_{element}(%x: {x}, %ids: {ids}, %g: {gates}) -> ({x}, {wide}, {wide}, {gates}) {{
  {dispatch}
  %a = moe.expand %x, %r {{top_k = {k}}} : ({x}, tensor<?xi32>) -> {x}
  %b = moe.expand %x, %r gates(%g) {{top_k = {k}}} : ({x}, tensor<?xi32>, {gates}) -> {wide}
  %c = moe.combine %b, %p : ({wide}, {ids}) -> {wide}
  %d = moe.gate_grad %b, %p, %x : ({wide}, {ids}, {x}) -> {gates}
  return %a, %b, %c, %d : {x}, {wide}, {wide}, {gates}
}}
"""


def route_functions(k):
    text = ""
    logits, ids, gates, balance = rows(EXPERTS), rows(k, "i32"), rows(k), f"tensor<{EXPERTS}xf32>"
    for name, (score, renormalize, epsilon, scaling) in ROUTERS.items():
        attributes = f"{{renormalize = {str(renormalize).lower()}, epsilon = {epsilon} : f32, scaling = {scaling} : f32}}"
        text += f"""
func.func @{name}_{k}(%l: {logits}, %ids: {ids}, %dg: {gates}, %f: {balance}) -> ({logits}, {logits}) {{
  %a = moe.route_grad {score} %l, %ids, %dg {attributes} : ({logits}, {ids}, {gates}) -> {logits}
  %b = moe.route_grad {score} %l, %ids, %dg balance(%f) {attributes} : ({logits}, {ids}, {gates}, {balance}) -> {logits}
  return %a, %b : {logits}, {logits}
}}
"""
    return text


def input_function(name, n, k, element, numerics, result):
    offsets, w = f"tensor<{EXPERTS + 1}xi32>", f"tensor<{EXPERTS}x{n}x{k}x{element}>"
    dy, dx = rows(n, element), rows(k, result)
    return f"""
func.func @{name}(%dy: {dy}, %o: {offsets}, %w: {w}) -> {dx} {{
  %dx = moe.expert_input_grad {numerics} %dy, %o, %w : ({dy}, {offsets}, {w}) -> {dx}
  return %dx : {dx}
}}
"""


def up_function(element, keep):
    """What experts compute on the way there, from rows that are gathered before or by the op."""
    x, h, ids = rows(WIDTH, element), rows(INNER), rows(2, "i32")
    w, offsets = f"tensor<{EXPERTS}x{INNER}x{WIDTH}x{element}>", f"tensor<{EXPERTS + 1}xi32>"
    numerics = NUMERICS[element]
    up = f"moe.expert_up silu {numerics} %x, %o, %r, %g, %u {{top_k = 2}} : ({x}, {offsets}, tensor<?xi32>, {w}, {w}) -> {h}"
    body = f"%h = {up}" if not keep else f"%h, %a, %b = {up} gate {h} up {h}"
    given = "%h" if not keep else "%h, %a, %b, %c"
    types = h if not keep else ", ".join([h] * 4)
    more = f"""
  %e = moe.expand %x, %r {{top_k = 2}} : ({x}, tensor<?xi32>) -> {x}
  %c = moe.expert_down {numerics} %e, %o, %g : ({x}, {offsets}, {w}) -> {h}"""
    return f"""
func.func @up_{element}{"_sums" if keep else ""}(%x: {x}, %ids: {ids}, %g: {w}, %u: {w}) -> ({types}) {{
  %o, %r, %p = moe.dispatch %ids {{experts = {EXPERTS}}} : ({ids}) -> ({offsets}, tensor<?xi32>, {ids})
  {body}{more if keep else ""}
  return {given} : {types}
}}
"""


def by_name_function(element):
    """One weight of the checkpoint, read by both products, which lay it out each in its way."""
    x, y, offsets = rows(WIDTH, element), rows(INNER, element), f"tensor<{EXPERTS + 1}xi32>"
    w = f"tensor<{EXPERTS}x{INNER}x{WIDTH}x{element}>"
    return f"""
func.func @by_name_{element}(%x: {x}, %dy: {y}, %o: {offsets}) -> ({rows(INNER)}, {rows(WIDTH)}) {{
  %w = nn.weight @experts.{element} : {w}
  %y = moe.expert_down {NUMERICS[element]} %x, %o, %w : ({x}, {offsets}, {w}) -> {rows(INNER)}
  %dx = moe.expert_input_grad {NUMERICS[element]} %dy, %o, %w : ({y}, {offsets}, {w}) -> {rows(WIDTH)}
  return %y, %dx : {rows(INNER)}, {rows(WIDTH)}
}}
"""


INPUT_GRADS = {  # n, k, elements of operands, numerics, elements of the result
    "input_f32": (WIDTH, INNER, "f32", "f32", "f32"),
    "input_split": (WIDTH, INNER, "f32", "split", "f32"),
    "input_odd": (ODD, 35, "f32", "f32", "f32"),
    "input_bf16": (WIDTH, INNER, "bf16", "bf16", "f32"),
    "input_bf16_odd": (ODD, 35, "bf16", "bf16", "f32"),
    "input_bf16_rounded": (WIDTH, INNER, "bf16", "bf16", "bf16"),
    "input_widened": (WIDTH, INNER, "bf16", "f32", "f32"),
}
WEIGHT_GRADS = {  # n, k, elements of dy and x
    "weight_f32": (INNER, WIDTH, "f32", "f32"),
    "weight_odd": (ODD, 35, "f32", "f32"),
    "weight_wide": (16, 1040, "f32", "f32"),
    "weight_bf16": (INNER, WIDTH, "bf16", "bf16"),
    "weight_mixed": (ODD, 48, "f32", "bf16"),
}


def weight_function(name, n, k, dy, x, calls):
    """`calls`: rows of so many operands, one after another, into one state."""
    state, offsets = f"!nn.state<tensor<{EXPERTS}x{n}x{k}xf32>>", f"tensor<{EXPERTS + 1}xi32>"
    arguments = ", ".join(f"%x{i}: {rows(k, x)}, %d{i}: {rows(n, dy)}, %o{i}: {offsets}" for i in range(calls))
    lines = [f"%g0 = nn.state @{name}_{calls} : {state}"]
    for i in range(calls):
        lines.append(
            f"%g{i + 1} = moe.expert_weight_grad %x{i}, %d{i}, %o{i} into(%g{i}) : {rows(k, x)}, {rows(n, dy)}, {offsets}, {state}"
        )
    result = f"tensor<{EXPERTS}x{n}x{k}xf32>"
    lines.append(f"%r = nn.read %g{calls} : {state} -> {result}")
    lines.append(f"return %r, %g{calls} : {result}, {state}")
    body = "\n".join("  " + line for line in lines)
    return f"\nfunc.func @{name}_{calls}({arguments}) -> ({result}, {state}) {{\n{body}\n}}\n"


def module():
    text = ""
    for k in (1, 2, 3):
        text += route_functions(k)
        for element in ("f32", "bf16"):
            text += rows_functions(k, element)
    for name, (n, k, element, numerics, result) in INPUT_GRADS.items():
        text += input_function(name, n, k, element, NUMERICS[numerics], result)
    for element in ("f32", "bf16"):
        text += up_function(element, False) + up_function(element, True)
    for name, shape in WEIGHT_GRADS.items():
        text += weight_function(name, *shape, 1) + weight_function(name, *shape, 3)
    return text


# Float64.


def dispatch(ids):
    flat = ids.ravel()
    order = np.argsort(flat, kind="stable")
    place = np.empty(len(flat), np.int64)
    place[order] = np.arange(len(flat))
    return np.searchsorted(flat[order], np.arange(EXPERTS + 1)).astype(np.int32), order, place.reshape(ids.shape)


def scores_of(score, logits):
    return reference.softmax(logits) if score == "softmax" else reference.sigmoid(logits)


def gates_of(router, logits, ids):
    score, renormalize, epsilon, scaling = router
    chosen = np.take_along_axis(scores_of(score, logits), ids, -1)
    return scaling * (chosen / (chosen.sum(-1, keepdims=True) + epsilon) if renormalize else chosen)


def route_grad(router, logits, ids, dgates, balance=None):
    score, renormalize, epsilon, scaling = router
    p = scores_of(score, logits)
    chosen = np.take_along_axis(p, ids, -1)
    u = scaling * dgates
    if renormalize:
        divisor = chosen.sum(-1, keepdims=True) + epsilon
        u = (u - (u * chosen / divisor).sum(-1, keepdims=True)) / divisor
    du = np.zeros_like(p)
    for slot in range(ids.shape[1]):
        du[np.arange(len(ids)), ids[:, slot]] += u[:, slot]
    result = p * (1 - p) * du if score == "sigmoid" else p * (du - (p * du).sum(-1, keepdims=True))
    if balance is not None:
        p = reference.softmax(logits)
        result = result + p * (balance - (p * balance).sum(-1, keepdims=True))
    return result


def experts_of(offsets):
    return np.repeat(np.arange(EXPERTS), np.diff(offsets))


def input_grad(dy, offsets, w):
    return np.einsum("pn,pnk->pk", dy, w[experts_of(offsets)])


def weight_grad(x, dy, offsets):
    g = np.zeros((EXPERTS, dy.shape[1], x.shape[1]))
    for e in range(EXPERTS):
        part = slice(offsets[e], offsets[e + 1])
        g[e] = dy[part].T @ x[part]
    return g


def differences(f, x, step=1e-6):
    """Central differences of the number f(x)."""
    out = np.zeros_like(x)
    for i in np.ndindex(*x.shape):
        high, low = x.copy(), x.copy()
        high[i] += step
        low[i] -= step
        out[i] = (f(high) - f(low)) / (2 * step)
    return out


# Operands.


def floats(rng, *shape, element="f32", scale=1.0):
    x = (scale * rng.standard_normal(shape)).astype(np.float32)
    return tensors.round_to(x, "BF16") if element == "bf16" else x


def choice(rng, tokens, k):
    """Experts of each token, none twice; the second and the last expert get none."""
    some = [e for e in range(EXPERTS) if e not in (1, EXPERTS - 1)]
    return np.array([rng.permutation(some)[:k] for _ in range(tokens)], np.int32)


def exact(*arrays):
    return [x.astype(np.float64) if x.dtype.kind == "f" else x for x in arrays]


class Formulas(unittest.TestCase):
    def near(self, found, wanted, what):
        self.assertLess(np.abs(found - wanted).max(), 1e-7 * max(1, np.abs(wanted).max()), what)

    def test_router(self):
        rng = np.random.default_rng(1)
        logits, f = rng.standard_normal((4, EXPERTS)), rng.standard_normal(EXPERTS)
        for name, router in ROUTERS.items():
            for k in (1, 2, 3):
                ids, dgates = choice(rng, 4, k), rng.standard_normal((4, k))
                loss = lambda l: (gates_of(router, l, ids) * dgates).sum()
                self.near(route_grad(router, logits, ids, dgates), differences(loss, logits), name)
                balanced = lambda l: loss(l) + (reference.softmax(l) * f).sum()
                self.near(route_grad(router, logits, ids, dgates, f), differences(balanced, logits), name)

    def test_experts(self):
        rng = np.random.default_rng(2)
        ids = choice(rng, 5, 2)
        offsets, order, place = dispatch(ids)
        x, w, gates, dz = (rng.standard_normal(s) for s in ((5, 4), (EXPERTS, 3, 4), (5, 2), (5, 3)))

        def forward(x, w, gates):
            y = np.einsum("pk,pnk->pn", x[order // 2], w[experts_of(offsets)])
            return ((y[place] * gates[:, :, None]).sum(1) * dz).sum()

        y = np.einsum("pk,pnk->pn", x[order // 2], w[experts_of(offsets)])
        dy = gates.ravel()[order][:, None] * dz[order // 2]
        self.near((y[place] * dz[:, None]).sum(-1), differences(lambda g: forward(x, w, g), gates), "gates")
        self.near(input_grad(dy, offsets, w)[place].sum(1), differences(lambda x: forward(x, w, gates), x), "x")
        self.near(weight_grad(x[order // 2], dy, offsets), differences(lambda w: forward(x, w, gates), w), "w")


class Gradients(unittest.TestCase):
    target, options, tokens, env = (), (), TOKENS, None

    @classmethod
    def setUpClass(cls):
        cls.file = cls.compiled("gradients-moe", module())
        cls.errors = {}

    @classmethod
    def compiled(cls, name, text):
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        source = harness.CACHE / f"{name}.mlir"
        if not source.exists() or source.read_text() != text:
            source.write_text(text)
        return harness.compiled(source, *cls.target)

    def call(self, name, arrays, outputs, file=None, options=()):
        return harness.call(file or self.file, name, arrays, outputs, *self.options, *options)

    def compare(self, what, found, wanted, element="f32"):
        self.assertEqual(found.shape, wanted.shape, what)
        self.assertTrue(np.isfinite(found).all(), what)
        if not found.size:
            return
        error = np.abs(found - wanted).max() / max(np.abs(wanted).max(), 1e-6)
        kind = (what.split(",")[0], element)
        self.errors[kind] = max(self.errors.get(kind, 0), error)
        self.assertLessEqual(error, TOLERANCE[element], what)

    def test_rows(self):
        for k in (1, 2, 3):
            for element in ("f32", "bf16"):
                for tokens in self.tokens:
                    rng = np.random.default_rng((k, tokens))
                    x, ids, g = floats(rng, tokens, ODD, element=element), choice(rng, tokens, k), floats(rng, tokens, k)
                    a, b, c, d = self.call(f"rows_{k}_{element}", [x, ids, g], 4)
                    _, order, place = dispatch(ids)
                    np.testing.assert_array_equal(a, x[order // k])
                    gated = (g.ravel()[order][:, None] * x[order // k]).astype(np.float32)
                    harness.assert_same_bits(self, b, gated, "expand with gates")
                    total = b[place[:, 0]]
                    for slot in range(1, k):
                        total = total + b[place[:, slot]]
                    harness.assert_same_bits(self, c, total, "combine without gates")
                    wanted = (b[place].astype(np.float64) * x[:, None]).sum(-1)
                    self.compare(f"gate_grad, top {k}, {tokens} rows", d, wanted)

    def test_route(self):
        for name, router in ROUTERS.items():
            for k in (1, 2, 3):
                for tokens in self.tokens:
                    rng = np.random.default_rng((k, tokens, len(name)))
                    logits, ids = floats(rng, tokens, EXPERTS, scale=2.0), choice(rng, tokens, k)
                    dgates, f = floats(rng, tokens, k), floats(rng, EXPERTS)
                    plain, balanced = self.call(f"{name}_{k}", [logits, ids, dgates, f], 2)
                    arrays = exact(logits, ids, dgates, f)
                    what = f"{name}, top {k}, {tokens} rows"
                    if router[:3] == ("softmax", True, 0.0):
                        chosen = np.zeros(logits.shape, bool)
                        np.put_along_axis(chosen, ids.astype(np.int64), True, -1)
                        self.assertTrue((plain[~chosen] == 0).all(), what)
                    if router[1:3] == (True, 0.0) and k == 1:
                        self.assertTrue((plain == 0).all(), what)
                    else:
                        self.compare(what, plain, route_grad(router, *arrays[:3]))
                    self.compare(what + ", balanced", balanced, route_grad(router, *arrays))

    def test_route_of_one_expert_twice(self):
        """A replay may have it: the gates' gradients add."""
        rng = np.random.default_rng(9)
        logits, dgates, f = floats(rng, 5, EXPERTS), floats(rng, 5, 2), floats(rng, EXPERTS)
        ids = np.int32([(3, 3), (0, 1), (2, 2), (5, 4), (5, 5)])
        for name, router in ROUTERS.items():
            found, _ = self.call(f"{name}_2", [logits, ids, dgates, f], 2)
            self.compare(name, found, route_grad(router, *exact(logits, ids, dgates)))

    def test_input(self):
        for name, (n, k, element, _, result) in INPUT_GRADS.items():
            for tokens in self.tokens:
                rng = np.random.default_rng((n, tokens))
                offsets, _, _ = dispatch(choice(rng, tokens, 2))
                dy = floats(rng, 2 * tokens, n, element=element)
                w = floats(rng, EXPERTS, n, k, element=element, scale=n**-0.5)
                (found,) = self.call(name, [dy, offsets, w], 1)
                # The operands are what they are: sums are rounded in f32, then the result.
                self.compare(f"{name}, {tokens} rows", found, input_grad(*exact(dy, offsets, w)), result)

    def test_weight_by_name(self):
        rng = np.random.default_rng(4)
        weights = {f"experts.{e}": floats(rng, EXPERTS, INNER, WIDTH, element=e) for e in ("f32", "bf16")}
        offsets, _, _ = dispatch(choice(rng, 65, 2))
        # Each of a file's weights must be there.
        file = self.compiled("gradients-moe-names", by_name_function("f32") + by_name_function("bf16"))
        with harness.workspace() as work:
            tensors.write(work / "model.safetensors", weights, {"experts.bf16": "BF16"})
            for element in ("f32", "bf16"):
                x, dy = (floats(rng, 130, width, element=element) for width in (WIDTH, INNER))
                y, dx = self.call(f"by_name_{element}", [x, dy, offsets], 2, file, ("--weights", work))
                x, dy, w = exact(x, dy, weights[f"experts.{element}"])
                self.compare(f"by name {element}", y, np.einsum("pk,pnk->pn", x, w[experts_of(offsets)]))
                self.compare(f"gradient by name {element}", dx, input_grad(dy, offsets, w))

    def test_sums_of_up(self):
        for element in ("f32", "bf16"):
            for tokens in self.tokens:
                rng = np.random.default_rng(tokens)
                x, ids = floats(rng, tokens, WIDTH, element=element), choice(rng, tokens, 2)
                g, u = (floats(rng, EXPERTS, INNER, WIDTH, element=element, scale=WIDTH**-0.5) for _ in range(2))
                (plain,) = self.call(f"up_{element}", [x, ids, g, u], 1)
                h, a, b, c = self.call(f"up_{element}_sums", [x, ids, g, u], 4)
                harness.assert_same_bits(self, h, plain, "with and without the sums")
                harness.assert_same_bits(self, a, c, "the gate's sums and those of rows that were expanded")
                offsets, order, _ = dispatch(ids)
                wide, e = x.astype(np.float64)[order // 2], experts_of(offsets)
                self.compare(f"gate {element}, {tokens} rows", a, np.einsum("pk,pnk->pn", wide, g[e]))
                self.compare(f"up {element}, {tokens} rows", b, np.einsum("pk,pnk->pn", wide, u[e]))

    def test_weights(self):
        for name, (n, k, dy, x) in WEIGHT_GRADS.items():
            for tokens in self.tokens:
                rng = np.random.default_rng((n, k, tokens))
                ids = choice(rng, tokens, 2)
                pairs = [floats(rng, 2 * tokens, k, element=x), floats(rng, 2 * tokens, n, element=dy)]
                offsets, order, _ = dispatch(ids)
                (whole,) = self.call(f"{name}_1", [*(a[order] for a in pairs), offsets], 1)
                what = f"{name}, {tokens} rows"
                self.compare(what, whole, weight_grad(*exact(*(a[order] for a in pairs)), offsets))
                self.assertTrue((whole[[1, -1]].view(np.uint32) == 0).all(), "of experts without rows")
                # The same tokens in three calls; one may have none.
                cuts = [0, *sorted(rng.integers(0, tokens + 1, 2)), tokens]
                arrays = []
                for begin, end in zip(cuts, cuts[1:]):
                    offsets, order, _ = dispatch(ids[begin:end])
                    arrays += [*(a[2 * begin : 2 * end][order] for a in pairs), offsets]
                (parts,) = self.call(f"{name}_3", arrays, 1)
                harness.assert_same_bits(self, parts, whole, what + " in three calls")

    def test_weights_of_tiny_gradients(self):
        """Products below f32's least number: not even the sign of a zero tells calls apart."""
        n, k, _, _ = WEIGHT_GRADS["weight_odd"]
        rng = np.random.default_rng(5)
        ids = choice(rng, 40, 2)
        pairs = [floats(rng, 80, width, scale=1e-23) for width in (k, n)]
        pairs[0][rng.random(pairs[0].shape) < 0.5] = 0
        offsets, order, _ = dispatch(ids)
        (whole,) = self.call("weight_odd_1", [*(a[order] for a in pairs), offsets], 1)
        arrays = []
        for part in (slice(0, 7), slice(7, 8), slice(8, 40)):
            offsets, order, _ = dispatch(ids[part])
            arrays += [*(a[2 * part.start : 2 * part.stop][order] for a in pairs), offsets]
        (parts,) = self.call("weight_odd_3", arrays, 1)
        harness.assert_same_bits(self, parts, whole, "in three calls")


class Emulated(Gradients):
    target, options, tokens = ("--target", "sm_80"), ("--device", "emulated"), (1, 65)

    def call(self, name, arrays, outputs, file=None, options=()):
        """With the sanitizer, which fails a call that races or reads what is not there."""
        with harness.workspace() as work:
            arguments = ["call", file or self.file, "--function", name, *self.options, *options]
            for i, array in enumerate(arrays):
                np.save(work / f"i{i}.npy", array)
                arguments += ["--input", work / f"i{i}.npy"]
            for i in range(outputs):
                arguments += ["--output", work / f"o{i}.npy"]
            ledger = work / "ledger"
            harness.ok(*arguments, env={"EMU_CHECK": "1", "EMU_LEDGER": str(ledger)})
            self.assertNotRegex(ledger.read_text(), r'"errors": ?[1-9]')
            return [np.load(work / f"o{i}.npy") for i in range(outputs)]


if __name__ == "__main__":
    unittest.main()
