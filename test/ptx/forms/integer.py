"""Integer, logic and bit instructions (ISA 9.7.1, 9.7.2, 9.7.8)."""
from form import form, signed

def width(t):
    return int(t.strip("usbx")[:2]) if "x2" not in t else 32


def as_type(v, t):
    w = int(t[1:])
    return signed(v, w) if t[0] == "s" else v


def cut(v, w):
    return v & ((1 << w) - 1)


def trunc_div(a, b):
    q = abs(a) // abs(b)
    return -q if (a < 0) != (b < 0) else q


def halves(f):
    """f on both 16-bit parts."""
    def both(*v):
        low, high = (f(*[x >> s & 0xffff for x in v]) & 0xffff for s in (0, 16))
        return low | high << 16
    return both


def clamp(v, t):
    w = int(t[1:])
    low, high = (-(1 << (w - 1)), (1 << (w - 1)) - 1) if t[0] == "s" else (0, (1 << w) - 1)
    return min(max(v, low), high)


for t in ("u16", "s16", "u32", "s32", "u64", "s64"):
    w = int(t[1:])
    T = lambda v, t=t: as_type(v, t)
    two = "%s %s" % (t, t)
    form("add." + t, t, two, lambda a, b, w=w: cut(a + b, w))
    form("sub." + t, t, two, lambda a, b, w=w: cut(a - b, w))
    form("mul.lo." + t, t, two, lambda a, b, w=w, T=T: cut(T(a) * T(b), w))
    form("mul.hi." + t, t, two, lambda a, b, w=w, T=T: cut(T(a) * T(b) >> w, w))
    form("mad.lo." + t, t, two + " " + t, lambda a, b, c, w=w, T=T: cut(T(a) * T(b) + T(c), w))
    form("mad.hi." + t, t, two + " " + t, lambda a, b, c, w=w, T=T: cut((T(a) * T(b) >> w) + T(c), w))
    if w < 64:
        wide = t[0] + str(2 * w)
        form("mul.wide." + t, wide, two, lambda a, b, w=w, T=T: cut(T(a) * T(b), 2 * w))
        form("mad.wide." + t, wide, two + " " + wide, lambda a, b, c, w=w, T=T: cut(T(a) * T(b) + c, 2 * w))
    # A division by zero gives an unspecified value: never tried.
    def nonzero(rng, count, w=w, t=t):
        from form import column
        a, b = column(t, 0, 2, count, rng), column(t, 1, 2, count, rng)
        b = [x or 1 + rng.getrandbits(w - 2) for x in b]
        return [a, b]
    form("div." + t, t, two, lambda a, b, w=w, T=T: cut(trunc_div(T(a), T(b)), w), values=nonzero)
    form("rem." + t, t, two, lambda a, b, w=w, T=T: cut(T(a) - trunc_div(T(a), T(b)) * T(b), w), values=nonzero)
    form("min." + t, t, two, lambda a, b, w=w, T=T: cut(min(T(a), T(b)), w))
    form("max." + t, t, two, lambda a, b, w=w, T=T: cut(max(T(a), T(b)), w))
    form("sad." + t, t, two + " " + ("u%d" % w), lambda a, b, c, w=w, T=T: cut(c + abs(T(a) - T(b)), w))
    if t[0] == "s":
        form("abs." + t, t, t, lambda a, w=w, T=T: cut(abs(T(a)), w))
        form("neg." + t, t, t, lambda a, w=w: cut(-a, w))
for op in ("add", "sub"):
    sign = 1 if op == "add" else -1
    form(op + ".sat.s32", "s32", "s32 s32", lambda a, b, s=sign: cut(clamp(signed(a, 32) + s * signed(b, 32), "s32"), 32))
form("mad.hi.sat.s32", "s32", "s32 s32 s32",
     lambda a, b, c: cut(clamp((signed(a, 32) * signed(b, 32) >> 32) + signed(c, 32), "s32"), 32))
form("min.relu.s32", "s32", "s32 s32", lambda a, b: cut(max(min(signed(a, 32), signed(b, 32)), 0), 32), target="sm_90")
form("max.relu.s32", "s32", "s32 s32", lambda a, b: cut(max(signed(a, 32), signed(b, 32), 0), 32), target="sm_90")
for t in ("u16", "s16"):
    p = t + "x2"
    T = lambda v, t=t: as_type(v, t)
    form("add." + p, p, p + " " + p, halves(lambda a, b: a + b), target="sm_90")
    form("min." + p, p, p + " " + p, halves(lambda a, b, T=T: min(T(a), T(b))), target="sm_90")
    form("max." + p, p, p + " " + p, halves(lambda a, b, T=T: max(T(a), T(b))), target="sm_90")
form("min.relu.s16x2", "s16x2", "s16x2 s16x2", halves(lambda a, b: max(0, min(signed(a, 16), signed(b, 16)))), target="sm_90")
form("max.relu.s16x2", "s16x2", "s16x2 s16x2", halves(lambda a, b: max(0, signed(a, 16), signed(b, 16))), target="sm_90")
for t in ("u32", "s32"):
    T = lambda v, t=t: signed(cut(v, 24), 24) if t == "s32" else cut(v, 24)
    two = "%s %s" % (t, t)
    form("mul24.lo." + t, t, two, lambda a, b, T=T: cut(T(a) * T(b), 32))
    form("mul24.hi." + t, t, two, lambda a, b, T=T: cut(T(a) * T(b) >> 16, 32))
    form("mad24.lo." + t, t, two + " " + t, lambda a, b, c, T=T: cut(T(a) * T(b) + c, 32))
    form("mad24.hi." + t, t, two + " " + t, lambda a, b, c, T=T: cut((T(a) * T(b) >> 16) + c, 32))
form("mad24.hi.sat.s32", "s32", "s32 s32 s32",
     lambda a, b, c: cut(clamp((signed(cut(a, 24), 24) * signed(cut(b, 24), 24) >> 16) + signed(c, 32), "s32"), 32))

# ---- extended precision: the carry goes from one instruction to the next ----
for t in ("u32", "s32", "u64", "s64", "b32", "b64"):
    w = int(t[1:])
    if t[0] == "b":
        continue
    four, M = " ".join([t] * 4), (1 << w) - 1
    join = lambda lo, hi, w=w: lo | hi << w
    split = lambda v, w=w: (cut(v, w), cut(v >> w, w))
    form("add.cc.%s addc" % t, t + " " + t, four, lambda a, b, c, d, j=join, s=split: s(j(a, b) + j(c, d)),
         "add.cc.%s {d0}, {a0}, {a2}; addc.%s {d1}, {a1}, {a3};" % (t, t))
    form("addc.cc.%s chain" % t, "%s %s %s" % (t, t, t), four,
         lambda a, b, c, d, j=join, s=split, w=w: s(j(a, b) + j(c, d)) + (cut(j(a, b) + j(c, d) >> 2 * w, w),),
         "add.cc.{t} {d0}, {a0}, {a2}; addc.cc.{t} {d1}, {a1}, {a3}; addc.{t} {d2}, 0, 0;".replace("{t}", t))
    form("sub.cc.%s subc" % t, t + " " + t, four, lambda a, b, c, d, j=join, s=split: s(j(a, b) - j(c, d)),
         "sub.cc.%s {d0}, {a0}, {a2}; subc.%s {d1}, {a1}, {a3};" % (t, t))
    form("subc.cc.%s chain" % t, "%s %s %s" % (t, t, t), four,
         lambda a, b, c, d, j=join, s=split, w=w: s(j(a, b) - j(c, d)) + (cut(j(a, b) - j(c, d) >> 2 * w, w),),
         "sub.cc.{t} {d0}, {a0}, {a2}; subc.cc.{t} {d1}, {a1}, {a3}; subc.{t} {d2}, 0, 0;".replace("{t}", t))
    T = lambda v, t=t: as_type(v, t)
    for part in ("lo", "hi"):
        take = (lambda p, w=w: cut(p, w)) if part == "lo" else (lambda p, w=w: cut(p >> w, w))
        form("mad.%s.cc.%s addc" % (part, t), t + " " + t, " ".join([t] * 3),
             lambda a, b, c, T=T, k=take, s=split: s(k(T(a) * T(b)) + c),
             "mad.{p}.cc.{t} {d0}, {a0}, {a1}, {a2}; addc.{t} {d1}, 0, 0;".replace("{t}", t).replace("{p}", part))
        form("madc.%s.%s" % (part, t), t, " ".join([t] * 5),
             lambda a, b, c, d, e, T=T, k=take, w=w: cut(k(T(a) * T(b)) + c + (d + e >> w), w),
             "{ .reg .b%d %%x; add.cc.{t} %%x, {a3}, {a4}; madc.{p}.{t} {d0}, {a0}, {a1}, {a2}; }".replace("{t}", t)
             .replace("{p}", part) % w)
        form("madc.%s.cc.%s" % (part, t), t + " " + t, " ".join([t] * 5),
             lambda a, b, c, d, e, T=T, k=take, s=split, w=w: s(k(T(a) * T(b)) + c + (d + e >> w)),
             ("{ .reg .b%d %%x; add.cc.{t} %%x, {a3}, {a4}; madc.{p}.cc.{t} {d0}, {a0}, {a1}, {a2}; addc.{t} {d1}, 0, 0; }" % w)
             .replace("{t}", t).replace("{p}", part))

# ---- logic and shifts ----
form("and.pred", "pred", "pred pred", lambda a, b: a & b)
form("or.pred", "pred", "pred pred", lambda a, b: a | b)
form("xor.pred", "pred", "pred pred", lambda a, b: a ^ b)
form("not.pred", "pred", "pred", lambda a: a ^ 1)
for w in (16, 32, 64):
    t = "b%d" % w
    form("and." + t, t, t + " " + t, lambda a, b: a & b)
    form("or." + t, t, t + " " + t, lambda a, b: a | b)
    form("xor." + t, t, t + " " + t, lambda a, b: a ^ b)
    form("not." + t, t, t, lambda a, w=w: cut(~a, w))
    form("cnot." + t, t, t, lambda a: int(a == 0))
    form("shl." + t, t, t + " shift", lambda a, n, w=w: cut(a << n, w) if n < w else 0)
    for k in "bus":
        form("shr.%s%d" % (k, w), t, t + " shift",
             lambda a, n, w=w, k=k: cut((signed(a, w) if k == "s" else a) >> min(n, w), w))
for side in "lr":
    for mode in ("clamp", "wrap"):
        def funnel(a, b, c, side=side, mode=mode):
            n = min(c, 32) if mode == "clamp" else c & 31
            v = b << 32 | a
            return cut(v << n >> 32, 32) if side == "l" else cut(v >> n, 32)
        form("shf.%s.%s.b32" % (side, mode), "b32", "b32 b32 shift", funnel)


def bfe(a, pos, length, w, sign):
    """The ISA's own loop."""
    pos, length, msb = pos & 0xff, length & 0xff, w - 1
    sbit = 0 if not sign or length == 0 else a >> min(pos + length - 1, msb) & 1
    d = 0
    for i in range(msb + 1):
        bit = a >> (pos + i) & 1 if i < length and pos + i <= msb else sbit
        d |= bit << i
    return d


def bfi(a, b, pos, length, w):
    pos, length = pos & 0xff, length & 0xff
    for i in range(length):
        if pos + i < w:
            b = b & ~(1 << (pos + i)) | (a >> i & 1) << (pos + i)
    return b


for w in (32, 64):
    for k in "us":
        t = "%s%d" % (k, w)
        form("bfe." + t, t, t + " shift shift", lambda a, p, n, w=w, k=k: bfe(a, p, n, w, k == "s"))
        form("bfind." + t, "u32", t, lambda a, w=w, k=k: bfind(a, w, k == "s"))
        form("bfind.shiftamt." + t, "u32", t, lambda a, w=w, k=k: bfind(a, w, k == "s", True))
    t = "b%d" % w
    form("bfi." + t, t, "%s %s shift shift" % (t, t), lambda a, b, p, n, w=w: bfi(a, b, p, n, w))
    form("popc." + t, "u32", t, lambda a: bin(a).count("1"))
    form("clz." + t, "u32", t, lambda a, w=w: w - a.bit_length())
    form("brev." + t, t, t, lambda a, w=w: int(bin(a)[2:].zfill(w)[::-1], 2))


def bfind(a, w, sign, shiftamt=False):
    if sign and a >> (w - 1):
        a = cut(~a, w)
    if a == 0:
        return 0xffffffff
    p = a.bit_length() - 1
    return w - 1 - p if shiftamt else p


def bmsk(a, b, wrap):
    if wrap:
        a, b = a & 31, b & 31
    if a >= 32 or b == 0:
        return 0
    return cut(((1 << min(b, 32)) - 1) << a, 32)


def szext(a, n, wrap, sign):
    n = n & 31 if wrap else n
    if n == 0:
        return 0
    if n >= 32:
        return a
    v = cut(a, n)
    return cut(signed(v, n), 32) if sign else v


for mode in ("clamp", "wrap"):
    form("bmsk.%s.b32" % mode, "b32", "shift shift", lambda a, b, m=mode: bmsk(a, b, m == "wrap"))
    for t in ("u32", "s32"):
        form("szext.%s.%s" % (mode, t), t, t + " shift", lambda a, n, m=mode, t=t: szext(a, n, m == "wrap", t[0] == "s"))


def prmt(a, b, c):
    v, r = b << 32 | a, 0
    for i in range(4):
        s = c >> 4 * i & 15
        byte = v >> 8 * (s & 7) & 0xff
        if s & 8:
            byte = 0xff if byte & 0x80 else 0
        r |= byte << 8 * i
    return r


form("prmt.b32", "b32", "b32 b32 sel", prmt)
PRMT = {"f4e": [0x3210, 0x4321, 0x5432, 0x6543], "b4e": [0x5670, 0x6701, 0x7012, 0x0123],
        "rc8": [0, 0x1111, 0x2222, 0x3333], "ecl": [0x3210, 0x3211, 0x3222, 0x3333],
        "ecr": [0, 0x1110, 0x2210, 0x3210], "rc16": [0x1010, 0x3232, 0x1010, 0x3232]}
for mode, table in PRMT.items():
    form("prmt.b32." + mode, "b32", "b32 b32 sel", lambda a, b, c, t=table: prmt(a, b, t[c & 3]))


def lop3(a, b, c, table):
    r = 0
    for i in range(32):
        r |= (table >> ((a >> i & 1) << 2 | (b >> i & 1) << 1 | c >> i & 1) & 1) << i
    return r


for table in (0x00, 0x01, 0x1e, 0x3c, 0x80, 0x96, 0xb8, 0xca, 0xe8, 0xf8, 0xfe, 0xff, 0x6a, 0x40):
    form("lop3.b32 0x%02x" % table, "b32", "b32 b32 b32", lambda a, b, c, t=table: lop3(a, b, c, t),
         "lop3.b32 {d0}, {a0}, {a1}, {a2}, %d;" % table)
for op in ("or", "and"):
    def lop3p(a, b, c, q, op=op):
        r = lop3(a, b, c, 0x80)
        return r, int((r != 0) or q) if op == "or" else int((r != 0) and q)
    form("lop3.%s.b32" % op, "b32 pred", "b32 b32 b32 pred", lop3p,
         "lop3.%s.b32 {d0}|{d1}, {a0}, {a1}, {a2}, 0x80, {a3};" % op, target="sm_80")


def dot(a, b, c, ta, tb, parts, bits, shift=0):
    s = c
    for i in range(parts):
        x = a >> bits * i & ((1 << bits) - 1)
        y = b >> (8 * i + shift) & 0xff
        s += (signed(x, bits) if ta == "s32" else x) * (signed(y, 8) if tb == "s32" else y)
    return cut(s, 32)


for ta in ("u32", "s32"):
    for tb in ("u32", "s32"):
        form("dp4a.%s.%s" % (ta, tb), "b32", "b32 b32 b32", lambda a, b, c, p=ta, q=tb: dot(a, b, c, p, q, 4, 8))
        for part in ("lo", "hi"):
            form("dp2a.%s.%s.%s" % (part, ta, tb), "b32", "b32 b32 b32",
                 lambda a, b, c, p=ta, q=tb, h=part: dot(a, b, c, p, q, 2, 16, 16 if h == "hi" else 0))


def fns(mask, base, offset):
    offset = signed(offset, 32)
    if offset == 0:
        return base if mask >> base & 1 else 0xffffffff
    step, left, pos = (1, offset, base) if offset > 0 else (-1, -offset, base)
    while 0 <= pos < 32:
        if mask >> pos & 1:
            left -= 1
            if left == 0:
                return pos
        pos += step
    return 0xffffffff


def fns_values(rng, count):
    return [[rng.getrandbits(32) for _ in range(count)], [rng.randrange(32) for _ in range(count)],
            [rng.randrange(-9, 10) & 0xffffffff for _ in range(count)]]


form("fns.b32", "b32", "b32 u32 s32", fns, values=fns_values)

# ---- moves ----
for t in ("b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"):
    form("mov." + t, t, t, lambda a: a)
form("mov.pred", "pred", "pred", lambda a: a)
form("mov.b32 pack", "b32", "b16 b16", lambda a, b: a | b << 16, "mov.b32 {d0}, { {a0}, {a1} };")
form("mov.b64 pack", "b64", "b32 b32", lambda a, b: a | b << 32, "mov.b64 {d0}, { {a0}, {a1} };")
form("mov.b64 pack4", "b64", "b16 b16 b16 b16", lambda a, b, c, d: a | b << 16 | c << 32 | d << 48,
     "mov.b64 {d0}, { {a0}, {a1}, {a2}, {a3} };")
form("mov.b32 unpack", "b16 b16", "b32", lambda a: (a & 0xffff, a >> 16), "mov.b32 { {d0}, {d1} }, {a0};")
form("mov.b64 unpack", "b32 b32", "b64", lambda a: (a & 0xffffffff, a >> 32), "mov.b64 { {d0}, {d1} }, {a0};")
form("mov.b64 unpack4", "b16 b16 b16 b16", "b64", lambda a: tuple(a >> 16 * i & 0xffff for i in range(4)),
     "mov.b64 { {d0}, {d1}, {d2}, {d3} }, {a0};")
form("mov.b128 pack", "b128", "b64 b64", lambda a, b: a | b << 64, "mov.b128 {d0}, { {a0}, {a1} };", target="sm_90")
form("mov.b128 unpack", "b64 b64", "b128", lambda a: (cut(a, 64), a >> 64), "mov.b128 { {d0}, {d1} }, {a0};", target="sm_90")
form("mov.b64 sink", "b32", "b64", lambda a: a >> 32, "mov.b64 { _, {d0} }, {a0};")
