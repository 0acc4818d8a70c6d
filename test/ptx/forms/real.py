"""Floating-point arithmetic (ISA 9.7.3, 9.7.4)."""
import math
import numpy as np
import exact
from form import form

FTZ = {False: lambda b, f: b, True: exact.flush}


def modified(f, fmt, ftz, sat=False, relu=False):
    """f of flushed operands, its result flushed, saturated or cut at zero."""
    z = FTZ[ftz]
    def run(*v):
        r = z(f(*[z(x, fmt) for x in v]), fmt)
        return exact.saturate(r, fmt) if sat else exact.relu(r, fmt) if relu else r
    return run


def pair(f, bits=16):
    """f on both halves."""
    m = (1 << bits) - 1
    def run(*v):
        return f(*[x & m for x in v]) & m | (f(*[x >> bits for x in v]) & m) << bits
    return run


OPS = {
    "add": (2, lambda f, m: lambda a, b: exact.add(a, b, f, m)),
    "sub": (2, lambda f, m: lambda a, b: exact.add(a, b, f, m, True)),
    "mul": (2, lambda f, m: lambda a, b: exact.mul(a, b, f, m)),
    "fma": (3, lambda f, m: lambda a, b, c: exact.fma(a, b, c, f, m)),
}


def triples(fmt):
    """Values for fma: random ones, and cancellations where the low bits count."""
    import form as forms
    def values(rng, count):
        cols = [forms.column(fmt, i, 3, count, rng) for i in range(3)]
        for k in range(0, count, 4):
            p = exact.mul(cols[0][k], cols[1][k], fmt)
            cols[2][k] = p ^ 1 << (exact.bits_of(fmt) - 1)
            if k % 8 == 0 and exact.decode(p, fmt) is not exact.NAN:
                cols[2][k] ^= rng.randrange(4)
        return cols
    return values


for op, (n, make) in OPS.items():
    for fmt in ("f32", "f64"):
        for mode in ("", ".rn", ".rz", ".rm", ".rp"):
            if op == "fma" and not mode:
                continue
            for ftz in ((False, True) if fmt == "f32" else (False,)):
                for sat in ((False, True) if fmt == "f32" else (False,)):
                    ref = modified(make(fmt, mode[1:] or "rn"), fmt, ftz, sat)
                    name = op + mode + (".ftz" if ftz else "") + (".sat" if sat else "") + "." + fmt
                    form(name, fmt, " ".join([fmt] * n), ref, any_nan="f64" if fmt == "f64" else None,
                         values=triples(fmt) if op == "fma" else None)
                    if op == "fma":
                        form(name.replace("fma", "mad"), fmt, " ".join([fmt] * n), ref,
                             any_nan="f64" if fmt == "f64" else None, values=triples(fmt))
    for fmt, target in (("f16", "sm_80"), ("bf16", "sm_90" if op != "fma" else "sm_80")):
        for rn in ("", ".rn") if op != "fma" else (".rn",):
            for ftz in ((False, True) if fmt == "f16" else (False,)):
                for extra in ("", ".sat") + ((".relu",) if op == "fma" else ()) if fmt == "f16" else ("", ".relu") if op == "fma" else ("",):
                    ref = modified(make(fmt, "rn"), fmt, ftz, extra == ".sat", extra == ".relu")
                    mods = rn + (".ftz" if ftz else "") + extra
                    form(op + mods + "." + fmt, fmt, " ".join([fmt] * n), ref, target=target, values=triples(fmt) if op == "fma" else None)
                    form(op + mods + "." + fmt + "x2", fmt + "x2", " ".join([fmt + "x2"] * n), pair(ref), target=target)

for mode in ("rn", "rz", "rm", "rp"):
    for fmt in ("f32", "f64"):
        for ftz in ((False, True) if fmt == "f32" else (False,)):
            z, nan = ".ftz" if ftz else "", "f64" if fmt == "f64" else None
            form("div.%s%s.%s" % (mode, z, fmt), fmt, fmt + " " + fmt,
                 modified(lambda a, b, f=fmt, m=mode: exact.div(a, b, f, m), fmt, ftz), any_nan=nan)
            form("sqrt.%s%s.%s" % (mode, z, fmt), fmt, fmt, modified(lambda a, f=fmt, m=mode: exact.sqrt(a, f, m), fmt, ftz), any_nan=nan)
            form("rcp.%s%s.%s" % (mode, z, fmt), fmt, fmt,
                 modified(lambda a, f=fmt, m=mode: exact.div(exact.encode(0, 1, 0, f), a, f, m), fmt, ftz), any_nan=nan)


# ---- approximations, within the ISA's bounds ----

def floats(bits, fmt):
    if fmt == "f32":
        with np.errstate(all="ignore"):
            return np.array(bits, np.uint32).view(np.float32).astype(np.float64)
    if fmt == "f64":
        return np.array(bits, np.uint64).view(np.float64)
    if fmt == "f16":
        return np.array(bits, np.uint16).view(np.float16).astype(np.float64)
    return (np.array(bits, np.uint32) << 16).view(np.float32).astype(np.float64)


def within(fmt, relative=0.0, absolute=0.0, ulp=0, ftz=False, exempt=None):
    """Finite results near the expected; NaN, infinities and zeros as they are.
    `want` are Python floats."""
    mb = exact.FORMATS[fmt][1]
    eb = exact.FORMATS[fmt][0]
    low = 2.0 ** (2 - (1 << (eb - 1)))
    def bound(columns, got, want):
        g, w = floats(got, fmt), np.array(want, np.float64)
        with np.errstate(all="ignore"):
            last = np.maximum(2.0 ** np.floor(np.log2(np.maximum(np.abs(w), low))), low) * 2.0 ** -mb
            err = np.abs(g - w)
            # A rounded result may be half a place away besides.
            ok = err <= np.maximum(np.maximum(relative * np.abs(w), absolute), ulp * last) + (0.5 * last if not ulp else 0)
            ok |= (g == w) | (np.isnan(g) & np.isnan(w))
            top = floats([exact.largest(fmt, 0)], fmt)[0]
            ok |= (np.abs(w) > top * (1 - 2.0 ** -mb)) & (np.abs(g) >= top * (1 - 2.0 ** -mb)) & (np.sign(g) == np.sign(w))
            if ftz:
                ok |= (np.abs(w) < low * (1 + 2.0 ** -mb)) & (g == 0)
            zero = (w == 0) & (g == 0)
            ok &= ~zero | (np.signbit(w) == np.signbit(g))
        if exempt:
            ok |= np.array([exempt(*v) for v in zip(*columns)])
        return ok.tolist()
    return bound


def real(f, fmt, ftz):
    z = FTZ[ftz]
    def run(*v):
        try:
            return f(*[exact.to_float(z(x, fmt), fmt) for x in v])
        except OverflowError:
            return math.inf
    return run


def quotient(a, b):
    if math.isnan(a) or math.isnan(b):
        return math.nan
    if b == 0:
        return math.nan if a == 0 else math.copysign(math.inf, a) * math.copysign(1, b)
    if math.isinf(a) and math.isinf(b):
        return math.nan
    return a / b


def root(x):
    return math.nan if x < 0 or math.isnan(x) else x if x == 0 else math.sqrt(x)


def rsqrt(x):
    return math.nan if x < 0 or math.isnan(x) else math.copysign(math.inf, x) if x == 0 else 0.0 if math.isinf(x) else 1 / math.sqrt(x)


def exp2(x):
    return math.nan if math.isnan(x) else math.inf if x > 2000 else 0.0 if x < -2000 else 2.0 ** x


def log2(x):
    return math.nan if x < 0 or math.isnan(x) else -math.inf if x == 0 else math.inf if math.isinf(x) else math.log2(x)


def sine(f):
    return lambda x: math.nan if math.isinf(x) or math.isnan(x) else f(x)


def large_divisor(a, b):
    """2^126 < |b| < 2^128: the ISA promises no more than 0 or NaN."""
    return 2.0 ** 126 <= abs(exact.to_float(b, "f32")) < math.inf


for z in ("", ".ftz"):
    ftz = z == ".ftz"
    def big(columns, got, want, ftz=ftz):
        ok = within("f32", ulp=2, ftz=True)(columns, got, want)
        g = floats(got, "f32")
        for i, (a, b) in enumerate(zip(*columns)):
            if large_divisor(a, b):
                x = exact.to_float(a, "f32")
                ok[i] = math.isnan(g[i]) if math.isinf(x) or math.isnan(x) else g[i] == 0 or ok[i]
        return ok
    form("div.approx%s.f32" % z, "f32", "f32 f32", real(quotient, "f32", ftz), bound=big)
    form("div.full%s.f32" % z, "f32", "f32 f32", real(quotient, "f32", ftz), bound=within("f32", ulp=2, ftz=True))
    form("rcp.approx%s.f32" % z, "f32", "f32", real(lambda x: quotient(1.0, x), "f32", ftz), bound=within("f32", ulp=1, ftz=True))
    form("sqrt.approx%s.f32" % z, "f32", "f32", real(root, "f32", ftz), bound=within("f32", relative=2.0 ** -23, ftz=ftz))
    form("rsqrt.approx%s.f32" % z, "f32", "f32", real(rsqrt, "f32", ftz), bound=within("f32", relative=2.0 ** -22.9))
    form("ex2.approx%s.f32" % z, "f32", "f32", real(exp2, "f32", ftz), bound=within("f32", ulp=2, ftz=ftz))
    def logs(columns, got, want):
        near = within("f32", absolute=2.0 ** -22)(columns, got, want)
        far = within("f32", relative=2.0 ** -22)(columns, got, want)
        x = floats(columns[0], "f32")
        return [n if 0.5 < v < 2 else f for n, f, v in zip(near, far, x)]
    form("lg2.approx%s.f32" % z, "f32", "f32", real(log2, "f32", ftz), bound=logs)
    for op, f in (("sin", math.sin), ("cos", math.cos)):
        form("%s.approx%s.f32" % (op, z), "f32", "angle", real(sine(f), "f32", ftz), bound=within("f32", absolute=2.0 ** -20.5))
        form("%s.approx%s.f32 special" % (op, z), "f32", "f32", real(sine(f), "f32", ftz), values=lambda rng, n: [
            ([0, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 1, 0x80000001, 0x00800000] * n)[:n]],
            bound=within("f32", absolute=2.0 ** -20.5, ftz=ftz))
form("tanh.approx.f32", "f32", "f32", real(math.tanh, "f32", False), bound=within("f32", relative=2.0 ** -11))
for fmt, rel, tanh_abs in (("f16", 2.0 ** -9.9, 2.0 ** -10.987), ("bf16", 2.0 ** -7, 2.0 ** -8)):
    target = "sm_80" if fmt == "f16" else "sm_90"
    f = exp2
    halves = within(fmt, relative=rel, ftz=fmt == "bf16")
    for packed in ("", "x2"):
        def both(columns, got, want, h=None, fmt=fmt):
            lows = h([[c & 0xffff for c in columns[0]]], [int(g) & 0xffff for g in got], [w[0] for w in want])
            highs = h([[c >> 16 for c in columns[0]]], [int(g) >> 16 for g in got], [w[1] for w in want])
            return [a and b for a, b in zip(lows, highs)]
        def two(f, fmt=fmt, ftz=False):
            r = real(f, fmt, ftz)
            return lambda v: ((r(v & 0xffff), r(v >> 16)),)
        for z in ((".ftz",) if fmt == "bf16" else ("",)):
            bound, ref = halves, real(exp2, fmt, z == ".ftz")
            if packed:
                bound, ref = (lambda c, g, w, h=halves, b=both: b(c, g, w, h)), two(exp2, fmt, z == ".ftz")
            form("ex2.approx%s.%s%s" % (z, fmt, packed), fmt + packed, fmt + packed, ref, bound=bound, target=target)
        th = within(fmt, absolute=tanh_abs)
        bound, ref = th, real(math.tanh, fmt, False)
        if packed:
            bound, ref = (lambda c, g, w, h=th, b=both: b(c, g, w, h)), two(math.tanh)
        form("tanh.approx.%s%s" % (fmt, packed), fmt + packed, fmt + packed, ref, bound=bound, target=target)


# The gross f64 approximations: the low 32 bits are zero, subnormals are flushed.
def gross(columns, got, want):
    ok = within("f64", relative=2.0 ** -19, ftz=True)(columns, got, want)
    return [o and int(g) & 0xffffffff == 0 for o, g in zip(ok, got)]


def high_only(f):
    """The operand's low half is ignored."""
    return lambda b: real(f, "f64", True)(b & ~0xffffffff if exact.decode(b, "f64") is not exact.NAN else b)


form("rcp.approx.ftz.f64", "f64", "f64", high_only(lambda x: quotient(1.0, x)), bound=gross)
form("rsqrt.approx.ftz.f64", "f64", "f64", high_only(rsqrt), bound=gross)
form("rsqrt.approx.f64", "f64", "f64", real(rsqrt, "f64", False), bound=within("f64", relative=2.0 ** -20))

# ---- sign, minimum, maximum ----
for fmt, target in (("f32", "sm_80"), ("f64", "sm_80"), ("f16", "sm_80"), ("bf16", "sm_80")):
    top = 1 << (exact.bits_of(fmt) - 1)
    half = fmt in ("f16", "bf16")
    for ftz in (False, True) if fmt in ("f32", "f16") else (False,):
        z = ".ftz" if ftz else ""
        for op, f in (("abs", lambda a, t=top: a & ~t), ("neg", lambda a, t=top: a ^ t)):
            g = lambda a, f=f, fmt=fmt, k=FTZ[ftz]: f(k(a, fmt))
            form("%s%s.%s" % (op, z, fmt), fmt, fmt, g, any_nan=fmt)
            if half:
                def no_nan(rng, n, fmt=fmt):
                    from form import random_float
                    def draw():
                        while True:
                            v = random_float(fmt, rng)
                            if exact.decode(v, fmt) is not exact.NAN:
                                return v
                    return [[draw() | draw() << 16 for _ in range(n)]]
                form("%s%s.%sx2" % (op, z, fmt), fmt + "x2", fmt + "x2", pair(g), values=no_nan)
        for op in ("min", "max"):
            for nan in ("", ".NaN") if fmt != "f64" else ("",):
                for xor in ("", ".xorsign.abs") if fmt != "f64" else ("",):
                    t = "sm_90" if xor else "sm_80"
                    g = lambda a, b, fmt=fmt, o=op, n=nan, x=xor, k=FTZ[ftz]: exact.minmax(
                        k(a, fmt), k(b, fmt), fmt, o == "max", bool(n), bool(x))
                    form("%s%s%s%s.%s" % (op, z, nan, xor, fmt), fmt, fmt + " " + fmt, g, target=t,
                         any_nan="f64" if fmt == "f64" else None)
                    if half:
                        p = fmt + "x2"
                        form("%s%s%s%s.%s" % (op, z, nan, xor, p), p, p + " " + p, pair(g), target=t)


def copysign(a, b, fmt):
    top = 1 << (exact.bits_of(fmt) - 1)
    return a & top | b & ~top


PROPERTY = {
    "finite": lambda x, b, f: not exact.special(x), "infinite": lambda x, b, f: x is not exact.NAN and x[0] is exact.INF,
    "number": lambda x, b, f: x is not exact.NAN, "notanumber": lambda x, b, f: x is exact.NAN,
    "normal": lambda x, b, f: not exact.special(x) and not exact.is_subnormal(b, f),
    "subnormal": lambda x, b, f: not exact.special(x) and exact.is_subnormal(b, f)}
for fmt in ("f32", "f64"):
    form("copysign." + fmt, fmt, fmt + " " + fmt, lambda a, b, f=fmt: copysign(a, b, f), any_nan=fmt)
    for p, test in PROPERTY.items():
        form("testp.%s.%s" % (p, fmt), "pred", fmt, lambda a, f=fmt, t=test: int(t(exact.decode(a, f), a, f)))
