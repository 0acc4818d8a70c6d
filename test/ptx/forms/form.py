"""One instruction form: how a kernel runs it on N test vectors, and what must
come out. Values travel as bit patterns; `KINDS` says what is worth trying."""
import random
import numpy as np
import exact

WIDTH = {"pred": 8, "b8": 8, "b16": 16, "b32": 32, "b64": 64, "b128": 128}
# kind: register type and how its values are drawn
KINDS = {}
for n in (16, 32, 64):
    for p in "ubs":
        KINDS["%s%d" % (p, n)] = ("b%d" % n, "int")
for p in "ubs":
    KINDS[p + "8"] = ("b8", "int")
KINDS.update({
    "pred": ("pred", "bool"), "f16": ("b16", "f16"), "bf16": ("b16", "bf16"), "f32": ("b32", "f32"), "f64": ("b64", "f64"),
    "tf32": ("b32", "f32"), "f16x2": ("b32", "f16"), "bf16x2": ("b32", "bf16"), "u16x2": ("b32", "int16"),
    "s16x2": ("b32", "int16"), "e4m3x2": ("b16", "e4m3"), "e5m2x2": ("b16", "e5m2"), "f32x2": ("b64", "f32"),
    "shift": ("b32", "shift"), "lane": ("b32", "lane"), "sel": ("b32", "sel"), "small32": ("b32", "small"),
    "mask": ("b32", "mask"), "angle": ("b32", "angle"), "b128": ("b128", "int")})
DEFAULT_COUNT = 512


class Form:
    """`outs` and `ins` are lists of kinds. `ref` takes one int an operand and
    gives an int or a tuple; with `warp` (how many; true: one; 128: a warpgroup) it
    takes a list of such tuples and gives as many results; with `vector`, numpy arrays. `bound(inputs, got, want)` is
    a list of booleans; without it bits must be equal. `cluster`: as many CTAs, a warp each.
    `map`: an im2col map of the first operand, for which the body has {map}, a generic address."""

    def __init__(self, name, outs, ins, ref, body=None, warp=0, vector=False, bound=None, count=DEFAULT_COUNT,
                 target="sm_80", any_nan=None, declare="", values=None, cluster=1, map=None):
        self.name, self.outs, self.ins, self.ref = name, outs.split(), ins.split(), ref
        self.body = body if body is not None else "%s %s;" % (name.split(" ")[0], ", ".join(
            ["{d%d}" % i for i in range(len(self.outs))] + ["{a%d}" % i for i in range(len(self.ins))]))
        self.warp, self.vector, self.bound, self.count, self.target = 32 * warp if warp < 32 else warp, vector, bound, count, target
        self.any_nan, self.declare, self.values, self.cluster, self.map = any_nan, declare, values, cluster, map

    def inputs(self):
        """One array of raw bits (as uint8 rows) an operand: lists of ints."""
        rng = random.Random(self.name)
        if self.values:
            return self.values(rng, self.count)
        return [column(kind, i, len(self.ins), self.count, rng) for i, kind in enumerate(self.ins)]


INT_EDGES = {}
def int_edges(w):
    m = (1 << w) - 1
    return [0, 1, m, 1 << (w - 1), (1 << (w - 1)) - 1, m - 1, 2, 0x5555555555555555 & m, 3, 7, 0xaaaaaaaaaaaaaaaa & m,
            (1 << (w // 2)) - 1, 1 << (w // 2), 10, m - 9, (1 << (w - 1)) + 1]


def float_edges(f):
    b = exact.bits_of(f)
    s = 1 << (b - 1)
    one, inf = exact.encode(0, 1, 0, f), exact.inf(f, 0)
    mb = exact.FORMATS[f][1]
    sub, norm = 1, 1 << mb
    edges = [0, s, one, one | s, inf, inf | s, inf | 1 << (mb - 1), inf | 1 | s, sub, norm - 1, norm, exact.largest(f, 0),
             exact.encode(0, 3, -1, f), exact.encode(1, 5, -1, f), norm | s, exact.encode(0, 1, -1, f)]
    return edges


def random_float(f, rng):
    b = exact.bits_of(f)
    k = rng.randrange(8)
    if k == 0:
        return rng.choice(float_edges(f))
    if k < 3:
        return rng.getrandbits(b)
    eb, mb = exact.FORMATS[f][:2]
    bias = (1 << (eb - 1)) - 1
    if k == 3:  # around one
        e = bias + rng.randrange(-1, 2)
    elif k == 4:  # subnormal and just above
        e = rng.randrange(0, 3)
    elif k == 5:  # near the top
        e = (1 << eb) - 2 - rng.randrange(2)
    else:
        e = max(0, bias + rng.randrange(-min(bias, 12), min(bias, 12)))
    m = rng.getrandbits(mb)
    if rng.randrange(3) == 0:
        m &= rng.choice([1 << (mb - 1), 1, (1 << mb) - 1, 3 << (mb - 2) if mb > 1 else 1])
    return rng.randrange(2) << (b - 1) | e << mb | m


def column(kind, at, operands, count, rng):
    reg, how = KINDS[kind]
    w = WIDTH[reg]
    out = []
    edges = None
    if how == "int":
        edges = int_edges(w)
    elif how in exact.FORMATS and w == exact.bits_of(how):
        edges = float_edges(how)
    for i in range(count):
        if w == 8 and how == "int":
            v = (i if at == 0 else i * 7 + i // 256 * 13 + at) & 255
        elif how == "e4m3" or how == "e5m2":
            v = i & 255 | rng.getrandbits(8) << 8
        elif how == "bool":
            v = rng.getrandbits(1)
        elif how == "shift":
            v = i % 72 if rng.randrange(4) else rng.choice([0, 31, 32, 63, 64, 255, 256, 0xffffffff, 0x80000000, rng.getrandbits(32)])
        elif how == "lane":
            v = rng.randrange(32) if rng.randrange(8) else rng.getrandbits(32)
        elif how == "sel":
            v = rng.getrandbits(16)
        elif how == "small":
            v = rng.randrange(-40, 41) & 0xffffffff
        elif how == "mask":
            v = rng.getrandbits(32) & rng.getrandbits(32) if rng.randrange(3) else rng.choice([0, 0xffffffff, 1, 0x80000000])
        elif how == "int16":
            v = rng.choice(int_edges(16)) if rng.randrange(3) == 0 else rng.getrandbits(16)
            v |= (rng.choice(int_edges(16)) if rng.randrange(3) == 0 else rng.getrandbits(16)) << 16
        elif how == "angle":
            v = int(np.float32(rng.uniform(-6.2831, 6.2831)).view(np.uint32))
        elif edges is not None and operands <= 2 and i < len(edges) ** operands:
            v = edges[i % 16] if at == 0 else edges[i // 16]
        elif edges is not None and how == "int":
            v = rng.choice(edges) if rng.randrange(3) == 0 else rng.getrandbits(w)
        elif w == 2 * exact.bits_of(how):
            v = random_float(how, rng) | random_float(how, rng) << (w // 2)
        else:
            v = random_float(how, rng)
        out.append(v)
    return out


FORMS = []
def form(*a, **k):
    FORMS.append(Form(*a, **k))


def signed(v, w):
    return v - (1 << w) if v >> (w - 1) & 1 else v
