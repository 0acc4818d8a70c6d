"""The example kernels as PTX on the emulator, with its sanitizer, against numpy in float64."""
import os
import sys
import unittest

import numpy as np

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from emulated import BIN, EMULATOR, Ptx, bf16, f32, panel, run, unpanel  # noqa: E402

KERNELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../lit/kernels")


def ptx_of(name):
    return Ptx.of(os.path.join(KERNELS, name + ".mlir"))


def close(test, got, want, tolerance):
    """Largest error against the largest value."""
    scale = np.abs(want).max() or 1.0
    error = np.abs(np.asarray(got, np.float64) - want).max() / scale
    test.assertLessEqual(error, tolerance)


class Linear(unittest.TestCase):
    def test_f32_rows_of_8(self):
        ptx, rng = ptx_of("linear"), np.random.default_rng(0)
        for t in (1, 8, 13):
            x = rng.standard_normal((t, 96)).astype(np.float32)
            w = rng.standard_normal((96, 160)).astype(np.float32)
            y = run(ptx, "linear_silu_r8", (3, -(-t // 8)), [x, panel(w), np.full((t, 160), 7, np.float32), t])[2]
            d = x.astype(np.float64) @ w
            close(self, y, d / (1 + np.exp(-d)), 1e-6)

    def test_f32_sums_ascend_by_fma(self):
        # The bits, by fma emulated in float64 (a product of two f32 is exact there).
        ptx, rng = Ptx(dot_kernel(5, 70, 33, "f32", "f32")), np.random.default_rng(1)
        a = rng.standard_normal((5, 70)).astype(np.float32)
        b = rng.standard_normal((70, 33)).astype(np.float32)
        y = run(ptx, "k", (1,), [a, b, np.zeros((5, 33), np.float32)])[2]
        want = np.zeros((5, 33), np.float32)
        for k in range(70):
            want = (want.astype(np.float64) + np.outer(a[:, k].astype(np.float64), b[k])).astype(np.float32)
        self.assertGreater((y == want).mean(), 0.99)  # two roundings differ from one about once in 2^29
        np.testing.assert_allclose(y, want, rtol=1e-5, atol=1e-6)

    def test_bf16_one_row(self):
        ptx, rng = ptx_of("linear"), np.random.default_rng(2)
        x, w = bf16(rng.standard_normal((5, 96))), bf16(rng.standard_normal((96, 160)))
        y = run(ptx, "linear_bf16_r1", (3, 5), [x, panel(w, pairs=True), bf16(np.full((5, 160), 7)), 5])[2]
        close(self, f32(y), f32(x).astype(np.float64) @ f32(w), 2**-8)

    def test_shapes(self):
        rng = np.random.default_rng(3)
        for m, k, n in ((1, 1, 1), (1, 300, 200), (3, 17, 9), (16, 64, 64), (20, 130, 140), (64, 128, 128), (100, 40, 24),
                        (128, 64, 128)):
            for a_type, b_type, numerics in (("f32", "f32", "f32"), ("bf16", "bf16", "bf16"), ("bf16", "f32", "f32"),
                                             ("f32", "f16", "f32")):
                with self.subTest(m=m, k=k, n=n, a=a_type, b=b_type):
                    self.dot(rng, m, k, n, a_type, b_type, numerics)

    def test_sums_in_scratch(self):
        # 256 x 256 sums are more than a block shares.
        rng = np.random.default_rng(9)
        ptx = Ptx(dot_kernel(256, 8, 256, "f32", "f32"))
        self.assertEqual(ptx.kernels["k"]["scratch"], 256 * 256 * 4)
        self.assertIn("lies in global scratch", ptx.remarks)
        self.dot(rng, 256, 8, 256, "f32", "f32", "f32")

    def dot(self, rng, m, k, n, a_type, b_type, numerics):
        a, aw = values(rng, (m, k), a_type)
        b, bw = values(rng, (k, n), b_type)
        ptx = Ptx(dot_kernel(m, k, n, a_type, b_type, numerics))
        y = run(ptx, "k", (1,), [a, b, np.zeros((m, n), np.float32)])[2]
        close(self, y, aw @ bw, 1e-5)


def values(rng, shape, kind):
    x = rng.standard_normal(shape)
    if kind == "bf16":
        return bf16(x), f32(bf16(x)).astype(np.float64)
    x = x.astype(np.float16 if kind == "f16" else np.float32)
    return x, x.astype(np.float64)


def dot_kernel(m, k, n, a, b, numerics="f32"):
    group = 2 if numerics == "bf16" else 1
    return f"""
func.func @k(%a: !tile.ptr<{a}>, %b: !tile.ptr<{b}>, %y: !tile.ptr<f32>) attributes {{tile.kernel}} {{
  %c0 = arith.constant 0 : index
  %av = tile.view %a[%c0] sizes [{m}, {k}] strides [{k}, 1] : !tile.ptr<{a}> -> !tile.desc<{m}x{k}x{a}>
  %bv = tile.view %b[%c0] sizes [{k}, {n}] strides [{n}, 1] : !tile.ptr<{b}> -> !tile.desc<{k}x{n}x{b}>
  %yv = tile.view %y[%c0] sizes [{m}, {n}] strides [{n}, 1] : !tile.ptr<f32> -> !tile.desc<{m}x{n}xf32>
  %at = tile.load %av[%c0, %c0] : !tile.desc<{m}x{k}x{a}> -> tensor<{m}x{k}x{a}>
  %bt = tile.load %bv[%c0, %c0] : !tile.desc<{k}x{n}x{b}> -> tensor<{k}x{n}x{b}>
  %z = arith.constant dense<0.0> : tensor<{m}x{n}xf32>
  %d = tile.dot #tile.numerics<operands = {numerics}, accumulate = f32, group = {group}> %at, %bt, %z : tensor<{m}x{k}x{a}>, tensor<{k}x{n}x{b}> -> tensor<{m}x{n}xf32>
  tile.store %d, %yv[%c0, %c0] : tensor<{m}x{n}xf32>, !tile.desc<{m}x{n}xf32>
  return
}}
"""


class Norm(unittest.TestCase):
    def test_rms_norm(self):
        rng = np.random.default_rng(4)
        x, w = rng.standard_normal((19, 100)).astype(np.float32), rng.standard_normal(100).astype(np.float32)
        y = run(ptx_of("norm"), "rms_norm_r8", (3,), [x, w, np.zeros_like(x), 19])[2]
        x64 = x.astype(np.float64)
        close(self, y, x64 / np.sqrt((x64**2).mean(1, keepdims=True) + 1e-5) * w, 1e-6)


class Route(unittest.TestCase):
    def test_top_2(self):
        rng = np.random.default_rng(5)
        x, w = bf16(rng.standard_normal((11, 64))), rng.standard_normal((64, 5)).astype(np.float32)
        w[:, 3] = w[:, 1]  # ties go to the lower id
        args = [x, panel(w), np.zeros((11, 2), np.int32), np.zeros((11, 2), np.float32), 11]
        _, _, ids, gates, _ = run(ptx_of("route"), "route_r8", (2,), args)
        logits = f32(x).astype(np.float64) @ w
        want = np.argsort(-np.round(logits, 4), axis=1, kind="stable")[:, :2]
        np.testing.assert_array_equal(ids, want)
        top = np.take_along_axis(logits, want, 1)
        close(self, gates, np.exp(top - top[:, :1]) / np.exp(top - top[:, :1]).sum(1, keepdims=True), 1e-6)

    def test_gather_and_scan(self):
        rng = np.random.default_rng(6)
        x = rng.standard_normal((20, 40)).astype(np.float32)
        rows = np.array([3, -1, 19, 20, 0, 3, 7, 1000000], np.int32)
        g = (rng.standard_normal(64) * 10.0 ** rng.integers(-6, 3, 64)).astype(np.float32)
        args = [x, rows, np.full((8, 40), 9, np.float32), g, np.zeros(64, np.float32), np.zeros(64, np.float32), 20]
        _, _, y, _, high, low, _ = run(ptx_of("route"), "gather_scan", (1,), args)
        want = np.array([x[r] if 0 <= r < 20 else np.zeros(40) for r in rows])
        np.testing.assert_array_equal(y, want)
        np.testing.assert_array_equal(high, np.cumsum(g, dtype=np.float32))
        exact = np.cumsum(g.astype(np.float64))
        close(self, high.astype(np.float64) + low, exact, 1e-12)


class Constants(unittest.TestCase):
    def test_table(self):
        ptx = Ptx("""
func.func @k(%y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %v = tile.view %y[%c0] sizes [2, 3] strides [3, 1] : !tile.ptr<f32> -> !tile.desc<2x3xf32>
  %a = arith.constant dense<[[1.0, 2.5, -3.0], [4.0, 0.1, 1.0e-40]]> : tensor<2x3xf32>
  tile.store %a, %v[%c0, %c0] : tensor<2x3xf32>, !tile.desc<2x3xf32>
  return
}""")
        y = run(ptx, "k", (1,), [np.zeros((2, 3), np.float32)])[0]
        np.testing.assert_array_equal(y, np.array([[1, 2.5, -3], [4, 0.1, 1e-40]], np.float32))


class Attention(unittest.TestCase):
    def test_decode(self):
        rng = np.random.default_rng(7)
        # Two sequences at positions 70 and 5, pages in any order, 2 key heads with 2 query heads each.
        d, positions, table = 24, [70, 5], np.array([[3, 0], [2, 7]], np.int32)
        keys = rng.standard_normal((4, 2, d, 64)).astype(np.float32)
        vals = rng.standard_normal((4, 2, 64, d)).astype(np.float32)
        vals[0, :, 7:] = np.nan  # past the end of the first sequence
        q = rng.standard_normal((2, 4 * d)).astype(np.float32)
        kp = np.stack([np.stack([panel(keys[p, h]) for h in range(2)]) for p in range(4)])
        vp = np.stack([np.stack([panel(vals[p, h]) for h in range(2)]) for p in range(4)])
        ints = [np.array(v, np.int32) for v in ([1, 0], [0, 1, 2], positions)]
        args = [q, np.zeros_like(q), kp, vp, *ints, table, 2, 2]
        out = run(ptx_of("attention"), "attention_decode", (2, 2), args)[1]
        want = np.zeros((2, 4 * d))
        for s in range(2):
            n = positions[s] + 1
            for head in range(4):
                k = np.concatenate([keys[p, head // 2] for p in table[s][:-(-n // 64)]], 1)[:, :n].astype(np.float64)
                v = np.concatenate([vals[p, head // 2] for p in table[s][:-(-n // 64)]], 0)[:n].astype(np.float64)
                p = np.exp((q[s, head * d:(head + 1) * d] @ k) * d**-0.5)
                want[s, head * d:(head + 1) * d] = p @ v / p.sum()
        close(self, out, want, 1e-6)


class Lightning(unittest.TestCase):
    def test_chunks_of_64(self):
        rng = np.random.default_rng(8)
        heads, d, slots = 4, 16, 3
        decays = -np.array([0.9, 0.1, 0.01, 0.5], np.float32)
        state = np.zeros((slots, heads, d, d), np.float32)
        tails = [np.zeros((slots, heads, 4, d // 2, 16, 2), np.uint16), np.zeros((slots, heads, 1, 32, 16, 2), np.uint16)]
        ptx = ptx_of("lightning")
        fed, outputs = [], []
        first = np.zeros(2, np.int32)
        # Three steps: two sequences in slots 2 and 0, of these many tokens each.
        for lengths in ((5, 130), (70, 0), (1, 3)):
            starts = np.array([0, lengths[0], sum(lengths)], np.int32)
            qkv = bf16(rng.standard_normal((sum(lengths), 3 * heads * d)) * 0.5)
            args = [qkv, decays, bf16(np.zeros((sum(lengths), heads * d))), state, *tails, np.array([0, 1], np.int32),
                    starts, first, np.array([2, 0], np.int32)]
            done = run(ptx, "lightning_r64", (heads, 2), args)
            out, state, tails = done[2], done[3], done[4:6]
            fed.append([qkv[starts[s]:starts[s + 1]] for s in range(2)])
            outputs.append([out[starts[s]:starts[s + 1]] for s in range(2)])
            first = first + np.array(lengths, np.int32)
        for s in range(2):
            rows = f32(np.concatenate([f[s] for f in fed])).astype(np.float64)
            got = f32(np.concatenate([o[s] for o in outputs]))
            want = np.zeros_like(got, np.float64)
            for h in range(heads):
                q, k, v = (rows[:, i * heads * d + h * d:i * heads * d + (h + 1) * d] for i in range(3))
                memory = np.zeros((d, d))
                for t in range(len(rows)):
                    memory = np.exp(np.float64(decays[h])) * memory + np.outer(k[t], v[t])
                    want[t, h * d:(h + 1) * d] = q[t] @ memory
            close(self, got, want, 2**-7)


class Counts(unittest.TestCase):
    def test_bf16_products_are_mma(self):
        # No f32 product stands for a bf16 one: the fma of a bf16 kernel are those of exp alone.
        text = Ptx(dot_kernel(16, 64, 64, "bf16", "bf16", "bf16")).text
        self.assertEqual(text.count("fma.rn.f32"), 0)
        # 4 slices of 16 times 8 columns of 8, shared by 4 warps.
        self.assertEqual(text.count("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"), 4 * 8 // 4)
        self.assertGreater(text.count("ld.shared"), 0)

    def test_nothing_is_contracted_or_flushed(self):
        for name in ("linear", "norm", "route", "attention", "lightning"):
            text = ptx_of(name).text
            for bad in (".ftz", "div.full", "div.approx", "sqrt.approx", "call", ".local"):
                self.assertNotIn(bad, text, f"{name}: {bad}")


if __name__ == "__main__":
    if not os.path.exists(EMULATOR):
        print(f"skipped: {EMULATOR} is not built")
        sys.exit(77)
    unittest.main()
