"""cp.async.bulk.tensor and its reductions in im2col mode (ISA 5.5.4): columns of
pixels of images whose innermost dimension is channels. The maps come from the host."""
import ctypes
import exact
from bulk import PLAIN, random128
from form import form, signed
from tensor import HEAD, SWIZZLE, TYPES, WAIT

DRIVER_TYPE = {"u8": 0, "u16": 1, "u32": 2, "s32": 3, "u64": 4, "s64": 5, "f16": 6, "f32": 7, "f64": 8, "bf16": 9}


class Columns:
    """dims: channels, width, height, ..., images; corners and steps of the dimensions between."""
    def __init__(self, kind, dims, pitch, lower, upper, channels, pixels, steps, swizzle=0):
        self.kind, self.dims, self.lower, self.upper, self.channels, self.pixels = kind, dims, lower, upper, channels, pixels
        self.steps, self.swizzle, self.rank, self.size = steps, swizzle, len(dims), TYPES[kind][0]
        self.pitches = [pitch]
        for n in dims[1:-1]:
            self.pitches.append(self.pitches[-1] * n)
        # First pixels lie in a box; so many along each dimension.
        self.box = [(w - 1 + u - l) // s + 1 for w, l, u, s in zip(dims[1:-1], lower, upper, steps)]
        self.bytes = channels * pixels * self.size

    def draw(self, rng):
        """Coordinates of the first pixel, and offsets."""
        at = [rng.randrange(-4, self.dims[0])]
        at += [l + s * rng.randrange(n) for l, s, n in zip(self.lower, self.steps, self.box)] + [rng.randrange(self.dims[-1])]
        return at, [rng.randrange(3) for _ in self.lower]

    def elements(self, at, offsets):
        """As Tile.elements: (byte offset in the tensor or None, byte in shared memory)."""
        start = at[-1]
        for d in reversed(range(len(self.box))):
            start = start * self.box[d] + (at[1 + d] - self.lower[d]) // self.steps[d]
        for i in range(self.pixels * self.channels):
            number, c = start + i // self.channels, i % self.channels
            x = [at[0] + c]
            for d, n in enumerate(self.box):
                x.append(self.lower[d] + number % n * self.steps[d] + offsets[d])
                number //= n
            x.append(number)
            inside = all(0 <= v < n for v, n in zip(x, self.dims))
            where = sum(v * p for v, p in zip(x, [self.size] + self.pitches))
            line, byte = divmod(i * self.size, 128)
            piece = byte // 16 ^ line % {0: 1, 32: 2, 64: 4, 128: 8}[self.swizzle]
            yield (where if inside else None), line * 128 + piece * 16 + byte % 16

    def argument(self, at):
        """For hamlet-ptx."""
        j = lambda v: "x".join(map(str, v))
        kind = self.kind.replace("s", "i")
        return "im2col:0+%d:%s:%s:%s:%s:%s:%d:%d:%s:%s" % (at, kind, j(self.dims), j(self.pitches), j(self.lower), j(self.upper), self.channels,
                                                         self.pixels, j([1] + self.steps + [1]), self.swizzle or "none")

    def encode(self, driver, address):
        """For a device: a pointer to the 128 bytes."""
        raw = ctypes.create_string_buffer(192)
        at = ctypes.addressof(raw) + 63 & ~63
        a = lambda t, v: (t * len(v))(*v)
        driver.call("cuTensorMapEncodeIm2col", ctypes.c_void_p(at), DRIVER_TYPE[self.kind], self.rank, ctypes.c_void_p(address),
                    a(ctypes.c_uint64, self.dims), a(ctypes.c_uint64, self.pitches), a(ctypes.c_int, self.lower), a(ctypes.c_int, self.upper),
                    self.channels, self.pixels, a(ctypes.c_uint32, [1] + self.steps + [1]), 0, SWIZZLE[self.swizzle], 0, 0)
        self.raw = raw
        return at


SHAPES = {3: ([13, 20, 5], [-1], [-1]), 4: ([13, 7, 5, 3], [-1, -2], [0, -1]), 5: ([13, 4, 3, 3, 2], [-1, 0, -1], [-1, 1, 0])}


def columns(kind, rank, swizzle=0, step=1, most=1024, dims=None, pitch=32):
    shape, lower, upper = SHAPES[rank]
    channels = (swizzle or 32) // TYPES[kind][0]
    return Columns(kind, dims or shape, pitch, lower, upper, channels, most // (channels * TYPES[kind][0]), [step + d % 2 for d in range(rank - 2)],
                   swizzle)


class Load:
    def __init__(self, c):
        self.c, self.outs = c, -(-c.bytes // 512)

    def values(self, rng, count):
        data = random128(rng, count)
        self.tensor = b"".join(v.to_bytes(16, "little") for v in data)
        place = [[] for _ in range(2 * self.c.rank - 2)]
        for _ in range(count // 32):
            at, offsets = self.c.draw(rng)
            for p, x in zip(place, at + offsets):
                p += [x & 0xffffffff] * 32
        return [data] + place

    def ref(self, v):
        r, n = self.c.rank, self.c.size
        raw = bytearray(self.outs * 512)
        for where, to in self.c.elements([signed(x, 32) for x in v[0][1:1 + r]], v[0][1 + r:2 * r - 1]):
            raw[to:to + n] = bytes(n) if where is None else self.tensor[where:where + n]
        return [tuple(int.from_bytes(raw[512 * j + 16 * l:512 * j + 16 * l + 16], "little") for j in range(self.outs)) for l in range(32)]

    def operands(self):
        r = self.c.rank
        at = "[{map}, { %s }]" % ", ".join("{a%d}" % (1 + d) for d in range(r))
        offsets = ["%%h%d" % d for d in range(r - 2)]
        cut = ".reg .b16 %s; " % ", ".join(offsets) + "".join("cvt.u16.u32 %s, {a%d}; " % (h, 1 + r + d) for d, h in enumerate(offsets))
        return at, "{ %s }" % ", ".join(offsets), cut

    def declare(self, name, words, policy=False):
        at, offsets, cut = self.operands()
        body = HEAD.replace("{map}", "0") + cut
        if policy:
            body += "createpolicy.fractional.L2::evict_last.b64 %w, 1.0; "
        body += "".join("st.shared.v4.b32 [%%r+%d], {0, 0, 0, 0}; " % (512 * j) for j in range(self.outs))
        body += "fence.proxy.async.shared::cta; bar.warp.sync -1; @%%z mbarrier.arrive.expect_tx.shared::cta.b64 %%st, [%%b], %d;" % self.c.bytes
        body += " @%%z %s [%%s], %s, [%%b], %s%s; " % (name, at, offsets, ", %w" if policy else "") + WAIT
        body += "".join("ld.shared.v2.b64 {%%lo, %%hi}, [%%r+%d]; mov.b128 {d%d}, {%%lo, %%hi}; " % (512 * j, j) for j in range(self.outs))
        form(name + " " + words, " ".join(["b128"] * self.outs), " ".join(["b128"] + ["s32"] * (2 * self.c.rank - 2)), self.ref,
             body + "bar.warp.sync -1; }", warp=True, values=self.values, target="sm_90", count=256, map=self.c)

    def prefetch(self, name):
        at, offsets, cut = self.operands()
        form(name, "b128", " ".join(["b128"] + ["s32"] * (2 * self.c.rank - 2)), lambda v: [x[:1] for x in v], HEAD.replace("{map}", "0") + cut +
             "@%%z %s %s, %s; mov.b128 {d0}, {a0}; bar.warp.sync -1; }" % (name, at, offsets), warp=True, values=self.values, target="sm_90",
             count=256, map=self.c)


LOAD = "cp.async.bulk.tensor.%dd.%s.global.im2col.mbarrier::complete_tx::bytes%s"
for rank in (3, 4, 5):
    for swizzle in (0, 32, 64, 128):
        for kind in ("f16", "u8", "f32"):
            Load(columns(kind, rank, swizzle)).declare(LOAD % (rank, "shared::cluster", ""), "%s swizzle %d" % (kind, swizzle))
    Load(columns("f16", rank, 64, 2)).declare(LOAD % (rank, "shared::cluster", ""), "f16 with steps")
    Load(columns("f16", rank, 64)).declare(LOAD % (rank, "shared::cta", ".L2::cache_hint"), "", True)
    Load(columns("f16", rank, 64)).prefetch("cp.async.bulk.prefetch.tensor.%dd.L2.global.im2col" % rank)


class Store:
    """One warp's column into a tensor of 512 bytes, the first operand."""
    def __init__(self, c, op=None):
        self.c, self.op = c, op

    def values(self, rng, count):
        number = lambda: rng.getrandbits(8 * self.c.size) if self.c.kind[0] in "us" else \
            exact.encode(rng.randrange(2), rng.randint(1, 255), rng.randint(-6, 2), self.c.kind)
        data = [[sum(number() << i for i in range(0, 128, 8 * self.c.size)) for _ in range(32)] for _ in range(2)]
        return data + [[x & 0xffffffff] * 32 for x in self.c.draw(rng)[0]]

    def ref(self, v):
        n = self.c.size
        tensor, shared = (bytearray(b"".join(x[k].to_bytes(16, "little") for x in v)) for k in (0, 1))
        for where, source in self.c.elements([signed(x, 32) for x in v[0][2:]], [0] * (self.c.rank - 2)):
            if where is not None:
                new = shared[source:source + n]
                if self.op:
                    new = (self.op(int.from_bytes(tensor[where:where + n], "little"), int.from_bytes(new, "little")) & (1 << 8 * n) - 1).to_bytes(n, "little")
                tensor[where:where + n] = new
        return [(int.from_bytes(tensor[16 * l:16 * l + 16], "little"),) for l in range(32)]

    def declare(self, name, words):
        at = "[{map}, { %s }]" % ", ".join("{a%d}" % (2 + d) for d in range(self.c.rank))
        form(name + " " + words, "b128", " ".join(["b128", "b128"] + ["s32"] * self.c.rank), self.ref, HEAD.replace("{map}", "0") +
             "mov.b128 {%%lo, %%hi}, {a1}; st.shared.v2.b64 [%%r], {%%lo, %%hi}; fence.proxy.async.shared::cta; bar.warp.sync -1; @%%z %s %s, [%%s];"
             " @%%z cp.async.bulk.commit_group; @%%z cp.async.bulk.wait_group 0; bar.warp.sync -1; mad.lo.u64 %%base, %%idx64, 16, %%in;"
             " ld.global.v2.b64 {%%lo, %%hi}, [%%base+{place0}]; mov.b128 {d0}, {%%lo, %%hi}; bar.warp.sync -1; }" % (name, at), warp=True,
             values=self.values, target="sm_90", count=32, map=self.c)


SMALL = {3: [6, 6, 5], 4: [6, 4, 4, 2], 5: [6, 3, 3, 2, 1]}
for rank in (3, 4, 5):
    for swizzle in (0, 32):
        c = columns("u16", rank, swizzle, 1, 512, SMALL[rank], 16)
        Store(c).declare("cp.async.bulk.tensor.%dd.global.shared::cta.im2col_no_offs.bulk_group" % rank, "swizzle %d" % swizzle)
    c = columns("f16", rank, 32, 1, 512, SMALL[rank], 16)
    Store(c, lambda a, b: exact.add(a, b, "f16")).declare("cp.reduce.async.bulk.tensor.%dd.global.shared::cta.im2col_no_offs.bulk_group.add" % rank, "f16")
    c = columns("u32", rank, 0, 1, 512, SMALL[rank][:0] + [3] + SMALL[rank][1:], 16)
    Store(c, PLAIN["max"]).declare("cp.reduce.async.bulk.tensor.%dd.global.shared::cta.im2col_no_offs.bulk_group.max" % rank, "u32")
