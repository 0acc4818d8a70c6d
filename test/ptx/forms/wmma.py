"""wmma.load, wmma.mma and wmma.store together (ISA 9.7.14.4): fragments have no
documented layout, so that a form is a whole product of matrices in shared memory,
with rows or columns further apart than they are long."""
import numpy as np
from form import form
from matrix import BITS, code, integers

WIDE = dict(BITS, s32=32, f32=32)
AT = (0, 2048, 4096, 6144)  # A, B, C, D in the scratch buffer


def words(raw, count):
    """`count` operands of 16 bytes a lane: each lane's part of an image."""
    raw = bytes(raw) + bytes(512 * count - len(raw))
    return [[int.from_bytes(raw[512 * j + 16 * l:512 * j + 16 * l + 16], "little") for l in range(32)] for j in range(count)]


class Matrix:
    """rows x columns elements whose rows (or columns) lie `stride` elements apart."""
    def __init__(self, kind, rows, columns, layout):
        self.kind, self.rows, self.columns, self.layout, self.bits = kind, rows, columns, layout, WIDE[kind]
        line = columns if layout == "row" else rows
        # A multiple of 16 bytes, of 32 elements below 8 bits.
        self.stride = line + max(128 // self.bits, 0 if self.bits >= 8 else 32)
        self.bytes = (rows if layout == "row" else columns) * self.stride * self.bits // 8
        self.operands = -(-self.bytes // 512)

    def image(self, m, before=0):
        """Bytes; what no element covers is `before`."""
        whole = before
        for i in range(self.rows):
            for j in range(self.columns):
                at = (i * self.stride + j if self.layout == "row" else j * self.stride + i) * self.bits
                mask = (1 << self.bits) - 1
                whole = whole & ~(mask << at) | code(self.kind, int(m[i, j])) << at
        return whole.to_bytes(512 * self.operands, "little")


class Product:
    def __init__(self, shape, a, c, d, layouts, space="shared", saturate=False, bitop=None, words=""):
        self.m, self.n, self.k = shape
        self.a, self.b = Matrix(a, self.m, self.k, layouts[0]), Matrix(a, self.k, self.n, layouts[1])
        self.c, self.d = Matrix(c, self.m, self.n, layouts[2]), Matrix(d, self.m, self.n, layouts[3])
        self.saturate, self.bitop, self.space, self.words = saturate, bitop, space, words

    def values(self, rng, count):
        columns = None
        self.truth, self.at = [], 0
        for _ in range(count // 32):
            a, b = integers(self.a.kind, rng, self.m, self.k), integers(self.b.kind, rng, self.k, self.n)
            near = (1 << 31) - 40
            # f64 sums are never 0, whose sign depends on the rounding.
            low = 100 if self.c.kind == "f64" else -50
            c = np.array([[rng.choice([near, -near, 3]) if self.c.kind == "s32" and rng.randrange(4) == 0 else rng.randint(low, low + 100)
                           for _ in range(self.n)] for _ in range(self.m)], np.int64)
            if self.bitop:
                d = c + np.array([[sum(self.bitop(x, y) for x, y in zip(row, column)) for column in b.T.tolist()] for row in a.tolist()])
            else:
                d = a @ b + c
            self.truth.append(np.clip(d, -(1 << 31), (1 << 31) - 1) if self.saturate else d)
            new = [w for part, m in ((self.a, a), (self.b, b), (self.c, c)) for w in words(part.image(m), part.operands)]
            columns = [x + y for x, y in zip(columns, new)] if columns else new
        return columns

    def ref(self, lanes):
        d = self.truth[self.at]
        self.at = (self.at + 1) % len(self.truth)
        out = words(self.d.image(d), self.d.operands)
        return [tuple(column[l] for column in out) for l in range(32)]

    def registers(self, matrix, which):
        elements = matrix.rows * matrix.columns
        if which < 2 and matrix.kind == "f16":
            return 8
        return max(1, elements * matrix.bits // 32 // max(32, matrix.bits if matrix.bits == 64 else 32))

    def declare(self, target="sm_80", op="", rounding=""):
        shape = "m%dn%dk%d" % (self.m, self.n, self.k)
        body = "{ .reg .b32 %l, %s, %t; .reg .b64 %lo, %hi, %base; mov.u32 %l, %laneid; mov.u32 %s, scratch; mad.lo.u32 %t, %l, 16, %s; "
        spaced = ".shared" if self.space == "shared" else ""
        if not spaced:
            body += "cvt.u64.u32 %base, %s; cvta.shared.u64 %base, %base; "
        at, operand = "%s" if spaced else "%base", 0
        parts = (self.a, self.b, self.c, self.d)
        for which, part in enumerate(parts):
            for j in range(part.operands):
                if which < 3:
                    body += "mov.b128 {%%lo, %%hi}, {a%d}; st.shared.v2.b64 [%%t+%d], {%%lo, %%hi}; " % (operand, AT[which] + 512 * j)
                    operand += 1
                else:
                    body += "st.shared.v4.b32 [%%t+%d], {0, 0, 0, 0}; " % (AT[3] + 512 * j)
        body += "bar.warp.sync -1; "
        groups = []
        for which, part in enumerate(parts):
            reg = {"f64": "f64", "f32": "f32", "s32": "s32"}.get(part.kind, "b32")
            regs = ["%%w%s%d" % ("abcd"[which], i) for i in range(self.registers(part, which))]
            body += ".reg .%s %s; " % (reg, ", ".join(regs))
            groups.append("{ %s }" % ", ".join(regs))
            if which < 3:
                body += "wmma.load.%s.sync.aligned.%s.%s%s.%s %s, [%s+%d], %d; " % (
                    "abc"[which], part.layout, shape, spaced, part.kind, groups[-1], at, AT[which], part.stride)
        kinds = "%s.%s" % (self.d.kind, self.c.kind) if self.a.kind == "f16" else "%s.%s.%s.%s" % (self.d.kind, self.a.kind, self.a.kind, self.c.kind)
        name = "wmma.mma%s.sync.aligned.%s.%s.%s%s.%s%s" % (op, self.a.layout, self.b.layout, shape, rounding, kinds,
                                                           ".satfinite" if self.saturate else "")
        body += "%s %s; wmma.store.d.sync.aligned.%s.%s%s.%s [%s+%d], %s, %d; bar.warp.sync -1; " % (
            name, ", ".join([groups[3]] + groups[:3]), self.d.layout, shape, spaced, self.d.kind, at, AT[3], groups[3], self.d.stride)
        body += "".join("ld.shared.v2.b64 {%%lo, %%hi}, [%%t+%d]; mov.b128 {d%d}, {%%lo, %%hi}; " % (AT[3] + 512 * j, j) for j in range(self.d.operands))
        form("%s, sums in %s and %s%s" % (name, self.c.layout, self.d.layout, "" if spaced else ", generic"), " ".join(["b128"] * self.d.operands),
             " ".join(["b128"] * operand), self.ref, body + "bar.warp.sync -1; }", warp=True, values=self.values, count=64, target=target)


SHAPES = ((16, 16, 16), (8, 32, 16), (32, 8, 16))
for i, shape in enumerate(SHAPES):
    for la in ("row", "col"):
        for lb in ("row", "col"):
            for lc, ld in (("row", "row"), ("col", "col"), ("row", "col"), ("col", "row")):
                Product(shape, "f16", "f32", "f32", (la, lb, lc, ld)).declare()
            for c, d in (("f16", "f16"), ("f16", "f32"), ("f32", "f16")):
                Product(shape, "f16", c, d, (la, lb, "row", "col")).declare()
            Product(shape, "bf16", "f32", "f32", (la, lb, "col", "row")).declare()
            for t in ("s8", "u8"):
                for sat in (False, True):
                    Product(shape, t, "s32", "s32", (la, lb, "row", "col"), saturate=sat).declare()
    Product(shape, "f16", "f32", "f32", ("row", "col", "row", "row"), "generic").declare()
for la in ("row", "col"):
    for lb in ("row", "col"):
        Product((16, 16, 8), "tf32", "f32", "f32", (la, lb, "row", "col")).declare()
        for rounding in ("", ".rn", ".rz", ".rm", ".rp"):
            Product((8, 8, 4), "f64", "f64", "f64", (la, lb, "row", "col")).declare(rounding=rounding)
for t in ("s4", "u4"):
    for sat in (False, True):
        Product((8, 8, 32), t, "s32", "s32", ("row", "col", "row", "col"), saturate=sat).declare()
for op, f in (("xor", lambda x, y: x ^ y), ("and", lambda x, y: x & y)):
    Product((8, 8, 128), "b1", "s32", "s32", ("row", "col", "col", "row"), bitop=f).declare(op=".%s.popc" % op)
