"""shfl, vote, match, redux, elect, activemask (ISA 9.7.9.6, 9.7.13)."""
from form import form, signed

COUNT = 512


def shfl(mode):
    """The ISA's pseudocode for one warp."""
    def run(lanes):
        out = []
        for lane in range(32):
            a, b, c = lanes[lane]
            bval, cval, mask = b & 31, c & 31, c >> 8 & 31
            most = lane & mask | cval & ~mask & 31
            least = lane & mask
            if mode == "up":
                j, p = lane - bval, lane - bval >= most
            elif mode == "down":
                j, p = lane + bval, lane + bval <= most
            elif mode == "bfly":
                j, p = lane ^ bval, (lane ^ bval) <= most
            else:
                j = least | bval & ~mask & 31
                p = j <= most
            out.append((lanes[j if p else lane][0], int(p)))
        return out
    return run


def shfl_values(mode):
    def values(rng, count):
        cols = [[rng.getrandbits(32) for _ in range(count)], [], []]
        for w in range(count // 32):
            seg = rng.choice([0, 0, 0x10, 0x18, 0x1c, 0x1e, 0x1f])
            clamp = 0 if mode == "up" else 31
            if rng.randrange(3) == 0:
                clamp = rng.randrange(32)
            delta = rng.randrange(32)
            for l in range(32):
                cols[1].append(rng.getrandbits(32) if w % 3 == 0 else delta)
                cols[2].append(seg << 8 | clamp)
        return cols
    return values


for mode in ("up", "down", "bfly", "idx"):
    form("shfl.sync.%s.b32" % mode, "b32 pred", "b32 u32 u32", shfl(mode), "shfl.sync.%s.b32 {d0}|{d1}, {a0}, {a1}, {a2}, -1;" % mode,
         warp=True, values=shfl_values(mode), count=2048)
form("shfl.sync.down.b32 half a warp", "b32", "b32", lambda lanes: [
    (lanes[l + 4][0] if l + 4 < 16 else lanes[l][0],) if l < 16 else (7,) for l in range(32)],
     "{ .reg .pred %q; .reg .b32 %l; mov.u32 %l, %laneid; setp.lt.u32 %q, %l, 16; mov.b32 {d0}, 7;"
     " @%q shfl.sync.down.b32 {d0}, {a0}, 4, 15, 0xffff; }", warp=True)


def ballot(lanes):
    return sum(l[0] << i for i, l in enumerate(lanes))


def votes(rng, count):
    out = []
    for w in range(count // 32):
        k = w % 4
        out += [0] * 32 if k == 0 else [1] * 32 if k == 1 else [rng.getrandbits(1) for _ in range(32)]
    return [out]


form("vote.sync.all.pred", "pred", "pred", lambda v: [(int(ballot(v) == 0xffffffff),)] * 32, "vote.sync.all.pred {d0}, {a0}, -1;",
     warp=True, values=votes)
form("vote.sync.any.pred", "pred", "pred", lambda v: [(int(ballot(v) != 0),)] * 32, "vote.sync.any.pred {d0}, {a0}, -1;",
     warp=True, values=votes)
form("vote.sync.uni.pred", "pred", "pred", lambda v: [(int(ballot(v) in (0, 0xffffffff)),)] * 32, "vote.sync.uni.pred {d0}, {a0}, -1;",
     warp=True, values=votes)
form("vote.sync.ballot.b32", "b32", "pred", lambda v: [(ballot(v),)] * 32, "vote.sync.ballot.b32 {d0}, {a0}, -1;", warp=True, values=votes)
form("vote.sync.all.pred negated", "pred", "pred", lambda v: [(int(ballot(v) == 0),)] * 32, "vote.sync.all.pred {d0}, !{a0}, -1;",
     warp=True, values=votes)
form("vote.sync.ballot.b32 odd lanes", "b32", "pred", lambda v: [(ballot(v) & 0xaaaaaaaa if i & 1 else 0,) for i in range(32)],
     "{ .reg .pred %q; .reg .b32 %l; mov.u32 %l, %laneid; and.b32 %l, %l, 1; setp.ne.u32 %q, %l, 0; mov.b32 {d0}, 0;"
     " @%q vote.sync.ballot.b32 {d0}, {a0}, 0xaaaaaaaa; }", warp=True, values=votes)


def few(bits):
    def values(rng, count):
        out = []
        for w in range(count // 32):
            pool = [rng.getrandbits(bits) for _ in range(1 + w % 5)]
            out += [rng.choice(pool) for _ in range(32)]
        return [out]
    return values


for w in (32, 64):
    t = "b%d" % w
    form("match.any.sync." + t, "b32", t, lambda v: [(sum(int(x == y) << i for i, y in enumerate(v)),) for x in v],
         "match.any.sync.%s {d0}, {a0}, -1;" % t, warp=True, values=few(w))
    form("match.all.sync." + t, "b32 pred", t,
         lambda v: [(0xffffffff, 1) if len(set(v)) == 1 else (0, 0)] * 32, "match.all.sync.%s {d0}|{d1}, {a0}, -1;" % t, warp=True, values=few(w))

REDUCE = {"add": lambda v: sum(v), "min": min, "max": max}
for t in ("u32", "s32"):
    for op, f in REDUCE.items():
        form("redux.sync.%s.%s" % (op, t), t, t,
             lambda v, f=f, t=t: [(f([signed(x[0], 32) if t == "s32" else x[0] for x in v]) & 0xffffffff,)] * 32,
             "redux.sync.%s.%s {d0}, {a0}, -1;" % (op, t), warp=True)


def fold(f):
    def run(v):
        r = v[0][0]
        for x in v[1:]:
            r = f(r, x[0])
        return [(r,)] * 32
    return run


for op, f in (("and", lambda a, b: a & b), ("or", lambda a, b: a | b), ("xor", lambda a, b: a ^ b)):
    form("redux.sync.%s.b32" % op, "b32", "b32", fold(f), "redux.sync.%s.b32 {d0}, {a0}, -1;" % op, warp=True)
form("redux.sync.add.u32 low lanes", "u32", "u32", lambda v: [(sum(x[0] for x in v[:8]) & 0xffffffff,) if i < 8 else (1,) for i in range(32)],
     "{ .reg .pred %q; .reg .b32 %l; mov.u32 %l, %laneid; setp.lt.u32 %q, %l, 8; mov.b32 {d0}, 1; @%q redux.sync.add.u32 {d0}, {a0}, 0xff; }",
     warp=True)
form("activemask.b32", "b32", "b32", lambda v: [(0xffffffff,)] * 32, "activemask.b32 {d0};", warp=True)
# Which lane is elected is the machine's choice: exactly one, known to all.
def elected(columns, got, want):
    ok = []
    for base in range(0, len(got), 32):
        g = [int(x) for x in got[base:base + 32]]
        leader = g[0] & 31
        ok += [x & 31 == leader and x >> 8 == int(i == leader) for i, x in enumerate(g)]
    return ok


form("elect.sync", "b32", "b32", lambda v: [(0,)] * 32,
     "{ .reg .pred %q; .reg .b32 %l, %s; elect.sync %l|%q, -1; selp.b32 %s, 256, 0, %q; or.b32 {d0}, %l, %s; }", warp=True,
     bound=elected, target="sm_90")
for n, f in (("laneid", lambda l: l), ("lanemask_eq", lambda l: 1 << l), ("lanemask_le", lambda l: (2 << l) - 1),
             ("lanemask_lt", lambda l: (1 << l) - 1), ("lanemask_ge", lambda l: -(1 << l) & 0xffffffff),
             ("lanemask_gt", lambda l: -(2 << l) & 0xffffffff)):
    form("mov.u32 %" + n, "u32", "u32", lambda v, f=f: [(f(l),) for l in range(32)], "mov.u32 {d0}, %%%s;" % n, warp=True)
