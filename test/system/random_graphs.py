"""Random graphs of the nn, lightning, attention and moe ops: their text, fused freely or with every op in a region of its
own, operands for a number of rows, and what float64 gives."""

import dataclasses

import numpy as np

import harness
import lightning
import reference
import tensors

THETA, EPS = 1e4, "1.0e-5"


@dataclasses.dataclass(eq=False)
class Value:
    type: str
    name: str = ""
    make: object = None  # of an operand: array from (rng, tokens)
    thin: bool = False  # multiples of few numbers a row, which may all be near 0

    @property
    def shape(self):
        """Extents but that of the rows."""
        return [int(n) for n in self.type[len("tensor<") : -1].split("x")[1:-1]]


@dataclasses.dataclass(eq=False)
class Op:
    line: object  # text from (names of operands, names of results)
    operands: list
    results: list
    value: object  # float64 results from the operands


def silu(x):
    return x / (1 + np.exp(-x))


def heads_attention(q, k, v, starts, scale, window):
    """(result, log_sum_exp)"""
    group = q.shape[1] // k.shape[1]
    out, lse = np.zeros((*q.shape[:2], v.shape[2])), np.zeros(q.shape[:2])
    for a, b in zip(starts, starts[1:]):
        distance = np.arange(b - a)[:, None] - np.arange(b - a)[None]
        visible = (distance >= 0) & ((distance < window) if window else True)
        for h in range(q.shape[1] if b > a else 0):
            scores = np.where(visible, scale * q[a:b, h] @ k[a:b, h // group].T, -np.inf)
            most = scores.max(-1, keepdims=True)
            weights = np.exp(scores - most)
            lse[a:b, h] = most[:, 0] + np.log(weights.sum(-1))
            out[a:b, h] = weights / weights.sum(-1, keepdims=True) @ v[a:b, h // group]
    return out, lse


def worse(choice, ids, groups):
    """By how much `ids` are worse than the best: the group that they are of, and the experts in it. Of near equals either
    may be taken."""
    parts = choice.reshape(len(choice), groups, -1)
    size = parts.shape[-1]
    group = ids[:, :1] // size
    assert (ids // size == group).all() or groups == 1, "experts of several groups"
    assert (np.diff(np.sort(ids, -1), axis=-1) > 0).all(), "an expert twice"
    if groups == 1:
        group = group * 0
    worth = np.sort(parts, -1)[..., -2:].sum(-1)
    lost = (worth.max(-1) - np.take_along_axis(worth, group, -1)[:, 0]).max()
    kept = np.take_along_axis(parts, group[:, :, None], 1)[:, 0]
    best = -np.sort(-kept, -1)[:, : ids.shape[1]]
    return max(lost, (best - np.take_along_axis(kept, ids - group * size, -1)).max())


class Graph:
    """One function that `build`, given the graph, adds ops to; `element` is that of its activations."""

    def __init__(self, name, seed, element, build):
        self.name, self.element = name, element
        self.rng = np.random.default_rng(seed)
        self.operands, self.ops, self.outputs = [], [], []
        self.rows = {}  # [T, W] and [T, H, D] values by shape
        self.routed = []  # (op, what its experts are chosen by, groups)
        self.starts = self.operand("tensor<?xi32>", self.make_starts)
        build(self)

    def random(self, size):
        self.start()
        while len(self.ops) < size:
            getattr(self, self.rng.choice(STEPS))()
        self.finish()

    # Operands.

    def operand(self, type, make):
        value = Value(type, make=make)
        self.operands.append(value)
        return value

    @staticmethod
    def make_starts(rng, tokens):
        """Some sequences of any length, empty ones among them."""
        inner = rng.integers(0, tokens + 1, rng.integers(0, 4))
        return np.int32(sorted([0, tokens, *inner, *inner[:1]]))

    def floats(self, *extents, scale=1.0, element=None, make=None):
        """An operand of the function; '?' is the number of rows."""
        type = "tensor<" + "x".join(map(str, extents)) + f"x{element or self.element}>"

        def normal(rng, tokens):
            shape = [tokens if n == "?" else n for n in extents]
            return self.stored(scale * rng.standard_normal(shape), element)

        return self.operand(type, make or normal)

    def stored(self, x, element=None):
        x = x.astype(np.float32)
        return tensors.round_to(x, "BF16") if (element or self.element) == "bf16" else x

    # Values.

    def keep(self, value):
        self.rows.setdefault(tuple(value.shape), []).append(value)
        return value

    def pick(self, rank=1):
        shapes = [s for s in self.rows if len(s) == rank]
        shape = shapes[self.rng.integers(len(shapes))]
        # The latest most, lest graphs have no depth.
        values = self.rows[shape]
        return values[-1] if self.rng.random() < 0.6 else values[self.rng.integers(len(values))]

    def chance(self, p=0.5):
        return self.rng.random() < p

    def tensor(self, *extents, element=None):
        return "tensor<" + "x".join(map(str, ("?", *extents))) + f"x{element or self.element}>"

    def emit(self, text, operands, types, value):
        """`text` with {0}, .. for the operands, and with the types, unless it ends with them."""
        results = [Value(t) for t in types]
        rows = [v for v in operands if v.type.startswith("tensor<?x") and not v.type.endswith("xi32>")]
        for made in results:
            made.thin = bool(rows) and all(v.thin for v in rows)
        listed = ", ".join(v.type for v in operands)
        given = types[0] if len(types) == 1 else "(" + ", ".join(types) + ")"

        def line(names, made):
            after = "" if text.endswith(">") else f" : ({listed}) -> {given}"
            return f"{', '.join(made)} = {text.format(*names)}{after}"

        self.ops.append(Op(line, operands, results, value))
        return results[0] if len(results) == 1 else results

    @property
    def numerics(self):
        pairs = self.element == "bf16"
        return f"#tile.numerics<operands = {self.element}, accumulate = f32, group = {2 if pairs else 1}>"

    def sums(self, element=None):
        """The order of a product's sums, in parts or not."""
        element = element or self.element
        split = int(self.rng.choice((0, 0, 2, 8)))
        return f"#tile.numerics<operands = {element}, accumulate = f32, group = {2 if element == 'bf16' else 1}, split = {split}>"

    # Steps: each adds one op, or a few that belong together.

    def start(self):
        width = int(self.rng.choice((32, 48)))
        if self.chance():
            self.keep(self.floats("?", width))
            return
        ids = self.operand("tensor<?xi32>", lambda rng, tokens: rng.integers(0, 96, tokens).astype(np.int32))
        table = self.floats(96, width)
        self.keep(self.emit("nn.embedding {0}, {1}", [ids, table], [self.tensor(width)], lambda i, t: t[i]))

    def linear(self, x=None, width=None):
        x = x or self.pick()
        width = width or int(self.rng.choice((1, 16, 32, 33, 48, 96)))
        w = self.floats(width, x.shape[0], scale=x.shape[0] ** -0.5)
        # A bf16 product of f32 operands has another kernel.
        text, operands = f"nn.linear {self.sums(None if self.chance(0.7) else 'f32')} {{0}}, {{1}}", [x, w]
        if self.chance(0.3):
            text, operands = text + " bias({2})", operands + [self.floats(width)]
        value = lambda x, w, b=0.0: x @ w.T + b
        made = self.emit(text, operands, [self.tensor(width)], value)
        made.thin |= x.shape[0] < 8
        return self.keep(made)

    def norm(self, x=None):
        x = x or self.pick()
        width = x.shape[-1]
        if width < 8 or x.thin:  # a mean of few squares near 0 has no digits to compare
            return x
        groups = int(self.rng.choice((1, 1, 1, 2, 4))) if len(x.shape) == 1 else 1
        groups = groups if width % groups == 0 else 1
        blocks = int(self.rng.choice((1, 1, 2)))
        blocks = blocks if width % (groups * blocks) == 0 else 1
        split = int(self.rng.choice((0, 0, 2)))
        offset, shared = self.chance(0.3), self.chance(0.3)
        w = self.floats(width // groups if shared else width)

        def value(x, w):
            parts = x.reshape(*x.shape[:-1], groups, -1)
            inverse = 1 / np.sqrt((parts**2).mean(-1, keepdims=True) + np.float32(float(EPS)))
            scale = (w + 1 if offset else w).reshape(-1, width // groups)
            return (parts * inverse * scale).reshape(x.shape), inverse.reshape(len(x), -1)

        attributes = f"{{{{eps = {EPS} : f32, groups = {groups}, sum_blocks = {blocks}, sum_split = {split}, unit_offset = {str(offset).lower()}}}}}"
        types = [x.type]
        if self.chance(0.4):
            types.append(self.tensor((x.shape[0] if len(x.shape) == 2 else 1) * groups, element="f32"))
        made = self.emit(f"nn.rms_norm {{0}}, {{1}} {attributes}", [x, w], types, lambda *v: value(*v)[: len(types)])
        if len(types) == 1:
            return self.keep(made)
        if self.chance(0.7):
            self.outputs.append(made[1])
        if self.element == "f32":
            self.keep(made[1])
        return self.keep(made[0])

    def norm_and_linear(self):
        self.linear(self.norm())

    def activation(self):
        x = self.pick(1 if self.chance(0.8) else 2) if any(len(s) == 2 for s in self.rows) else self.pick()
        kind = self.rng.choice(("silu", "sigmoid"))
        function = silu if kind == "silu" else reference.sigmoid
        return self.keep(self.emit(f"nn.activation {kind} {{0}} : {x.type}", [x], [x.type], function))

    def like(self, x):
        """Another value of x's type, made where there is none."""
        others = [v for v in self.rows[tuple(x.shape)] if v is not x]
        if others and self.chance(0.7):
            return others[self.rng.integers(len(others))]
        return self.linear(width=x.shape[0])

    def mul(self):
        x = self.pick()
        y = self.like(x)
        return self.keep(self.emit(f"nn.mul {{0}}, {{1}} : {x.type}", [x, y], [x.type], lambda x, y: x * y))

    def residual(self):
        x = self.pick()
        y = self.like(x)
        a, b = (float(np.float32(v)) for v in self.rng.uniform(0.3, 1, 2))
        text = f"nn.residual {{0}}, {{1}} {{{{alpha = {a!r} : f32, beta = {b!r} : f32}}}} : {x.type}"
        return self.keep(self.emit(text, [x, y], [x.type], lambda x, y: a * x + b * y))

    def mix(self):
        x = self.pick()
        y, gate = self.like(x), self.linear(width=1)
        gate = self.emit(f"nn.activation sigmoid {{0}} : {gate.type}", [gate], [gate.type], reference.sigmoid)
        value = lambda x, y, g: x * (1 - g) + y * g
        return self.keep(self.emit("nn.mix {0}, {1}, {2}", [x, y, gate], [x.type], value))

    def heads(self, heads=None, dim=None):
        """Some columns of a projection as heads, normed or rotated or neither."""
        heads, dim = heads or int(self.rng.choice((1, 2, 3, 4))), dim or int(self.rng.choice((8, 16)))
        before = int(self.rng.choice((0, 16)))
        x = self.linear(width=before + heads * dim)
        text = f"nn.heads {{0}} {{{{offset = {before}, heads = {heads}, dim = {dim}}}}}"
        value = lambda x: x[:, before:].reshape(len(x), heads, dim)
        y = self.emit(text, [x], [self.tensor(heads, dim)], value)
        if self.chance(0.4):
            y = self.norm(y)
        if self.chance(0.4):
            y = self.rotary(y)
        if self.chance(0.2):
            y = self.norm(y)
        return self.keep(y)

    def rotary(self, x):
        dims = int(self.rng.choice((4, 8)))
        positions = self.operand(
            "tensor<?xi32>", lambda rng, tokens: rng.integers(0, 300, tokens).astype(np.int32)
        )

        def table(p):
            rates = (1.0 / np.float64(THETA) ** (np.arange(0, dims, 2) / dims)).astype(np.float32)
            angle = (p.astype(np.float32)[:, None] * rates).astype(np.float64)
            return np.cos(angle), np.sin(angle)

        half = self.tensor(dims // 2, element="f32")
        text = f"nn.rotary_table {{0}} {{{{theta = {THETA} : f64, dims = {dims}}}}}"
        cos, sin = self.emit(text, [positions], [half, half], table)

        def value(x, cos, sin):
            low, high, rest = np.split(x, (dims // 2, dims), -1)
            cos, sin = cos[:, None], sin[:, None]
            return np.concatenate((low * cos - high * sin, high * cos + low * sin, rest), -1)

        return self.emit("nn.rotary {0}, {1}, {2}", [x, cos, sin], [x.type], value)

    def merge(self):
        if not any(len(s) == 2 for s in self.rows):
            return self.heads()
        x = self.pick(2)
        width = x.shape[0] * x.shape[1]
        value = lambda x: x.reshape(len(x), width)
        return self.keep(self.emit("nn.merge_heads {0}", [x], [self.tensor(width)], value))

    def softmax(self):
        queries, keys, dim = ((4, 2, 16), (3, 1, 16), (2, 2, 8))[self.rng.integers(3)]
        q, k, v = self.heads(queries, dim), self.heads(keys, dim), self.heads(keys, dim)
        window = int(self.rng.choice((0, 0, 5, 70)))
        text = (
            f"attention.softmax {self.numerics} {{0}}, {{1}}, {{2}} starts({{3}}) "
            f"{{{{scale = 0.25 : f32, window = {window}}}}} : "
        )
        operands = [q, k, v, self.starts]
        types = [q.type] + ([self.tensor(queries, element="f32")] if self.chance(0.3) else [])
        text += "(" + ", ".join(o.type for o in operands) + f") -> {q.type}"
        text += f" log_sum_exp {types[1]}" if len(types) > 1 else ""
        value = lambda q, k, v, s: heads_attention(q, k, v, s, 0.25, window)[: len(types)]
        made = self.emit(text, operands, types, value)
        if len(types) > 1:
            self.outputs.append(made[1])
            made = made[0]
        return self.keep(made)

    def lightning(self):
        heads, dim, dv = ((4, 16, 16), (3, 8, 16), (2, 16, 8))[self.rng.integers(3)]
        q, k, v = self.heads(heads, dim), self.heads(heads, dim), self.heads(heads, dv)
        token = self.chance()
        decay = self.floats(
            *(("?", heads) if token else (heads,)),
            element="f32",
            make=lambda rng, t: -rng.uniform(1e-3, 0.5, (t, heads) if token else heads).astype(np.float32),
        )
        operands = [q, k, v, decay, self.starts]
        result = self.tensor(heads, dv)
        types = [result] + ([self.tensor(heads, dim, dv, element="f32")] if self.chance(0.3) else [])
        text = (
            f"lightning.attention gated {self.numerics} {{0}}, {{1}}, {{2}} decay({{3}}) starts({{4}}) "
            "{{scale = 0.25 : f32}} : (" + ", ".join(o.type for o in operands) + f") -> {result}"
        )
        text += f" final {types[1]}" if len(types) > 1 else ""
        value = lambda q, k, v, g, s: lightning.recurrence(q, k, v, g, None, 0.25, s, None)[: len(types)]
        made = self.emit(text, operands, types, value)
        if len(types) > 1:
            self.outputs.append(made[1])
            made = made[0]
        return self.keep(made)

    def experts(self):
        x = self.norm() if self.chance() else self.pick()
        width, inner = x.shape[-1], int(self.rng.choice((16, 40)))
        if len(x.shape) != 1:
            return
        count, k, groups = 8, int(self.rng.choice((1, 2, 3))), int(self.rng.choice((1, 1, 2)))
        score = str(self.rng.choice(("softmax", "sigmoid")))
        renormalise, scaling = self.chance(), float(self.rng.choice((1.0, 2.5)))
        router = self.floats(count, width, scale=width**-0.5, element="f32")
        operands = [x, router]
        text = f"moe.route {score} {{0}}, {{1}}"
        if self.chance(0.4):
            operands.append(self.floats(count, scale=0.1, element="f32"))
            text += " bias({2})"
        if self.chance(0.5):
            text += f" sums({self.sums('f32')})"
        text += (
            f" {{{{top_k = {k}, renormalize = {str(renormalise).lower()}, epsilon = 0.0 : f32, "
            f"scaling = {scaling} : f32, groups = {groups}, topk_groups = 1}}}}"
        )
        ids_type, gates_type = f"tensor<?x{k}xi32>", f"tensor<?x{k}xf32>"

        def scores(x, w, bias=0.0):
            logits = x @ w.T
            s = reference.softmax(logits) if score == "softmax" else reference.sigmoid(logits)
            return s, s + bias

        def route(*inputs, ids):
            s, _ = scores(*inputs)
            gates = np.take_along_axis(s, ids, -1)
            return ids, scaling * (gates / gates.sum(-1, keepdims=True) if renormalise else gates)

        ids, gates = self.emit(text, operands, [ids_type, gates_type], route)
        self.routed.append((self.ops[-1], lambda *inputs: scores(*inputs)[1], groups))
        self.outputs += [ids] + ([gates] if self.chance(0.3) else [])

        def dispatch(ids):
            flat = ids.ravel()
            order = np.argsort(flat, kind="stable")
            place = np.empty(len(flat), np.int64)
            place[order] = np.arange(len(flat))
            return np.searchsorted(flat[order], np.arange(count + 1)), order, place.reshape(ids.shape)

        types = [f"tensor<{count + 1}xi32>", "tensor<?xi32>", ids_type]
        offsets, order, place = self.emit(f"moe.dispatch {{0}} {{{{experts = {count}}}}}", [ids], types, dispatch)
        gate, up = (self.floats(count, inner, width, scale=width**-0.5) for _ in range(2))
        down = self.floats(count, width, inner, scale=inner**-0.5)

        def experts_of(offsets):
            return np.repeat(np.arange(count), np.diff(offsets))

        def raise_(x, offsets, order, gate, up):
            e, rows = experts_of(offsets), x[order // k]
            return silu(np.einsum("ph,pfh->pf", rows, gate[e])) * np.einsum("ph,pfh->pf", rows, up[e])

        text = f"moe.expert_up silu {self.sums()} {{0}}, {{1}}, {{2}}, {{3}}, {{4}} {{{{top_k = {k}}}}}"
        h = self.emit(text, [x, offsets, order, gate, up], [self.tensor(inner)], raise_)
        value = lambda h, offsets, w: np.einsum("pf,phf->ph", h, w[experts_of(offsets)])
        y = self.emit(f"moe.expert_down {self.sums()} {{0}}, {{1}}, {{2}}", [h, offsets, down], [x.type], value)
        value = lambda y, place, gates: (y[place] * gates[:, :, None]).sum(1)
        return self.keep(self.emit("moe.combine {0}, {1}, {2}", [y, place, gates], [x.type], value))

    def finish(self):
        """Chosen rows and logits at the end of some; what nothing reads, and some of what is read, is returned."""
        if self.chance(0.5):
            x = self.pick()
            rows = self.operand(
                "tensor<?xi32>", lambda rng, t: rng.integers(0, t, rng.integers(1, t + 1)).astype(np.int32)
            )
            y = self.emit("nn.select_rows {0}, {1}", [x, rows], [x.type], lambda x, r: x[r])
            if self.chance(0.7):
                y = self.norm(y)
            if self.element == "f32":
                w = self.floats(96, x.shape[0], scale=x.shape[0] ** -0.5, element="f32")
                text = f"nn.lm_head {self.sums()} {{0}}, {{1}}"
                y = self.emit(text, [y, w], [self.tensor(96)], lambda x, w: x @ w.T)
            self.outputs.append(y)
        read = {id(v) for op in self.ops for v in op.operands}
        for op in self.ops:
            for v in op.results:
                if id(v) not in read or ("f32" in v.type or "bf16" in v.type) and self.chance(0.15):
                    self.outputs.append(v)
        self.outputs = list({id(v): v for v in self.outputs}.values())

    # Text.

    def text(self, apart):
        """The function; `apart`: every op in a region of its own."""
        names = {id(v): f"%i{n}" for n, v in enumerate(self.operands)}
        lines = []
        for number, op in enumerate(self.ops):
            made = [f"%v{number}_{i}" for i in range(len(op.results))]
            if apart:
                inner = [f"%a{i}" for i in range(len(op.operands))]
                types = ", ".join(v.type for v in op.operands)
                given = ", ".join(v.type for v in op.results)
                lines.append(
                    f"  %v{number}:{len(made)} = nn.fused \"apart\"({', '.join(names[id(v)] for v in op.operands)}) : "
                    f"({types}) -> ({given}) {{"
                )
                lines.append(f"  ^bb0({', '.join(f'{a}: {v.type}' for a, v in zip(inner, op.operands))}):")
                lines.append("    " + op.line(inner, made))
                lines.append(f"    nn.yield {', '.join(made)} : {given}")
                lines.append("  }")
                made = [f"%v{number}#{i}" for i in range(len(made))]
            else:
                lines.append("  " + op.line([names[id(v)] for v in op.operands], made))
            names.update({id(v): n for v, n in zip(op.results, made)})
        arguments = ", ".join(f"{names[id(v)]}: {v.type}" for v in self.operands)
        types = ", ".join(v.type for v in self.outputs)
        returned = ", ".join(names[id(v)] for v in self.outputs)
        name = self.name + ("_apart" if apart else "")
        return "\n".join(
            [f"func.func @{name}({arguments}) -> ({types}) {{", *lines, f"  return {returned} : {types}", "}"]
        )

    # Numbers.

    def arrays(self, seed, tokens):
        rng = np.random.default_rng(seed)
        return [v.make(rng, tokens) for v in self.operands]

    def truth(self, arrays, found):
        """float64 outputs. Experts are those that were found, after a look at whether they are the best."""
        known = {id(v): a.astype(np.float64) if a.dtype.kind == "f" else a for v, a in zip(self.operands, arrays)}
        routed = {id(op): (choice, groups) for op, choice, groups in self.routed}
        answers = dict(zip(map(id, self.outputs), found))
        slack = 1e-4 if self.element == "f32" else 3e-2
        for op in self.ops:
            inputs = [known[id(v)] for v in op.operands]
            if id(op) in routed:
                choice, groups = routed[id(op)]
                ids = answers[id(op.results[0])].astype(np.int64)
                lost = worse(choice(*inputs), ids, groups)
                assert lost <= slack, f"experts worse than the best by {lost}"
                values = op.value(*inputs, ids=ids)
            else:
                values = op.value(*inputs)
            values = values if isinstance(values, tuple) else (values,)
            known.update({id(v): x for v, x in zip(op.results, values)})
        return [known[id(v)] for v in self.outputs]


STEPS = (
    "linear", "norm", "norm_and_linear", "norm_and_linear", "activation", "activation", "mul", "mul", "residual",
    "residual", "mix", "heads", "merge", "softmax", "lightning", "experts", "experts",
)


def compiled(graphs, name, *options, apart=()):
    """The file of the graphs, freely fused, and of those `apart` with every op in a region of its own (`_apart`)."""
    texts = [g.text(False) for g in graphs] + [g.text(True) for g in apart]
    harness.CACHE.mkdir(parents=True, exist_ok=True)
    source = harness.CACHE / f"{name}.mlir"
    text = "\n".join(texts) + "\n"
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    return harness.compiled(source, *options)

