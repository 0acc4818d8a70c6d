"""Memory forms by generic addresses, beside the named spaces that the other files have; subnormals of f32 atomics, which
depend on the space (ISA 5.1, 9.7.9, 9.7.13.5)."""
import exact
from atomics import GLOBAL, width
from bulk import AWAY, CLUSTER, PEER, SHARED, PLAIN, WAIT
from form import form, signed
from matrix import ROW, load, store
from memory import ATOMS, LOCAL, OWN, TYPES

SHARED_ADDRESS = OWN + ".reg .b64 %g; cvt.u64.u32 %g, %own; cvta.shared.u64 %g, %g; "
LOCAL_ADDRESS = LOCAL + ".reg .b64 %g; cvta.local.u64 %g, %own; "

# ---- loads and stores ----
for t in TYPES:
    n = int(t[1:])
    reg = "b%d" % max(16, n)
    kind = reg if n < 16 else t
    extend = lambda v, t=t, n=n: (signed(v & (1 << n) - 1, n) if t[0] == "s" else v & (1 << n) - 1) & (1 << max(16, n)) - 1
    for space, pre in (("shared", SHARED_ADDRESS), ("local", LOCAL_ADDRESS)):
        form("st generic, ld.%s.%s" % (space, t), reg, kind, lambda a, x=extend: x(a), pre + "st.%s [%%g+8], {a0}; ld.%s.%s {d0}, [%%own+8]; }" % (t, space, t))
        form("st.%s, ld generic.%s" % (space, t), reg, kind, lambda a, x=extend: x(a), pre + "st.%s.%s [%%own+8], {a0}; ld.%s {d0}, [%%g+8]; }" % (space, t, t))
        for v in (2, 4):
            if v * n > 128:
                continue
            ds, as_ = (", ".join("{%s%d}" % (p, i) for i in range(v)) for p in "da")
            form("st generic, ld generic of %s, v%d.%s" % (space, v, t), " ".join([reg] * v), " ".join([kind] * v), lambda *a, x=extend: tuple(x(y) for y in a),
                 pre + "st.v%d.%s [%%g+16], { %s }; ld.v%d.%s { %s }, [%%g+16]; }" % (v, t, as_, v, t, ds))
    if n >= 16:
        for order in ("", ".volatile", ".relaxed.gpu"):
            form("st%s generic, ld.global%s" % (order, "." + t), reg, "%s %s" % (kind, kind), lambda a, b: b,
                 GLOBAL % (n // 8) + "st%s.%s [%%at], {a1}; ld.global.%s {d0}, [%%at]; }" % (order, t, t))
            form("st.global, ld%s generic%s" % (order, "." + t), reg, "%s %s" % (kind, kind), lambda a, b: b,
                 GLOBAL % (n // 8) + "st.global.%s [%%at], {a1}; ld%s.%s {d0}, [%%at]; }" % (t, order, t))

# ---- atomics ----
def finite(t):
    f = t.replace("x2", "")
    w = exact.bits_of(f)
    one = lambda rng: exact.encode(rng.randrange(2), rng.randint(1, 255), rng.randint(-12, 4), f)
    return lambda rng, count: [[one(rng) | (one(rng) << w if "x2" in t else 0) for _ in range(count)] for _ in range(2)]


for op, t, f in ATOMS:
    reg, values = "b%d" % width(t), finite(t) if "f" in t else None
    target = "sm_90" if "bf16" in t else "sm_80"
    form("atom.%s.%s, generic of shared" % (op, t), t + " " + t, t + " " + t, lambda a, b, f=f: (a, f(a, b)),
         SHARED_ADDRESS + "st.shared.%s [%%own], {a0}; atom.%s.%s {d0}, [%%g], {a1}; ld.shared.%s {d1}, [%%own]; }" % (reg, op, t, reg),
         values=values, target=target)
    if op != "exch":
        form("red.%s.%s, generic of shared" % (op, t), t, t + " " + t, lambda a, b, f=f: f(a, b),
             SHARED_ADDRESS + "st.shared.%s [%%own], {a0}; red.%s.%s [%%g], {a1}; ld.shared.%s {d0}, [%%own]; }" % (reg, op, t, reg),
             values=values, target=target)
for t in ("b16", "b32", "b64"):
    form("atom.cas.%s, generic of shared" % t, t + " " + t, " ".join([t] * 3), lambda a, b, c: (a, c if a == b else a),
         SHARED_ADDRESS + "st.shared.%s [%%own], {a0}; atom.cas.%s {d0}, [%%g], {a1}, {a2}; ld.shared.%s {d1}, [%%own]; }" % (t, t, t),
         values=lambda rng, n: [[rng.choice([1, 5, 9]) for _ in range(n)] for _ in range(3)])

# ---- f32: global memory flushes subnormal operands and results, shared memory keeps them ----
SMALL = [0, 1, 3, 0x7fffff, 0x800000, 0x800001, 0x1000000, 0x3f800000]
SMALL += [x | 1 << 31 for x in SMALL]


def small(rng, count):
    pairs = [(a, b) for a in SMALL for b in SMALL]
    return [[pairs[i % len(pairs)][k] for i in range(count)] for k in range(2)]


def keeping(a, b):
    return exact.add(a, b, "f32")


def flushing(a, b):
    return exact.flush(exact.add(exact.flush(a, "f32"), exact.flush(b, "f32"), "f32"), "f32")


for space, pre, at, f in ((".global", GLOBAL % 4, "%at", flushing), ("", GLOBAL % 4, "%at", flushing),
                          (".shared", OWN + "st.shared.f32 [%own], {a0}; ", "%own", keeping), ("", SHARED_ADDRESS + "st.shared.f32 [%own], {a0}; ", "%g", keeping)):
    where = "of shared" if "%g" == at else ""
    ld = "ld.%s.f32" % ("global" if at == "%at" else "shared")
    place = "%own" if at == "%g" else at
    form("atom%s.add.f32 of subnormals %s" % (space, where), "f32 f32", "f32 f32", lambda a, b, f=f: (a, f(a, b)),
         pre + "atom%s.add.f32 {d0}, [%s], {a1}; %s {d1}, [%s]; }" % (space, at, ld, place), values=small)
    form("red%s.add.f32 of subnormals %s" % (space, where), "f32", "f32 f32", lambda a, b, f=f: f(a, b),
         pre + "red%s.add.f32 [%s], {a1}; %s {d0}, [%s]; }" % (space, at, ld, place), values=small)
# ---- matrices ----
GENERIC_ROW = ROW + ".reg .b64 %g; cvt.u64.u32 %g, %row; cvta.shared.u64 %g, %g; "
for n in (1, 2, 4):
    for trans in ("", ".trans"):
        form("ldmatrix.sync.aligned.m8n8.x%d%s.b16, generic" % (n, trans), " ".join(["b32"] * n), "b32 b32 b32 b32", load(n, trans),
             GENERIC_ROW + "st.shared.v4.b32 [%%row], { {a0}, {a1}, {a2}, {a3} }; bar.warp.sync -1;"
             " ldmatrix.sync.aligned.m8n8.x%d%s.b16 { %s }, [%%g]; bar.warp.sync -1; }" % (n, trans, ", ".join("{d%d}" % i for i in range(n))), warp=True)
        form("stmatrix.sync.aligned.m8n8.x%d%s.b16, generic" % (n, trans), "b32 b32 b32 b32", "b32 b32 b32 b32", store(n, trans),
             GENERIC_ROW + "st.shared.v4.b32 [%%row], {0, 0, 0, 0}; bar.warp.sync -1; stmatrix.sync.aligned.m8n8.x%d%s.b16 [%%g], { %s };"
             " bar.warp.sync -1; ld.shared.v4.b32 { {d0}, {d1}, {d2}, {d3} }, [%%row]; bar.warp.sync -1; }"
             % (n, trans, ", ".join("{a%d}" % i for i in range(n))), warp=True, target="sm_90")

# ---- stores that signal an mbarrier of the peer ----
WIDE = ".reg .b64 %gb; cvt.u64.u32 %w, %n; cvta.shared::cluster.u64 %w, %w; cvt.u64.u32 %gb, %pb; cvta.shared::cluster.u64 %gb, %gb; "
for t in ("b32", "u64", "f32"):
    w = int(t[1:])
    for v in (1, 2):
        name = "st.async.mbarrier::complete_tx::bytes%s.%s" % (".v%d" % v if v > 1 else "", t)
        regs = ["{a%d}" % i for i in range(v)]
        loads = " ".join("ld.shared.b%d {d%d}, [%%o+%d];" % (w, i, 1024 + i * w // 8) for i in range(v))
        form(name + ", generic", " ".join(["b%d" % w] * v), " ".join(["b%d" % w] * v), lambda x: [x[l ^ 32] for l in range(64)],
             CLUSTER + PEER + "@%%z mbarrier.arrive.expect_tx.shared::cta.b64 %%st, [%%b], %d; mad.lo.u32 %%n, %%l, 32, %%peer; " % (4 * w * v) + WIDE +
             "%s [%%w+1024], %s, [%%gb]; " % (name, regs[0] if v == 1 else "{ %s }" % ", ".join(regs)) + WAIT +
             "mad.lo.u32 %o, %l, 32, %s; " + loads + " " + AWAY, warp=2, cluster=2, target="sm_90")
for op, t in SHARED:
    w = int(t[1:])
    f = PLAIN[op]
    one = (lambda a, b, f=f, w=w: f(signed(a, w), signed(b, w)) & (1 << w) - 1) if t[0] == "s" else (lambda a, b, f=f, w=w: f(a, b) & (1 << w) - 1)
    name = "red.async.relaxed.cluster.mbarrier::complete_tx::bytes.%s.%s" % (op, t)
    form(name + ", generic", t, t + " " + t, lambda x, f=one: [(f(x[l][1], x[l ^ 32][0]),) for l in range(64)],
         CLUSTER + PEER + "@%%z mbarrier.arrive.expect_tx.shared::cta.b64 %%st, [%%b], %d; mad.lo.u32 %%o, %%l, 8, %%s; st.shared.b%d [%%o+1024], {a1};"
         " barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; mad.lo.u32 %%n, %%l, 8, %%peer; " % (4 * w, w) + WIDE +
         "%s [%%w+1024], {a0}, [%%gb]; " % name + WAIT + "ld.shared.b%d {d0}, [%%o+1024]; " % w + AWAY, warp=2, cluster=2, target="sm_90")
