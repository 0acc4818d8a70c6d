"""ldmatrix, stmatrix, movmatrix, mma.sync, wgmma (ISA 9.7.14, 9.7.15).

Products are of small integers, so that every order of summation gives the same
bits; the layouts are those of the ISA's figures."""
import numpy as np
import exact
from form import form

# ---- matrices of 16-bit elements in shared memory ----
# Row addresses: lane i's row lies at scratch + 16 * (5 * i mod 32): no order.
ROW = "{ .reg .b32 %l, %row; mov.u32 %l, %laneid; mul.lo.u32 %row, %l, 5; and.b32 %row, %row, 31; mov.u32 %l, scratch; mad.lo.u32 %row, %row, 16, %l; "


def rows_of(v):
    """32 rows of 8 elements, from the four words each lane owns."""
    return [[w >> 16 * e & 0xffff for w in lane[:4] for e in (0, 1)] for lane in v]


def load(n, trans):
    def run(v):
        rows, out = rows_of(v), []
        for lane in range(32):
            regs = []
            for q in range(n):
                m = rows[8 * q:8 * q + 8]
                r, c = lane // 4, lane % 4 * 2
                a, b = (m[c][r], m[c + 1][r]) if trans else (m[r][c], m[r][c + 1])
                regs.append(a | b << 16)
            out.append(tuple(regs))
        return out
    return run


def store(n, trans):
    def run(v):
        m = [[[0] * 8 for _ in range(8)] for _ in range(4)]
        for lane in range(32):
            for q in range(n):
                for e in (0, 1):
                    r, c = lane // 4, lane % 4 * 2 + e
                    if trans:
                        r, c = c, r
                    m[q][r][c] = v[lane][q] >> 16 * e & 0xffff
        out = []
        for lane in range(32):
            row = m[lane // 8][lane % 8]
            out.append(tuple(row[2 * i] | row[2 * i + 1] << 16 for i in range(4)))
        return out
    return run


for n in (1, 2, 4):
    for trans in ("", ".trans"):
        for space in (".shared", ".shared::cta"):
            form("ldmatrix.sync.aligned.m8n8.x%d%s%s.b16" % (n, trans, space), " ".join(["b32"] * n), "b32 b32 b32 b32", load(n, trans),
                 ROW + "st.shared.v4.b32 [%%row], { {a0}, {a1}, {a2}, {a3} }; bar.warp.sync -1;"
                 " ldmatrix.sync.aligned.m8n8.x%d%s%s.b16 { %s }, [%%row]; bar.warp.sync -1; }"
                 % (n, trans, space, ", ".join("{d%d}" % i for i in range(n))), warp=True)
        form("stmatrix.sync.aligned.m8n8.x%d%s.shared.b16" % (n, trans), "b32 b32 b32 b32", "b32 b32 b32 b32", store(n, trans),
             ROW + "st.shared.v4.b32 [%%row], {0, 0, 0, 0}; bar.warp.sync -1; stmatrix.sync.aligned.m8n8.x%d%s.shared.b16 [%%row], { %s };"
             " bar.warp.sync -1; ld.shared.v4.b32 { {d0}, {d1}, {d2}, {d3} }, [%%row]; bar.warp.sync -1; }"
             % (n, trans, ", ".join("{a%d}" % i for i in range(n))), warp=True, target="sm_90")
form("movmatrix.sync.aligned.m8n8.trans.b16", "b32", "b32", lambda v: [
    tuple([(v[4 * (l % 4 * 2) + l // 8][0] >> 16 * (l // 4 & 1) & 0xffff)
           | (v[4 * (l % 4 * 2 + 1) + l // 8][0] >> 16 * (l // 4 & 1) & 0xffff) << 16]) for l in range(32)], warp=True)

# ---- mma.sync ----
BITS = {"s4": 4, "u4": 4, "b1": 1, "f16": 16, "bf16": 16, "tf32": 32, "e4m3": 8, "e5m2": 8, "s8": 8, "u8": 8, "f64": 64}


def code(t, v):
    if t in ("s8", "u8", "s4", "u4", "b1"):
        return v & (1 << BITS[t]) - 1
    if t == "tf32":
        return exact.encode(int(v < 0), abs(v), 0, "f32")
    if t == "s32":
        return v & 0xffffffff
    return exact.encode(int(v < 0), abs(v), 0, t)


# Fragment layouts: (row, column) of element i of a lane, as the ISA prints them.
def a_place(m, k, bits, lane, i):
    g, t = lane >> 2, lane & 3
    if bits == 64:
        if m == 8:
            return g, t
        return (g + 8 * (i & 1), t + 4 * (i >> 1))
    per = 32 // bits
    if m == 8:
        return g, t * per + i
    reg, e = divmod(i, per)
    return g + (8 if reg & 1 else 0), t * per + e + (4 * per if reg >= 2 else 0)


def b_place(m, k, bits, lane, i):
    g, t = lane >> 2, lane & 3
    if bits == 64:
        return t + 4 * i, g
    per = 32 // bits
    reg, e = divmod(i, per)
    return t * per + e + (4 * per if reg else 0), g


def c_place(m, lane, i):
    g, t = lane >> 2, lane & 3
    return (g if i < 2 else g + 8), t * 2 + (i & 1)


def integers(t, rng, rows, columns):
    """Small enough that sums are exact; all that narrow integers have."""
    low, high = {"s8": (-120, 120), "u8": (0, 120), "s4": (-8, 7), "u4": (0, 15), "b1": (0, 1)}.get(t, (-3, 3))
    return np.array([[rng.randint(low, high) for _ in range(columns)] for _ in range(rows)], np.int64)


def sums(d, rng, m):
    """C; integers are sometimes so large that D overflows."""
    near = (1 << 31) - 40
    pick = lambda: rng.choice([-near, near, rng.randint(-50, 50), rng.randint(-50, 50)]) if d == "s32" else rng.randint(-50, 50)
    return np.array([[pick() for _ in range(8)] for _ in range(m)], np.int64)


class Mma:
    def __init__(self, m, k, a, b, d, saturate=False, bitop=None):
        self.m, self.k, self.types, self.saturate, self.bitop = m, k, (a, b, d), saturate, bitop
        self.counts = (m * k // 32, k * 8 // 32, m * 8 // 32)
        self.bits = (BITS[a], BITS[b], {"f16": 16, "f32": 32, "s32": 32, "f64": 64}[d])
        self.regs = tuple(max(1, n * w // 32) if w < 64 else n for n, w in zip(self.counts, self.bits))
        self.kinds = tuple("f64" if w == 64 else "b32" for w in self.bits)

    def product(self, a, b, c):
        if self.bitop:
            d = c + np.array([[sum(self.bitop(x, y) for x, y in zip(row, column)) for column in b.T.tolist()] for row in a.tolist()])
        else:
            d = a @ b + c
        return np.clip(d, -(1 << 31), (1 << 31) - 1) if self.saturate else d

    def pack(self, which, elements):
        w = self.bits[which]
        if w >= 32:
            return [code(self.types[which], e) for e in elements]
        per = 32 // w
        return [sum(code(self.types[which], e) << w * j for j, e in enumerate(elements[r * per:(r + 1) * per])) for r in range(self.regs[which])]

    def values(self, rng, count):
        cols = [[] for _ in range(sum(self.regs))]
        self.truth = []
        for _ in range(count // 32):
            a, b = integers(self.types[0], rng, self.m, self.k), integers(self.types[1], rng, self.k, 8)
            c = sums(self.types[2], rng, self.m)
            self.truth.append(self.product(a, b, c))
            for lane in range(32):
                frag = [[int(a[a_place(self.m, self.k, self.bits[0], lane, i)]) for i in range(self.counts[0])],
                        [int(b[b_place(self.m, self.k, self.bits[1], lane, i)]) for i in range(self.counts[1])],
                        [int(c[c_place(self.m, lane, i)]) for i in range(self.counts[2])]]
                row = sum((self.pack(j, f) for j, f in enumerate(frag)), [])
                for col, v in zip(cols, row):
                    col.append(v)
        self.at = 0
        return cols

    def ref(self, lanes):
        d = self.truth[self.at]
        self.at = (self.at + 1) % len(self.truth)
        return [tuple(self.pack(2, [int(d[c_place(self.m, l, i)]) for i in range(self.counts[2])])) for l in range(32)]

    def declare(self, name, target):
        n = self.regs
        group = lambda p, start, k: "{ %s }" % ", ".join("{%s%d}" % (p, start + i) for i in range(k))
        body = "%s %s, %s, %s, %s;" % (name, group("d", 0, n[2]), group("a", 0, n[0]), group("a", n[0], n[1]), group("a", n[0] + n[1], n[2]))
        form(name, " ".join([self.kinds[2]] * n[2]), " ".join([self.kinds[0]] * n[0] + [self.kinds[1]] * n[1] + [self.kinds[2]] * n[2]),
             self.ref, body, warp=True, values=self.values, target=target, count=256)


for t, d, k in [("f16", "f16", 8), ("f16", "f16", 16), ("f16", "f32", 8), ("f16", "f32", 16), ("bf16", "f32", 8), ("bf16", "f32", 16),
                ("tf32", "f32", 4), ("tf32", "f32", 8)]:
    Mma(16, k, t, t, d).declare("mma.sync.aligned.m16n8k%d.row.col.%s.%s.%s.%s" % (k, d, t, t, d), "sm_80")
for a in ("s8", "u8"):
    for b in ("s8", "u8"):
        for m, k in ((8, 16), (16, 16), (16, 32)):
            for sat in ("", ".satfinite"):
                Mma(m, k, a, b, "s32", bool(sat)).declare("mma.sync.aligned.m%dn8k%d.row.col%s.s32.%s.%s.s32" % (m, k, sat, a, b), "sm_80")
for a in ("e4m3", "e5m2"):
    for b in ("e4m3", "e5m2"):
        Mma(16, 32, a, b, "f32").declare("mma.sync.aligned.m16n8k32.row.col.f32.%s.%s.f32" % (a, b), "sm_89")
        Mma(16, 32, a, b, "f16").declare("mma.sync.aligned.m16n8k32.row.col.f16.%s.%s.f16" % (a, b), "sm_89")
        Mma(16, 16, a, b, "f32").declare("mma.sync.aligned.m16n8k16.row.col.f32.%s.%s.f32" % (a, b), "sm_89")
Mma(8, 4, "f64", "f64", "f64").declare("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64", "sm_80")
for k in (4, 8, 16):
    Mma(16, k, "f64", "f64", "f64").declare("mma.sync.aligned.m16n8k%d.row.col.f64.f64.f64.f64" % k, "sm_90")
for a in ("s4", "u4"):
    for b in ("s4", "u4"):
        for m, k in ((8, 32), (16, 32), (16, 64)):
            for sat in ("", ".satfinite"):
                Mma(m, k, a, b, "s32", bool(sat)).declare("mma.sync.aligned.m%dn8k%d.row.col%s.s32.%s.%s.s32" % (m, k, sat, a, b), "sm_80")
for op, f in (("xor", lambda x, y: x ^ y), ("and", lambda x, y: x & y)):
    for m, k in ((8, 128), (16, 128), (16, 256)):
        Mma(m, k, "b1", "b1", "s32", bitop=f).declare("mma.sync.aligned.m%dn8k%d.row.col.s32.b1.b1.s32.%s.popc" % (m, k, op), "sm_80")
for k in (16, 32):
    for a, b in (("e4m3", "e5m2"), ("e5m2", "e5m2")) if k == 16 else ():
        Mma(16, k, a, b, "f16").declare("mma.sync.aligned.m16n8k16.row.col.f16.%s.%s.f16" % (a, b), "sm_89")


# ---- m8n8k4 with f16: four products, each of 8 threads ----
class Quads:
    def __init__(self, alayout, blayout, d, c):
        self.layouts, self.d, self.c = (alayout, blayout), d, c
        self.regs = {"f16": 4, "f32": 8}

    def place(self, which, lane, i):
        """(row, column) of element i, as the ISA prints it."""
        upper = 0 if lane < 16 else 4
        if which == "a":
            return (lane % 4 + upper, i) if self.layouts[0] == "row" else (i % 4 + upper, lane % 4)
        if which == "b":
            return (lane % 4, i + upper) if self.layouts[1] == "row" else (i, lane % 4 + upper)
        if which == "f16":
            return lane % 4 + upper, i
        return (lane & 1) + (i & 2) + upper, (i & 4) + (lane & 2) + (i & 1)

    def words(self, t, values):
        v = [code(t, int(x)) for x in values]
        return v if t == "f32" else [v[i] | v[i + 1] << 16 for i in range(0, len(v), 2)]

    def values(self, rng, count):
        columns = [[] for _ in range(4 + self.regs[self.c])]
        self.truth, self.at = [], 0
        for _ in range(count // 32):
            parts = [(integers("f16", rng, 8, 4), integers("f16", rng, 4, 8), sums("f16", rng, 8)) for _ in range(4)]
            self.truth.append([a @ b + c for a, b, c in parts])
            for lane in range(32):
                a, b, c = parts[lane % 16 // 4]
                row = self.words("f16", [a[self.place("a", lane, i)] for i in range(4)]) + self.words("f16", [b[self.place("b", lane, i)] for i in range(4)])
                row += self.words(self.c, [c[self.place(self.c, lane, i)] for i in range(8)])
                for column, v in zip(columns, row):
                    column.append(v)
        return columns

    def ref(self, lanes):
        d = self.truth[self.at]
        self.at = (self.at + 1) % len(self.truth)
        return [tuple(self.words(self.d, [d[l % 16 // 4][self.place(self.d, l, i)] for i in range(8)])) for l in range(32)]

    def declare(self):
        name = "mma.sync.aligned.m8n8k4.%s.%s.%s.f16.f16.%s" % (*self.layouts, self.d, self.c)
        nd, nc = self.regs[self.d], self.regs[self.c]
        group = lambda p, start, k: "{ %s }" % ", ".join("{%s%d}" % (p, start + i) for i in range(k))
        form(name, " ".join(["b32"] * nd), " ".join(["b32"] * (4 + nc)), self.ref, "%s %s, %s, %s, %s;" % (
            name, group("d", 0, nd), group("a", 0, 2), group("a", 2, 2), group("a", 4, nc)), warp=True, values=self.values, count=256)


for alayout in ("row", "col"):
    for blayout in ("row", "col"):
        for d, c in (("f16", "f16"), ("f32", "f16"), ("f32", "f32")):
            Quads(alayout, blayout, d, c).declare()


# ---- mma.sp: half of A's columns are stored, metadata says which ----
class Sparse(Mma):
    def __init__(self, k, a, b, d, selector, saturate=False):
        super().__init__(16, k // 2, a, b, d, saturate)  # A as stored
        self.full, self.selector = k, selector
        self.counts = (self.counts[0], k * 8 // 32, self.counts[2])
        self.regs = (self.regs[0], max(1, self.counts[1] * self.bits[1] // 32), self.regs[2])
        # Of `group` elements `kept` are stored; an index of 2 bits names `unit` bits times 16 or a pair of elements.
        self.group, self.kept = {32: (2, 1), 16: (4, 2), 8: (4, 2), 4: (8, 4)}[BITS[a]]

    def choose(self, rng):
        """(columns kept, metadata) of one row."""
        columns, nibbles = [], []
        for at in range(0, self.full, self.group):
            i, j = sorted(rng.sample(range(4), 2))
            if self.group == 2:  # halves of elements of 32 bits
                i = rng.choice([0, 2])
                j = i + 1
                columns.append(at + i // 2)
            elif self.group == 4:
                columns += [at + i, at + j]
            else:  # pairs
                columns += [at + 2 * i, at + 2 * i + 1, at + 2 * j, at + 2 * j + 1]
            nibbles.append(i | j << 2)
        return columns, nibbles

    def metadata(self, rows, rng):
        """The lanes' registers. 16-bit elements and tf32: a lane of a quad has 4 nibbles of the rows g (low half) and g + 8,
        further columns the next lanes; below: lanes of 8 nibbles, row g, row g + 8, then further columns."""
        words = [rng.getrandbits(32) for _ in range(32)]  # those not asked are not looked at
        wide = self.group == 2 or BITS[self.types[0]] == 16
        per = 4 if wide else 8
        lanes = len(rows[0]) // per * (1 if wide else 2)
        for g in range(8):
            for i in range(lanes):
                if wide:
                    parts = rows[g][4 * i:4 * i + 4] + rows[g + 8][4 * i:4 * i + 4]
                else:
                    parts = rows[g + 8 * (i % 2)][8 * (i // 2):8 * (i // 2) + 8]
                words[4 * g + self.selector * lanes + i] = sum(n << 4 * j for j, n in enumerate(parts))
        return words

    def values(self, rng, count):
        cols = [[] for _ in range(sum(self.regs) + 1)]
        self.truth = []
        for _ in range(count // 32):
            stored, b = integers(self.types[0], rng, 16, self.k), integers(self.types[1], rng, self.full, 8)
            c = sums(self.types[2], rng, 16)
            a, rows = np.zeros((16, self.full), np.int64), []
            for r in range(16):
                columns, nibbles = self.choose(rng)
                rows.append(nibbles)
                a[r, columns] = stored[r]
            self.truth.append(self.product(a, b, c))
            words = self.metadata(rows, rng)
            for lane in range(32):
                frag = [[int(stored[a_place(16, self.k, self.bits[0], lane, i)]) for i in range(self.counts[0])],
                        [int(b[self.b_place(lane, i)]) for i in range(self.counts[1])],
                        [int(c[c_place(16, lane, i)]) for i in range(self.counts[2])]]
                row = sum((self.pack(j, f) for j, f in enumerate(frag)), []) + [words[lane]]
                for col, v in zip(cols, row):
                    col.append(v)
        self.at = 0
        return cols

    def b_place(self, lane, i):
        per = 32 // self.bits[1]
        return lane % 4 * per + i % per + i // per * 4 * per, lane // 4

    def declare(self, name, target):
        n = self.regs
        group = lambda p, start, k: "{ %s }" % ", ".join("{%s%d}" % (p, start + i) for i in range(k))
        body = "%s %s, %s, %s, %s, {a%d}, %d;" % (name, group("d", 0, n[2]), group("a", 0, n[0]), group("a", n[0], n[1]),
                                                group("a", n[0] + n[1], n[2]), sum(n), self.selector)
        form("%s selector %d" % (name, self.selector), " ".join([self.kinds[2]] * n[2]),
             " ".join([self.kinds[0]] * n[0] + [self.kinds[1]] * n[1] + [self.kinds[2]] * n[2] + ["b32"]), self.ref, body, warp=True,
             values=self.values, target=target, count=256)


SPARSE = [(t, t, d, k) for t, ds in (("f16", ("f16", "f32")), ("bf16", ("f32",))) for d in ds for k in (16, 32)]
SPARSE += [("tf32", "tf32", "f32", k) for k in (8, 16)]
SPARSE += [(a, b, "s32", k) for w, ks in ((8, (32, 64)), (4, (64, 128))) for a in ("s%d" % w, "u%d" % w) for b in ("s%d" % w, "u%d" % w) for k in ks]
SPARSE += [(a, b, "f32", 64) for a in ("e4m3", "e5m2") for b in ("e4m3", "e5m2")]
for a, b, d, k in SPARSE:
    for sp in (".sp", ".sp::ordered_metadata"):
        for sat in ("", ".satfinite") if d == "s32" else ("",):
            # As many selectors as quads' lanes can hold it.
            bits = k * 2 if a == "tf32" else k // 2 if BITS[a] == 4 else k
            for selector in range(4 // (16 * bits // 256)):
                Sparse(k, a, b, d, selector, bool(sat)).declare("mma%s.sync.aligned.m16n8k%d.row.col%s.%s.%s.%s.%s" % (sp, k, sat, d, a, b, d),
                                                              "sm_89" if a[0] == "e" else "sm_80")
