"""cp.async.bulk.tensor, cp.reduce.async.bulk.tensor, tensormap (ISA 9.7.9.27): boxes
of tensors with 1 to 5 dimensions between global memory and a warp's shared memory.
The maps are written on the device, field by field."""
import exact
from bulk import PLAIN, random128
from form import form, signed

# name: (bytes, code of tensormap.replace)
TYPES = {"u8": (1, 0), "u16": (2, 1), "u32": (4, 2), "s32": (4, 3), "u64": (8, 4), "s64": (8, 5), "f16": (2, 6), "f32": (4, 7),
         "f32.ftz": (4, 8), "f64": (8, 9), "bf16": (2, 10), "tf32": (4, 11), "tf32.ftz": (4, 12)}
SWIZZLE = {0: 0, 32: 1, 64: 2, 128: 3}
HEAD = "{ .shared .align 8 .b64 bar; .shared .align 128 .b8 map[128]; .reg .pred %z, %p; .reg .b32 %l, %s, %b, %r, %m, %n, %rank;" \
       " .reg .b64 %base, %g, %st, %lo, %hi, %w; mov.u32 %l, %laneid; setp.eq.u32 %z, %l, 0; mov.u32 %s, scratch; mov.u32 %b, bar;" \
       " mov.u32 %m, map; mad.lo.u32 %r, %l, 16, %s; mad.lo.u32 %n, %l, 4, %m; st.shared.b32 [%n], 0;" \
       " @%z mbarrier.init.shared::cta.b64 [%b], 1; bar.warp.sync -1; " \
       "cvt.u64.u32 %g, %cta; mad.lo.u64 %g, %g, 512, %in; add.u64 %g, %g, {map}; "
WAIT = "W: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p, [%b], 0; @!%p bra W; "


class Tile:
    """A tensor (its rows `pitch` bytes apart) and a box of it."""
    def __init__(self, kind, dims, pitches, box, swizzle=0, steps=None, nan=False):
        self.kind, self.dims, self.pitches, self.box, self.swizzle, self.nan = kind, dims, pitches, box, swizzle, nan
        self.size, self.code = TYPES[kind]
        self.rank = len(dims)
        self.steps = steps or [1] * self.rank
        # The step along dimension 0 is ignored.
        self.count = [box[0]] + [-(-b // s) for b, s in zip(box[1:], self.steps[1:])]
        self.bytes = self.size
        for n in self.count:
            self.bytes *= n

    def elements(self, at):
        """(byte offset in the tensor or None outside, byte address in shared memory) of each element of the box."""
        for i in range(self.bytes // self.size):
            rest, where, inside = i, 0, True
            for d in range(self.rank):
                x = at[d] + rest % self.count[d] * (self.steps[d] if d else 1)
                rest //= self.count[d]
                inside = inside and 0 <= x < self.dims[d]
                where += x * ([self.size] + self.pitches)[d]
            # Swizzles exchange the 16-byte pieces of each line of 128 bytes, by the line's number.
            line, byte = divmod(i * self.size, 128)
            piece = byte // 16
            piece ^= line % {0: 1, 32: 2, 64: 4, 128: 8}[self.swizzle]
            yield (where if inside else None), line * 128 + piece * 16 + byte % 16

    def coordinates(self, rng):
        return [rng.randint(-self.box[d], self.dims[d]) for d in range(self.rank)]

    def map_text(self, base):
        """Writes the map in shared memory and publishes it."""
        f = lambda field, type, *v: "@%%z tensormap.replace.tile.%s.shared::cta.b1024.%s [%%m], %s; " % (field, type, ", ".join(map(str, v)))
        out = base + f("global_address", "b64", "%base") + f("rank", "b32", self.rank - 1)
        for d in range(self.rank):
            out += f("box_dim", "b32", d, self.box[d]) + f("global_dim", "b32", d, self.dims[d]) + f("element_stride", "b32", d, self.steps[d])
            if d:
                out += f("global_stride", "b64", d - 1, self.pitches[d - 1])
        out += f("elemtype", "b32", self.code) + f("interleave_layout", "b32", 0) + f("swizzle_mode", "b32", SWIZZLE[self.swizzle])
        out += f("fill_mode", "b32", int(self.nan)) + "bar.warp.sync -1; "
        return out + "tensormap.cp_fenceproxy.global.shared::cta.tensormap::generic.release.gpu.sync.aligned [%g], [%m], 128;" \
                     " fence.proxy.tensormap::generic.acquire.gpu [%g], 128; "

    def at_text(self, first):
        return "[%%g, { %s }]" % ", ".join("{a%d}" % (first + d) for d in range(self.rank))


def shape(kind, rank, total):
    """(dims, pitches) of a tensor of at most `total` bytes whose edges are no multiples of anything."""
    size = TYPES[kind][0]
    if rank == 1:
        return [total // size - 3], []
    pitch = 256 if total > 1024 else {2: 64, 3: 32, 4: 32, 5: 32}[rank]
    rest = {2: [total // pitch - 1], 3: [3, total // pitch // 4], 4: [2, 2, total // pitch // 5], 5: [2, 2, 2, total // pitch // 9]}[rank]
    pitches = [pitch]
    for n in rest[:-1]:
        pitches.append(pitches[-1] * n + (16 if total > 1024 else 0))
    return [pitch // size - 1] + [max(1, n) for n in rest], pitches


def box(kind, rank, swizzle, most):
    inner = swizzle or 64
    rows = most // inner
    rest = {1: [], 2: [rows], 3: [3, rows // 3], 4: [2, 3, rows // 6], 5: [2, 2, 1, rows // 4]}[rank]
    return [inner // TYPES[kind][0]] + [max(1, n) for n in rest]


class Load:
    """All warps load boxes of one tensor, the first operand; the shared memory is what comes out."""
    def __init__(self, tile):
        self.tile = tile
        self.outs = -(-tile.bytes // 512)

    def values(self, rng, count, warps=1):
        data = random128(rng, count)
        self.tensor = b"".join(v.to_bytes(16, "little") for v in data)
        columns = [data] + [[] for _ in range(self.tile.rank)]
        for _ in range(count // (32 * warps)):
            for c, x in zip(columns[1:], self.tile.coordinates(rng)):
                c += [x & 0xffffffff] * (32 * warps)
        return columns + [[0] * count]

    def shared(self, v):
        raw = bytearray(self.outs * 512)
        for where, to in self.tile.elements([signed(x, 32) for x in v[0][1:1 + self.tile.rank]]):
            n = self.tile.size
            raw[to:to + n] = b"\xff" * n if where is None and self.tile.nan else bytes(n) if where is None else self.tensor[where:where + n]
        return raw

    def ref(self, v):
        raw = self.shared(v)
        return [tuple(int.from_bytes(raw[512 * j + 16 * l:512 * j + 16 * l + 16], "little") for j in range(self.outs)) for l in range(32)]

    def declare(self, name, words, policy=False, bound=None):
        t = self.tile
        body = HEAD.replace("{map}", "{place%d}" % (1 + t.rank)) + t.map_text("add.u64 %base, %in, {place0}; ")
        body += "".join("st.shared.v4.b32 [%%r+%d], {0, 0, 0, 0}; " % (512 * j) for j in range(self.outs))
        body += "fence.proxy.async.shared::cta; bar.warp.sync -1; "
        if policy:
            body += "createpolicy.fractional.L2::evict_last.b64 %w, 1.0; "
        body += "@%%z mbarrier.arrive.expect_tx.shared::cta.b64 %%st, [%%b], %d; @%%z %s [%%s], %s, [%%b]%s; " % (
            t.bytes, name, t.at_text(1), ", %w" if policy else "") + WAIT
        body += "".join("ld.shared.v2.b64 {%%lo, %%hi}, [%%r+%d]; mov.b128 {d%d}, {%%lo, %%hi}; " % (512 * j, j) for j in range(self.outs))
        form("%s %s" % (name, words), " ".join(["b128"] * self.outs), " ".join(["b128"] + ["s32"] * t.rank + ["b128"]), self.ref,
             body + "bar.warp.sync -1; }", warp=True, values=self.values, target="sm_90a", count=256, bound=bound)


LOAD = "cp.async.bulk.tensor.%dd.%s.global%s.mbarrier::complete_tx::bytes%s"
for rank in range(1, 6):
    for kind in ("f32", "u8", "bf16", "f64"):
        for swizzle in (0, 32, 64, 128):
            tile = Tile(kind, *shape(kind, rank, 4096), box(kind, rank, swizzle, 1024), swizzle)
            Load(tile).declare(LOAD % (rank, "shared::cluster", "", ""), "%s%s" % (kind, " swizzle %d" % swizzle if swizzle else ""))
for kind in TYPES:
    if kind not in ("f32", "u8", "bf16", "f64", "f32.ftz", "tf32", "tf32.ftz"):  # those round or flush what they load
        Load(Tile(kind, *shape(kind, 2, 4096), box(kind, 2, 128, 1024), 128)).declare(LOAD % (2, "shared::cluster", "", ""), kind)
for space, mode, hint in (("shared::cta", "", ""), ("shared::cluster", ".tile", ""), ("shared::cluster", "", ".L2::cache_hint"),
                          ("shared::cta", ".tile", ".L2::cache_hint")):
    Load(Tile("u16", *shape("u16", 3, 4096), box("u16", 3, 64, 1024), 64)).declare(LOAD % (3, space, mode, hint), "u16", bool(hint))
for rank in range(2, 6):
    Load(Tile("f16", *shape("f16", rank, 4096), box("f16", rank, 0, 2048), steps=[2] + [1 + i % 3 for i in range(1, rank)])).declare(
        LOAD % (rank, "shared::cluster", "", ""), "f16 with steps")


def nan_or_equal(f):
    def bound(columns, got, want):
        from batch import nan_mask
        import numpy as np
        ok = []
        w = exact.bits_of(f)
        for g, x in zip(got, want):
            parts = [(int(v) >> i & (1 << w) - 1) for v in (g, x) for i in range(0, 128, w)]
            a, b = np.array(parts[:128 // w], np.uint64), np.array(parts[128 // w:], np.uint64)
            ok.append(bool(np.all((a == b) | nan_mask(a, f) & nan_mask(b, f))))
        return ok
    return bound


for kind in ("f16", "bf16", "f32"):
    Load(Tile(kind, *shape(kind, 2, 4096), box(kind, 2, 0, 1024), nan=True)).declare(
        LOAD % (2, "shared::cluster", "", ""), kind + " filled with NaN", bound=nan_or_equal(kind))


# ---- multicast to both CTAs, or one, of a cluster ----
class Multicast(Load):
    def values(self, rng, count):
        columns = super().values(rng, count, 2)
        masks = []
        for _ in range(count // 64):
            masks += [rng.randint(1, 3)] * 64
        return columns + [masks]

    def ref(self, v):
        raw, mask = self.shared(v), v[0][2 + self.tile.rank]
        return [(int.from_bytes(raw[16 * (l % 32):16 * (l % 32) + 16], "little") if mask >> l // 32 & 1 else 0,) for l in range(64)]

    def declare(self, name):
        t = self.tile
        body = HEAD.replace("{map}", "{place%d}" % (1 + t.rank)) + t.map_text("add.u64 %base, %in, {place0}; ")
        body += "st.shared.v4.b32 [%r], {0, 0, 0, 0}; fence.proxy.async.shared::cta; fence.mbarrier_init.release.cluster; bar.warp.sync -1;"
        body += " mov.u32 %rank, %cluster_ctarank; { .reg .b16 %k; .reg .pred %i; shr.u32 %n, {a%d}, %rank; and.b32 %n, %n, 1;" \
                " mul.lo.u32 %n, %n, <bytes>; @%z mbarrier.arrive.expect_tx.shared::cta.b64 %st, [%b], %n;" \
                " barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; cvt.u16.u32 %k, {a%d}; setp.eq.and.u32 %i, %rank, 0, %z;" \
                " @%i <name> [%s], <at>, [%b], %k; } ".replace("%d", str(2 + t.rank)).replace("<bytes>", str(t.bytes)).replace(
                    "<name>", name).replace("<at>", t.at_text(1))
        body += WAIT + "ld.shared.v2.b64 {%lo, %hi}, [%r]; mov.b128 {d0}, {%lo, %hi}; barrier.cluster.arrive.aligned; barrier.cluster.wait.aligned; }"
        form(name, "b128", " ".join(["b128"] + ["s32"] * t.rank + ["b128", "u32"]), self.ref, body, warp=2, cluster=2, values=self.values,
             target="sm_90a", count=256)


for rank in range(1, 6):
    Multicast(Tile("u32", *shape("u32", rank, 4096), box("u32", rank, 32, 512), 32)).declare(
        LOAD % (rank, "shared::cluster", "", ".multicast::cluster"))


# ---- to global memory: each warp has a tensor of 512 bytes, the first operand ----
class Store:
    def __init__(self, tile, op=None):
        self.tile, self.op = tile, op
        self.parts = -(-tile.bytes // 512)

    def number(self, rng):
        w = 8 * self.tile.size
        if self.tile.kind[0] in "us":
            return rng.choice([0, 1, (1 << w) - 1, 1 << w - 1]) if rng.randrange(3) == 0 else rng.getrandbits(w)
        return exact.encode(rng.randrange(2), rng.randint(1, 255), rng.randint(-6, 2), self.tile.kind)

    def values(self, rng, count):
        w = 8 * self.tile.size
        words = lambda: sum(self.number(rng) << i for i in range(0, 128, w))
        columns = [[words() for _ in range(count)] for _ in range(1 + self.parts)]
        at = [[] for _ in range(self.tile.rank)]
        for _ in range(count // 32):
            for c, x in zip(at, self.tile.coordinates(rng)):
                c += [x & 0xffffffff] * 32
        return columns + at + [[0] * count]

    def ref(self, v):
        n = self.tile.size
        tensor = bytearray(b"".join(x[0].to_bytes(16, "little") for x in v))
        shared = b"".join(x[1 + j].to_bytes(16, "little") for j in range(self.parts) for x in v)
        at = [signed(x, 32) for x in v[0][1 + self.parts:1 + self.parts + self.tile.rank]]
        for where, source in self.tile.elements(at):
            if where is None:
                continue
            new = shared[source:source + n]
            if self.op:
                a, b = int.from_bytes(tensor[where:where + n], "little"), int.from_bytes(new, "little")
                new = (self.op(a, b) & (1 << 8 * n) - 1).to_bytes(n, "little")
            tensor[where:where + n] = new
        return [(int.from_bytes(tensor[16 * l:16 * l + 16], "little"),) for l in range(32)]

    def declare(self, name, words, wait="wait_group 0", policy=False):
        t = self.tile
        first = 1 + self.parts
        base = "cvt.u64.u32 %base, %cta; mad.lo.u64 %base, %base, 512, %in; add.u64 %base, %base, {place0}; "
        body = HEAD.replace("{map}", "{place%d}" % (first + t.rank)) + t.map_text(base)
        body += "".join("mov.b128 {%%lo, %%hi}, {a%d}; st.shared.v2.b64 [%%r+%d], {%%lo, %%hi}; " % (1 + j, 512 * j) for j in range(self.parts))
        if policy:
            body += "createpolicy.fractional.L2::evict_last.b64 %w, 1.0; "
        body += "fence.proxy.async.shared::cta; bar.warp.sync -1; @%%z %s %s, [%%s]%s; @%%z cp.async.bulk.commit_group;" \
                " @%%z cp.async.bulk.%s; bar.warp.sync -1; mad.lo.u64 %%base, %%idx64, 16, %%in; ld.global.v2.b64 {%%lo, %%hi}, [%%base+{place0}];" \
                " mov.b128 {d0}, {%%lo, %%hi}; bar.warp.sync -1; }" % (name, t.at_text(first), ", %w" if policy else "", wait)
        form("%s %s" % (name, words), "b128", " ".join(["b128"] * first + ["s32"] * t.rank + ["b128"]), self.ref, body, warp=True,
             values=self.values, target="sm_90a", count=256)


STORE = "cp.async.bulk.tensor.%dd.global.shared::cta%s.bulk_group%s"
for rank in range(1, 6):
    for swizzle in (0, 32, 64, 128):
        kind = ("u32", "u8", "u16", "u64")[(rank + SWIZZLE[swizzle]) % 4]
        Store(Tile(kind, *shape(kind, rank, 512), box(kind, rank, swizzle, 512), swizzle)).declare(
            STORE % (rank, "", ""), "%s%s" % (kind, " swizzle %d" % swizzle if swizzle else ""))
Store(Tile("u32", *shape("u32", 3, 512), box("u32", 3, 0, 1024))).declare(STORE % (3, ".tile", ".L2::cache_hint"), "", "wait_group.read 0; @%z cp.async.bulk.wait_group 0", True)
Store(Tile("u16", *shape("u16", 3, 512), box("u16", 3, 0, 1024), steps=[1, 2, 3])).declare(STORE % (3, "", ""), "u16 with steps")

REDUCE = "cp.reduce.async.bulk.tensor.%dd.global.shared::cta%s.bulk_group%s.%s"
less = lambda f: lambda a, b: exact.compare(a, b, f) < 0
ops = [(op, t) for op in ("add", "min", "max", "inc", "dec", "and", "or", "xor") for t in ("u32",)] + [("min", "s32"), ("max", "s32")]
ops += [(op, t) for op in ("add", "min", "max", "and", "or", "xor") for t in ("u64",)] + [("min", "s64"), ("max", "s64")]
ops += [(op, t) for op in ("add", "min", "max") for t in ("f16", "bf16")] + [("add", "f32")]
for i, (op, t) in enumerate(ops):
    if t[0] in "us":
        w = int(t[1:])
        f = (lambda a, b, f=PLAIN[op], w=w: f(signed(a, w), signed(b, w))) if t[0] == "s" else PLAIN[op]
    elif op == "add":
        f = lambda a, b, t=t: exact.add(a, b, t)
    else:
        f = (lambda a, b, t=t: a if less(t)(a, b) else b) if op == "min" else (lambda a, b, t=t: b if less(t)(a, b) else a)
    rank, swizzle = 1 + i % 5, (0, 32, 64, 128)[i % 4]
    Store(Tile(t, *shape(t, rank, 512), box(t, rank, swizzle, 512), swizzle), f).declare(REDUCE % (rank, "", "", op), t)
for rank in range(1, 6):
    Store(Tile("s32", *shape("s32", rank, 512), box("s32", rank, 0, 512)), lambda a, b: a + b).declare(
        REDUCE % (rank, ".tile", ".L2::cache_hint", "add"), "s32", policy=True)

# ---- prefetches ----
class Prefetch(Load):
    def declare(self, name, policy=False):
        t = self.tile
        body = HEAD.replace("{map}", "{place%d}" % (1 + t.rank)) + t.map_text("add.u64 %base, %in, {place0}; ")
        if policy:
            body += "createpolicy.fractional.L2::evict_last.b64 %w, 1.0; "
        form(name, "b128", " ".join(["b128"] + ["s32"] * t.rank + ["b128"]), lambda v: [x[:1] for x in v], body + "@%%z %s %s%s;"
             " @%%z prefetch.tensormap [%%g]; mov.b128 {d0}, {a0}; bar.warp.sync -1; }" % (name, t.at_text(1), ", %w" if policy else ""),
             warp=True, values=self.values, target="sm_90a", count=256)


for rank in range(1, 6):
    for mode, hint in (("", ""), (".tile", ".L2::cache_hint")):
        Prefetch(Tile("u32", *shape("u32", rank, 4096), box("u32", rank, 32, 512), 32)).declare(
            "cp.async.bulk.prefetch.tensor.%dd.L2.global%s%s" % (rank, mode, hint), bool(hint))
