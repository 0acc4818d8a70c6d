"""cp.async.bulk, cp.reduce.async.bulk, st.async, red.async (ISA 9.7.9.25, 9.7.9.12,
9.7.13.7): copies between global memory and the shared memory of a cluster's CTAs,
a warp each."""
import exact
from form import form, random_float, signed

# %s: scratch, %b: an mbarrier, %z: lane 0, %from: 16 bytes a lane of the first operand.
HEAD = "{ .shared .align 8 .b64 bar; .reg .pred %z, %p, %e; .reg .b32 %l, %s, %b, %r, %o, %n, %rank, %peer, %pb;" \
       " .reg .b64 %from, %to, %st, %w, %lo, %hi; mov.u32 %l, %laneid; setp.eq.u32 %z, %l, 0; mov.u32 %s, scratch; mov.u32 %b, bar;" \
       " mad.lo.u64 %from, %idx64, 16, %in; add.u64 %from, %from, {place0}; mad.lo.u32 %r, %l, 16, %s;" \
       " @%z mbarrier.init.shared::cta.b64 [%b], 1; "
CLUSTER = HEAD + "mov.u32 %rank, %cluster_ctarank; fence.mbarrier_init.release.cluster; barrier.cluster.arrive.aligned;" \
                 " barrier.cluster.wait.aligned; "
READY = "fence.proxy.async.shared::cta; bar.warp.sync -1; "
WAIT = "W: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p, [%b], 0; @!%p bra W; "
# Lanes read in another order than they wrote, then the memory may be used again.
MIXED = lambda l: (5 * l + 3) & 31
READ = "mad.lo.u32 %o, %l, 5, 3; and.b32 %o, %o, 31; mad.lo.u32 %o, %o, 16, %s; ld.shared.v2.b64 {%lo, %hi}, [%o+{at}];" \
       " mov.b128 {d0}, {%lo, %hi}; bar.warp.sync -1; "
ZEROS = "st.shared.v4.b32 [%r], {0, 0, 0, 0}; st.shared.v4.b32 [%r+512], {0, 0, 0, 0}; "


def read(at=0):
    return READ.replace("{at}", str(at))


def store(operand, at=0):
    return "mov.b128 {%%lo, %%hi}, {a%d}; st.shared.v2.b64 [%%r+%d], {%%lo, %%hi}; " % (operand, at)


def random128(rng, count):
    return [rng.getrandbits(128) for _ in range(count)]


# ---- global to shared ----
for space in ("shared::cta", "shared::cluster"):
    for hint in ("", ".L2::cache_hint"):
        for n in (16, 240, 512):
            name = "cp.async.bulk.%s.global.mbarrier::complete_tx::bytes%s" % (space, hint)
            policy = "createpolicy.fractional.L2::evict_last.b64 %w, 1.0; " if hint else ""
            form("%s %d" % (name, n), "b128", "b128", lambda v, n=n: [(v[MIXED(l)][0] if 16 * MIXED(l) < n else 0,) for l in range(32)],
                 HEAD + policy + ZEROS + READY + "@%%z mbarrier.arrive.expect_tx.shared::cta.b64 %%st, [%%b], %d;"
                 " @%%z %s [%%s], [%%from], %d, [%%b]%s; " % (n, name, n, ", %w" if hint else "") + WAIT + read() + "}",
                 warp=True, target="sm_90")
# Sizes from a register, several copies for one phase, an offset source and target.
form("cp.async.bulk sizes of a register", "b128", "b128 small32", lambda v: [
    (v[MIXED(l)][0] if 16 * MIXED(l) < 16 * (v[0][1] & 31) else 0,) for l in range(32)],
     HEAD + ZEROS + READY + "and.b32 %n, {a1}, 31; shl.b32 %n, %n, 4; @%z mbarrier.arrive.expect_tx.shared::cta.b64 %st, [%b], %n;"
     " @%z cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%s], [%from], %n, [%b]; " + WAIT + read() + "}",
     warp=True, target="sm_90")
form("cp.async.bulk twice for one phase", "b128", "b128", lambda v: [(v[MIXED(l) ^ 16][0],) for l in range(32)],
     HEAD + ZEROS + READY + "@%z mbarrier.arrive.expect_tx.shared::cta.b64 %st, [%b], 512;"
     " @%z cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%s+256], [%from], 256, [%b];"
     " @%z cp.async.bulk.shared::cta.global.mbarrier::complete_tx::bytes [%s], [%from+256], 256, [%b]; " + WAIT + read() + "}",
     warp=True, target="sm_90")
for hint in ("", ".L2::cache_hint"):
    form("cp.async.bulk.prefetch.L2.global" + hint, "b128", "b128", lambda v: v,
         HEAD + ("createpolicy.fractional.L2::evict_last.b64 %%w, 1.0; @%%z cp.async.bulk.prefetch.L2.global%s [%%from], 512%s;"
                 " mov.b128 {d0}, {a0}; }" % (hint, ", %w" if hint else "")), warp=True, target="sm_90")


# ---- multicast: the CTA that a1 names copies to those of the mask ----
def cluster_values(size, choices):
    def values(rng, count):
        columns = [random128(rng, count)] + [[] for _ in choices]
        for _ in range(count // (32 * size)):
            for c, draw in zip(columns[1:], choices):
                c += [draw(rng)] * (32 * size)
        return columns
    return values


for size in (2, 4):
    for hint in ("", ".L2::cache_hint"):
        name = "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster" + hint
        def spread(v, size=size):
            issuer, mask = v[0][1], v[0][2]
            return [(v[32 * issuer + MIXED(l % 32)][0] if mask >> l // 32 & 1 else 0,) for l in range(32 * size)]
        policy = "createpolicy.fractional.L2::evict_last.b64 %w, 1.0; " if hint else ""
        form("%s %d CTAs" % (name, size), "b128", "b128 u32 u32", spread,
             CLUSTER + policy + ZEROS + READY + "{ .reg .b16 %m; .reg .pred %i; shr.u32 %o, {a2}, %rank; and.b32 %o, %o, 1; setp.ne.u32 %p, %o, 0;"
             " @%p mov.u32 %n, 512; @!%p mov.u32 %n, 0; @%z mbarrier.arrive.expect_tx.shared::cta.b64 %st, [%b], %n;"
             " barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; cvt.u16.u32 %m, {a2}; setp.eq.and.u32 %i, %rank, {a1}, %z;"
             " @%i " + name + " [%s], [%from], 512, [%b], %m" + (", %w" if hint else "") + "; } " + WAIT + read() +
             "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; }", warp=size, cluster=size, target="sm_90", count=512,
             values=cluster_values(size, [lambda rng, n=size: rng.randrange(n), lambda rng, n=size: rng.randrange(1, 1 << n)]))
# ---- shared to the peer's shared ----
PEER = "xor.b32 %peer, %rank, 1; mapa.shared::cluster.u32 %pb, %b, %peer; mapa.shared::cluster.u32 %peer, %s, %peer; "
AWAY = "barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; }"
form("cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes", "b128", "b128", lambda v: [
    (v[(32 ^ l & 32) + MIXED(l & 31)][0],) for l in range(64)],
     CLUSTER + PEER + store(0) + READY + "@%z mbarrier.arrive.expect_tx.shared::cta.b64 %st, [%b], 512;"
     " @%z cp.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes [%peer+512], [%s], 512, [%pb]; " + WAIT + read(512) + AWAY,
     warp=2, cluster=2, target="sm_90")

# ---- shared to global ----
for hint in ("", ".L2::cache_hint"):
    for wait in ("wait_group 0", "wait_group.read 0; cp.async.bulk.wait_group 0"):
        name = "cp.async.bulk.global.shared::cta.bulk_group" + hint
        policy = "createpolicy.fractional.L2::evict_last.b64 %w, 1.0; " if hint else ""
        form("%s %s" % (name, wait.split(" ")[0]), "b128", "b128 b128", lambda v: [(v[l][0] if l < 20 else v[l][1],) for l in range(32)],
             HEAD + policy + store(0) + READY + "mad.lo.u64 %%to, %%idx64, 16, %%in; add.u64 %%to, %%to, {place1};"
             " @%%z %s [%%to], [%%s], 320%s; @%%z cp.async.bulk.commit_group; @%%z cp.async.bulk.%s; bar.warp.sync -1;"
             " ld.global.v2.b64 {%%lo, %%hi}, [%%to]; mov.b128 {d0}, {%%lo, %%hi}; bar.warp.sync -1; }"
             % (name, ", %w" if hint else "", wait), warp=True, target="sm_90")
# The older group is done, whether the younger is or not.
form("cp.async.bulk.wait_group 1", "b128", "b128 b128", lambda v: [(v[l][0] if l < 16 else v[l][1],) for l in range(32)],
     HEAD + store(0) + READY + "mad.lo.u64 %to, %idx64, 16, %in; add.u64 %to, %to, {place1};"
     " @%z cp.async.bulk.global.shared::cta.bulk_group [%to], [%s], 256; @%z cp.async.bulk.commit_group; @%z cp.async.bulk.commit_group;"
     " @%z cp.async.bulk.wait_group 1; bar.warp.sync -1;"
     " ld.global.v2.b64 {%lo, %hi}, [%to]; mov.b128 {d0}, {%lo, %hi}; bar.warp.sync -1; }", warp=True, target="sm_90")


# ---- reductions ----
def elements(f, w):
    def run(a, b):
        m = (1 << w) - 1
        return sum((f(a >> i & m, b >> i & m) & m) << i for i in range(0, 128, w))
    return run


def ints(f, t):
    w = int(t[1:])
    return elements((lambda a, b: f(signed(a, w), signed(b, w))) if t[0] == "s" else f, w)


INC = lambda a, b: 0 if a >= b else a + 1
DEC = lambda a, b: b if a == 0 or a > b else a - 1
SHARED = [("add", t) for t in ("u32", "s32", "u64")] + [(op, t) for op in ("min", "max") for t in ("u32", "s32")] + \
         [("inc", "u32"), ("dec", "u32")] + [(op, "b32") for op in ("and", "or", "xor")]
GLOBAL = SHARED + [(op, t) for op in ("min", "max") for t in ("u64", "s64", "f16", "bf16")] + \
         [(op, "b64") for op in ("and", "or", "xor")] + [("add", t) for t in ("f32", "f64")] + [("add.noftz", t) for t in ("f16", "bf16")]
PLAIN = {"add": lambda a, b: a + b, "min": min, "max": max, "inc": INC, "dec": DEC, "and": lambda a, b: a & b, "or": lambda a, b: a | b,
         "xor": lambda a, b: a ^ b}


def combine(op, t):
    if t in ("f16", "bf16", "f32", "f64"):
        w = exact.bits_of(t)
        if op in ("min", "max"):
            less = lambda a, b, t=t: exact.compare(a, b, t) < 0
            return elements((lambda a, b: a if less(a, b) else b) if op == "min" else (lambda a, b: b if less(a, b) else a), w)
        return elements(lambda a, b: exact.add(a, b, t), w)
    return ints(PLAIN[op], t)


def numbers(t, n):
    """Bits of 128 bits of elements; floats are ordinary, so that neither NaN nor the sign of zeros nor subnormals matter."""
    def draw(rng):
        if t[0] in "usb" and t != "bf16":
            w = int(t[1:])
            pool = [0, 1, (1 << w) - 1, 1 << w - 1, (1 << w - 1) - 1, 5, 6]
            return sum((rng.choice(pool) if rng.randrange(2) else rng.getrandbits(w)) << i for i in range(0, 128, w))
        w = exact.bits_of(t)
        return sum(exact.encode(rng.randrange(2), rng.randint(1, 255), rng.randint(-12, 4) if t[0] == "f" else rng.randint(-40, 40), t) << i
                   for i in range(0, 128, w))
    return lambda rng, count: [[draw(rng) for _ in range(count)] for _ in range(n)]


for op, t in SHARED:
    name = "cp.reduce.async.bulk.shared::cluster.shared::cta.mbarrier::complete_tx::bytes.%s.%s" % (op, t)
    f = combine(op, t)
    form(name, "b128", "b128 b128", lambda v, f=f: [(f(v[l][1], v[l ^ 32][0]),) for l in range(64)],
         CLUSTER + PEER + store(0) + store(1, 512) + READY + "@%%z mbarrier.arrive.expect_tx.shared::cta.b64 %%st, [%%b], 512;"
         " barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; @%%z %s [%%peer+512], [%%s], 512, [%%pb]; " % name + WAIT +
         "ld.shared.v2.b64 {%lo, %hi}, [%r+512]; mov.b128 {d0}, {%lo, %hi}; " + AWAY, warp=2, cluster=2, target="sm_90",
         values=numbers(t, 2))
for op, t in GLOBAL:
    for hint in ("", ".L2::cache_hint") if t == "u32" else ("",):
        name = "cp.reduce.async.bulk.global.shared::cta.bulk_group%s.%s.%s" % (hint, op, t)
        f = combine(op.split(".")[0], t)
        policy = "createpolicy.fractional.L2::evict_last.b64 %w, 1.0; " if hint else ""
        form(name, "b128", "b128 b128", lambda v, f=f: [(f(v[l][1], v[l][0]),) for l in range(32)],
             HEAD + policy + store(0) + READY + "mad.lo.u64 %%to, %%idx64, 16, %%in; add.u64 %%to, %%to, {place1};"
             " @%%z %s [%%to], [%%s], 512%s; @%%z cp.async.bulk.commit_group; @%%z cp.async.bulk.wait_group 0; bar.warp.sync -1;"
             " ld.global.v2.b64 {%%lo, %%hi}, [%%to]; mov.b128 {d0}, {%%lo, %%hi}; bar.warp.sync -1; }" % (name, ", %w" if hint else ""),
             warp=True, target="sm_90", values=numbers(t, 2))

# ---- st.async, red.async: every lane to its place in the peer ----
for t in ("b32", "u32", "s32", "f32", "b64", "u64", "s64", "f64"):
    w = int(t[1:])
    for v in (1, 2, 4) if w == 32 else (1, 2):
        for weak in ("", ".weak") if t == "b32" else ("",):
            name = "st.async%s.shared::cluster.mbarrier::complete_tx::bytes%s.%s" % (weak, ".v%d" % v if v > 1 else "", t)
            regs = ["{a%d}" % i for i in range(v)]
            loads = " ".join("ld.shared.b%d {d%d}, [%%o+%d];" % (w, i, 1024 + i * w // 8) for i in range(v))
            form(name, " ".join(["b%d" % w] * v), " ".join(["b%d" % w] * v), lambda x: [x[l ^ 32] for l in range(64)],
                 CLUSTER + PEER + "@%%z mbarrier.arrive.expect_tx.shared::cta.b64 %%st, [%%b], %d; mad.lo.u32 %%o, %%l, 32, %%peer;"
                 " %s [%%o+1024], %s, [%%pb]; " % (4 * w * v, name, regs[0] if v == 1 else "{ %s }" % ", ".join(regs)) + WAIT +
                 "mad.lo.u32 %o, %l, 32, %s; " + loads + " " + AWAY, warp=2, cluster=2, target="sm_90")
for op, t in SHARED:
    w = int(t[1:])
    name = "red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.%s.%s" % (op, t)
    f = PLAIN[op]
    one = (lambda a, b, f=f, w=w: f(signed(a, w), signed(b, w)) & (1 << w) - 1) if t[0] == "s" else (lambda a, b, f=f, w=w: f(a, b) & (1 << w) - 1)
    form(name, t, t + " " + t, lambda x, f=one: [(f(x[l][1], x[l ^ 32][0]),) for l in range(64)],
         CLUSTER + PEER + "@%%z mbarrier.arrive.expect_tx.shared::cta.b64 %%st, [%%b], %d; mad.lo.u32 %%o, %%l, 8, %%s; st.shared.b%d [%%o+1024], {a1};"
         " barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; mad.lo.u32 %%n, %%l, 8, %%peer; %s [%%n+1024], {a0}, [%%pb]; "
         % (4 * w, w, name) + WAIT + "ld.shared.b%d {d0}, [%%o+1024]; " % w + AWAY, warp=2, cluster=2, target="sm_90")
