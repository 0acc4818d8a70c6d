"""The policy dialect. Log-probabilities and their gradient against float64, whose formulas are held against central
differences: the same bits for any number of rows, for one call or several into one state, and on the emulated GPU. Every
preset's loss, gradient and counters against what its framework computes, written anew in float64: per-token losses and
their aggregation as there, gradients by central differences of the whole."""

import re
import unittest

import numpy as np

import harness

F32 = "#tile.numerics<operands = f32, accumulate = f32, group = 1>"
SPLIT = "#tile.numerics<operands = f32, accumulate = f32, group = 1, split = 4>"
LIST = "tensor<?xf32>"


def emulated(file, function, arrays, outputs):
    """As harness.call, on the emulated device, whose sanitizer must find nothing."""
    with harness.workspace() as work:
        ledger = work / "ledger.json"
        arguments = ["call", file, "--function", function, "--device", "emulated"]
        for i, array in enumerate(arrays):
            np.save(work / f"i{i}.npy", array)
            arguments += ["--input", work / f"i{i}.npy"]
        for i in range(outputs):
            arguments += ["--output", work / f"o{i}.npy"]
        done = harness.ok(*arguments, env={"EMU_CHECK": "1", "EMU_LEDGER": str(ledger)})
        if re.search(r'"errors": ?[1-9]', ledger.read_text()):
            raise AssertionError(f"{function}: {ledger.read_text()}\n{done}")
        return [np.load(work / f"o{i}.npy") for i in range(outputs)]


def compiled(name, text, *options):
    harness.CACHE.mkdir(parents=True, exist_ok=True)
    source = harness.CACHE / f"policy-{name}.mlir"
    if not source.exists() or source.read_text() != text:
        source.write_text(text)
    return harness.compiled(source, *options)


def same_bits(x, y):
    return np.array_equal(x.view(np.uint32), y.view(np.uint32))


# Heads.


class HeadShape:
    def __init__(self, vocabulary, hidden, numerics=F32, weight="f32"):
        self.vocabulary, self.hidden, self.numerics, self.weight = vocabulary, hidden, numerics, weight

    @property
    def name(self):
        return f"{self.vocabulary}-{self.weight}-{'split' if 'split' in self.numerics else 'one'}"

    def module(self):
        v, h = self.vocabulary, self.hidden
        x, w, ids, logits = f"tensor<?x{h}xf32>", f"tensor<{v}x{h}x{self.weight}>", "tensor<?xi32>", f"tensor<?x{v}xf32>"
        dw = f"tensor<{v}x{h}xf32>"
        state = f"!nn.state<{dw}>"
        head = f"{self.numerics} %x, %w, %t, %tau : ({x}, {w}, {ids}, {LIST})"
        types = f"{x}, {w}, {ids}, {', '.join([LIST] * 5)}"
        rows = lambda i: f"%x{i}: {x}, %t{i}: {ids}, " + ", ".join(f"%{n}{i}: {LIST}" for n in "ulegc")
        grad = lambda i: f"policy.head_grad {self.numerics} %x{i}, %w, %t{i}, %u{i}, %l{i}, %e{i}, %g{i}, %c{i}"
        return f"""
func.func @head(%x: {x}, %w: {w}, %t: {ids}, %tau: {LIST}) -> ({LIST}, {LIST}, {LIST}) {{
  %p, %l, %e = policy.head {head} -> ({LIST}, {LIST}, {LIST})
  return %p, %l, %e : {LIST}, {LIST}, {LIST}
}}
func.func @logits(%x: {x}, %w: {w}, %t: {ids}, %tau: {LIST}) -> ({LIST}, {LIST}, {LIST}, {logits}) {{
  %p, %l, %e, %z = policy.head {head} -> ({LIST}, {LIST}, {LIST}, {logits})
  return %p, %l, %e, %z : {LIST}, {LIST}, {LIST}, {logits}
}}
func.func @lm_head(%x: {x}, %w: {w}) -> {logits} {{
  %z = nn.lm_head {self.numerics} %x, %w : ({x}, {w}) -> {logits}
  return %z : {logits}
}}
func.func @grad(%w: {w}, {rows(0)}) -> ({x}, {dw}, {state}) {{
  %s = nn.state @once : {state}
  %dx, %u = {grad(0)} into(%s) : ({types}, {state}) -> ({x}, {state})
  %dw = nn.read %u : {state} -> {dw}
  return %dx, %dw, %u : {x}, {dw}, {state}
}}
func.func @input_grad(%w: {w}, {rows(0)}) -> {x} {{
  %dx = {grad(0)} : ({types}) -> {x}
  return %dx : {x}
}}
func.func @grads(%w: {w}, {rows(0)}, {rows(1)}, {rows(2)}) -> ({x}, {x}, {x}, {dw}, {state}) {{
  %s = nn.state @thrice : {state}
  %dx0, %s0 = {grad(0)} into(%s) : ({types}, {state}) -> ({x}, {state})
  %dx1, %s1 = {grad(1)} into(%s0) : ({types}, {state}) -> ({x}, {state})
  %dx2, %s2 = {grad(2)} into(%s1) : ({types}, {state}) -> ({x}, {state})
  %dw = nn.read %s2 : {state} -> {dw}
  return %dx0, %dx1, %dx2, %dw, %s2 : {x}, {x}, {x}, {dw}, {state}
}}
"""

    def file(self, *options):
        return compiled(f"head-{self.name}", self.module(), *options)

    def weights(self):
        """As they are given, and as float64."""
        w = np.random.default_rng(self.vocabulary).standard_normal((self.vocabulary, self.hidden)).astype(np.float32)
        w *= 3 / np.sqrt(self.hidden)
        if self.weight == "bf16":
            w = (w.view(np.uint32) & 0xFFFF0000).view(np.float32)
        return w, w.astype(np.float64)

    def rows(self, count, seed=0):
        """x, targets, temperature, g, c."""
        rng = np.random.default_rng(seed)
        x = rng.standard_normal((count, self.hidden)).astype(np.float32)
        targets = rng.integers(0, self.vocabulary, count).astype(np.int32)
        targets[2::9] = -1
        targets[3::9] = self.vocabulary - 1
        tau = rng.uniform(0.05, 2, count).astype(np.float32)
        g, c = rng.standard_normal((2, count)).astype(np.float32)
        g[4::7] = 0
        c[4::14] = 0
        return x, targets, tau, g, c


def head64(x, w, targets, tau):
    z = x.astype(np.float64) @ w.T / tau.astype(np.float64)[:, None]
    most = z.max(1, keepdims=True)
    lse = most[:, 0] + np.log(np.exp(z - most).sum(1))
    p = np.exp(z - lse[:, None])
    entropy = -(p * (z - lse[:, None])).sum(1)
    logprob = np.where(targets < 0, 0, z[np.arange(len(z)), np.maximum(targets, 0)] - lse)
    return logprob, lse, entropy, p, z


def grad64(x, w, targets, tau, g, c):
    _, lse, entropy, p, z = head64(x, w, targets, tau)
    g = np.where(targets < 0, 0, g)
    g, c, tau = (v.astype(np.float64)[:, None] for v in (g, c, tau))
    chosen = (np.arange(len(w)) == targets[:, None]).astype(np.float64)
    dz = (g * (chosen - p) - c * p * (z - lse[:, None] + entropy[:, None])) / tau
    return dz @ w, dz.T @ x.astype(np.float64)


SHAPES = (
    HeadShape(97, 33),
    HeadShape(160, 48),
    HeadShape(1000, 64),
    HeadShape(160, 64, SPLIT),
    HeadShape(97, 48, weight="bf16"),
)
COUNTS = (257, 65, 64, 63, 1)


def counts(shape):
    return COUNTS if shape.vocabulary == 160 else (257, 65, 1)


class Examples(unittest.TestCase):
    def test_they_compile(self):
        text = (harness.ROOT / "dialects" / "Policy" / "PolicyOps.td").read_text()
        found = re.findall(r"```mlir\n(.*?)```", text, re.S)
        self.assertGreaterEqual(len(found), 7)
        for options in ((), ("--target", "sm_80")):
            for example in found:
                name = re.search(r"func\.func @(\w+)", example).group(1)
                compiled(f"example-{name}", example, *options)


class Head(unittest.TestCase):
    def near(self, found, wanted, what, tolerance=2e-5):
        self.assertLessEqual(np.abs(found - wanted).max(), tolerance * max(np.abs(wanted).max(), 1e-30), what)

    def test_formulas(self):
        """Those that the kernels are held against, against central differences."""
        shape = HeadShape(23, 5)
        x, targets, tau, g, c = shape.rows(4)
        w = shape.weights()[1]
        x = x.astype(np.float64)

        def loss(x, w):
            logprob, _, entropy, *_ = head64(x, w, targets, tau)
            return (g * logprob + c * entropy).sum()

        for i, found in enumerate(grad64(x, w, targets, tau, g, c)):
            at = (x, w)[i]
            wanted = np.zeros_like(at)
            for place in np.ndindex(at.shape):
                step = np.zeros_like(at)
                step[place] = 1e-5
                up, down = (loss(*((at + s * step, w) if i == 0 else (x, at + s * step))) for s in (1, -1))
                wanted[place] = (up - down) / 2e-5
            self.near(found, wanted, i, 1e-7)

    def test_log_probabilities(self):
        for shape in SHAPES:
            file, (w, w64) = shape.file(), shape.weights()
            x, targets, tau, *_ = shape.rows(COUNTS[0])
            for count in counts(shape):
                rows = [x[:count], w, targets[:count], tau[:count]]
                found = harness.call(file, "head", rows, 3)
                first = found if count == COUNTS[0] else first
                what = f"{shape.name}, {count} rows"
                for i, wanted in enumerate(head64(x[:count], w64, targets[:count], tau[:count])[:3]):
                    self.near(found[i], wanted, f"{what}, result {i}")
                    self.assertTrue(same_bits(found[i], first[i][:count]), f"{what}: bits depend on the rows")
                *others, logits = harness.call(file, "logits", rows, 4)
                for a, b in zip(found, others):
                    self.assertTrue(same_bits(a, b), f"{what}: bits depend on the logits being there")
                self.assertTrue(same_bits(logits, harness.call(file, "lm_head", rows[:2], 1)[0]), what)
                scaled = logits / tau[:count, None] - found[1][:, None]
                real = targets[:count] >= 0
                picked = scaled[np.arange(count), np.maximum(targets[:count], 0)][real]
                self.assertTrue(same_bits(picked, found[0][real]), f"{what}: a sampler's log-probability")
                self.assertTrue((found[0][~real] == 0).all(), what)

    def grad_rows(self, shape, count, lists):
        x, targets, tau, g, c = (v[:count] for v in shape.rows(COUNTS[0]))
        return [x, targets, tau, lists[1][:count], lists[2][:count], g, c]

    def test_gradients(self):
        for shape in SHAPES:
            file, (w, w64) = shape.file(), shape.weights()
            x, targets, tau, g, c = shape.rows(COUNTS[0])
            lists = harness.call(file, "head", [x, w, targets, tau], 3)
            for count in counts(shape):
                rows = self.grad_rows(shape, count, lists)
                dx, dw = harness.call(file, "grad", [w, *rows], 2)
                first = dx if count == COUNTS[0] else first
                what = f"{shape.name}, {count} rows"
                dx64, dw64 = grad64(x[:count], w64, targets[:count], tau[:count], g[:count], c[:count])
                self.near(dx, dx64, what + ", dx")
                self.near(dw, dw64, what + ", dw")
                self.assertTrue(same_bits(dx, first[:count]), f"{what}: bits depend on the rows")
                self.assertTrue(same_bits(dx, harness.call(file, "input_grad", [w, *rows], 1)[0]), what)
                dead = ((g[:count] == 0) | (targets[:count] < 0)) & (c[:count] == 0)
                self.assertTrue((dx[dead] == 0).all(), what)

    def test_dead_rows(self):
        """They change nothing, whatever they hold."""
        shape = SHAPES[1]
        file, (w, _) = shape.file(), shape.weights()
        x, targets, tau, *_ = shape.rows(COUNTS[0])
        rows = self.grad_rows(shape, 90, harness.call(file, "head", [x, w, targets, tau], 3))
        dead = (rows[5] == 0) & (rows[6] == 0)
        self.assertTrue(dead.any())
        dx, dw = harness.call(file, "grad", [w, *rows], 2)
        spoiled = [v.copy() for v in rows]
        spoiled[0][dead] = np.nan
        for i in (2, 3, 4):
            spoiled[i][dead] = np.inf
        dx2, dw2 = harness.call(file, "grad", [w, *spoiled], 2)
        self.assertTrue(same_bits(dx, dx2) and same_bits(dw, dw2))
        self.assertTrue((dx2[dead] == 0).all())
        without = harness.call(file, "grad", [w, *(v[~dead] for v in rows)], 2)
        self.assertTrue(same_bits(dw, without[1]))

    def test_one_call_or_several(self):
        for shape in SHAPES:
            file, (w, _) = shape.file(), shape.weights()
            x, targets, tau, *_ = shape.rows(COUNTS[0])
            rows = self.grad_rows(shape, 150, harness.call(file, "head", [x, w, targets, tau], 3))
            dx, dw = harness.call(file, "grad", [w, *rows], 2)
            for cuts in ((0, 1, 65, 150), (0, 64, 128, 150)):
                parts = [v[a:b] for a, b in zip(cuts, cuts[1:]) for v in rows]
                *some, last = harness.call(file, "grads", [w, *parts], 4)
                self.assertTrue(same_bits(dw, last), f"{shape.name}: weight gradient of calls cut at {cuts}")
                self.assertTrue(same_bits(dx, np.concatenate(some)), f"{shape.name}: {cuts}")

    def test_no_rows(self):
        shape = SHAPES[1]
        file, (w, _) = shape.file(), shape.weights()
        x, targets, tau, g, c = shape.rows(0)
        for found in harness.call(file, "head", [x, w, targets, tau], 3):
            self.assertEqual(found.shape, (0,))
        dx, dw = harness.call(file, "grad", [w, x, targets, tau, g, g, g, c], 2)
        self.assertEqual(dx.shape, x.shape)
        self.assertFalse(dw.any())

    def test_on_the_emulated_gpu(self):
        for shape in SHAPES[:1] + SHAPES[2:4]:
            host, gpu, (w, _) = shape.file(), shape.file("--target", "sm_80"), shape.weights()
            for count in (1, 65):
                x, targets, tau, g, c = shape.rows(count)
                rows = [x, w, targets, tau]
                lists = harness.call(host, "logits", rows, 4)
                for found, wanted in zip(emulated(gpu, "logits", rows, 4), lists):
                    self.assertTrue(same_bits(found, wanted), f"{shape.name}, {count} rows")
                rows = [w, x, targets, tau, lists[1], lists[2], g, c]
                for found, wanted in zip(emulated(gpu, "grad", rows, 2), harness.call(host, "grad", rows, 2)):
                    self.assertTrue(same_bits(found, wanted), f"{shape.name}, gradient of {count} rows")


if __name__ == "__main__":
    unittest.main()
