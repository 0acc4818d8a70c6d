"""Gradients of the nn ops: what `hamlet call` gives against float64 formulas, which are themselves held against finite
differences; sums over tokens continue from a state to the bit; on the CPU and on the emulated GPU."""

import unittest

import numpy as np

import harness
import layer_gradients
import tensors
from layer_gradients import norm_grad, norm_weight_grad

F32 = "#tile.numerics<operands = f32, accumulate = f32, group = 1>"
BF16 = "#tile.numerics<operands = bf16, accumulate = f32, group = 2>"
K, N, V = 40, 72, 50


def state(name, shape):
    return f"%{name} = nn.state @gradient.{name} : !nn.state<{shape}>"


def into(line, result, shape, returned="", types=""):
    """A function body that adds to a state and reads it."""
    return f"""
  {state("g", shape)}
  %h = {line} : {result}, !nn.state<{shape}>
  %v = nn.read %h : !nn.state<{shape}> -> {shape}
  return {returned}%v, %h : {types}{shape}, !nn.state<{shape}>
}}"""


def module(t):
    x, dy, w = f"tensor<?x{K}x{t}>", f"tensor<?x{N}x{t}>", f"tensor<{N}x{K}x{t}>"
    wg, numerics = f"tensor<{N}x{K}xf32>", BF16 if t == "bf16" else F32
    heads = f"tensor<?x4x10x{t}>"
    norm = "{eps = 1.0e-5 : f32"
    result = f"""
func.func @input(%dy: {dy}, %w: {w}) -> {x} {{
  %dx = nn.linear_input_grad {numerics} %dy, %w : ({dy}, {w}) -> {x}
  return %dx : {x}
}}
func.func @scale_activation(%x: {x}, %dy: {x}) -> {x} {{
  %a = nn.scale %dy {{factor = 1.5 : f32}} : {x}
  %b = nn.activation_grad silu %x, %a : {x}
  %c = nn.activation_grad sigmoid %x, %b : {x}
  return %c : {x}
}}
func.func @norm(%x: {x}, %w: tensor<{K}xf32>, %dy: {x}) -> ({x}, tensor<?x1xf32>) {{
  %dx, %r = nn.rms_norm_grad %x, %w, %dy {norm}, sum_blocks = 2}} : ({x}, tensor<{K}xf32>, {x}) -> ({x}, tensor<?x1xf32>)
  return %dx, %r : {x}, tensor<?x1xf32>
}}
func.func @norm_groups(%x: {x}, %w: tensor<{K}xf32>, %dy: {x}) -> ({x}, tensor<?x4xf32>) {{
  %dx, %r = nn.rms_norm_grad %x, %w, %dy {norm}, groups = 4}} : ({x}, tensor<{K}xf32>, {x}) -> ({x}, tensor<?x4xf32>)
  return %dx, %r : {x}, tensor<?x4xf32>
}}
func.func @norm_heads(%x: {heads}, %w: tensor<10xf32>, %dy: {heads}) -> ({heads}, tensor<?x4xf32>) {{
  %dx, %r = nn.rms_norm_grad %x, %w, %dy {norm}, unit_offset = true}} : ({heads}, tensor<10xf32>, {heads}) -> ({heads}, tensor<?x4xf32>)
  return %dx, %r : {heads}, tensor<?x4xf32>
}}
func.func @concat(%q: {heads}, %k: tensor<?x2x7x{t}>) -> tensor<?x54x{t}> {{
  %y = nn.concat_heads %q, %k : ({heads}, tensor<?x2x7x{t}>) -> tensor<?x54x{t}>
  return %y : tensor<?x54x{t}>
}}
func.func @weight(%x: {x}, %dy: {dy}) -> ({wg}, !nn.state<{wg}>) {{"""
    result += into("nn.linear_weight_grad %x, %dy into(%g)", f"{x}, {dy}", wg)
    result += f"\nfunc.func @bias(%dy: {dy}) -> (tensor<{N}xf32>, !nn.state<tensor<{N}xf32>>) {{"
    result += into("nn.bias_grad %dy into(%g)", dy, f"tensor<{N}xf32>").replace("gradient.g", "gradient.bias")
    result += f"\nfunc.func @embedding(%i: tensor<?xi32>, %dy: {x}) -> (tensor<{V}x{K}xf32>, !nn.state<tensor<{V}x{K}xf32>>) {{"
    result += into("nn.embedding_grad %i, %dy into(%g)", f"tensor<?xi32>, {x}", f"tensor<{V}x{K}xf32>").replace(
        "gradient.g", "gradient.embedding"
    )
    for name, type, parts, entries in (("w1", x, 1, K), ("w4", x, 4, K), ("shared", heads, 4, 10)):
        held = f"tensor<{entries}xf32>"
        result += f"\nfunc.func @norm_{name}(%x: {type}, %r: tensor<?x{parts}xf32>, %dy: {type}) -> ({held}, !nn.state<{held}>) {{"
        result += into("nn.rms_norm_weight_grad %x, %r, %dy into(%g)", f"{type}, tensor<?x{parts}xf32>, {type}", held).replace(
            "gradient.g", f"gradient.{name}"
        )
    return result


# function: (shapes of operands, None for the tokens; float64 results)
CASES = {
    "input": ([(None, N), (N, K)], lambda dy, w: [dy @ w]),
    "scale_activation": ([(None, K)] * 2, lambda x, dy: [layer_gradients.sigmoid_grad(x, layer_gradients.silu_grad(x, 1.5 * dy))]),
    "norm": ([(None, K), (K,), (None, K)], lambda x, w, dy: norm_grad(x, w, dy, 1)),
    "norm_groups": ([(None, K), (K,), (None, K)], lambda x, w, dy: norm_grad(x, w, dy, 4)),
    "norm_heads": ([(None, 4, 10), (10,), (None, 4, 10)], lambda x, w, dy: norm_grad(x, w, dy, 4, 1.0)),
    "concat": ([(None, 4, 10), (None, 2, 7)], lambda q, k: [np.concatenate([v.reshape(len(v), -1) for v in (q, k)], 1)]),
    "weight": ([(None, K), (None, N)], lambda x, dy: [dy.T @ x]),
    "bias": ([(None, N)], lambda dy: [dy.sum(0)]),
    "embedding": (["ids", (None, K)], lambda ids, dy: [layer_gradients.embedding_grad(ids, dy, V)]),
    "norm_w1": ([(None, K), (None, 1), (None, K)], lambda x, r, dy: [norm_weight_grad(x, r, dy, K)]),
    "norm_w4": ([(None, K), (None, 4), (None, K)], lambda x, r, dy: [norm_weight_grad(x, r, dy, K)]),
    "norm_shared": ([(None, 4, 10), (None, 4), (None, 4, 10)], lambda x, r, dy: [norm_weight_grad(x, r, dy, 10)]),
}


def operands(name, tokens, element):
    rng = np.random.default_rng(tokens)
    made = []
    for shape in CASES[name][0]:
        if shape == "ids":
            made.append(rng.integers(0, V, tokens, dtype=np.int32))
            continue
        x = rng.standard_normal([tokens if n is None else n for n in shape]).astype(np.float32)
        wide = len(shape) == 1 or shape == (None, 1) or shape == (None, 4)  # weights and roots stay f32
        made.append(x if element == "f32" or wide else tensors.round_to(x, "BF16"))
    return made


class Gradients(unittest.TestCase):
    def file(self, element, target=None):
        harness.CACHE.mkdir(parents=True, exist_ok=True)
        source = harness.CACHE / f"gradients-nn-{element}.mlir"
        text = module(element)
        if not source.exists() or source.read_text() != text:
            source.write_text(text)
        return harness.compiled(source, *(["--target", target] if target else []))

    def check(self, element, lengths, bound, target=None, *options):
        file = self.file(element, target)
        for name, (_, reference) in CASES.items():
            for tokens in lengths:
                given = operands(name, tokens, element)
                want = reference(*(x.astype(np.float64) if x.dtype != np.int32 else x for x in given))
                found = harness.call(file, name, given, len(want), *options)
                for got, exact in zip(found, want):
                    error = np.abs(got - exact).max() / max(np.abs(exact).max(), 1e-30)
                    self.assertLess(error, bound, f"{name} of {tokens} tokens in {element}")

    def test_f32(self):
        self.check("f32", (1, 63, 64, 65, 257), 2e-5)

    def test_bf16(self):
        self.check("bf16", (1, 65), 8e-3)

    def test_emulated(self):
        self.check("f32", (1, 65), 2e-5, "sm_80", "--device", "emulated")

    def test_the_formulas(self):
        """Each against central differences of the float64 forward."""
        rng = np.random.default_rng(1)
        x, w, dy = rng.standard_normal((3, K)), rng.standard_normal(K), rng.standard_normal((3, K))

        def differences(f, at, step=1e-6):
            grad = np.zeros_like(at)
            for i in np.ndindex(at.shape):
                up, down = at.copy(), at.copy()
                up[i] += step
                down[i] -= step
                grad[i] = (f(up) - f(down)) / (2 * step)
            return grad

        for parts in (1, 4):
            forward = lambda x, w: (layer_gradients.norm(x.reshape(3, parts, -1), w.reshape(parts, -1))[0].reshape(3, K) * dy).sum()
            dx, inverse = norm_grad(x, w, dy, parts)
            np.testing.assert_allclose(dx, differences(lambda v: forward(v, w), x), atol=1e-7)
            dw = norm_weight_grad(x, inverse, dy, K)
            np.testing.assert_allclose(dw, differences(lambda v: forward(x, v), w), atol=1e-7)
        silu = lambda v: (v * layer_gradients.sigmoid(v) * dy).sum()
        np.testing.assert_allclose(layer_gradients.silu_grad(x, dy), differences(silu, x), atol=1e-7)
        gate = lambda v: (layer_gradients.sigmoid(v) * dy).sum()
        np.testing.assert_allclose(layer_gradients.sigmoid_grad(x, dy), differences(gate, x), atol=1e-7)


if __name__ == "__main__":
    unittest.main()
