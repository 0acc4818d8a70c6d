"""Second results and second users under every fusion of the first: to the bit what the ops give apart (f32), and the first
result's bits are the same whether others are asked for or not (f32 and bf16)."""

import unittest

import numpy as np

import harness
import random_graphs
from random_graphs import compiled

F32 = "#tile.numerics<operands = f32, accumulate = f32, group = 1>"
ROUTE = "{{top_k = 2, renormalize = true, epsilon = 0.0 : f32, scaling = 1.0 : f32}}"


class Case:
    """Short names for what cases are made of. `more`: whether second results are asked for."""

    def __init__(self, g, more):
        self.g, self.more = g, more

    def give(self, *values):
        self.g.outputs += [v for v in values if v is not None]

    def norm(self, x, attributes="eps = 1.0e-5 : f32", parts=1):
        """(result, inverse or None)"""
        w = self.g.floats(x.shape[-1])
        types = [x.type] + ([self.g.tensor(parts, element="f32")] if self.more else [])
        made = self.g.emit(f"nn.rms_norm {{0}}, {{1}} {{{{{attributes}}}}}", [x, w], types, None)
        return made if self.more else (made, None)

    def linear(self, x, width=48):
        w = self.g.floats(width, x.shape[0], scale=x.shape[0] ** -0.5)
        return self.g.emit(f"nn.linear {self.g.numerics} {{0}}, {{1}}", [x, w], [self.g.tensor(width)], None)

    def route(self, x):
        w = self.g.floats(8, x.shape[0], element="f32")
        return self.g.emit(f"moe.route softmax {{0}}, {{1}} {ROUTE}", [x, w], ["tensor<?x2xi32>", "tensor<?x2xf32>"], None)

    def indices(self, limit=None):
        return self.g.operand(
            "tensor<?xi32>", lambda rng, t: rng.integers(0, limit or t, t).astype(np.int32)
        )


def to_product(width):
    def build(c):
        y, inverse = c.norm(c.g.floats("?", 32))
        c.give(c.linear(y, width), inverse)

    return build


def to_gate_and_product(c):
    y, inverse = c.norm(c.g.floats("?", 32))
    z = c.g.emit(f"nn.mul {{0}}, {{1}} : {y.type}", [y, c.g.floats("?", 32)], [y.type], None)
    c.give(c.linear(z), inverse)


def back_in_the_region(c):
    """The inverse meets the product of the norm's result again."""
    y, inverse = c.norm(c.g.floats("?", 32))
    z = c.linear(y, 1)
    c.give(z)
    if c.more and c.g.element == "f32":
        c.give(c.g.emit(f"nn.mul {{0}}, {{1}} : {z.type}", [z, inverse], [z.type], None))


def to_logits(c):
    x = c.g.floats("?", 32, element="f32")
    y = c.g.emit("nn.select_rows {0}, {1}", [x, c.indices()], [x.type], None)
    y, inverse = c.norm(y)
    w = c.g.floats(96, 32)
    c.give(c.g.emit(f"nn.lm_head {F32} {{0}}, {{1}}", [y, w], [c.g.tensor(96, element="f32")], None), inverse)


def after_embedding(c):
    table = c.g.floats(96, 32)
    x = c.g.emit("nn.embedding {0}, {1}", [c.indices(96), table], [c.g.tensor(32)], None)
    y, inverse = c.norm(x)
    c.give(y, x if c.more else None, inverse)


def before_router(c):
    y, inverse = c.norm(c.g.floats("?", 32))
    ids, gates = c.route(y)
    c.give(ids, gates, y if c.more else None, inverse)


def after_experts(c):
    x, k = c.g.floats("?", 32), 2
    ids, gates = c.route(x)
    types = ["tensor<9xi32>", "tensor<?xi32>", "tensor<?x2xi32>"]
    offsets, order, place = c.g.emit("moe.dispatch {0} {{experts = 8}}", [ids], types, None)
    gate, up, down = c.g.floats(8, 16, 32), c.g.floats(8, 16, 32), c.g.floats(8, 32, 16)
    text = f"moe.expert_up silu {c.g.numerics} {{0}}, {{1}}, {{2}}, {{3}}, {{4}} {{{{top_k = {k}}}}}"
    h = c.g.emit(text, [x, offsets, order, gate, up], [c.g.tensor(16)], None)
    y = c.g.emit(f"moe.expert_down {c.g.numerics} {{0}}, {{1}}, {{2}}", [h, offsets, down], [x.type], None)
    z = c.g.emit("moe.combine {0}, {1}, {2}", [y, place, gates], [x.type], None)
    z = c.g.emit(f"nn.residual {{0}}, {{1}} {{{{alpha = 1.0 : f32, beta = 0.5 : f32}}}} : {x.type}", [x, z], [x.type], None)
    n, inverse = c.norm(z)
    c.give(n, z if c.more else None, inverse)


def of_groups(c):
    x = c.g.floats("?", 32)
    y, inverse = c.norm(x, "eps = 1.0e-5 : f32, groups = 4", 4)
    ids, gates = c.route(y)
    c.give(c.linear(y), ids, gates, inverse)


def of_heads(heads):
    def build(c):
        x = c.g.floats("?", heads, 16)
        y, inverse = c.norm(x, parts=heads)
        half = c.g.tensor(4, element="f32")
        text = "nn.rotary_table {0} {{theta = 1.0e4 : f64, dims = 8}}"
        cos, sin = c.g.emit(text, [c.indices(300)], [half, half], None)
        r = c.g.emit("nn.rotary {0}, {1}, {2}", [y, cos, sin], [x.type], None)
        n, second = c.norm(r, parts=heads)  # a norm of what was rotated
        types = [x.type] + ([c.g.tensor(heads, element="f32")] if c.more else [])
        tail = f" log_sum_exp {types[1]}" if c.more else ""
        operands = [r, n, x, c.g.starts]
        text = (
            f"attention.softmax {c.g.numerics} {{0}}, {{1}}, {{2}} starts({{3}}) {{{{scale = 0.25 : f32}}}} : "
            f"({', '.join(v.type for v in operands)}) -> {x.type}{tail}"
        )
        made = c.g.emit(text, operands, types, None)
        result, log_sum = made if c.more else (made, None)
        c.give(c.g.emit("nn.merge_heads {0}", [result], [c.g.tensor(16 * heads)], None), inverse, second, log_sum)

    return build


def weight_as_rows(c):
    w = c.g.floats(32, 32)
    y = c.g.emit(f"nn.linear {c.g.numerics} {{0}}, {{1}}", [w, w], [w.type], None)
    c.give(c.g.emit(f"nn.mul {{0}}, {{1}} : {w.type}", [y, w], [w.type], None))
    if c.more and c.g.element == "f32":  # a second user keeps the product apart, which bf16 shows
        c.give(y)


CASES = {
    "product": to_product(48), "square_product": to_product(32), "one_column": to_product(1), "wide": to_product(1100),
    "gate": to_gate_and_product, "back": back_in_the_region, "logits": to_logits, "embedding": after_embedding,
    "router": before_router, "experts": after_experts, "groups": of_groups, "one_head": of_heads(1),
    "heads": of_heads(3), "weight": weight_as_rows,
}  # fmt: skip


def graphs(element):
    for name, build in CASES.items():
        for more in (False, True):
            make = lambda g, build=build, more=more: build(Case(g, more))
            yield random_graphs.Graph(f"{name}_{'all' if more else 'first'}", 5, element, make)


class OptionalResults(unittest.TestCase):
    def check(self, element, rows):
        made = {g.name: g for g in graphs(element)}
        apart = [made[name + "_all"] for name in CASES if element == "f32"]
        file = compiled(made.values(), f"optional-{element}", apart=apart)
        for name in CASES:
            first, every = made[name + "_first"], made[name + "_all"]
            for tokens in rows:
                with self.subTest(case=name, rows=tokens):
                    arrays = every.arrays(7, tokens)
                    found = harness.call(file, every.name, arrays, len(every.outputs))
                    alone = harness.call(file, first.name, arrays, len(first.outputs))
                    for a, b in zip(found, alone):
                        self.same(a, b, "the first result, with others and without")
                    if element == "f32":
                        single = harness.call(file, every.name + "_apart", arrays, len(every.outputs))
                        for i, (a, b) in enumerate(zip(found, single)):
                            self.same(a, b, f"output {i}, fused and apart")

    def same(self, a, b, what):
        self.assertEqual(a.dtype, b.dtype, what)
        harness.assert_same_bits(self, np.atleast_2d(a), np.atleast_2d(b), what)

    def test_f32(self):
        self.check("f32", (1, 65))

    def test_bf16(self):
        self.check("bf16", (65,))


if __name__ == "__main__":
    unittest.main()
