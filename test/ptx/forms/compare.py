"""setp, set, selp, slct (ISA 9.7.6, 9.7.7)."""
import exact
from form import form, signed

ORDERED = {"eq": lambda c: c == 0, "ne": lambda c: c != 0, "lt": lambda c: c < 0, "le": lambda c: c <= 0,
           "gt": lambda c: c > 0, "ge": lambda c: c >= 0}
UNSIGNED = {"lo": "lt", "ls": "le", "hi": "gt", "hs": "ge"}


def of_ints(cmp, t):
    w = int(t[1:])
    plain = UNSIGNED.get(cmp, cmp)
    def run(a, b):
        if t[0] == "s" and cmp not in UNSIGNED:
            a, b = signed(a, w), signed(b, w)
        return int(ORDERED[plain]((a > b) - (a < b)))
    return run


def of_floats(cmp, f, ftz):
    def run(a, b):
        if ftz:
            a, b = exact.flush(a, f), exact.flush(b, f)
        c = exact.compare(a, b, f)
        if cmp in ("num", "nan"):
            return int((c is None) == (cmp == "nan"))
        if c is None:
            return int(cmp.endswith("u"))
        return int(ORDERED[cmp[:2]](c))
    return run


BOOLS = {"and": lambda p, q: p & q, "or": lambda p, q: p | q, "xor": lambda p, q: p ^ q}
FLOAT_CMPS = ["eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"]


def comparisons():
    """(comparison, type, ftz, function) of every kind."""
    for w in (16, 32, 64):
        for t in ("b%d" % w, "u%d" % w, "s%d" % w):
            cmps = ["eq", "ne"] if t[0] == "b" else list(ORDERED) + (list(UNSIGNED) if t[0] == "u" else [])
            for c in cmps:
                yield c, t, "", of_ints(c, t)
    for f in ("f16", "bf16", "f32", "f64"):
        for z in ("", ".ftz") if f in ("f16", "f32") else ("",):
            for c in FLOAT_CMPS:
                yield c, f, z, of_floats(c, f, bool(z))


SET_RESULTS = {"u32": 0xffffffff, "s32": 0xffffffff, "f32": 0x3f800000}
for c, t, z, f in comparisons():
    two, target = t + " " + t, "sm_90" if t == "bf16" else "sm_80"
    form("setp.%s%s.%s" % (c, z, t), "pred", two, f, target=target)
    half = t in ("f16", "bf16")
    if c in ("lt", "ne", "geu", "nan"):
        for b, g in BOOLS.items():
            # p and q: the comparison and its opposite, each with the third operand.
            if not half:
                form("setp.%s.%s%s.%s" % (c, b, z, t), "pred pred", two + " pred",
                     lambda x, y, q, f=f, g=g: (g(f(x, y), q), g(1 - f(x, y), q)),
                     "setp.%s.%s%s.%s {d0}|{d1}, {a0}, {a1}, {a2};" % (c, b, z, t), target=target)
            form("setp.%s.%s%s.%s negated" % (c, b, z, t), "pred", two + " pred",
                 lambda x, y, q, f=f, g=g: g(f(x, y), 1 - q), "setp.%s.%s%s.%s {d0}, {a0}, {a1}, !{a2};" % (c, b, z, t), target=target)
            if not half:
                form("set.%s.%s%s.u32.%s" % (c, b, z, t), "u32", two + " pred",
                     lambda x, y, q, f=f, g=g: 0xffffffff * g(f(x, y), q))
    for r, one in SET_RESULTS.items():
        if half and r == "f32":
            continue
        form("set.%s%s.%s.%s" % (c, z, r, t), r, two, lambda x, y, f=f, one=one: one * f(x, y), target=target)
    if half:
        form("set.%s%s.%s.%s" % (c, z, t, t), t, two, lambda x, y, f=f, one=0x3c00 if t == "f16" else 0x3f80: one * f(x, y), target=target)
        form("set.%s%s.u16.%s" % (c, z, t), "u16", two, lambda x, y, f=f: 0xffff * f(x, y), target=target)
        p = t + "x2"
        low = lambda v: v & 0xffff
        form("setp.%s%s.%s" % (c, z, p), "pred pred", p + " " + p, lambda x, y, f=f: (f(x & 0xffff, y & 0xffff), f(x >> 16, y >> 16)),
             "setp.%s%s.%s {d0}|{d1}, {a0}, {a1};" % (c, z, p), target=target)
        one = 0x3c00 if t == "f16" else 0x3f80
        form("set.%s%s.%s.%s" % (c, z, p, p), p, p + " " + p,
             lambda x, y, f=f, one=one: one * f(x & 0xffff, y & 0xffff) | one * f(x >> 16, y >> 16) << 16, target=target)
        form("set.%s%s.u32.%s" % (c, z, p), "u32", p + " " + p,
             lambda x, y, f=f: 0xffff * f(x & 0xffff, y & 0xffff) | 0xffff * f(x >> 16, y >> 16) << 16, target=target)
for t in ("b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"):
    form("selp." + t, t, "%s %s pred" % (t, t), lambda a, b, p: a if p else b)
    form("slct.%s.s32" % t, t, "%s %s s32" % (t, t), lambda a, b, c: a if c < 1 << 31 else b)
    for z in ("", ".ftz"):
        def slct(a, b, c, z=z):
            x = exact.decode(exact.flush(c, "f32") if z else c, "f32")
            if x is exact.NAN:
                return b
            negative = x[1] if x[0] is exact.INF else x[0] and x[1]
            return b if negative else a
        form("slct%s.%s.f32" % (z, t), t, "%s %s f32" % (t, t), slct)
