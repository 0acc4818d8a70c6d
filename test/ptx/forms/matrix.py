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
BITS = {"f16": 16, "bf16": 16, "tf32": 32, "e4m3": 8, "e5m2": 8, "s8": 8, "u8": 8, "f64": 64}


def code(t, v):
    if t in ("s8", "u8"):
        return v & 255
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


class Mma:
    def __init__(self, m, k, a, b, d):
        self.m, self.k, self.types = m, k, (a, b, d)
        self.counts = (m * k // 32, k * 8 // 32, m * 8 // 32)
        self.bits = (BITS[a], BITS[b], {"f16": 16, "f32": 32, "s32": 32, "f64": 64}[d])
        self.regs = tuple(max(1, n * w // 32) if w < 64 else n for n, w in zip(self.counts, self.bits))
        self.kinds = tuple("f64" if w == 64 else "b32" for w in self.bits)

    def pack(self, which, elements):
        w = self.bits[which]
        if w >= 32:
            return [code(self.types[which], e) for e in elements]
        per = 32 // w
        return [sum(code(self.types[which], e) << w * j for j, e in enumerate(elements[r * per:(r + 1) * per])) for r in range(self.regs[which])]

    def values(self, rng, count):
        cols = [[] for _ in range(sum(self.regs))]
        self.truth = []
        top = 120 if "8" == self.types[0][1:] and self.types[0][0] in "su" else 3
        for _ in range(count // 32):
            low = 0 if self.types[0] == "u8" else -top
            a = np.array([[rng.randint(low, top) for _ in range(self.k)] for _ in range(self.m)])
            low = 0 if self.types[1] == "u8" else -top
            b = np.array([[rng.randint(low, top) for _ in range(8)] for _ in range(self.k)])
            c = np.array([[rng.randint(-50, 50) for _ in range(8)] for _ in range(self.m)])
            self.truth.append(a @ b + c)
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

    def declare(self, name, target, satfinite=""):
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
                Mma(m, k, a, b, "s32").declare("mma.sync.aligned.m%dn8k%d.row.col%s.s32.%s.%s.s32" % (m, k, sat, a, b), "sm_80")
for a in ("e4m3", "e5m2"):
    for b in ("e4m3", "e5m2"):
        Mma(16, 32, a, b, "f32").declare("mma.sync.aligned.m16n8k32.row.col.f32.%s.%s.f32" % (a, b), "sm_89")
        Mma(16, 32, a, b, "f16").declare("mma.sync.aligned.m16n8k32.row.col.f16.%s.%s.f16" % (a, b), "sm_89")
        Mma(16, 16, a, b, "f32").declare("mma.sync.aligned.m16n8k16.row.col.f32.%s.%s.f32" % (a, b), "sm_89")
Mma(8, 4, "f64", "f64", "f64").declare("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64", "sm_80")
for k in (4, 8, 16):
    Mma(16, k, "f64", "f64", "f64").declare("mma.sync.aligned.m16n8k%d.row.col.f64.f64.f64.f64" % k, "sm_90")
