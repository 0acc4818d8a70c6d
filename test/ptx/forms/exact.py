"""Floating point in plain integers: what IEEE 754 and the PTX ISA say, slowly.

A finite number is (sign, m, e): (-1)^sign * m * 2^e with an integer m >= 0.
"""
import math

# name: exponent bits, mantissa bits, top exponent code means infinity/NaN, canonical NaN
FORMATS = {
    "f16": (5, 10, True, 0x7fff),
    "bf16": (8, 7, True, 0x7fff),
    "tf32": (8, 10, True, 0x3ffff),
    "f32": (8, 23, True, 0x7fffffff),
    "f64": (11, 52, True, 0x7ff8000000000000),
    "e5m2": (5, 2, True, 0x7f),
    "e4m3": (4, 3, False, 0x7f),
}
NAN, INF = "nan", "inf"


def bits_of(fmt):
    return 1 + FORMATS[fmt][0] + FORMATS[fmt][1]


def decode(b, fmt):
    """NAN, (INF, sign) or (sign, m, e)."""
    eb, mb, ieee, _ = FORMATS[fmt]
    m, e, s = b & ((1 << mb) - 1), b >> mb & ((1 << eb) - 1), b >> (eb + mb) & 1
    bias = (1 << (eb - 1)) - 1
    if e == (1 << eb) - 1:
        if ieee:
            return NAN if m else (INF, s)
        if m == (1 << mb) - 1:
            return NAN
    if e == 0:
        return (s, m, 1 - bias - mb)
    return (s, m | 1 << mb, e - bias - mb)


def nan(fmt):
    return FORMATS[fmt][3]


def inf(fmt, s):
    eb, mb, _, _ = FORMATS[fmt]
    return s << (eb + mb) | ((1 << eb) - 1) << mb


def largest(fmt, s):
    eb, mb, ieee, _ = FORMATS[fmt]
    top = ((1 << eb) - 1) << mb | (1 << mb) - 1
    return s << (eb + mb) | ((((1 << eb) - 1) << mb) - 1 if ieee else top - 1)


def is_subnormal(b, fmt):
    eb, mb, _, _ = FORMATS[fmt]
    return not b >> mb & ((1 << eb) - 1) and b & ((1 << mb) - 1) != 0


def flush(b, fmt):
    """Subnormals become zeros of their sign."""
    eb, mb, _, _ = FORMATS[fmt]
    return b & 1 << (eb + mb) if is_subnormal(b, fmt) else b


def encode(s, m, e, fmt, mode="rn", sticky=0, satfinite=False):
    """(-1)^s * (m + a little if sticky) * 2^e, rounded."""
    eb, mb, ieee, _ = FORMATS[fmt]
    bias = (1 << (eb - 1)) - 1
    if m == 0 and not sticky:
        return s << (eb + mb)
    lowest = 1 - bias - mb
    if sticky:  # room for the sticky bit below everything that can be kept
        m, e = m << 3 | 1, e - 3
    # Exponent of the result's last place.
    last = max(lowest, e + m.bit_length() - 1 - mb)
    shift = last - e
    if shift <= 0:
        kept, rest, half = m << -shift, 0, 1
    else:
        kept, rest, half = m >> shift, m & ((1 << shift) - 1), 1 << (shift - 1)
    up = {"rn": rest > half or rest == half and kept & 1, "rna": rest >= half, "rz": False,
          "rm": s and rest, "rp": not s and rest}[mode] if rest else False
    if up:
        kept += 1
        if kept >> (mb + 1):
            kept, last = kept >> 1, last + 1
    if kept >> mb == 0:
        return s << (eb + mb) | kept
    code = (last + mb + bias) << mb | kept & ((1 << mb) - 1)
    if last + mb + bias >= (1 << eb) or code > largest(fmt, 0):
        if satfinite:
            return largest(fmt, s)
        if not ieee:
            return s << (eb + mb) | nan(fmt)
        if mode == "rz" or mode == "rm" and not s or mode == "rp" and s:
            return largest(fmt, s)
        return inf(fmt, s)
    return s << (eb + mb) | code


def special(x):
    return x is NAN or x[0] is INF


def neg(x):
    if x is NAN:
        return x
    return (INF, x[1] ^ 1) if x[0] is INF else (x[0] ^ 1, x[1], x[2])


def add_exact(x, y, mode):
    """The sum of two finite numbers; an exact zero's sign by the rounding."""
    e = min(x[2], y[2])
    v = (-1) ** x[0] * (x[1] << (x[2] - e)) + (-1) ** y[0] * (y[1] << (y[2] - e))
    if v == 0:
        s = x[0] if x[0] == y[0] else int(mode == "rm")
        if x[1] and y[1]:
            s = int(mode == "rm")
        return (s, 0, e)
    return (int(v < 0), abs(v), e)


def add(a, b, fmt, mode="rn", subtract=False):
    x, y = decode(a, fmt), decode(b, fmt)
    if subtract:
        y = neg(y)
    return pack(sum_of(x, y, mode), fmt, mode)


def sum_of(x, y, mode):
    if x is NAN or y is NAN:
        return NAN
    if x[0] is INF or y[0] is INF:
        if x[0] is INF and y[0] is INF:
            return x if x[1] == y[1] else NAN
        return x if x[0] is INF else y
    return add_exact(x, y, mode)


def product_of(x, y):
    if x is NAN or y is NAN:
        return NAN
    if x[0] is INF or y[0] is INF:
        other = y if x[0] is INF else x
        if other[0] is not INF and other[1] == 0:
            return NAN
        sx = x[1] if x[0] is INF else x[0]
        sy = y[1] if y[0] is INF else y[0]
        return (INF, sx ^ sy)
    return (x[0] ^ y[0], x[1] * y[1], x[2] + y[2])


def pack(x, fmt, mode="rn", satfinite=False):
    if x is NAN:
        return nan(fmt)
    if x[0] is INF:
        return inf(fmt, x[1])
    return encode(x[0], x[1], x[2], fmt, mode)


def mul(a, b, fmt, mode="rn"):
    return pack(product_of(decode(a, fmt), decode(b, fmt)), fmt, mode)


def fma(a, b, c, fmt, mode="rn"):
    p = product_of(decode(a, fmt), decode(b, fmt))
    return pack(sum_of(p, decode(c, fmt), mode), fmt, mode)


def div(a, b, fmt, mode="rn"):
    x, y = decode(a, fmt), decode(b, fmt)
    if x is NAN or y is NAN:
        return nan(fmt)
    sx = x[1] if x[0] is INF else x[0]
    sy = y[1] if y[0] is INF else y[0]
    s = sx ^ sy
    if x[0] is INF:
        return nan(fmt) if y[0] is INF else inf(fmt, s)
    if y[0] is INF:
        return encode(s, 0, 0, fmt)
    if y[1] == 0:
        return nan(fmt) if x[1] == 0 else inf(fmt, s)
    q, r = divmod(x[1] << 140, y[1])
    return encode(s, q, x[2] - y[2] - 140, fmt, mode, r != 0)


def sqrt(a, fmt, mode="rn"):
    x = decode(a, fmt)
    if x is NAN:
        return nan(fmt)
    if x[0] is INF:
        return nan(fmt) if x[1] else a
    if x[1] == 0:
        return a
    if x[0]:
        return nan(fmt)
    m, e = x[1] << 130, x[2] - 130
    if e & 1:
        m, e = m << 1, e - 1
    r = math.isqrt(m)
    return encode(0, r, e // 2, fmt, mode, r * r != m)


def saturate(b, fmt):
    """.sat: to [0, 1], NaN to +0."""
    x = decode(b, fmt)
    if x is NAN:
        return 0
    s = x[1] if x[0] is INF else x[0]
    if s or x[0] is not INF and x[1] == 0:
        return 0
    one = encode(0, 1, 0, fmt)
    return min(b, one)


def relu(b, fmt):
    """Negative values (and -0) become +0, NaN the canonical one."""
    x = decode(b, fmt)
    if x is NAN:
        return nan(fmt)
    return 0 if b >> (bits_of(fmt) - 1) else b


def to_float(b, fmt):
    """A Python float, for bounds; exact for everything here."""
    x = decode(b, fmt)
    if x is NAN:
        return math.nan
    if x[0] is INF:
        return -math.inf if x[1] else math.inf
    return (-1) ** x[0] * math.ldexp(x[1], x[2]) if x[1] else (-0.0 if x[0] else 0.0)


def to_integer(x, rounding):
    """A finite number to an integer: rni, rzi, rmi, rpi."""
    s, m, e = x
    if e >= 0:
        return (-1) ** s * (m << e)
    q, r, half = m >> -e, m & ((1 << -e) - 1), 1 << (-e - 1)
    up = {"rni": r > half or r == half and q & 1, "rzi": False, "rmi": s and r, "rpi": not s and r}[rounding]
    return (-1) ** s * (q + (1 if up else 0))


def convert(b, source, target, mode="rn", satfinite=False):
    x = decode(b, source)
    if x is NAN:
        return nan(target)
    if x[0] is INF:
        if satfinite:
            return largest(target, x[1])
        if not FORMATS[target][2]:
            return x[1] << (bits_of(target) - 1) | nan(target)
        return inf(target, x[1])
    return encode(x[0], x[1], x[2], target, mode, 0, satfinite)


def from_integer(v, target, mode="rn"):
    return encode(int(v < 0), abs(v), 0, target, mode)


def compare(a, b, fmt):
    """-1, 0, 1, or None where one is NaN."""
    x, y = decode(a, fmt), decode(b, fmt)
    if x is NAN or y is NAN:
        return None
    key = lambda b: -(b & ~(1 << (bits_of(fmt) - 1))) if b >> (bits_of(fmt) - 1) else b
    p, q = key(a), key(b)
    return (p > q) - (p < q)


def minmax(a, b, fmt, largest_wins, nan_wins=False, xorsign=False):
    top = 1 << (bits_of(fmt) - 1)
    s = (a ^ b) & top
    na, nb = decode(a, fmt) is NAN, decode(b, fmt) is NAN
    if xorsign:
        a, b = a & ~top, b & ~top
    if na and nb or nan_wins and (na or nb):
        return nan(fmt)
    if na or nb:
        r = b if na else a
    else:
        key = lambda v: (-(v & ~top), 0) if v & top else (v, 1)  # -0 below +0
        r = max(a, b, key=key) if largest_wins else min(a, b, key=key)
    return r & ~top | s if xorsign else r
