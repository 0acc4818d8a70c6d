// cp.async.bulk.tensor, its reductions, and tensor maps written on the device.
#include "emulator/hopper/TensorMap.h"
#include "emulator/ops/Access.h"
#include "emulator/ops/Copy.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Reduce.h"

HAMLET_SIMD_BEGIN
namespace {
constexpr u32 kMulticast = 1 << 16;

/// Bits 4 to 6 of an absolute shared address, xor bits 7 to 9, by mode.
u64 swizzled(u64 address, u32 mode) {
  static const u64 masks[] = {0, 0x10, 0x30, 0x70};
  return address ^ (address >> 3 & masks[mode]);
}

struct Tile {
  TensorMap map;
  s32 at[5];
};

/// Calls f(offset in the box, global address or 0 when outside, bytes) for runs
/// of consecutive elements, at most 16 bytes each where swizzled.
template <class F> void forRuns(const Tile &t, F f) {
  const TensorMap &m = t.map;
  u32 rank = m.rankMinusOne + 1u, size = tensorElementBytes(m.type);
  u32 count[5] = {1, 1, 1, 1, 1};
  for (u32 i = 0; i < rank; ++i) {
    u32 step = std::max<u32>(1, m.elementStride[i]);
    count[i] = (m.box[i] + step - 1) / step;
  }
  u32 inner = count[0] * size, offset = 0;
  u32 rows = count[1] * count[2] * count[3] * count[4];
  for (u32 r = 0; r < rows; ++r) {
    u32 rest = r;
    u64 address = m.base;
    bool inside = true;
    for (u32 i = 1; i < rank; ++i) {
      s64 x =
          t.at[i] + s64(rest % count[i]) * std::max<u32>(1, m.elementStride[i]);
      rest /= count[i];
      inside &= x >= 0 && x < s64(m.dim[i]);
      address += static_cast<u64>(x) * m.stride[i - 1];
    }
    u32 step = std::max<u32>(1, m.elementStride[0]);
    for (u32 b = 0; b < inner;) {
      s64 x = t.at[0] + s64(b / size) * step;
      bool in = inside && x >= 0 && x < s64(m.dim[0]);
      u32 n = size;
      if (step == 1) {
        u32 limit = std::min(inner - b, 16 - (b & 15));
        while (n < limit) {
          s64 y = x + n / size;
          if ((inside && y >= 0 && y < s64(m.dim[0])) != in)
            break;
          n += size;
        }
      }
      f(offset + b, in ? address + static_cast<u64>(x) * size : 0, n);
      b += n;
    }
    offset += inner;
  }
}
u32 boxBytes(const TensorMap &m) {
  u32 bytes = tensorElementBytes(m.type);
  for (u32 i = 0; i <= m.rankMinusOne; ++i) {
    u32 step = std::max<u32>(1, m.elementStride[i]);
    bytes *= (m.box[i] + step - 1) / step;
  }
  return bytes;
}

u64 wide(Warp &w, u32 reg, u32 bytes, u32 l) {
  return bytes == 4 ? lane<u32>(w, reg)[l] : lane<u64>(w, reg)[l];
}

Tile readTile(Warp &w, const Op &o, u32 l, const u32 *coordinates, u32 rank) {
  Tile t;
  u64 address = lane<u64>(w, o.b)[l];
  if (address & 63)
    misaligned(w, o, address, 64, l);
  Resolved r = resolve(w, o, Space::Generic, address, 128, l, false);
  std::memcpy(&t.map, r.host, 128);
  std::string wrong = validate(t.map);
  if (!wrong.empty())
    w.fault(o, LaunchStatus::IllegalInstruction,
            "the tensor map is not valid: " + wrong, l);
  if (t.map.rankMinusOne + 1u != rank)
    w.fault(o, LaunchStatus::IllegalInstruction,
            "the tensor map has " + std::to_string(t.map.rankMinusOne + 1u) +
                " dimensions, the instruction " + std::to_string(rank),
            l);
  for (u32 i = 0; i < rank; ++i)
    t.at[i] = lane<s32>(w, coordinates[i])[l];
  return t;
}

void checkDestination(Warp &w, const Op &o, u32 l, const TensorMap &m,
                      u64 address) {
  // TMA wants 128 bytes; a swizzle pattern repeats after 256 to 1024.
  if (address & 127)
    misaligned(w, o, address, 128, l);
  (void)m;
}

// a: shared address; b: map; regs: [0] barrier, [1] its bytes, [2] its offset,
// [3] mask, [4] reduction, [5] rank, [6...] coordinates.
Step tensorLoad(Warp &w, const Op &o, u32 m) {
  Vec<u64> to = addressesOf(w, o);
  u32 rank = o.regs[5];
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    Tile t = readTile(w, o, l, o.regs + 6, rank);
    u32 bytes = boxBytes(t.map);
    u64 mbar = wide(w, o.regs[0], o.regs[1], l) +
               static_cast<u64>(s64(s32(o.regs[2])));
    u32 mask = o.flags & kMulticast ? lane<u32>(w, o.regs[3])[l] & 0xffff : 0;
    checkDestination(w, o, l, t.map, to[l]);
    for (u32 r = 0; r < w.cluster->ctas.size(); ++r) {
      u64 target = to[l], where = mbar;
      if (o.flags & kMulticast) {
        if (!(mask >> r & 1))
          continue;
        u64 field = u64(r + 1) << kClusterShift;
        target = (target & ~u64(0xff000000)) | field;
        where = (where & ~u64(0xff000000)) | field;
      } else if (r) {
        break;
      }
      Resolved d = resolve(w, o, spaceOf(o), target, bytes, l, true);
      BarrierRef b = barrierAt(
          w, o, o.regs[1] == 8 ? Space::Generic : Space::SharedCluster, where,
          l);
      if (w.check) {
        w.check->mbarrierUse(w, o, l, *b.cta, b.address);
        w.check->bulkAccess(w, o, l, d, bytes, true, b.cta, b.address);
        forRuns(t, [&](u32, u64 g, u32 n) {
          if (g)
            w.check->bulkAccess(w, o, l,
                                resolve(w, o, Space::Global, g, n, l, false), n,
                                false, b.cta, b.address);
        });
      }
      Engine *e = w.engine;
      Warp *warp = &w;
      const Op *op = &o;
      schedule(w, [=] {
        u8 *base = d.cta->shared;
        forRuns(t, [&](u32 offset, u64 g, u32 n) {
          u8 *p = base +
                  (swizzled(d.address + offset, t.map.swizzle) - kSharedStart);
          if (g)
            std::memcpy(
                p, resolve(*warp, *op, Space::Global, g, n, l, false).host, n);
          else if (t.map.nanFill && t.map.type >= 6)
            std::memset(p, 0xff, n);
          else
            std::memset(p, 0, n);
        });
        ++d.cta->sharedVersion;
        completeTransactions(*e, b, bytes);
      });
    }
  }
  return Step::Next;
}

Type reductionType(u32 type) {
  static const Type types[] = {Type::U8,  Type::U16,  Type::U32, Type::S32,
                               Type::U64, Type::S64,  Type::F16, Type::F32,
                               Type::F64, Type::BF16, Type::F32, Type::F32,
                               Type::F32};
  return types[type];
}

Step tensorStore(Warp &w, const Op &o, u32 m) {
  Vec<u64> from = addressesOf(w, o);
  u32 rank = o.regs[5], reduction = o.regs[4];
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    Tile t = readTile(w, o, l, o.regs + 6, rank);
    u32 bytes = boxBytes(t.map);
    checkDestination(w, o, l, t.map, from[l]);
    Resolved s = resolve(w, o, Space::Shared, from[l], bytes, l, false);
    if (w.check) {
      w.check->bulkAccess(w, o, l, s, bytes, false, nullptr, 0);
      forRuns(t, [&](u32, u64 g, u32 n) {
        if (g)
          w.check->bulkAccess(w, o, l,
                              resolve(w, o, Space::Global, g, n, l, true), n,
                              true, nullptr, 0);
      });
    }
    Warp *warp = &w;
    const Op *op = &o;
    inBulkGroup(w, l, [=] {
      const u8 *base = s.cta->shared;
      forRuns(t, [&](u32 offset, u64 g, u32 n) {
        if (g)
          reduceInto(resolve(*warp, *op, Space::Global, g, n, l, true).host,
                     base + (swizzled(s.address + offset, t.map.swizzle) -
                             kSharedStart),
                     n, reduction, reductionType(t.map.type));
      });
    });
  }
  return Step::Next;
}
} // namespace

void decodeBulkTensor(Decode &d, bool reduce) {
  int rank = d.takeOf({"1d", "2d", "3d", "4d", "5d"});
  if (rank < 0)
    d.fail("expected .1d to .5d");
  ++rank;
  int first = d.takeOf({"shared::cluster", "shared::cta", "global"});
  int second = d.takeOf({"shared::cluster", "shared::cta", "global"});
  d.take("tile");
  bool barrier = d.take("mbarrier::complete_tx::bytes"),
       group = d.take("bulk_group");
  bool multicast = d.take("multicast::cluster"),
       hint = d.take("L2::cache_hint");
  if (first < 0 || second < 0 || barrier == group || barrier != (first != 2))
    d.fail("expected .shared.global with .mbarrier::complete_tx::bytes, or "
           ".global.shared::cta with .bulk_group");
  u32 reduction = reduce ? takeReduction(d) : u32(kCopy);
  d.expectCount((barrier ? 3 : 2) + multicast + hint);
  const ast::Operand &shared = d.operand(barrier ? 0 : 1),
                     &tensor = d.operand(barrier ? 1 : 0);
  if (tensor.kind != ast::Operand::Kind::Address || tensor.elems.size() != 2)
    d.fail("expected [map, {coordinates}]");
  Space space = first == 0 ? Space::SharedCluster : Space::Shared;
  d.op.flags = static_cast<u32>(space) | (multicast ? kMulticast : 0);
  setAddress(d, shared, space);
  // The map's address, with its offset folded in.
  ast::Operand map = tensor;
  map.elems.resize(1);
  Decode::Address a = d.address(map);
  if (a.uniform) {
    u64 base = a.entryParam ? kParamWindow : 0;
    d.op.b = d.constant(base + static_cast<u64>(a.offset), 8);
  } else {
    if (a.offset || a.narrow)
      d.fail("the tensor map's address must be a 64-bit register");
    d.op.b = a.base;
  }
  std::vector<u32> regs(6);
  if (barrier) {
    Decode::Address b = d.address(d.operand(2));
    regs[0] = b.uniform ? d.constant(static_cast<u64>(b.offset), 4) : b.base;
    regs[1] = b.uniform || b.narrow ? 4 : 8;
    regs[2] = b.uniform ? 0 : static_cast<u32>(b.offset);
  }
  if (multicast)
    regs[3] = d.source(3, Type::B16);
  regs[4] = reduction;
  regs[5] = static_cast<u32>(rank);
  const ast::Operand &c = tensor.elems[1];
  if (c.kind != ast::Operand::Kind::Vector ||
      c.elems.size() != static_cast<size_t>(rank))
    d.fail("expected " + std::to_string(rank) + " coordinates");
  for (const ast::Operand &e : c.elems)
    regs.push_back(d.source(e, Type::S32));
  d.list(regs);
  d.emit(barrier ? tensorLoad : tensorStore);
}

namespace {
// ---- tensormap.replace and its publication ----
enum Field {
  Base,
  Rank,
  BoxDim,
  GlobalDim,
  GlobalStride,
  ElementStride,
  ElementType,
  Interleave,
  Swizzle,
  Fill
};

// a: map; b: value; c: ordinal constant; target: field; bytes: lane bytes of b.
Step replace(Warp &w, const Op &o, u32 m) {
  Vec<u64> a = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    Resolved r = resolve(w, o, spaceOf(o), a[l], 128, l, true);
    TensorMap t;
    std::memcpy(&t, r.host, 128);
    u64 v = wide(w, o.b, o.bytes, l);
    u32 i = o.c;
    switch (o.target) {
    case Base:
      t.base = v;
      break;
    case Rank:
      t.rankMinusOne = static_cast<u8>(v);
      break;
    case BoxDim:
      t.box[i] = static_cast<u16>(v);
      break;
    case GlobalDim:
      t.dim[i] = static_cast<u32>(v);
      break;
    case GlobalStride:
      if (i < 4)
        t.stride[i] = v;
      break;
    case ElementStride:
      t.elementStride[i] = static_cast<u8>(v);
      break;
    case ElementType: {
      // PTX: u8 u16 u32 s32 u64 s64 f16 f32 f32.ftz f64 bf16 tf32 tf32.ftz
      static const u8 types[] = {0, 1, 2, 3, 4, 5, 6, 7, 10, 8, 9, 11, 12};
      t.type = v < sizeof types ? types[v] : 255;
      break;
    }
    case Interleave:
      t.interleave = static_cast<u8>(v);
      break;
    case Swizzle:
      t.swizzle = static_cast<u8>(v);
      break;
    default:
      t.nanFill = static_cast<u8>(v);
    }
    if (w.check)
      w.check->access(w, o, l, r, 128, {Access::Write, kWeak, Scope::None},
                      reinterpret_cast<const u8 *>(&t));
    std::memcpy(r.host, &t, 128);
  }
  ++w.engine->events;
  return Step::Next;
}

Step publish(Warp &w, const Op &o, u32 m) {
  Vec<u64> to = addressesOf(w, o);
  for (u32 l = 0; l < 32; ++l) {
    if (!(m >> l & 1))
      continue;
    u64 from = wide(w, o.b, o.bytes, l) + static_cast<u64>(s64(s32(o.target)));
    Resolved d = resolve(w, o, spaceOf(o), to[l], 128, l, true);
    Resolved s = resolve(w, o, o.bytes == 4 ? Space::Shared : Space::Generic,
                         from, 128, l, false);
    if (w.check) {
      w.check->access(w, o, l, s, 128, {}, nullptr);
      w.check->access(w, o, l, d, 128, {Access::Write, kWeak, Scope::None},
                      s.host);
    }
    std::memcpy(d.host, s.host, 128);
  }
  ++w.engine->events;
  return Step::Next;
}

void decodeTensormap(Decode &d) {
  if (d.take("cp_fenceproxy")) {
    while (!d.remaining().empty())
      d.takeAny();
    d.expectCount(3);
    d.op.flags = static_cast<u32>(Space::Generic);
    Decode::Address s = d.address(d.operand(1));
    d.op.b = s.uniform ? d.constant(static_cast<u64>(s.offset), 4) : s.base;
    d.op.bytes = s.uniform || s.narrow ? 4 : 8;
    d.op.target = s.uniform ? 0 : static_cast<u32>(s.offset);
    setAddress(d, d.operand(0), Space::Generic);
    return d.emit(publish);
  }
  if (!d.take("replace") || !d.take("tile"))
    d.fail("expected .replace.tile or .cp_fenceproxy");
  int field = d.takeOf({"global_address", "rank", "box_dim", "global_dim",
                        "global_stride", "element_stride", "elemtype",
                        "interleave_layout", "swizzle_mode", "fill_mode"});
  int s = d.takeOf({"global", "shared::cta", "shared"});
  d.take("b1024");
  Type t = d.takeType();
  if (field < 0)
    d.fail("unknown field");
  bool ordinal = field >= BoxDim && field <= ElementStride;
  d.expectCount(ordinal ? 3 : 2);
  d.op.flags = static_cast<u32>(s < 0    ? Space::Generic
                                : s == 0 ? Space::Global
                                         : Space::Shared);
  d.op.target = static_cast<u32>(field);
  if (ordinal) {
    if (d.operand(1).kind != ast::Operand::Kind::Immediate ||
        d.operand(1).imm > 4)
      d.fail("the dimension is a constant from 0 to 4");
    d.op.c = static_cast<u32>(d.operand(1).imm);
  }
  d.op.b = d.source(ordinal ? 2 : 1, t);
  d.op.bytes = static_cast<u8>(laneBytes(t));
  setAddress(d, d.operand(0), spaceOf(d.op));
  d.emit(replace);
}
} // namespace

void registerTensor(OpTable &t) { t["tensormap"] = decodeTensormap; }

HAMLET_SIMD_END
