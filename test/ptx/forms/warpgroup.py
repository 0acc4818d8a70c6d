"""wgmma.mma_async (ISA 9.7.15.5): shapes, types, layouts of the operands in
shared memory. Products of small integers, exact in every order."""
import numpy as np
import exact
from form import form
from matrix import BITS, a_place, code

ACC = {"f16": 16, "f32": 32, "s32": 32}
A_AT, B_AT = 0, 8192  # in the scratch buffer; 40 KiB in all


def place(unit_row, unit, swizzle, major, lbo, sbo):
    """Byte address of the 16-byte unit: K-major: (row, half of the 32 bytes);
    MN-major: (k, group of 8 along M or N). In units of 16 bytes the canonical
    layouts are, with W = 2, 4, 8 units a swizzled line:
    K-major   none ((8,n),2):((1,SBO),LBO)    W ((8,n),2):((W,SBO),1)
    MN-major  none ((1,n),(8,k)):((X,SBO),(1,LBO))   W ((W,n),(8,k)):((1,LBO),(W,SBO))"""
    w = swizzle // 16
    if major == "k":
        r, n = unit_row % 8, unit_row // 8
        at = r * (w or 1) * 16 + n * sbo + unit * (16 if w else lbo)
    else:
        k, kg = unit_row % 8, unit_row // 8
        if w:
            at = unit % w * 16 + unit // w * lbo + k * w * 16 + kg * sbo
        else:
            at = unit * sbo + k * 16 + kg * lbo
    # Bits 4.. are exclusive-ored with bits 7..: 1, 2 or 3 of them.
    return at ^ (at >> 7 & ((w or 1) - 1)) << 4


def strides(swizzle, major, rows):
    """(LBO, SBO) of a dense image."""
    w = swizzle // 16
    if major == "k":
        return (128, 256) if not w else (16, 128 * w)
    if not w:
        return rows * 16, 128  # k groups lie beyond all of M or N
    return 2 * 128 * w, 128 * w


class Wgmma:
    def __init__(self, n, a, b, d, swizzle=0, a_major="k", b_major="k", registers=False, scale_d="1", negate=(1, 1)):
        self.n, self.types, self.swizzle, self.registers, self.scale_d, self.negate = n, (a, b, d), swizzle, registers, scale_d, negate
        self.major = (a_major, b_major)
        self.k = 256 // BITS[a]
        self.layout = [strides(swizzle, m, r) for m, r in zip(self.major, (64, n))]
        self.outs = n // 4 if ACC[d] == 16 else n // 2
        self.units = -(-(B_AT + self.extent(1)) // 2048)

    def addresses(self, which):
        rows, major, (lbo, sbo) = (64, self.n)[which], self.major[which], self.layout[which]
        if major == "k":
            return {(r, u): place(r, u, self.swizzle, "k", lbo, sbo) for r in range(rows) for u in range(2)}
        return {(k, u): place(k, u, self.swizzle, "mn", lbo, sbo) for k in range(self.k) for u in range(rows // 8)}

    def extent(self, which):
        return max(self.addresses(which).values()) + 16

    def image(self, which, m):
        """Bytes of matrix [rows, k] in its layout."""
        t = self.types[which]
        size = BITS[t] // 8
        raw = bytearray(40960)
        for (i, u), at in self.addresses(which).items():
            per = 16 // size
            line = m[i, u * per:(u + 1) * per] if self.major[which] == "k" else m[u * per:(u + 1) * per, i]
            raw[at:at + 16] = b"".join(code(t, int(v)).to_bytes(size, "little") for v in line)
        return raw

    def matrices(self, rng):
        top = 100 if self.types[2] == "s32" else 3
        def draw(rows, t):
            return np.array([[rng.randint(0 if t == "u8" else -top, top) for _ in range(self.k)] for _ in range(rows)])
        return draw(64, self.types[0]), draw(self.n, self.types[1])

    def values(self, rng, count):
        a, b = self.matrices(rng)
        raw = bytearray(self.units * 2048)
        if not self.registers:
            image = self.image(0, a)
            raw[A_AT:A_AT + self.extent(0)] = image[:self.extent(0)]
        raw[B_AT:B_AT + self.extent(1)] = self.image(1, b)[:self.extent(1)]
        cols = [[int.from_bytes(raw[(j * 128 + t) * 16:(j * 128 + t + 1) * 16], "little") for t in range(128)] for j in range(self.units)]
        if self.registers:
            size = BITS[self.types[0]]
            per = 32 // size
            for r in range(4):
                cols.append([sum(code(self.types[0], int(a[16 * (t // 32) + p[0], p[1]])) << size * e for e in range(per)
                             for p in [a_place(16, self.k, size, t % 32, r * per + e)]) for t in range(128)])
        c = 5 if self.scale_d == "1" else 0
        self.truth = self.negate[0] * self.negate[1] * (a @ b.T) + c
        return cols

    def ref(self, lanes):
        out = []
        d = self.types[2]
        for t in range(128):
            row = 16 * (t // 32) + t % 32 // 4
            v = [int(self.truth[row + 8 * (i >> 1 & 1), i // 4 * 8 + t % 4 * 2 + (i & 1)]) for i in range(self.n // 2)]
            v = [code(d, x) for x in v]
            out.append(tuple(v if ACC[d] == 32 else [v[i] | v[i + 1] << 16 for i in range(0, len(v), 2)]))
        return out

    def declare(self):
        a, b, d = self.types
        name = "wgmma.mma_async.sync.aligned.m64n%dk%d.%s.%s.%s" % (self.n, self.k, d, a, b)
        five = {"f16": 0x45004500, "f32": 0x40a00000, "s32": 5}[d]
        def descriptor(which, at):
            lbo, sbo = self.layout[which]
            mode = {0: 0, 128: 1, 64: 2, 32: 3}[self.swizzle]
            return (lbo >> 4) << 16 | (sbo >> 4) << 32 | mode << 62, at
        rows = ["{ .reg .b32 %s, %t, %r; .reg .b64 %da, %db; mov.u32 %t, %tid.x; mov.u32 %s, scratch; mad.lo.u32 %r, %t, 16, %s; bar.sync 0;"]
        for j in range(self.units):
            rows.append("{ .reg .b64 %%lo, %%hi; mov.b128 {%%lo, %%hi}, {a%d}; st.shared.v2.b64 [%%r+%d], {%%lo, %%hi}; }" % (j, j * 2048))
        rows.append("fence.proxy.async.shared::cta; bar.sync 0;")
        for which, reg in ((0, "%da"), (1, "%db")):
            fixed, at = descriptor(which, (A_AT, B_AT)[which])
            rows.append("{ .reg .b32 %%x; add.u32 %%x, %%s, %d; shr.u32 %%x, %%x, 4; and.b32 %%x, %%x, 0x3fff; cvt.u64.u32 %s, %%x; or.b64 %s, %s, %d; }"
                        % (at, reg, reg, reg, fixed - (1 << 64) if fixed >> 63 else fixed))
        rows += ["mov.b32 {d%d}, %d;" % (i, five) for i in range(self.outs)]
        acc = "{ %s }" % ", ".join("{d%d}" % i for i in range(self.outs))
        left = "%da" if not self.registers else "{ %s }" % ", ".join("{a%d}" % (self.units + i) for i in range(4))
        tail = []
        if d != "s32":
            tail += ["%d" % x for x in self.negate]
            if BITS[a] == 16:
                tail += ([] if self.registers else [str(int(self.major[0] == "mn"))]) + [str(int(self.major[1] == "mn"))]
        rows.append(".reg .pred %%sd; setp.ne.b32 %%sd, %s, 0; wgmma.fence.sync.aligned; %s %s, %s, %%db, %s;"
                    % (self.scale_d, name, acc, left, ", ".join(["%sd"] + tail)))
        rows.append("wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; bar.sync 0; }")
        words = name + "".join([" swizzle %d" % self.swizzle if self.swizzle else "", " A in registers" if self.registers else "",
                                " A transposed" if self.major[0] == "mn" else "", " B transposed" if self.major[1] == "mn" else "",
                                " scale-d 0" if self.scale_d == "0" else "", " negated" if self.negate != (1, 1) else ""])
        form(words, " ".join(["b32"] * self.outs), " ".join(["b128"] * self.units + ["b32"] * (4 if self.registers else 0)), self.ref,
             "\n ".join(rows), warp=128, count=128, values=self.values, target="sm_90a")


for n in range(8, 257, 8):
    Wgmma(n, "bf16", "bf16", "f32").declare()
FLOATS = [("f16", "f16", "f16"), ("f16", "f16", "f32"), ("bf16", "bf16", "f32"), ("tf32", "tf32", "f32")]
FLOATS += [(a, b, d) for a in ("e4m3", "e5m2") for b in ("e4m3", "e5m2") for d in ("f16", "f32")]
INTS = [(a, b, "s32") for a in ("s8", "u8") for b in ("s8", "u8")]
for types in FLOATS + INTS:
    for n in (8, 32, 256):
        if n == 32 or types != ("bf16", "bf16", "f32"):
            for swizzle in (0, 32, 64, 128) if n == 32 else (0,):
                if (n, swizzle, types) != (32, 0, ("bf16", "bf16", "f32")):
                    Wgmma(n, *types, swizzle=swizzle).declare()
    Wgmma(64, *types, swizzle=128, registers=True).declare()
    Wgmma(64, *types, swizzle=64, scale_d="0").declare()
for types in FLOATS[:3]:
    for swizzle in (0, 32, 64, 128):
        for majors in (("mn", "k"), ("k", "mn"), ("mn", "mn")):
            Wgmma(64, *types, swizzle=swizzle, a_major=majors[0], b_major=majors[1]).declare()
    Wgmma(16, *types, negate=(-1, 1)).declare()
    Wgmma(16, *types, registers=True, negate=(1, -1)).declare()
