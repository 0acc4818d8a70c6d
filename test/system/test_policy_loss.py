"""Every preset's loss, gradient and counters against what its framework computes, written anew in float64: losses of padded
responses and their aggregation as there, gradients by central differences of the whole. What a token that does not count
holds reaches nothing. The same bits on the emulated GPU."""

import subprocess
import unittest

import numpy as np

import harness
from test_policy import LIST, compiled, emulated, same_bits

LENGTHS = (1, 129, 40, 0, 128, 7, 300, 33)  # of responses; the kernel takes 128 tokens at a time
PROMPTS = np.array((0, 0, 1, 1, 1, 2, 2, 3))
STARTS = np.concatenate(([0], np.cumsum(LENGTHS))).astype(np.int32)
MOST = 320  # tokens of a response, which dr_grpo divides by
OPERANDS = ("lp", "weight", "old", "advantage", "mask", "ref", "rollout", "entropy", "starts")
TOLERANCE = 1e-6


class Batch:
    """Arrays as the op takes them; `pad` makes them [responses, MOST] of float64, as frameworks have them."""

    def __init__(self):
        rng = np.random.default_rng(5)
        count = STARTS[-1]
        normal = lambda scale: (rng.standard_normal(count) * scale).astype(np.float32)
        self.lp = -np.abs(normal(2)) - np.float32(0.01)
        self.old = self.lp + normal(0.4)
        self.ref = self.lp + normal(0.3)
        self.ref[5::11] = self.lp[5::11] + np.float32(1e-4)
        self.rollout = self.old + normal(0.2)
        self.entropy = np.abs(normal(1))
        advantages = np.array((1.3, -0.7, 0.4, 1, -1.6, 0, 0.9, -0.3), np.float32)
        self.advantage = np.repeat(advantages, LENGTHS)
        self.old[7::23] -= np.float32(2)
        self.old[11::61] -= np.float32(3)
        self.mask = (rng.random(count) < 0.9).astype(np.int32)
        self.mask[STARTS[7] :] = 0  # a response without a token that counts
        self.mask[0] = 1
        # Responses that stay close to the old policy, as a geometric mean's bounds are narrow.
        for i, shift in ((1, 2e-4), (4, -1e-3), (6, 1e-3), (2, -5e-5)):
            part = slice(STARTS[i], STARTS[i + 1])
            mean = lambda x: np.average(x[part], weights=self.mask[part])
            self.old[part] += np.float32(mean(self.lp - self.old) - shift)
            self.rollout[part] += np.float32(mean(self.old - self.rollout) - shift / 2)
        self.starts = STARTS
        self.m = self.pad(self.mask)
        for name in ("old", "ref", "rollout", "entropy", "advantage"):
            setattr(self, name + "64", self.pad(getattr(self, name)))
        self.lp64 = self.pad(self.lp)

    def pad(self, values):
        out = np.zeros((len(LENGTHS), MOST))
        for i, (a, b) in enumerate(zip(STARTS, STARTS[1:])):
            out[i, : b - a] = values[a:b]
        return out

    def unpad(self, matrix):
        return np.concatenate([matrix[i, :n] for i, n in enumerate(LENGTHS)])

    def mean(self, x):
        """Over the tokens of each response that count."""
        return (x * self.m).sum(1, keepdims=True) / np.maximum(self.m.sum(1, keepdims=True), 1)

    def spoiled(self):
        """The same where tokens count; nothing finite elsewhere."""
        other = Batch()
        off = other.mask == 0
        for i, name in enumerate(("lp", "old", "ref", "rollout", "entropy", "advantage")):
            getattr(other, name)[off] = (np.nan, np.inf, -np.inf)[i % 3]
        return other


# Aggregations, of losses [responses, MOST].


def token_mean(b, loss):
    return (loss * b.m).sum() / b.m.sum()


def prompt_mean(b, loss):
    each = [(loss * b.m)[PROMPTS == q].sum() / b.m[PROMPTS == q].sum() for q in set(PROMPTS) if b.m[PROMPTS == q].any()]
    return sum(each) / len(each)


def sequence_mean_token_mean(b, loss):
    full = b.m.sum(1) > 0
    return ((loss * b.m).sum(1)[full] / b.m.sum(1)[full]).mean()


def sequence_mean_token_sum(b, loss):
    return (loss * b.m).sum() / (b.m.sum(1) > 0).sum()


def constant(b, loss):
    return (loss * b.m).sum() / ((b.m.sum(1) > 0).sum() * MOST)


AGGREGATIONS = (token_mean, prompt_mean, sequence_mean_token_mean, sequence_mean_token_sum, constant)
NAMES = ("token-mean", "prompt-mean-token", "seq-mean-token-mean", "seq-mean-token-sum", "seq-mean-token-sum-norm")


def weights(b, aggregation):
    """The derivative of the aggregation by each token's loss."""
    a = np.zeros_like(b.m)
    full = b.m.sum(1) > 0
    if aggregation is token_mean:
        a += 1 / b.m.sum()
    elif aggregation is prompt_mean:
        tokens = np.array([b.m[PROMPTS == q].sum() for q in PROMPTS])
        a += (1 / np.maximum(tokens, 1) / len({q for q, n in zip(PROMPTS, tokens) if n}))[:, None]
    elif aggregation is sequence_mean_token_mean:
        a += 1 / np.maximum(b.m.sum(1, keepdims=True), 1) / full.sum()
    else:
        a += 1 / full.sum() / (MOST if aggregation is constant else 1)
    return b.unpad(a).astype(np.float32)


# Losses of tokens. `lp` varies; what a framework detaches takes b.lp64.


def ppo(b, lp, low=0.8, high=1.2, c=None, clamp=None):
    x = lp - b.old64
    r = np.exp(x if clamp is None else np.clip(x, -clamp, clamp))
    return surrogate(b, r, low, high, c)


def surrogate(b, r, low, high, c=None):
    a = b.advantage64
    loss = np.maximum(-a * r, -a * np.clip(r, low, high))
    return loss if c is None else np.where(a < 0, np.minimum(loss, -a * c), loss)


def cispo(b, lp, low=0, high=np.inf, clamp=np.inf):
    r = np.exp(np.clip(b.lp64 - b.old64, -clamp, clamp))
    return -np.clip(r, low, high) * b.advantage64 * lp


def cispo_unified(b, lp, low, high, mask_low, mask_high):
    r = np.exp(b.lp64 - b.old64)
    keep = ~(((b.advantage64 > 0) & (r > mask_high)) | ((b.advantage64 < 0) & (r < mask_low)))
    return np.where(keep, cispo(b, lp, low, high), 0)


def gspo(b, lp, low=1 - 3e-4, high=1 + 4e-4):
    return surrogate(b, np.exp(b.mean(lp - b.old64)) + 0 * lp, low, high)


def gspo_token(b, lp, low=1 - 3e-4, high=1 + 4e-4, clamp=10):
    return surrogate(b, np.exp(np.minimum(lp - b.lp64 + b.mean(b.lp64 - b.old64), clamp)), low, high)


def sapo(b, lp, clamp=None):
    x = lp - b.old64
    r = np.exp(x if clamp is None else np.clip(x, -clamp, clamp))
    t = np.where(b.advantage64 > 0, 1.0, 1.05)
    return -(4 / t) / (1 + np.exp(-t * (r - 1))) * b.advantage64


def likelihood(b, lp):
    return -b.advantage64 * lp


def cross_entropy(b, lp):
    return -lp


# Divergences of tokens.


def k1(b, lp):
    return lp - b.ref64


def absolute(b, lp):
    return np.abs(lp - b.ref64)


def k2(b, lp):
    return (lp - b.ref64) ** 2 / 2


def k3(b, lp):
    y = b.ref64 - lp
    return np.expm1(y) - y


def low_var_kl(b, lp):
    y = np.clip(b.ref64 - lp, -20, 20)
    return np.clip(np.expm1(y) - y, -10, 10)


def nemo_kl(b, lp):
    return low_var_kl(b, lp) * np.exp(lp - b.lp64)


def k3_bounded(b, lp):
    y = np.clip(b.ref64 - lp, -0.4, 0.4)
    return np.minimum(np.expm1(y) - y, 0.05)


def by_ratio(b, lp):
    return k3(b, lp) * np.exp(lp - b.old64)


# Corrections for what sampled the tokens.


def rho(b):
    return np.exp(b.old64 - b.rollout64)


def tis(b):
    return np.minimum(rho(b), 1.3)


def tis_both(b):
    return np.clip(rho(b), 0.9, 1.3)


def icepop(b):
    return np.where((rho(b) >= 0.8) & (rho(b) <= 1.3), rho(b), 0)


def products(b):
    return np.exp(((b.old64 - b.rollout64) * b.m).sum(1, keepdims=True)) + 0 * b.m


def seq_tis(b):
    return np.minimum(products(b), 1.05)


def mis(b):
    return np.where(products(b) > 1.05, 0, products(b))


def seqmask(b):
    mean = np.exp(b.mean(b.old64 - b.rollout64))
    return np.where((mean >= 0.9998) & (mean <= 1.002), rho(b), 0)


def on_policy(b):
    return ~((b.advantage64 < 0) & (b.mean(b.old64 - b.lp64) > 5e-4)) + 0.0 * b.m


def bound(function, **fixed):
    return lambda b, lp: function(b, lp, **fixed)


# Preset: loss, aggregation, divergence and its factor.
EACH = sequence_mean_token_mean
PRESETS = {
    "cross_entropy": (likelihood, token_mean),
    "reinforce": (likelihood, token_mean),
    "rloo": (likelihood, sequence_mean_token_sum),
    "cispo": (bound(cispo, high=5), prompt_mean),
    "ppo": (ppo, token_mean),
    "dual_clip": (bound(ppo, c=3), token_mean),
    "grpo": (ppo, EACH, k3, 0.04),
    "dapo": (bound(ppo, high=1.28), prompt_mean),
    "dr_grpo": (ppo, constant),
    "gspo": (gspo, EACH),
    "sapo": (sapo, EACH),
    "verl-ppo": (bound(ppo, c=3, clamp=20), token_mean),
    "verl-grpo": (bound(ppo, c=3, clamp=20), token_mean, low_var_kl, 0.001),
    "verl-dapo": (bound(ppo, high=1.28, c=10, clamp=20), token_mean),
    "verl-dr_grpo": (bound(ppo, c=3, clamp=20), constant),
    "verl-cispo": (bound(cispo, low=0.8, high=1.2, clamp=20), token_mean),
    "verl-gspo": (gspo_token, EACH),
    "verl-sapo": (bound(sapo, clamp=20), EACH),
    "verl-gpg": (likelihood, token_mean),
    "trl-grpo": (ppo, EACH),
    "trl-dapo": (ppo, token_mean),
    "trl-dr_grpo": (ppo, constant),
    "trl-cispo": (bound(cispo, high=5), token_mean),
    "trl-gspo": (gspo, EACH),
    "trl-sapo": (sapo, EACH),
    "nemo-grpo": (ppo, token_mean, nemo_kl, 0.01),
    "nemo-cispo": (bound(cispo, low=0, high=6), token_mean, nemo_kl, 0.01),
    "nemo-gspo": (gspo, EACH, nemo_kl, 0.01),
    "nemo-reinforce": (likelihood, token_mean, nemo_kl, 0.01),
    "slime-grpo": (ppo, EACH),
    "slime-cispo": (bound(cispo, low=0.8, high=1.2), EACH),
    "slime-gspo": (bound(gspo, low=0.8, high=1.2), EACH),
    "areal-ppo": (ppo, token_mean),
    "areal-cispo": (bound(cispo, low=0.8, high=1.2), token_mean),
    "areal-gspo": (bound(gspo, low=0.8, high=1.2), token_mean),
    "areal-sapo": (sapo, token_mean),
}
# What no preset has: operands, mode, attributes, then as above, the correction.
F = ": f32"
CLIP = f"clip_low = 0.8 {F}, clip_high = 1.2 {F}"
FREE = f"clip_low = 0.9997 {F}, clip_high = 1.0004 {F}"
ONCE = (ppo, token_mean, None, 0)
CASES = {
    "unified": ("old", "token detached", f"is_low = 0.7 {F}, is_high = 1.5 {F}, {CLIP}",
                (bound(cispo_unified, low=0.7, high=1.5, mask_low=0.8, mask_high=1.2), token_mean)),
    "weighted": ("old", "token detached", "", (cispo, token_mean)),
    "log_bounds": ("old", "token through", f"log_low = -0.3 {F}, log_high = 0.3 {F}", (bound(ppo, low=0, high=9, clamp=0.3), token_mean)),
    "soft_log_bounds": ("old", "token soft", f"soft_positive = 1.0 {F}, soft_negative = 1.05 {F}, log_low = -0.3 {F}, log_high = 0.3 {F}",
                        (bound(sapo, clamp=0.3), token_mean)),
    "k1": ("old ref", "token through", f"{CLIP}, kl = #policy<kl k1>, beta = 0.3 {F}", (ppo, token_mean, k1, 0.3)),
    "absolute": ("old ref", "token through", f"{CLIP}, kl = #policy<kl absolute>, beta = 0.3 {F}", (ppo, token_mean, absolute, 0.3)),
    "k2": ("old ref", "token through", f"{CLIP}, kl = #policy<kl k2>, beta = 0.3 {F}", (ppo, token_mean, k2, 0.3)),
    "k3_bounds": ("old ref", "token through", f"{CLIP}, kl = #policy<kl k3>, beta = 0.3 {F}, kl_clamp = 0.4 {F}, kl_limit = 0.05 {F}",
                  (ppo, token_mean, k3_bounded, 0.3)),
    "by_ratio": ("old ref", "token through", f"{CLIP}, kl = #policy<kl k3>, beta = 0.3 {F}, kl_by_ratio", (ppo, token_mean, by_ratio, 0.3)),
    "entropy": ("old entropy", "token through", f"{CLIP}, kappa = 0.25 {F}", (ppo, token_mean, None, 0, 0.25)),
    "tis": ("old rollout", "token through", f"{CLIP}, behave = #policy<behave tis>, behave_high = 1.3 {F}", (*ONCE, 0, tis)),
    "tis_both": ("old rollout", "token detached", f"is_high = 5.0 {F}, behave = #policy<behave tis>, behave_low = 0.9 {F}, behave_high = 1.3 {F}",
                 (bound(cispo, high=5), token_mean, None, 0, 0, tis_both)),
    "icepop": ("old rollout ref", "token through", f"{CLIP}, behave = #policy<behave icepop>, behave_low = 0.8 {F}, behave_high = 1.3 {F}, kl = #policy<kl k3>, beta = 0.1 {F}",
               (ppo, token_mean, k3, 0.1, 0, icepop)),
    "seq_tis": ("old rollout starts", "token through", f"{CLIP}, behave = #policy<behave seq_tis>, behave_high = 1.05 {F}", (*ONCE, 0, seq_tis)),
    "mis": ("old rollout starts", "sequence through", f"{FREE}, behave = #policy<behave mis>, behave_high = 1.05 {F}", (gspo, EACH, None, 0, 0, mis)),
    "seqmask": ("old rollout starts", "token through", f"{CLIP}, behave = #policy<behave seqmask>, behave_low = 0.9998 {F}, behave_high = 1.002 {F}", (*ONCE, 0, seqmask)),
    "off_policy": ("old starts", "token through", f"{CLIP}, off_policy = 5.0e-4 {F}", (*ONCE, 0, on_policy)),
    "corrected_likelihood": ("old rollout", "none through", f"behave = #policy<behave tis>, behave_high = 1.3 {F}", (likelihood, token_mean, None, 0, 0, tis)),
}  # fmt: skip


def presets():
    """Name: aggregation, operands, mode, attributes, as the library has them."""
    done = subprocess.run([harness.BIN / "hamlet-print-presets"], check=True, capture_output=True, text=True)
    lines = (line.split("\t") for line in done.stdout.splitlines())
    ours = {name: function.__name__ for name, function in zip(NAMES, AGGREGATIONS)}
    return {name: (ours.get(aggregation), operands.split(), mode, attributes) for name, aggregation, operands, mode, attributes in lines}


def operands_of(taken, advantage=True, mask=True):
    wanted = {"lp", "weight", *taken, *(("advantage",) if advantage else ()), *(("mask",) if mask else ())}
    return [name for name in OPERANDS if name in wanted]


def function(name, operands, mode, attributes):
    types = {"mask": "tensor<?xi32>", "starts": "tensor<?xi32>"}
    typed = [types.get(o, LIST) for o in operands]
    clauses = " ".join(f"{o}(%{o})" for o in operands if o != "lp")
    results = f"({LIST}, {LIST}, {LIST}, tensor<?x8xf32>)"
    return f"""
func.func @{name.replace("-", "_")}({", ".join(f"%{o}: {t}" for o, t in zip(operands, typed))}) -> {results} {{
  %l, %g, %c, %n = policy.loss {mode} %lp {clauses} {attributes} : ({", ".join(typed)}) -> {results}
  return %l, %g, %c, %n : {LIST}, {LIST}, {LIST}, tensor<?x8xf32>
}}
"""


class Loss(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.batch = Batch()
        cls.functions = {}  # operands, definition
        text = ""
        for name, (aggregation, taken, mode, attributes) in presets().items():
            operands = operands_of(taken)
            text += function(name, operands, mode, attributes)
            cls.functions[name] = (operands, PRESETS.get(name), aggregation, mode, attributes)
        for name, (taken, mode, attributes, definition) in CASES.items():
            operands = operands_of(taken.split())
            attributes = "{" + attributes + "}" if attributes else ""
            text += function(name, operands, mode, attributes)
            cls.functions[name] = (operands, definition, definition[1].__name__, mode, attributes)
        text += function("supervised", operands_of([], advantage=False), "none through", "")
        text += function("unmasked", operands_of(["old", "starts"], mask=False), "sequence through", "{clip_low = 0.9 : f32, clip_high = 1.1 : f32}")
        cls.text = text

    def file(self, *options):
        return compiled("losses", self.text, *options)

    def arrays(self, b, operands, aggregation):
        a = weights(self.batch, aggregation)
        a[b.mask == 0] = np.nan if np.isnan(b.lp).any() else 7
        return [a if name == "weight" else getattr(b, name) for name in operands]

    def definition(self, b, lp, loss, aggregation, divergence=None, beta=0, kappa=0, correction=None):
        each = loss(b, lp)
        if correction:
            each = each * correction(b)
        if divergence:
            each = each + beta * divergence(b, lp)
        return aggregation(b, each - kappa * b.entropy64)

    def gradient(self, definition):
        b, step = self.batch, 1e-5
        wanted = np.zeros_like(b.lp64)
        for place in zip(*np.nonzero(b.m)):
            shift = np.zeros_like(b.lp64)
            shift[place] = step
            up, down = (self.definition(b, b.lp64 + s * shift, *definition) for s in (1, -1))
            wanted[place] = (up - down) / (2 * step)
        return b.unpad(wanted)

    def near(self, found, wanted, what, least=0):
        """Within the tolerance of the number itself, or of a hundredth of the largest, or of `least`."""
        error = np.abs(found - wanted) / np.maximum(np.abs(wanted), max(0.01 * np.abs(wanted).max(), least) + 1e-300)
        self.worst = max(getattr(self, "worst", 0), error.max())
        self.assertLessEqual(error.max(), TOLERANCE, f"{what}: token {error.argmax()}")

    def check(self, name):
        b = self.batch
        operands, definition, aggregation, mode, attributes = self.functions[name]
        self.assertIsNotNone(definition, f"{name} has no definition here")
        self.assertEqual(aggregation, definition[1].__name__, name)
        outputs = harness.call(self.file(), name.replace("-", "_"), self.arrays(b, operands, definition[1]), 4)
        spoiled = harness.call(self.file(), name.replace("-", "_"), self.arrays(b.spoiled(), operands, definition[1]), 4)
        for found, other in zip(outputs, spoiled):
            self.assertTrue(same_bits(found, other), f"{name}: a token that does not count reaches others")
            self.assertTrue((found[b.mask == 0] == 0).all(), name)
        loss, g, c, counters = outputs
        whole = self.definition(b, b.lp64, *definition)
        self.assertLessEqual(abs(loss.astype(np.float64).sum() - whole), TOLERANCE * np.abs(loss).sum(), f"{name}: loss")
        self.near(g, self.gradient(definition), f"{name}: gradient")
        kappa = definition[4] if len(definition) > 4 else 0
        self.near(c, -kappa * weights(b, definition[1]) * b.mask, f"{name}: gradient by the entropy")
        self.check_counters(name, mode, attributes, counters, definition)

    def check_counters(self, name, mode, attributes, counters, definition):
        b = self.batch
        bounds = {}
        for part in attributes.strip("{}").split(", "):
            if part.endswith(": f32"):
                key, value = part[:-5].split(" = ")
                bounds[key] = np.float64(np.float32(value))
        ratio, surrogate = mode.split()
        x = np.zeros_like(b.lp64)
        if ratio != "none":
            x = b.lp64 - b.old64 if ratio == "token" else b.mean(b.lp64 - b.old64) + x
        x = np.clip(x, bounds.get("log_low", -np.inf), bounds.get("log_high", np.inf))
        r, a, nothing = np.exp(x), b.advantage64, np.zeros(b.m.shape, bool)
        high = (a > 0) & (r > bounds.get("clip_high", np.inf))
        low = (a < 0) & (r < bounds.get("clip_low", -np.inf))
        left_out = nothing
        if surrogate == "detached":
            left_out = high | low
            high, low = r > bounds.get("is_high", np.inf), r < bounds.get("is_low", -np.inf)
        dual = (a < 0) & (r > bounds.get("dual", np.inf))
        if len(definition) > 5:
            left_out = left_out | (definition[5](b) == 0)
        dead = left_out | (high | low | dual if surrogate == "through" else nothing)
        if surrogate != "detached":
            dead = dead | (ratio != "none") & ((x == bounds.get("log_low", np.inf)) | (x == bounds.get("log_high", np.inf)))
        wanted = [r, -x, np.expm1(x) - x, high, low, dual, left_out, dead & (a != 0)]
        for i, (kind, values) in enumerate(zip("ratio k1 k3 high low dual left_out dead".split(), wanted)):
            values = b.unpad(values * b.m)
            if values.any() or counters[:, i].any():
                # A response's mean is small, the terms of its sum are not.
                least = 0.1 if kind == "k1" and ratio == "sequence" else 0
                self.near(counters[:, i], values, f"{name}: {kind}", least)

    def test_every_preset_is_here(self):
        self.assertEqual(set(PRESETS), set(presets()))

    def test_presets(self):
        for name in PRESETS:
            with self.subTest(name):
                self.check(name)
        print(f"(largest relative error {self.worst:.2g}) ", end="")

    def test_terms(self):
        for name in CASES:
            with self.subTest(name):
                self.check(name)
        print(f"(largest relative error {self.worst:.2g}) ", end="")

    def test_supervised(self):
        """Cross-entropy without advantages."""
        b, operands = self.batch, operands_of([], advantage=False)
        loss, g, _, counters = harness.call(self.file(), "supervised", self.arrays(b, operands, token_mean), 4)
        self.assertLessEqual(abs(loss.sum(dtype=np.float64) - token_mean(b, -b.lp64)), 1e-6)
        self.near(g, -weights(b, token_mean) * b.mask, "gradient")
        self.assertTrue((counters[:, 0] == b.mask).all() and not counters[:, 1:].any())

    def test_unmasked(self):
        """Without a mask, tokens of no weight do not count, in a sequence's mean either."""
        b = self.batch.spoiled()
        a = weights(self.batch, EACH) * b.mask.astype(np.float32)
        arrays = [a, b.old, b.advantage, b.starts]
        found = harness.call(self.file(), "unmasked", [b.lp, *arrays], 4)
        definition = (bound(gspo, low=0.9, high=1.1), EACH)
        self.near(found[1], self.gradient(definition), "gradient")
        for v in found:
            self.assertTrue((v[b.mask == 0] == 0).all())

    def test_cispo_keeps_every_token(self):
        """The gradient out of the band is not zero, and what the definition says."""
        b = self.batch
        operands, definition, *_ = self.functions["verl-cispo"]
        g = harness.call(self.file(), "verl_cispo", self.arrays(b, operands, token_mean), 4)[1]
        r = np.exp(b.lp.astype(np.float64) - b.old)
        outside = ((r > 1.2) | (r < 0.8)) & (b.mask != 0) & (b.advantage != 0)
        self.assertGreater(outside.sum(), 50)
        self.assertTrue((g[outside] != 0).all())

    def test_on_the_emulated_gpu(self):
        gpu, b = self.file("--target", "sm_80"), self.batch
        for name in ("verl-grpo", "cispo", "nemo-gspo", "sapo", "icepop", "mis", "seqmask", "off_policy", "entropy", "by_ratio"):
            operands, definition, *_ = self.functions[name]
            arrays = self.arrays(b, operands, definition[1])
            wanted = harness.call(self.file(), name.replace("-", "_"), arrays, 4)
            for found, other in zip(emulated(gpu, name.replace("-", "_"), arrays, 4), wanted):
                self.assertTrue(same_bits(found, other), name)


if __name__ == "__main__":
    unittest.main()
