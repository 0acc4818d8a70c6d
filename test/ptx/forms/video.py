"""Video instructions (ISA 9.7.18, 9.7.19): scalars with parts of words, two halves
and four bytes at once."""
import random
from form import form, signed

PARTS = ["", ".b0", ".b1", ".b2", ".b3", ".h0", ".h1"]


def part(v, p, is_signed):
    """partSelectSignExtend"""
    if not p:
        return signed(v, 32) if is_signed else v
    w = 8 if p[1] == "b" else 16
    x = v >> w * int(p[2]) & (1 << w) - 1
    return signed(x, w) if is_signed else x


def clamp(v, w, is_signed):
    low, high = (-(1 << w - 1), (1 << w - 1) - 1) if is_signed else (0, (1 << w) - 1)
    return min(max(v, low), high)


OPS = {"vadd": lambda a, b: a + b, "vsub": lambda a, b: a - b, "vabsdiff": lambda a, b: abs(a - b), "vmin": min, "vmax": max,
       "vavrg": lambda a, b: a + b + 1 >> 1 if a + b >= 0 else a + b >> 1}
COMPARE = {"eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
           "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b}
SECOND = {"add": lambda t, c: t + c, "min": min, "max": max}


def scalar(name, f, types, dsel, asel, bsel, sat, second, extra=""):
    """types: signs of d, a, b."""
    ds, as_, bs = types
    def run(a, b, c=0):
        t = f(part(a, asel, as_), part(b, bsel, bs))
        w = {"": 32, "b": 8, "h": 16}[dsel[1:2]]
        if sat:
            t = clamp(t, w, ds)
        if second:
            t = SECOND[second](t, signed(c, 32) if ds else c)
        if not dsel:
            return t & 0xffffffff
        at = w * int(dsel[2])
        mask = (1 << w) - 1 << at
        return c & ~mask | t << at & mask
    needs_c = bool(second or dsel)
    form("%s d%s, a%s, b%s" % (name, dsel, asel, bsel), "b32", "b32 b32 b32" if needs_c else "b32 b32", run,
         "%s {d0}%s, {a0}%s, {a1}%s%s;" % (name, dsel, asel, bsel, ", {a2}" if needs_c else ""), count=256)


sign = lambda s: "s32" if s else "u32"
rng = random.Random(18)
for base in ("vadd", "vsub", "vabsdiff", "vmin", "vmax"):
    for ds in (0, 1):
        for as_ in (0, 1):
            for bs in (0, 1):
                for sat in ("", ".sat"):
                    name = "%s.%s.%s.%s%s" % (base, sign(ds), sign(as_), sign(bs), sat)
                    # Every part somewhere; the plain one, a second operation and a merge of each.
                    pick = lambda: rng.choice(PARTS)
                    scalar(name, OPS[base], (ds, as_, bs), "", "", "", sat, "")
                    scalar(name, OPS[base], (ds, as_, bs), rng.choice(PARTS[1:]), pick(), pick(), sat, "")
                    for second in SECOND:
                        scalar("%s.%s" % (name, second), OPS[base], (ds, as_, bs), "", pick(), pick(), sat, second)
for base in ("vshl", "vshr"):
    for ds in (0, 1):
        for as_ in (0, 1):
            for sat in ("", ".sat"):
                for mode in ("clamp", "wrap"):
                    def shift(a, b, left=base == "vshl", wrap=mode == "wrap"):
                        b = b & 31 if wrap else min(b, 32)
                        return a << b if left else a >> b
                    name = "%s.%s.%s.u32%s.%s" % (base, sign(ds), sign(as_), sat, mode)
                    scalar(name, shift, (ds, as_, 0), "", "", "", sat, "")
                    scalar(name, shift, (ds, as_, 0), "", ".h1", ".b2", sat, "")
                    scalar(name, shift, (ds, as_, 0), ".h0", "", ".b0", sat, "")
                    scalar(name + ".add", shift, (ds, as_, 0), "", ".b1", ".b3", sat, "add")
for as_ in (0, 1):
    for bs in (0, 1):
        for c, f in COMPARE.items():
            name = "vset.%s.%s.%s" % (sign(as_), sign(bs), c)
            scalar(name, lambda a, b, f=f: int(f(a, b)), (0, as_, bs), "", "", "", "", "")
            scalar(name, lambda a, b, f=f: int(f(a, b)), (0, as_, bs), ".b2", ".h0", ".b1", "", "")
            for second in SECOND:
                scalar("%s.%s" % (name, second), lambda a, b, f=f: int(f(a, b)), (0, as_, bs), "", ".b3", ".h1", "", second)


# ---- vmad ----
def vmad(types, asel, bsel, sat, scale, po, negate):
    ds, as_, bs = types
    na, nb, nc = negate
    final = as_ or bs or na != nb or nc
    def run(a, b, c):
        product = part(a, asel, as_) * part(b, bsel, bs)
        addend = signed(c, 32) if final else c
        if nc:  # the complement and 1
            addend = signed(~c & 0xffffffff, 32) + 1
        t = (-product if na != nb else product) + addend + po
        t >>= {"": 0, ".shr7": 7, ".shr15": 15}[scale]
        return (clamp(t, 32, final) if sat else t) & 0xffffffff
    name = "vmad.%s.%s.%s%s%s%s" % (sign(ds), sign(as_), sign(bs), ".po" if po else "", sat, scale)
    minus = ["-" if n else "" for n in negate]
    form("%s d, %sa%s, %sb%s, %sc" % (name, minus[0], asel, minus[1], bsel, minus[2]), "b32", "b32 b32 b32", run,
         "%s {d0}, %s{a0}%s, %s{a1}%s, %s{a2};" % (name, minus[0], asel, minus[1], bsel, minus[2]), count=256)


for as_ in (0, 1):
    for bs in (0, 1):
        for sat in ("", ".sat"):
            for scale in ("", ".shr7", ".shr15"):
                for po, negate in ((1, (0, 0, 0)), (0, (0, 0, 0)), (0, (1, 0, 0)), (0, (0, 1, 0)), (0, (0, 0, 1))):
                    asel, bsel = rng.choice(PARTS), rng.choice(PARTS)
                    final = as_ or bs or any(negate)
                    vmad((int(bool(final)), as_, bs), asel, bsel, sat, scale, po, negate)


# ---- SIMD ----
def simd(name, count, f, types, mask, asel, bsel, sat, add):
    ds, as_, bs = types
    w = 32 // count
    letter = "b" if count == 4 else "h"
    def select(a, b, sel, first, is_signed):
        digits = [int(x) for x in reversed(sel[2:])] if sel else [first + i for i in range(count)]
        both = b << 32 | a
        return [signed(both >> w * i & (1 << w) - 1, w) if is_signed else both >> w * i & (1 << w) - 1 for i in digits]
    chosen = [int(x) for x in mask[2:]] if mask else list(range(count))
    def run(a, b, c):
        t = [f(x, y) for x, y in zip(select(a, b, asel, 0, as_), select(a, b, bsel, count, bs))]
        if sat:
            t = [clamp(x, w, ds) for x in t]
        if add:
            return c + sum(t[i] for i in chosen) & 0xffffffff
        out = c
        for i in chosen:
            m = (1 << w) - 1 << w * i
            out = out & ~m | t[i] << w * i & m
        return out
    form("%s d%s, a%s, b%s" % (name, mask, asel, bsel), "b32", "b32 b32 b32", run,
         "%s {d0}%s, {a0}%s, {a1}%s, {a2};" % (name, mask, asel, bsel), count=256)


MASKS = {2: ["", ".h0", ".h1", ".h10"], 4: ["", ".b0", ".b1", ".b10", ".b2", ".b20", ".b21", ".b210", ".b3", ".b30", ".b31", ".b310", ".b32",
                                           ".b320", ".b321", ".b3210"]}
for count in (2, 4):
    elements = lambda: rng.choice(["", ".%s%s" % ("b" if count == 4 else "h", "".join(str(rng.randrange(2 * count)) for _ in range(count)))])
    for base, f in OPS.items():
        for ds in (0, 1):
            for as_ in (0, 1):
                for bs in (0, 1):
                    name = "%s%d.%s.%s.%s" % (base, count, sign(ds), sign(as_), sign(bs))
                    simd(name, count, f, (ds, as_, bs), "", "", "", "", False)
                    simd(name + ".sat", count, f, (ds, as_, bs), "", "", "", ".sat", False)
                    simd(name + ".sat", count, f, (ds, as_, bs), rng.choice(MASKS[count][1:]), elements(), elements(), ".sat", False)
                    simd(name + ".add", count, f, (ds, as_, bs), rng.choice(MASKS[count]), elements(), elements(), "", True)
    for mask in MASKS[count][1:]:
        simd("vadd%d.u32.u32.u32" % count, count, OPS["vadd"], (0, 0, 0), mask, "", "", "", False)
    for as_ in (0, 1):
        for bs in (0, 1):
            for c, f in COMPARE.items():
                name = "vset%d.%s.%s.%s" % (count, sign(as_), sign(bs), c)
                simd(name, count, lambda a, b, f=f: int(f(a, b)), (0, as_, bs), "", "", "", "", False)
                simd(name + ".add", count, lambda a, b, f=f: int(f(a, b)), (0, as_, bs), rng.choice(MASKS[count]), elements(), elements(), "", True)
