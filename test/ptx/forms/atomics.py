"""atom and red in global memory, by generic addresses and in other CTAs' shared
memory; orders, scopes, vectors (ISA 9.7.13.5, 9.7.13.6)."""
import exact
from bulk import CLUSTER
from form import form
from memory import ATOMS, OWN

SCOPES = (".cta", ".cluster", ".gpu", ".sys")
GLOBAL = "{ mad.lo.u64 %%at, %%idx64, %d, %%in; add.u64 %%at, %%at, {place0}; "


def width(t):
    return 32 if "x2" in t else int("".join(c for c in t if c.isdigit())[-2:])


def finite(t, n):
    """Ordinary numbers: what NaN, subnormals and signs of zeros give is tested where the ISA says."""
    f = t.replace("x2", "")
    w = exact.bits_of(f)
    def one(rng):
        return exact.encode(rng.randrange(2), rng.randint(1, 255), rng.randint(-12, 4), f)
    def draw(rng, count):
        return [[one(rng) | (one(rng) << w if "x2" in t else 0) for _ in range(count)] for _ in range(n)]
    return draw


def lesser(f):
    return lambda a, b: a if exact.compare(a, b, f) < 0 else b


def greater(f):
    return lambda a, b: b if exact.compare(a, b, f) < 0 else a


pair = lambda f: lambda a, b: f(a & 0xffff, b & 0xffff) | f(a >> 16, b >> 16) << 16


def declare(kind, place, sem, scope, op, t, f, hint=""):
    """kind: atom (old and new come out) or red (new)."""
    reg = "b%d" % width(t)
    bytes_ = width(t) // 8
    where = {".global": GLOBAL % bytes_, "": GLOBAL % bytes_, ".shared": OWN, ".shared::cta": OWN}[place]
    shared = place.startswith(".shared")
    at = "[%own]" if shared else "[%at]"
    st = "st.shared.%s [%%own], {a0}; " % reg if shared else ""
    ld = "ld.%s.%s" % ("shared" if shared else "global", reg)
    name = "%s%s%s%s.%s%s.%s" % (kind, sem, scope, place, op, hint, t)
    float_ = "f" in t and t[0] != "s"
    target = "sm_90" if "bf16" in t or scope == ".cluster" or hint else "sm_80"
    policy = "; .reg .b64 %w; createpolicy.fractional.L2::evict_last.b64 %w, 1.0" if hint else ""
    extra = ", %w" if hint else ""
    if kind == "atom":
        form(name, t + " " + t, t + " " + t, lambda a, b: (a, f(a, b)), where + policy.lstrip("; ") + (";" if policy else "") + st +
             "%s {d0}, %s, {a1}%s; %s {d1}, %s; }" % (name, at, extra, ld, at), target=target, values=finite(t, 2) if float_ else None)
    else:
        form(name, t, t + " " + t, lambda a, b: f(a, b), where + policy.lstrip("; ") + (";" if policy else "") + st +
             "%s %s, {a1}%s; %s {d0}, %s; }" % (name, at, extra, ld, at), target=target, values=finite(t, 2) if float_ else None)


for op, t, f in ATOMS:
    for place in (".global", ""):
        declare("atom", place, "", "", op, t, f)
        if op != "exch":
            declare("red", place, "", "", op, t, f)
    declare("atom", ".shared::cta", "", "", op, t, f)
# Every order with every scope, for one integer, one float and one pair.
for op, t, f in ATOMS:
    if (op, t) not in (("add", "u32"), ("min", "s64"), ("exch", "b32"), ("add", "f32"), ("add.noftz", "f16x2")):
        continue
    for scope in SCOPES:
        for sem in (".relaxed", ".acquire", ".release", ".acq_rel"):
            for place in (".global", ".shared"):
                if place == ".shared" and (op, t, sem, scope) == ("add", "u32", ".acq_rel", ".cta"):
                    continue  # stands in memory.py
                declare("atom", place, sem, scope, op, t, f)
        if op != "exch":
            for sem in (".relaxed", ".release"):
                declare("red", ".global", sem, scope, op, t, f)
for kind in ("atom", "red"):
    declare(kind, ".global", "", "", "add", "u32", dict(((o, t), f) for o, t, f in ATOMS)["add", "u32"], ".L2::cache_hint")
for w in (16, 32, 64):
    t = "b%d" % w
    def cas_values(rng, count, w=w):
        pool = [rng.getrandbits(w) for _ in range(4)]
        return [[rng.choice(pool) for _ in range(count)] for _ in range(3)]
    for place in (".global", ""):
        for sem in ("", ".acq_rel.gpu"):
            name = "atom%s%s.cas.%s" % (sem, place, t)
            form(name, t + " " + t, " ".join([t] * 3), lambda a, b, c: (a, c if a == b else a), GLOBAL % (w // 8) +
                 "%s {d0}, [%%at], {a1}, {a2}; ld.global.%s {d1}, [%%at]; }" % (name, t), values=cas_values)
for place in (".global", ""):
    form("atom%s.cas.b128" % place, "b128 b128", "b128 b128 b128", lambda a, b, c: (a, c if a == b else a), GLOBAL % 16 +
         "atom%s.cas.b128 {d0}, [%%at], {a1}, {a2}; .reg .b64 %%lo, %%hi; ld.global.v2.b64 {%%lo, %%hi}, [%%at]; mov.b128 {d1}, {%%lo, %%hi}; }" % place,
         target="sm_90", values=lambda rng, n: [[rng.choice([1, 1 << 100, 5 << 64]) for _ in range(n)] for _ in range(3)])
    form("atom%s.exch.b128" % place, "b128 b128", "b128 b128", lambda a, b: (a, b), GLOBAL % 16 +
         "atom%s.exch.b128 {d0}, [%%at], {a1}; .reg .b64 %%lo, %%hi; ld.global.v2.b64 {%%lo, %%hi}, [%%at]; mov.b128 {d1}, {%%lo, %%hi}; }" % place,
         target="sm_90")

# ---- vectors, in global memory only; operands are 16 bytes ----
VECTORS = [("add", "f32", v) for v in (2, 4)]
VECTORS += [(op, t, v) for op in ("add.noftz", "min.noftz", "max.noftz") for t in ("f16", "bf16") for v in (2, 4, 8)]
VECTORS += [(op, t, v) for op in ("add.noftz", "min.noftz", "max.noftz") for t in ("f16x2", "bf16x2") for v in (2, 4)]
for op, t, v in VECTORS:
    scalar = t.replace("x2", "")
    f = {"add": lambda a, b, t=scalar: exact.add(a, b, t), "min": lesser(scalar), "max": greater(scalar)}[op.split(".")[0]]
    w = exact.bits_of(scalar)
    def whole(a, b, f=f, w=w, n=v * width(t)):
        m = (1 << w) - 1
        return (sum(f(a >> i & m, b >> i & m) << i for i in range(0, n, w)) | a >> n << n), a & (1 << n) - 1
    def numbers(rng, count, w=w, scalar=scalar):
        one = lambda: exact.encode(rng.randrange(2), rng.randint(1, 255), rng.randint(-12, 4), scalar)
        return [[sum(one() << i for i in range(0, 128, w)) for _ in range(count)] for _ in range(2)]
    regs = ["%%v%d" % i for i in range(v)]
    olds = ["%%o%d" % i for i in range(v)]
    reg = "b%d" % width(t)
    # The operands' elements are loaded from memory, and the old ones collected there.
    load = ".reg .b64 %%lo, %%hi, %%src; .reg .%s %s; mad.lo.u64 %%src, %%idx64, 16, %%in; add.u64 %%src, %%src, {place1}; " % (reg, ", ".join(regs + olds))
    load += "".join("ld.global.%s %s, [%%src+%d]; " % (reg, r, i * width(t) // 8) for i, r in enumerate(regs))
    back = "ld.global.v2.b64 {%lo, %hi}, [%at]; mov.b128 {d0}, {%lo, %hi}; "
    for sem in ("", ".relaxed.gpu") + ((".acq_rel.sys",) if v == 2 else ()):
        for space in (".global", ""):
            name = "atom%s%s.%s.v%d.%s" % (sem, space, op, v, t)
            keep = "".join("st.global.%s [%%src+%d], %s; " % (reg, i * width(t) // 8, o) for i, o in enumerate(olds))
            clear = "st.global.v2.b64 [%src], {0, 0}; "
            form(name, "b128 b128", "b128 b128", whole, GLOBAL % 16 + load + "%s { %s }, [%%at], { %s }; " % (name, ", ".join(olds), ", ".join(regs)) +
                 back + clear + keep + "ld.global.v2.b64 {%lo, %hi}, [%src]; mov.b128 {d1}, {%lo, %hi}; }", target="sm_90", values=numbers)
            if "acq" not in sem:
                name = "red%s%s.%s.v%d.%s" % (sem, space, op, v, t)
                form(name, "b128", "b128 b128", lambda a, b, w=whole: w(a, b)[0], GLOBAL % 16 + load + "%s [%%at], { %s }; " % (name, ", ".join(regs)) +
                     back + "}", target="sm_90", values=numbers)

# ---- the same place of the peer's shared memory ----
for op, t, f in ATOMS:
    reg = "b%d" % width(t)
    float_ = "f" in t and t[0] != "s"
    begin = CLUSTER + "xor.b32 %%peer, %%rank, 1; mapa.shared::cluster.u32 %%peer, %%s, %%peer; mad.lo.u32 %%o, %%l, 16, %%s;" \
        " mad.lo.u32 %%n, %%l, 16, %%peer; st.shared.%s [%%o], {a0}; barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; " % reg
    after = " barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; "
    values = finite(t, 2) if float_ else None
    for sem in ("", ".acq_rel.cluster") if t == "u32" else ("",):
        name = "atom%s.shared::cluster.%s.%s" % (sem, op, t)
        form(name, t + " " + t, t + " " + t, lambda v, f=f: [(v[l ^ 32][0], f(v[l][0], v[l ^ 32][1])) for l in range(64)], begin +
             "%s {d0}, [%%n], {a1};" % name + after + "ld.shared.%s {d1}, [%%o]; }" % reg, warp=2, cluster=2, target="sm_90", values=values)
        if op != "exch":
            name = "red%s.shared::cluster.%s.%s" % (sem.replace("acq_rel", "release"), op, t)
            form(name, t, t + " " + t, lambda v, f=f: [(f(v[l][0], v[l ^ 32][1]),) for l in range(64)], begin +
                 "%s [%%n], {a1};" % name + after + "ld.shared.%s {d0}, [%%o]; }" % reg, warp=2, cluster=2, target="sm_90", values=values)
# Every thread of the grid on one word: what is left is the sum.
form("red.global.add.u32 one address", "u32", "u32 u32", lambda v: [(sum(x[0] for x in v) + v[0][1] & 0xffffffff,)] * 32,
     "{ .reg .b64 %c; cvt.u64.u32 %c, %cta; mad.lo.u64 %at, %c, 128, %in; red.global.add.u32 [%at+{place1}], {a0}; bar.warp.sync -1;"
     " ld.relaxed.gpu.global.u32 {d0}, [%at+{place1}]; bar.warp.sync -1; }", warp=True)
