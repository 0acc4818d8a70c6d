"""ld, st and their widths, spaces and extensions; atom and red; cp.async
(ISA 9.7.9, 9.7.13). Each lane works in 64 bytes of its own; each warp's CTA in
the whole shared buffer."""
import exact
from form import form, signed

TYPES = ["b8", "u8", "s8", "b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"]
# A thread's own 64 bytes of shared memory and, in %own, their address.
OWN = "{ .reg .b32 %l, %own; mov.u32 %l, %tid.x; mov.u32 %own, scratch; mad.lo.u32 %own, %l, 64, %own; "
LOCAL = "{ .local .align 16 .b8 %loc[64]; .reg .b64 %own; mov.u64 %own, %loc; "


for t in TYPES:
    n = int(t[1:])
    reg = "b%d" % max(16, n)
    kind = reg if n < 16 else t
    extend = lambda v, t=t, n=n: (signed(v & (1 << n) - 1, n) if t[0] == "s" else v & (1 << n) - 1) & (1 << max(16, n)) - 1
    for space, pre in (("shared", OWN), ("local", LOCAL)):
        for what in ("", ".volatile") if space == "shared" else ("",):
            form("st+ld%s.%s.%s" % (what, space, t), reg, kind, lambda a, x=extend: x(a),
                 pre + "st%s.%s.%s [%%own+8], {a0}; ld%s.%s.%s {d0}, [%%own+8]; }" % (what, space, t, what, space, t))
    for v in (2, 4):
        if v * n > 128:
            continue
        ds = ", ".join("{d%d}" % i for i in range(v))
        as_ = ", ".join("{a%d}" % i for i in range(v))
        form("st+ld.shared.v%d.%s" % (v, t), " ".join([reg] * v), " ".join([kind] * v), lambda *a, x=extend: tuple(x(y) for y in a),
             OWN + "st.shared.v%d.%s [%%own+16], { %s }; ld.shared.v%d.%s { %s }, [%%own+16]; }" % (v, t, as_, v, t, ds))
    # Registers wider than the type are extended by a load and cut by a store.
    for wide in (32, 64):
        if wide > n and t[0] != "f" and (t[0] != "b" or n == 8):
            ext = lambda v, t=t, n=n, w=wide: (signed(v & (1 << n) - 1, n) if t[0] == "s" else v & (1 << n) - 1) & (1 << w) - 1
            form("st+ld.shared.%s into b%d" % (t, wide), "b%d" % wide, "b%d" % wide, lambda a, x=ext: x(a),
                 OWN + "st.shared.%s [%%own+8], {a0}; ld.shared.%s {d0}, [%%own+8]; }" % (t, t))
# A narrow store leaves its neighbours; a load sees every byte in order.
form("st.shared.u8 among bytes", "b32", "b32 b32", lambda a, b: a & 0xffff00ff | (b & 0xff) << 8,
     OWN + "st.shared.b32 [%own], {a0}; st.shared.u8 [%own+1], {a1}; ld.shared.b32 {d0}, [%own]; }")
form("ld.shared.v4.u8 bytes", "b16 b16 b16 b16", "b32", lambda a: tuple(a >> 8 * i & 255 for i in range(4)),
     OWN + "st.shared.b32 [%own], {a0}; ld.shared.v4.u8 { {d0}, {d1}, {d2}, {d3} }, [%own]; }")
form("ld generic shared", "b32", "b32", lambda a: a,
     OWN + ".reg .b64 %g; st.shared.b32 [%own], {a0}; cvt.u64.u32 %g, %own; cvta.shared.u64 %g, %g; ld.b32 {d0}, [%g]; }")
form("st generic local", "b32", "b32", lambda a: a,
     LOCAL + ".reg .b64 %g; cvta.local.u64 %g, %own; st.b32 [%g+4], {a0}; ld.local.b32 {d0}, [%own+4]; }")
form("isspacep", "b32", "b32", lambda a: 0b001,
     OWN + ".reg .b64 %g; .reg .pred %p<3>; .reg .b32 %t; cvt.u64.u32 %g, %own; cvta.shared.u64 %g, %g; isspacep.shared %p0, %g;"
     " isspacep.global %p1, %g; isspacep.local %p2, %g; selp.b32 {d0}, 1, 0, %p0; selp.b32 %t, 2, 0, %p1; or.b32 {d0}, {d0}, %t;"
     " selp.b32 %t, 4, 0, %p2; or.b32 {d0}, {d0}, %t; }")

# ---- atomics on a value of the lane's own: old and new ----
def inc(old, b):
    return 0 if old >= b else old + 1


def dec(old, b):
    return b if old == 0 or old > b else old - 1


def of(t, f):
    w = int(t[1:])
    def run(a, b):
        x, y = (signed(a, w), signed(b, w)) if t[0] == "s" else (a, b)
        return f(x, y) & (1 << w) - 1
    return run


ATOMS = [("add", t, of(t, lambda a, b: a + b)) for t in ("u32", "s32", "u64")]
ATOMS += [(op, t, of(t, f)) for op, f in (("min", min), ("max", max)) for t in ("u32", "s32", "u64", "s64")]
ATOMS += [(op, t, f) for op, f in (("and", lambda a, b: a & b), ("or", lambda a, b: a | b), ("xor", lambda a, b: a ^ b))
          for t in ("b32", "b64")]
ATOMS += [("exch", t, lambda a, b: b) for t in ("b32", "b64")]
ATOMS += [("inc", "u32", inc), ("dec", "u32", dec)]
ATOMS += [("add", "f32", lambda a, b: exact.add(a, b, "f32")), ("add", "f64", lambda a, b: exact.add(a, b, "f64"))]
pair = lambda f: lambda a, b: f(a & 0xffff, b & 0xffff) | f(a >> 16, b >> 16) << 16
for f in ("f16", "bf16"):
    one = lambda a, b, f=f: exact.add(a, b, f)
    ATOMS += [("add.noftz", f, one), ("add.noftz", f + "x2", pair(one))]
# Subnormals of f32 are kept in shared memory, not in global memory: spaces.py.
for op, t, f in ATOMS:
    reg = "b%d" % (32 if "x2" in t else int(t[-2:]))
    target = "sm_90" if "bf16" in t else "sm_80"
    nan = t if t in ("f32", "f64") else None
    for sem in ("", ".acq_rel.cta") if op == "add" and t == "u32" else ("",):
        form("atom%s.shared.%s.%s" % (sem, op, t), t + " " + t, t + " " + t, lambda a, b, f=f: (a, f(a, b)),
             OWN + "st.shared.%s [%%own], {a0}; atom%s.shared.%s.%s {d0}, [%%own], {a1}; ld.shared.%s {d1}, [%%own]; }"
             % (reg, sem, op, t, reg), target=target, any_nan=nan)
        if op == "exch":
            continue
        form("red%s.shared.%s.%s" % (sem.replace("acq_rel", "release"), op, t), t, t + " " + t, lambda a, b, f=f: f(a, b),
             OWN + "st.shared.%s [%%own], {a0}; red%s.shared.%s.%s [%%own], {a1}; ld.shared.%s {d0}, [%%own]; }"
             % (reg, sem.replace("acq_rel", "release"), op, t, reg), target=target, any_nan=nan)
for w in (16, 32, 64):
    t = "b%d" % w
    def cas_values(rng, count, w=w):
        pool = [rng.getrandbits(w) for _ in range(4)]
        return [[rng.choice(pool) for _ in range(count)] for _ in range(3)]
    form("atom.shared.cas." + t, t + " " + t, " ".join([t] * 3), lambda a, b, c: (a, c if a == b else a),
         OWN + "st.shared.%s [%%own], {a0}; atom.shared.cas.%s {d0}, [%%own], {a1}, {a2}; ld.shared.%s {d1}, [%%own]; }" % (t, t, t),
         values=cas_values)
form("atom.shared.cas.b128", "b128 b128", "b128 b128 b128", lambda a, b, c: (a, c if a == b else a),
     OWN + "st.shared.b128 [%own], {a0}; atom.shared.cas.b128 {d0}, [%own], {a1}, {a2}; ld.shared.b128 {d1}, [%own]; }", target="sm_90",
     values=lambda rng, n: [[rng.choice([1, 1 << 100, 5 << 64]) for _ in range(n)] for _ in range(3)])
form("atom.shared.exch.b128", "b128 b128", "b128 b128", lambda a, b: (a, b),
     OWN + "st.shared.b128 [%own], {a0}; atom.shared.exch.b128 {d0}, [%own], {a1}; ld.shared.b128 {d1}, [%own]; }", target="sm_90")
# One address for the whole warp: every lane's contribution counts once.
form("atom.shared.add.u32 one address", "u32", "u32", lambda v: [(sum(x[0] for x in v) & 0xffffffff,)] * 32,
     "st.shared.u32 [scratch], 0; bar.warp.sync -1; { .reg .b32 %o; atom.shared.add.u32 %o, [scratch], {a0}; } bar.warp.sync -1;"
     " ld.shared.u32 {d0}, [scratch]; bar.warp.sync -1;", warp=True)
form("red.shared.max.s32 one address", "s32", "s32", lambda v: [(max(signed(x[0], 32) for x in v) & 0xffffffff,)] * 32,
     "st.shared.u32 [scratch], 0x80000000; bar.warp.sync -1; red.shared.max.s32 [scratch], {a0}; bar.warp.sync -1;"
     " ld.shared.u32 {d0}, [scratch]; bar.warp.sync -1;", warp=True)


# ---- global memory: the output buffer itself is the place ----
for op in ("ld.global.nc", "ld.global.ca", "ld.global.cg", "ld.global.cs", "ld.global.lu", "ld.global.cv", "ld.volatile.global",
           "ld.relaxed.gpu.global", "ld.acquire.sys.global", "ld.weak.global", "ldu.global", "ld.global.L1::no_allocate",
           "ld.global.L1::evict_last", "ld.global.L2::128B", "ld.global.nc.L1::no_allocate.L2::256B", "ld.mmio.relaxed.sys.global"):
    form(op + ".u32", "u32", "u32", lambda a: a, "mad.lo.u64 %%at, %%idx64, 4, %%in; %s.u32 {d0}, [%%at+{place}];" % op)

# ---- asynchronous copies ----
for n, op in ((4, "ca"), (8, "ca"), (16, "ca"), (16, "cg")):
    outs = "b32" if n == 4 else "b64" if n == 8 else "b64 b64"
    ds = "{d0}" if n < 16 else "{ {d0}, {d1} }"
    ins = "b32" if n == 4 else "b64" if n == 8 else "b128"
    ld = {4: "b32", 8: "b64", 16: "v2.b64"}[n]
    split = (lambda a: a) if n < 16 else (lambda a: (a & (1 << 64) - 1, a >> 64))
    form("cp.async.%s.shared.global %d" % (op, n), outs, ins, split,
         OWN + "mad.lo.u64 %%at, %%idx64, %d, %%in; cp.async.%s.shared.global [%%own], [%%at+{place}], %d; cp.async.commit_group;"
         " cp.async.wait_group 0; ld.shared.%s %s, [%%own]; }" % (n, op, n, ld, ds))
    src = n - 2
    keep = (1 << 8 * src) - 1
    form("cp.async.%s.shared.global %d of %d" % (op, src, n), outs, ins, lambda a, k=keep, s=split: s(a & k),
         OWN + "mad.lo.u64 %%at, %%idx64, %d, %%in; cp.async.%s.shared.global [%%own], [%%at+{place}], %d, %d; cp.async.wait_all;"
         " ld.shared.%s %s, [%%own]; }" % (n, op, n, src, ld, ds))
