"""cvt (ISA 9.7.9.21): every pair of types, exhaustive over 16-bit inputs."""
import numpy as np
import exact
from form import form, signed

INTS = ["u8", "s8", "u16", "s16", "u32", "s32", "u64", "s64"]
RANGE = {t: ((-(1 << int(t[1:]) - 1), (1 << int(t[1:]) - 1) - 1) if t[0] == "s" else (0, (1 << int(t[1:])) - 1)) for t in INTS}
ALL16 = lambda rng, count: [list(range(65536))]
REG = {8: "b16", 16: "b16", 32: "b32", 64: "b64"}


def value(b, t):
    w = int(t[1:])
    b &= (1 << w) - 1
    return signed(b, w) if t[0] == "s" else b


def held(v, t, w):
    """What a register of w bits holds: extended by the type's sign."""
    return value(v, t) & ((1 << w) - 1)


def clamp(v, t):
    return min(max(v, RANGE[t][0]), RANGE[t][1])


# ---- integer to integer: .u8/.s8 live in 16-bit registers ----
for s in INTS:
    for t in INTS:
        sw, tw = int(s[1:]), max(16, int(t[1:]))
        kind = s if sw > 8 else "b16"
        for sat in ("", ".sat"):
            # .sat means something only where the range gets smaller.
            lo, hi = RANGE[s]
            if sat and clamp(lo, t) == lo and clamp(hi, t) == hi:
                continue
            count = 65536 if sw == 16 else 512
            ref = lambda a, s=s, t=t, w=tw, sat=sat: held(clamp(value(a, s), t) if sat else value(a, s), t, w)
            form("cvt%s.%s.%s" % (sat, t, s), "b%d" % tw, kind, ref, count=count if sw == 16 else 512,
                 values=ALL16 if sw == 16 else None)
# Destinations wider than the type are extended.
for t in ("u8", "s8", "u16", "s16"):
    form("cvt.%s.u32 wide" % t, "b32", "u32", lambda a, t=t: held(a, t, 32), "cvt.%s.u32 {d0}, {a0};" % t)
    form("cvt.%s.u64 wide" % t, "b64", "u64", lambda a, t=t: held(a, t, 64), "cvt.%s.u64 {d0}, {a0};" % t)
    form("cvt.u32.%s wide source" % t, "b32", "b64", lambda a, t=t: value(a, t) & 0xffffffff, "cvt.u32.%s {d0}, {a0};" % t)


# ---- float to integer ----
def float_to_int(b, f, t, mode, ftz):
    if ftz:
        b = exact.flush(b, f)
    x = exact.decode(b, f)
    w = int(t[1:])
    if x is exact.NAN:
        # ISA: 0 for results of up to 32 bits and sources of up to 32 bits; else the top bit alone.
        return 1 << (w - 1) if (w == 64 or f == "f64") else 0
    if x[0] is exact.INF:
        return RANGE[t][0 if x[1] else 1] & ((1 << w) - 1)
    return clamp(exact.to_integer(x, mode), t) & ((1 << w) - 1)


# Where a NaN of a 64-bit conversion goes to 8 or 16 bits nothing is said: not tried.
def numbers(fmt):
    def values(rng, count):
        from form import column
        c = column(fmt, 0, 1, count, rng)
        return [[v if exact.decode(v, fmt) is not exact.NAN else 0 for v in c]]
    return values


for f in ("f16", "bf16", "f32", "f64"):
    for t in INTS[2:] if f == "bf16" else INTS:
        for mode in ("rni", "rzi", "rmi", "rpi"):
            for ftz in ((False, True) if f == "f32" else (False,)):
                w = max(16, int(t[1:]))
                count = 65536 if f in ("f16", "bf16") else 512
                ref = lambda a, f=f, t=t, m=mode, z=ftz, w=w: held(float_to_int(a, f, t, m, z), t, w)
                form("cvt.%s%s.%s.%s" % (mode, ".ftz" if ftz else "", t, f), "b%d" % w, f, ref, count=count,
                     values=ALL16 if count == 65536 else numbers(f) if f == "f64" and int(t[1:]) < 32 else None,
                     target="sm_90" if f == "bf16" else "sm_80")

# ---- integer to float ----
for s in INTS:
    for f in ("f16", "bf16", "f32", "f64"):
        for mode in ("rn", "rz", "rm", "rp"):
            sw = int(s[1:])
            if f == "bf16" and sw == 8:
                continue
            form("cvt.%s.%s.%s" % (mode, f, s), f, s if sw > 8 else "b16",
                 lambda a, s=s, f=f, m=mode: exact.from_integer(value(a, s), f, m), count=65536 if sw == 16 else 512,
                 values=ALL16 if sw == 16 else None, target="sm_90" if f == "bf16" else "sm_80")
for s in ("u32", "s64"):
    for f in ("f16", "f32", "f64"):
        form("cvt.rn.sat.%s.%s" % (f, s), f, s, lambda a, s=s, f=f: exact.saturate(exact.from_integer(value(a, s), f), f))


# ---- float to float ----
def float_to_float(b, s, t, mode, ftz=False, sat=False, relu=False):
    if ftz and s == "f32":
        b = exact.flush(b, s)
    if mode and mode.endswith("i"):
        x = exact.decode(b, s)
        if not exact.special(x):
            v = exact.to_integer(x, mode)
            b = exact.encode(x[0], abs(v), 0, t)
        elif x is exact.NAN:
            b = exact.nan(t)
        r = b
    elif s == t:
        r = exact.nan(t) if exact.decode(b, s) is exact.NAN else b
    else:
        r = exact.convert(b, s, t, mode or "rn")
    if ftz and t == "f32":
        r = exact.flush(r, t)
    return exact.saturate(r, t) if sat else exact.relu(r, t) if relu else r


SIZE = {"f16": 1, "bf16": 1.5, "f32": 2, "f64": 3}
for s in SIZE:
    for t in SIZE:
        widening = SIZE[s] < SIZE[t] and not (s == "f16" and t == "bf16")
        if s == t:
            modes = ("rni", "rzi", "rmi", "rpi")
        elif widening:
            modes = ("",)
        else:
            modes = ("rn", "rz", "rm", "rp") if t != "bf16" and s != "bf16" or s == "f16" or t == "f16" else ("rn", "rz")
        for mode in modes:
            for ftz in ((False, True) if "f32" in (s, t) and "bf16" not in (s, t) else (False,)):
                for extra in ("", ".sat") + ((".relu",) if s == "f32" and t in ("f16", "bf16") and mode in ("rn", "rz") else ()):
                    if extra == ".sat" and "bf16" in (s, t) or extra == ".relu" and ftz:
                        continue
                    if s == t == "bf16" or (ftz and s == t != "f32"):
                        continue
                    name = "cvt%s%s%s.%s.%s" % ("." + mode if mode else "", ".ftz" if ftz else "", extra, t, s)
                    target = "sm_90" if "bf16" in (s, t) and {s, t} != {"bf16", "f32"} else "sm_90" if (s, t) == ("bf16", "f32") else "sm_80"
                    form(name, t, s, lambda a, s=s, t=t, m=mode, z=ftz, e=extra: float_to_float(a, s, t, m, z, e == ".sat", e == ".relu"),
                         count=65536 if SIZE[s] < 2 else 2048, values=ALL16 if SIZE[s] < 2 else None, target=target,
                         any_nan=t if t == "f64" or t in ("bf16", "f32") and s in ("f64", "bf16", "f16") else None)

# ---- tf32, packed halves, fp8 ----
for mode in ("rna", "rna.satfinite", "rn", "rn.relu", "rz", "rz.relu", "rn.satfinite", "rz.satfinite"):
    def tf32(a, m=mode):
        if "relu" in m:
            a = exact.relu(a, "f32")
        code = exact.convert(a, "f32", "tf32", m.split(".")[0], "satfinite" in m)
        return 0x7fffffff if exact.decode(a, "f32") is exact.NAN else code << 13
    form("cvt.%s.tf32.f32" % mode, "b32", "f32", tf32, target="sm_80" if mode == "rna" else "sm_90" if "satfinite" not in mode else "sm_100",
         count=2048)
for t in ("f16", "bf16"):
    for mode in ("rn", "rz"):
        for extra in ("", ".relu", ".satfinite", ".relu.satfinite"):
            def one(a, t=t, m=mode, e=extra):
                if "relu" in e:
                    a = exact.relu(a, "f32")
                return exact.nan(t) if exact.decode(a, "f32") is exact.NAN else exact.convert(a, "f32", t, m, "satfinite" in e)
            form("cvt.%s%s.%sx2.f32" % (mode, extra, t), t + "x2", "f32 f32", lambda a, b, f=one: f(a) << 16 | f(b), count=1024)
            if "satfinite" in extra:
                form("cvt.%s%s.%s.f32" % (mode, extra, t), t, "f32", one, count=1024)


def to_fp8(b, s, t, relu):
    x = exact.decode(b, s)
    if x is exact.NAN:
        return 0x7f
    sign = x[1] if x[0] is exact.INF else x[0]
    if relu and sign:
        return 0
    return exact.convert(b, s, t, "rn", True)


for t in ("e4m3", "e5m2"):
    p = t + "x2"
    for relu in ("", ".relu"):
        form("cvt.rn.satfinite%s.%s.f32" % (relu, p), p, "f32 f32",
             lambda a, b, t=t, r=relu: to_fp8(a, "f32", t, r) << 8 | to_fp8(b, "f32", t, r), count=1024, target="sm_90")
        form("cvt.rn.satfinite%s.%s.f16x2" % (relu, p), p, "f16x2",
             lambda a, t=t, r=relu: to_fp8(a >> 16, "f16", t, r) << 8 | to_fp8(a & 0xffff, "f16", t, r), count=65536, target="sm_90",
             values=lambda rng, n: [[i | (i * 40503 & 0xffff) << 16 for i in range(n)]])

        def from_fp8(a, t=t, r=relu):
            v = [exact.convert(x, t, "f16") for x in (a & 255, a >> 8)]
            v = [exact.nan("f16") if exact.decode(y, "f16") is exact.NAN else exact.relu(y, "f16") if r else y for y in v]
            return v[0] | v[1] << 16
        form("cvt.rn%s.f16x2.%s" % (relu, p), "f16x2", p, from_fp8, count=65536, values=ALL16, target="sm_90")

for t in ("u16", "s16"):
    form("cvt.pack.sat.%s.s32" % t, "b32", "s32 s32",
         lambda a, b, t=t: (clamp(signed(a, 32), t) & 0xffff) << 16 | clamp(signed(b, 32), t) & 0xffff)
for t in ("u8", "s8"):
    form("cvt.pack.sat.%s.s32.b32" % t, "b32", "s32 s32 b32",
         lambda a, b, c, t=t: (c & 0xffff) << 16 | (clamp(signed(a, 32), t) & 0xff) << 8 | clamp(signed(b, 32), t) & 0xff)
