"""Checks the float64 reference against numbers that come from elsewhere."""

import json
import os
import pathlib
import sys
import unittest

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import lightning
import reference
import tensors

SHARED = pathlib.Path(os.environ.get("HAMLET_SHARED", HERE.parents[1] / ".." / "shared"))
PACKS = sorted((HERE / "packs").glob("*/golden.json"))
SHARED_PACKS = sorted((SHARED / "golden").glob("*/golden.json"))


def lehmer_weights(spec):
    """The weights of the worked example: a Lehmer generator for each tensor."""
    modulus, weights = 2**31 - 1, {}
    for number, (role, name, shape) in enumerate(reference.layer_shapes(spec)):
        x, values = (1234567 + 7919 * number) % modulus, []
        for _ in range(int(np.prod(shape))):
            x = 16807 * x % modulus
            values.append(2.0 * x / modulus - 1.0)
        u = np.array(values).reshape(shape)
        if len(shape) == 1:
            weights[name] = 1.0 + 0.25 * u
        elif role == "embed":
            weights[name] = u
        else:
            a = np.sqrt(3.0 / shape[1])
            weights[name] = a * u * (2.0 if role in ("router", "output_gate") else 1.0)
    return weights


class Lightning(unittest.TestCase):
    def test_worked_example(self):
        t = np.arange(5)
        q = np.stack([(t + 1) / 4, (-1.0) ** t * (t + 2) / 8], -1)[:, None]
        k = np.stack([(3 - t) / 4, (t - 1) / 8], -1)[:, None]
        v = np.stack([(t % 3 - 1) / 2, (t + 1) / 4], -1)[:, None]
        out, final = lightning.recurrence(q, k, v, log_decay=[-0.5])
        want = [
            [-0.078125, 0.0390625],
            [-0.127940061, 0.188970031],
            [0.03303014, 0.347209429],
            [0.037858897, 0.060100369],
            [-0.03923131, 0.285025727],
        ]
        np.testing.assert_allclose(out[:, 0], want, atol=1e-9)
        state = [[-0.004765801, -0.162364699], [-0.044365412, 0.650642135]]
        np.testing.assert_allclose(final[0, 0], state, atol=1e-9)

    def test_ladders(self):
        self.assertEqual(
            lightning.slopes_alibi(6), [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]
        )
        self.assertAlmostEqual(lightning.slopes_alibi(64)[0], 0.9170040432, 9)
        twelve = lightning.slopes_alibi(12)
        want = [2.0**-i for i in range(1, 9)] + [2.0**-x for x in (0.5, 1.5, 2.5, 3.5)]
        np.testing.assert_allclose(twelve, want)
        np.testing.assert_allclose(
            lightning.slopes_alibi(48)[32:35], [0.917004, 0.771105, 0.648420], atol=1e-6
        )
        np.testing.assert_allclose(
            lightning.slopes_geometric(6),
            [0.397, 0.157, 0.0625, 0.0248, 0.00984, 0.00391],
            atol=5e-4,
        )

    def test_packed_sequences_are_independent(self):
        rng = np.random.default_rng(1)
        T, H, dk, dv = 23, 4, 5, 3
        q, k = rng.standard_normal((2, T, 2, dk))
        v = rng.standard_normal((T, H, dv))
        g = -rng.random((T, H, dk))
        beta = rng.random((T, H))
        starts = [0, 7, 7, 23]
        initial = rng.standard_normal((3, H, dk, dv))
        out, final = lightning.recurrence(
            q, k, v, g, beta, 0.5, starts, initial, delta=True
        )
        np.testing.assert_array_equal(final[1], initial[1])
        for n, (a, b) in enumerate(zip(starts, starts[1:])):
            alone, last = lightning.recurrence(
                q[a:b], k[a:b], v[a:b], g[a:b], beta[a:b], 0.5, None, initial[n : n + 1], True
            )
            np.testing.assert_array_equal(alone, out[a:b])
            np.testing.assert_array_equal(last[0], final[n])

    def test_delta_rule_is_a_householder_step(self):
        rng = np.random.default_rng(2)
        q, k, v = rng.standard_normal((3, 6, 1, 4))
        k /= np.linalg.norm(k, axis=-1, keepdims=True)
        g, beta = -rng.random((6, 1, 4)), rng.random((6, 1))
        out, _ = lightning.recurrence(q, k, v, g, beta, delta=True)
        state = np.zeros((4, 4))
        for t in range(6):
            reflect = np.eye(4) - beta[t, 0] * np.outer(k[t, 0], k[t, 0])
            state = reflect @ np.diag(np.exp(g[t, 0])) @ state
            state += beta[t, 0] * np.outer(k[t, 0], v[t, 0])
            np.testing.assert_allclose(out[t, 0], state.T @ q[t, 0], atol=1e-12)


    def test_grouped_heads(self):
        """More queries than states, and more states than queries."""
        rng = np.random.default_rng(4)
        q, k, v = (rng.standard_normal((9, h, 3)) for h in (6, 2, 2))
        g = -rng.random((9, 2))
        out, final = lightning.recurrence(q, k, v, g)
        self.assertEqual((out.shape, final.shape), ((9, 6, 3), (1, 2, 3, 3)))
        alone, _ = lightning.recurrence(q[:, 4:5], k[:, 1:], v[:, 1:], g[:, 1:])
        np.testing.assert_allclose(out[:, 4], alone[:, 0], atol=1e-14)
        q, v = q[:, :2], rng.standard_normal((9, 4, 5))
        out, final = lightning.recurrence(q, k, v, np.repeat(g, 2, 1))
        self.assertEqual((out.shape, final.shape), ((9, 4, 5), (1, 4, 3, 5)))
        alone, _ = lightning.recurrence(q[:, 1:], k[:, 1:], v[:, 3:], g[:, 1:])
        np.testing.assert_allclose(out[:, 3], alone[:, 0], atol=1e-14)


class Parts(unittest.TestCase):
    def test_rotary(self):
        x = (np.arange(128) / 64.0)[None, None]
        out = reference.rotate(x, [3], 64, 1e7)[0, 0]
        want = {0: -0.0705600, 32: -0.4949962, 1: -0.5043344, 33: -0.1084440}
        want.update({31: 0.4843745, 63: 0.9843752})
        for i, value in want.items():
            self.assertAlmostEqual(out[i], value, 6)
        np.testing.assert_array_equal(out[64:], x[0, 0, 64:])

    def test_bf16_rounds_to_nearest_even(self):
        x = np.array([1.0, 1.00390625, 1.01171875, 1.005, -2.0, 3e38], np.float32)
        back = tensors.round_to(x, "BF16")
        np.testing.assert_array_equal(back[:3], np.float32([1.0, 1.0, 1.015625]))
        self.assertEqual(back[3], np.float32(1.0078125))

    def test_slopes_of_the_real_model(self):
        config = dict(
            model_type="minimax_m1", vocab_size=2, hidden_size=2, head_dim=1,
            num_attention_heads=64, num_key_value_heads=8, intermediate_size=2,
            num_local_experts=2, num_experts_per_tok=1, attn_type_list=([0] * 7 + [1]) * 10,
        )
        model = reference.Model.__new__(reference.Model)
        model.spec = reference.read_config(config)
        for layer, head, want in (
            (0, 0, 0.917013213), (0, 63, 0.00390628906), (40, 31, 0.0308550554),
            (78, 0, 0.0116168162), (78, 63, 4.9485265e-05),
        ):
            self.assertAlmostEqual(model.slopes(layer)[head] / want, 1.0, 6)


class WorkedModel(unittest.TestCase):
    """A tiny MiniMax-M1 with weights from a formula."""

    def setUp(self):
        alpha = 8**0.25
        config = dict(
            model_type="minimax_m1", vocab_size=16, hidden_size=8, num_hidden_layers=4,
            attn_type_list=[0, 0, 0, 1], num_attention_heads=2, num_key_value_heads=1,
            head_dim=8, rotary_dim=4, rope_theta=1e7, intermediate_size=6,
            num_local_experts=4, num_experts_per_tok=2, rms_norm_eps=1e-5, postnorm=True,
            **{f"layernorm_{p}_alpha": alpha for p in ("full_attention", "linear_attention", "mlp")},
        )
        spec = reference.read_config(config)
        self.model = reference.Model(spec, lehmer_weights(spec))

    def test_weights(self):
        for role, want in (
            ("embed", [0.3243544350, -0.5750109114, -0.2083872888]),
            ("attention_norm", [1.1120771178, 1.1801194250, 0.7671764091]),
            ("qkv", [0.3504377857, 0.0097773291, 0.2117575071]),
        ):
            found = np.ravel(self.model.weight(role, 0))[:3]
            np.testing.assert_allclose(found, want, atol=1e-9)

    def test_logits(self):
        logits = self.model.forward([3, 1, 4, 1, 5, 9, 2])
        want = """0.7294787 -0.6114527 -2.9089413 0.6164371 -0.3515551 0.6135250 1.3230783
          -1.5825816 1.3442698 -0.8189048 -1.2018733 0.2830492 -0.5937985 -0.9963866
          1.9613950 -0.0434512"""
        np.testing.assert_allclose(logits[6], [float(x) for x in want.split()], atol=1e-6)
        np.testing.assert_allclose(
            logits[0, :4], [1.0984367, -0.6181742, -1.3946580, 0.5870721], atol=1e-6
        )
        last = [-0.7973080, 0.5610748, 0.2343565, 0.2345469, -2.1438907, 2.6442935, 0.8856135, 3.3679072]
        np.testing.assert_allclose(self.model.layer_outputs[3][6], last, atol=1e-6)
        experts = ["".join(map(str, row)) for row in self.model.chosen[2]]
        self.assertEqual(" ".join(experts), "10 02 30 02 13 32 02")

    def test_cross_entropy(self):
        ids = [3, 1, 4, 1, 5, 9, 2]
        p = reference.softmax(self.model.forward(ids))
        loss = -np.mean([np.log(p[t, ids[t + 1]]) for t in range(6)])
        self.assertAlmostEqual(loss, 2.999740275, 8)

    def test_greedy_and_split(self):
        prompt = [3, 1, 4, 1, 5, 9, 2]
        self.assertEqual(self.model.greedy(prompt, 6)[0], [14, 6, 0, 6, 13, 13])
        cache = reference.Cache(4)
        parts = [self.model.forward(part, cache) for part in (prompt[:3], prompt[3:])]
        np.testing.assert_allclose(
            np.concatenate(parts), self.model.forward(prompt), atol=1e-12
        )


class Packs(unittest.TestCase):
    """The reference gives what the packs hold, to the rounding of f32."""

    def check(self, folder, greedy):
        truth = json.loads((folder / "golden.json").read_text())
        model = reference.Model.load(folder)
        golden = tensors.read(folder / "golden.safetensors")
        for name, want in golden.items():
            if not name.endswith(".logits"):
                continue
            case = name[: -len(".logits")]
            found = model.forward(golden[case + ".input_ids"])
            if case + ".positions" in golden:
                found = found[golden[case + ".positions"]]
            error = np.abs(found - want).max() / np.abs(want).max()
            self.assertLess(error, 1.2e-7, f"{folder.name} {case}")
        for name in golden:
            if greedy and name.endswith(".tokens"):
                prompt = golden[name.replace(".tokens", ".prompt_ids")]
                tokens, _ = model.greedy(prompt, len(golden[name]))
                self.assertEqual(tokens, golden[name].tolist(), f"{folder.name} {name}")
        # The margin is over the logits' magnitude, however each writer put it.
        self.assertGreater(model.router_margin, 0.1 * truth["router_margin"])

    @unittest.skipUnless(SHARED_PACKS, f"no packs in {SHARED / 'golden'}")
    def test_shared_packs(self):
        for path in SHARED_PACKS:
            with self.subTest(pack=path.parent.name):
                self.check(path.parent, greedy=True)

    def test_own_packs(self):
        self.assertTrue(PACKS, "no packs beside this file")
        for path in PACKS:
            with self.subTest(pack=path.parent.name):
                self.check(path.parent, greedy=False)


if __name__ == "__main__":
    unittest.main()
