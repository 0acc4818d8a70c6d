"""What only clusters and sm_90 and later have: addresses in other CTAs, cluster
barriers, setmaxnreg, griddepcontrol; and of sm_100: pairs of f32, redux of f32,
st.bulk (ISA 9.7.9, 9.7.13, 9.7.3)."""
import exact
from bulk import CLUSTER
from form import form, random_float

SIZE = 4
NEXT = "add.u32 %peer, %rank, 1; and.b32 %peer, %peer, 3; "  # the next CTA's rank
TYPES = ["b8", "u8", "s8", "b16", "u16", "s16", "b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"]
SYNC = "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; "


def clustered(name, outs, ins, ref, body, **more):
    form(name, outs, ins, ref, CLUSTER + NEXT + body + "}", warp=SIZE, cluster=SIZE, count=512, target=more.pop("target", "sm_90"), **more)


peer = lambda l: (l // 32 + 1) % SIZE * 32 + l % 32
# ---- addresses ----
for t, where in (("u32", "mapa.shared::cluster.u32 %n, %r, %peer;"), ("u32 of a variable", "mapa.shared::cluster.u32 %n, scratch, %peer; mad.lo.u32 %n, %l, 16, %n;"),
                 ("u32 of a variable and an offset", "mapa.shared::cluster.u32 %n, scratch+16, %peer; mad.lo.u32 %n, %l, 16, %n; sub.u32 %n, %n, 16;")):
    clustered("mapa.shared::cluster." + t, "b32", "b32", lambda v: [(v[peer(l)][0],) for l in range(32 * SIZE)],
              "st.shared.b32 [%%r], {a0}; %s %s ld.shared::cluster.b32 {d0}, [%%n]; %s" % (SYNC, where, SYNC))
clustered("mapa.shared::cluster.u64", "b32", "b32", lambda v: [(v[peer(l)][0],) for l in range(32 * SIZE)],
          "st.shared.b32 [%%r], {a0}; %s cvt.u64.u32 %%w, %%r; mapa.shared::cluster.u64 %%w, %%w, %%peer; ld.shared::cluster.b32 {d0}, [%%w]; %s" % (SYNC, SYNC))
clustered("mapa.u64", "b32", "b32", lambda v: [(v[peer(l)][0],) for l in range(32 * SIZE)],
          "st.shared.b32 [%%r], {a0}; %s cvt.u64.u32 %%w, %%r; cvta.shared.u64 %%w, %%w; mapa.u64 %%w, %%w, %%peer; ld.b32 {d0}, [%%w]; %s" % (SYNC, SYNC))
for t in ("u32", "u64"):
    move = "mov.u32 %n, %r; " if t == "u32" else "cvt.u64.u32 %w, %r; "
    reg = "%n" if t == "u32" else "%w"
    clustered("getctarank.shared::cluster." + t, "b32 b32", "b32", lambda v: [((l // 32 + 1) % SIZE, l // 32) for l in range(32 * SIZE)],
              move + "getctarank.shared::cluster.%s {d1}, %s; mapa.shared::cluster.%s %s, %s, %%peer; getctarank.shared::cluster.%s {d0}, %s; "
              % (t, reg, t, reg, reg, t, reg))
clustered("getctarank.u64", "b32", "b32", lambda v: [((l // 32 + 1) % SIZE,) for l in range(32 * SIZE)],
          "cvt.u64.u32 %w, %r; cvta.shared.u64 %w, %w; mapa.u64 %w, %w, %peer; getctarank.u64 {d0}, %w; ")
clustered("isspacep of a peer's memory", "b32", "b32", lambda v: [(0b10,)] * (32 * SIZE),
          "cvt.u64.u32 %w, %r; cvta.shared.u64 %w, %w; mapa.u64 %w, %w, %peer; isspacep.shared::cta %p, %w; selp.b32 {d0}, 1, 0, %p;"
          " isspacep.shared::cluster %p, %w; selp.b32 %n, 2, 0, %p; or.b32 {d0}, {d0}, %n; isspacep.global %p, %w; selp.b32 %n, 4, 0, %p;"
          " or.b32 {d0}, {d0}, %n; ")
# ---- accesses ----
for t in TYPES:
    n = int(t[1:])
    reg = "b%d" % max(16, n)
    kind = reg if n < 16 else t
    def extend(v, t=t, n=n):
        v &= (1 << n) - 1
        return (v | -(v >> n - 1 & 1) << n) & (1 << max(16, n)) - 1 if t[0] == "s" else v
    clustered("st+ld.shared::cluster." + t, reg, kind, lambda v, x=extend: [(x(v[(l // 32 + 3) % 4 * 32 + l % 32][0]),) for l in range(32 * SIZE)],
              "mapa.shared::cluster.u32 %%n, %%r, %%peer; st.shared::cluster.%s [%%n+8], {a0}; %s ld.shared.%s {d0}, [%%r+8]; %s" % (t, SYNC, t, SYNC))
    for v_ in (2, 4):
        if v_ * n > 128:
            continue
        ds, as_ = (", ".join("{%s%d}" % (p, i) for i in range(v_)) for p in "da")
        clustered("st+ld.shared::cluster.v%d.%s" % (v_, t), " ".join([reg] * v_), " ".join([kind] * v_),
                  lambda v, x=extend: [tuple(x(y) for y in v[peer(l)]) for l in range(32 * SIZE)],
                  "mapa.shared::cluster.u32 %%n, %%r, %%peer; st.shared.v%d.%s [%%r], { %s }; %s ld.shared::cluster.v%d.%s { %s }, [%%n]; %s"
                  % (v_, t, as_, SYNC, v_, t, ds, SYNC))
for order in ("volatile", "relaxed.cluster", "acquire.cluster", "acquire.gpu", "weak"):
    st = {"acquire.cluster": "release.cluster", "acquire.gpu": "release.gpu"}.get(order, order)
    clustered("st.%s.shared::cluster, ld.%s.shared::cluster" % (st, order), "b32", "b32", lambda v: [(v[l][0],) for l in range(32 * SIZE)],
              "mapa.shared::cluster.u32 %%n, %%r, %%peer; st.%s.shared::cluster.b32 [%%n], {a0}; %s ld.%s.shared::cluster.b32 {d0}, [%%n]; %s"
              % (st, SYNC, order, SYNC))
# ---- barriers and registers of clusters ----
for arrive in ("", ".release", ".relaxed"):
    for wait in ("", ".acquire"):
        for aligned in ("", ".aligned"):
            fence = "fence.acq_rel.cluster; " if arrive == ".relaxed" else ""
            clustered("barrier.cluster.arrive%s%s, wait%s%s" % (arrive, aligned, wait, aligned), "b32", "b32",
                      lambda v: [(v[peer(l)][0],) for l in range(32 * SIZE)],
                      "mapa.shared::cluster.u32 %%n, %%r, %%peer; st.shared.b32 [%%r], {a0}; %s barrier.cluster.arrive%s%s; barrier.cluster.wait%s%s; %s"
                      " ld.shared::cluster.b32 {d0}, [%%n]; %s" % (fence, arrive, aligned, wait, aligned, fence, SYNC))
for name, f in (("cluster_ctarank", lambda l: l // 32), ("cluster_nctarank", lambda l: SIZE), ("cluster_ctaid.x", lambda l: l // 32),
                ("cluster_ctaid.y", lambda l: 0), ("cluster_nctaid.x", lambda l: SIZE), ("cluster_nctaid.z", lambda l: 1)):
    clustered("mov.u32 %" + name, "b32", "b32", lambda v, f=f: [(f(l),) for l in range(32 * SIZE)], "mov.u32 {d0}, %%%s; " % name)
clustered("mov.pred %is_explicit_cluster", "pred", "b32", lambda v: [(1,)] * (32 * SIZE), "mov.pred {d0}, %is_explicit_cluster; ")
# %clusterid counts clusters: CTA / size.
form("mov.u32 %clusterid.x", "b32 b32", "b32", lambda v: [(1, 4)] * (32 * SIZE),
     "{ .reg .b32 %c, %n; .reg .pred %p; mov.u32 %c, %clusterid.x; mov.u32 %n, %ctaid.x; shr.u32 %n, %n, 2; setp.eq.u32 %p, %c, %n;"
     " selp.b32 {d0}, 1, 0, %p; mov.u32 {d1}, %nclusterid.x; }", warp=SIZE, cluster=SIZE, count=512, target="sm_90")

# ---- registers and grids ----
form("setmaxnreg.inc and dec.sync.aligned.u32", "b32", "b32", lambda v: v,
     "setmaxnreg.dec.sync.aligned.u32 24; setmaxnreg.inc.sync.aligned.u32 40; mov.b32 {d0}, {a0};", warp=128, count=512, target="sm_90a")
for action in ("launch_dependents", "wait"):
    form("griddepcontrol." + action, "b32", "b32", lambda a: a, "griddepcontrol.%s; mov.b32 {d0}, {a0};" % action, target="sm_90")
for f in ["fence.%s.%s" % (o, s) for o in ("sc", "acq_rel", "acquire", "release") for s in ("cta", "cluster", "gpu", "sys")] + [
        "fence.mbarrier_init.release.cluster", "fence.proxy.alias", "fence.proxy.async", "fence.proxy.async.global", "fence.proxy.async.shared::cta",
        "fence.proxy.async.shared::cluster", "fence.acquire.sync_restrict::shared::cluster.cluster", "fence.release.sync_restrict::shared::cta.cluster",
        "fence.proxy.async::generic.acquire.sync_restrict::shared::cluster.cluster", "fence.proxy.async::generic.release.sync_restrict::shared::cta.cluster",
        "membar.cta", "membar.gl", "membar.sys", "membar.proxy.alias"]:
    form(f, "b32", "b32", lambda a: a, "%s; mov.b32 {d0}, {a0};" % f, target="sm_90")
# ---- hints ----
for hint in ("prefetch.global.L1", "prefetch.global.L2", "prefetch.L1", "prefetch.local.L2", "prefetch.global.L2::evict_last",
             "prefetch.global.L2::evict_normal", "prefetchu.L1"):
    local = " { .local .b8 %loc[8]; mov.u64 %at, %loc; }" if "local" in hint else ""
    form(hint, "b32", "b32", lambda a: a, "%s %s [%%at]; mov.b32 {d0}, {a0};" % (local, hint), target="sm_80")
for hint in ("applypriority.global.L2::evict_normal", "applypriority.L2::evict_normal"):
    form(hint, "b32", "b32", lambda a: a, "and.b64 %%at, %%at, -128; %s [%%at], 128; mov.b32 {d0}, {a0};" % hint, target="sm_80")
for policy, operands in (("fractional.L2::evict_last", "0.5"), ("fractional.L2::evict_first.L2::evict_unchanged", ""), ("fractional.L2::evict_normal", "1.0"),
                         ("range.L2::evict_last.L2::evict_first", "[%at], 0x1000, 0x2000"), ("range.global.L2::evict_unchanged", "[%at], 0x1000, 0x2000"),
                         ("cvt.L2", "%at")):
    form("createpolicy.%s.b64" % policy, "b32", "b32", lambda a: a, "{ .reg .b64 %%w; createpolicy.%s.b64 %%w%s; mov.b32 {d0}, {a0}; }"
         % (policy, ", " + operands if operands else ""), target="sm_80")

# ---- sm_100 ----
both = lambda f: lambda *v: f(*[x & 0xffffffff for x in v]) | f(*[x >> 32 for x in v]) << 32
for op, n in (("add", 2), ("sub", 2), ("mul", 2), ("fma", 3)):
    for rounding in (".rn", ".rz", ".rm", ".rp") + (("",) if op != "fma" else ()):
        for ftz in ("", ".ftz"):
            def one(*v, op=op, mode=rounding[1:] or "rn", ftz=bool(ftz)):
                if ftz:
                    v = [exact.flush(x, "f32") for x in v]
                r = exact.add(*v, "f32", mode, True) if op == "sub" else getattr(exact, op)(*v, "f32", mode)
                return exact.flush(r, "f32") if ftz else r
            form("%s%s%s.f32x2" % (op, rounding, ftz), "f32x2", " ".join(["f32x2"] * n), both(one), target="sm_100")

# f32 with narrow factors, or a narrow first term.
for t in ("f16", "bf16"):
    for op, ins in (("add", (t, "f32")), ("sub", (t, "f32")), ("fma", (t, t, "f32"))):
        for rounding in (".rn", ".rz", ".rm", ".rp") + (("",) if op != "fma" else ()):
            for sat in ("", ".sat"):
                def mixed(*v, op=op, ins=ins, mode=rounding[1:] or "rn", sat=bool(sat)):
                    v = [exact.convert(x, k, "f32") if k != "f32" else x for x, k in zip(v, ins)]
                    r = exact.fma(*v, "f32", mode) if op == "fma" else exact.add(*v, "f32", mode, op == "sub")
                    return exact.saturate(r, "f32") if sat else r
                form("%s%s%s.f32.%s" % (op, rounding, sat, t), "f32", " ".join(ins), mixed, target="sm_100")


def redux(op, absolute, nan):
    def run(v):
        x = [a & 0x7fffffff if absolute else a for a, in v]
        numbers = [a for a in x if exact.compare(a, a, "f32") is not None]
        if not numbers or (nan and len(numbers) < len(x)):
            return [(0x7fffffff,)] * 32
        order = lambda a: (-1 if a >> 31 else 1) * (a & 0x7fffffff) - (a >> 31)  # -0 below +0
        return [((min if op == "min" else max)(numbers, key=order),)] * 32
    return run


def some_nans(rng, count):
    out = []
    for w in range(count // 32):
        pool = [random_float("f32", rng) for _ in range(8)] + [0, 1 << 31, 0x3f800000]
        out += [rng.choice(pool) if w % 3 else 0x7fc00000 if w % 6 == 0 else rng.choice([0, 1 << 31]) for _ in range(32)]
    return [out]


for op in ("min", "max"):
    for absolute in ("", ".abs"):
        for nan in ("", ".NaN"):
            name = "redux.sync.%s%s%s.f32" % (op, absolute, nan)
            form(name, "f32", "f32", redux(op, absolute, nan), name + " {d0}, {a0}, -1;", warp=True, values=some_nans, target="sm_100a")
for space, at in ((".shared::cta", "%own"), ("", "%g"), (".weak.shared::cta", "%own")):
    form("st.bulk" + space, "b64 b64 b64", "b64 b64 b64", lambda a, b, c: (0, 0, c),
         "{ .reg .b32 %%l, %%own; .reg .b64 %%g; mov.u32 %%l, %%tid.x; mov.u32 %%own, scratch; mad.lo.u32 %%own, %%l, 64, %%own; cvt.u64.u32 %%g, %%own;"
         " cvta.shared.u64 %%g, %%g; st.shared.b64 [%%own], {a0}; st.shared.b64 [%%own+8], {a1}; st.shared.b64 [%%own+16], {a2}; st.bulk%s [%s], 16, 0;"
         " ld.shared.b64 {d0}, [%%own]; ld.shared.b64 {d1}, [%%own+8]; ld.shared.b64 {d2}, [%%own+16]; }" % (space, at), target="sm_100")
