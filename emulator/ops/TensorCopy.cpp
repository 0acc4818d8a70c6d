//===- TensorCopy.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

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

/// A box, or a column of pixels whose places `shift` moves.
struct Tile {
  TensorMap map;
  s32 at[5];
  s32 shift[3];
};

/// Calls f(offset in the box, global address or 0 when outside, bytes) for runs
/// of consecutive elements, at most 16 bytes each.
class Runs {
public:
  explicit Runs(const Tile &t)
      : t(t), m(t.map), rank(std::min(m.rankMinusOne + 1u, 5u)),
        size(tensorElementBytes(m.type)) {}
  template <class F> void each(F f) const {
    if (m.im2col)
      columns(f);
    else
      boxes(f);
  }

private:
  const Tile &t;
  const TensorMap &m;
  u32 rank, size;

  s64 step(u32 i) const { return m.elementStride[i] ? m.elementStride[i] : 1; }

  /// One line of `count` elements along dimension 0; `x`: of the others.
  template <class F> void line(const s64 *x, u32 count, u32 offset, F f) const {
    u64 address = m.base;
    bool inside = true;
    for (u32 i = 1; i < rank; ++i) {
      inside &= x[i] >= 0 && x[i] < s64(m.dim[i]);
      address += static_cast<u64>(x[i]) * m.stride[i - 1];
    }
    auto in = [&](u32 b) {
      s64 y = t.at[0] + s64(b / size);
      return inside && y >= 0 && y < s64(m.dim[0]);
    };
    u32 bytes = count * size;
    for (u32 b = 0; b < bytes;) {
      u32 n = size, limit = std::min(bytes - b, 16 - (b & 15));
      while (n < limit && in(b + n) == in(b))
        n += size;
      s64 y = t.at[0] + s64(b / size);
      f(offset + b, in(b) ? address + static_cast<u64>(y) * size : 0, n);
      b += n;
    }
  }

  template <class F> void boxes(F f) const {
    u32 count[5] = {1, 1, 1, 1, 1}, rows = 1;
    for (u32 i = 0; i < rank; ++i) {
      count[i] = boxElements(m, i);
      rows *= i ? count[i] : 1;
    }
    for (u32 r = 0; r < rows; ++r) {
      s64 x[5];
      u32 rest = r;
      for (u32 i = 1; i < rank; ++i) {
        x[i] = t.at[i] + s64(rest % count[i]) * step(i);
        rest /= count[i];
      }
      line(x, count[0], r * count[0] * size, f);
    }
  }

  /// Pixels follow each other through the box of first pixels, innermost
  /// first, then through the images.
  template <class F> void columns(F f) const {
    s64 first[5];
    std::copy(t.at, t.at + rank, first);
    for (u32 p = 0; p < m.pixels; ++p) {
      s64 x[5];
      for (u32 i = 1; i < rank; ++i)
        x[i] = first[i] + (i + 1 < rank ? t.shift[i - 1] : 0);
      line(x, m.channels, p * m.channels * size, f);
      for (u32 i = 1; i < rank; ++i) {
        bool image = i + 1 == rank;
        first[i] += image ? 1 : step(i);
        if (image || first[i] <= s64(m.dim[i]) - 1 + m.upper[i - 1])
          break;
        first[i] = m.lower[i - 1];
      }
    }
  }
};

u64 wide(Warp &w, u32 reg, u32 bytes, u32 l) {
  return bytes == 4 ? lane<u32>(w, reg)[l] : lane<u64>(w, reg)[l];
}

constexpr u32 kColumns = 1 << 17; ///< an im2col instruction

Tile readTile(Warp &w, const Op &o, u32 l, const u32 *coordinates, u32 rank) {
  Tile t{};
  u64 address = lane<u64>(w, o.b)[l];
  if (address & 63)
    misaligned(w, o, address, 64, l);
  Resolved r = resolve(w, o, Space::Generic, address, 128, l, false);
  if (w.check && r.space == Space::Global)
    w.check->mapUsed(w, o, l, r.address);
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
  bool columns = o.flags & kColumns;
  if (columns != (t.map.im2col != 0))
    w.fault(o, LaunchStatus::IllegalInstruction,
            std::string("the tensor map is ") + (columns ? "tiled" : "im2col") +
                ", the instruction is not",
            l);
  for (u32 i = 0; i < rank; ++i)
    t.at[i] = lane<s32>(w, coordinates[i])[l];
  // Offsets follow the coordinates; stores have none.
  for (u32 i = 0;
       columns && i + 2 < rank && coordinates + rank + i < o.regs + o.regCount;
       ++i)
    t.shift[i] = lane<u32>(w, coordinates[rank + i])[l] & 0xffff;
  return t;
}

void checkShared(Warp &w, const Op &o, u32 l, u64 address) {
  if (address & 127)
    misaligned(w, o, address, 128, l);
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
    u32 bytes = transferBytes(t.map);
    u64 mbar = wide(w, o.regs[0], o.regs[1], l) +
               static_cast<u64>(s64(s32(o.regs[2])));
    u32 mask = o.flags & kMulticast ? lane<u32>(w, o.regs[3])[l] & 0xffff : 0;
    checkShared(w, o, l, to[l]);
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
        Runs(t).each([&](u32, u64 g, u32 n) {
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
        Runs(t).each([&](u32 offset, u64 g, u32 n) {
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
    u32 bytes = transferBytes(t.map);
    checkShared(w, o, l, from[l]);
    Resolved s = resolve(w, o, Space::Shared, from[l], bytes, l, false);
    if (w.check) {
      w.check->bulkAccess(w, o, l, s, bytes, false, nullptr, 0);
      Runs(t).each([&](u32, u64 g, u32 n) {
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
      Runs(t).each([&](u32 offset, u64 g, u32 n) {
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

namespace {
/// [map, {coordinates}] into `b` and the end of `regs`.
void takeTensor(Decode &d, const ast::Operand &tensor, int rank,
                std::vector<u32> &regs) {
  if (tensor.kind != ast::Operand::Kind::Address || tensor.elems.size() != 2)
    d.fail("expected [map, {coordinates}]");
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
  const ast::Operand &c = tensor.elems[1];
  if (c.kind != ast::Operand::Kind::Vector ||
      c.elems.size() != static_cast<size_t>(rank))
    d.fail("expected " + std::to_string(rank) + " coordinates");
  for (const ast::Operand &e : c.elems)
    regs.push_back(d.source(e, Type::S32));
}

int takeRank(Decode &d) {
  int rank = d.takeOf({"1d", "2d", "3d", "4d", "5d"});
  if (rank < 0)
    d.fail("expected .1d to .5d");
  return rank + 1;
}

/// .tile (the default), .im2col of loads and prefetches, .im2col_no_offs of
/// stores. True: im2col.
bool takeMode(Decode &d, int rank, bool store) {
  if (d.takeOf({"im2col::w", "im2col::w::128"}) >= 0)
    d.fail("the modes .im2col::w and .im2col::w::128 are not supported");
  bool tile = d.take("tile");
  bool columns = d.take(store ? "im2col_no_offs" : "im2col");
  if (tile && columns)
    d.fail("expected one mode");
  if (columns && rank < 3)
    d.fail("im2col needs 3 to 5 dimensions");
  return columns;
}

void takeOffsets(Decode &d, size_t i, int rank, std::vector<u32> &regs) {
  const ast::Operand &o = d.operand(i);
  if (o.kind != ast::Operand::Kind::Vector ||
      o.elems.size() != static_cast<size_t>(rank - 2))
    d.fail("expected " + std::to_string(rank - 2) + " im2col offsets");
  for (const ast::Operand &e : o.elems)
    regs.push_back(d.source(e, Type::U16));
}
} // namespace

void decodeTensorPrefetch(Decode &d) {
  int rank = takeRank(d);
  if (!d.take("L2") || !d.take("global"))
    d.fail("expected .L2.global");
  bool columns = takeMode(d, rank, false);
  d.expectCount(1 + columns + d.take("L2::cache_hint"));
  std::vector<u32> regs;
  takeTensor(d, d.operand(0), rank, regs);
  if (columns)
    takeOffsets(d, 1, rank, regs);
  d.emit([](Warp &, const Op &, u32) { return Step::Next; });
}

void decodeBulkTensor(Decode &d, bool reduce) {
  int rank = takeRank(d);
  int first = d.takeOf({"shared::cluster", "shared::cta", "global"});
  int second = d.takeOf({"shared::cluster", "shared::cta", "global"});
  bool barrier = d.take("mbarrier::complete_tx::bytes"),
       group = d.take("bulk_group");
  bool multicast = d.take("multicast::cluster"),
       hint = d.take("L2::cache_hint");
  bool load = first != 2;
  if (first < 0 || second < 0 || barrier == group || barrier != load ||
      load != (second == 2) || (reduce && load) || (multicast && !load))
    d.fail("expected .shared.global with .mbarrier::complete_tx::bytes, or "
           ".global.shared::cta with .bulk_group");
  bool columns = takeMode(d, rank, !load);
  u32 reduction = reduce ? takeReduction(d) : u32(kCopy);
  d.expectCount((load ? 3 + columns : 2) + multicast + hint);
  Space space = first == 0 ? Space::SharedCluster : Space::Shared;
  d.op.flags = static_cast<u32>(space) | (multicast ? kMulticast : 0) |
               (columns ? kColumns : 0);
  setAddress(d, d.operand(load ? 0 : 1), space);
  std::vector<u32> regs(6);
  if (load) {
    Decode::Address b = d.address(d.operand(2));
    regs[0] = b.uniform ? d.constant(static_cast<u64>(b.offset), 4) : b.base;
    regs[1] = b.uniform || b.narrow ? 4 : 8;
    regs[2] = b.uniform ? 0 : static_cast<u32>(b.offset);
  }
  regs[4] = reduction;
  regs[5] = static_cast<u32>(rank);
  takeTensor(d, d.operand(load ? 1 : 0), rank, regs);
  if (load && columns)
    takeOffsets(d, 3, rank, regs);
  if (multicast)
    regs[3] = d.source(3 + columns, Type::B16);
  d.list(regs);
  d.emit(load ? tensorLoad : tensorStore);
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
    Resolved s = resolve(w, o, Space::Shared, from, 128, l, false);
    if (w.check) {
      w.check->access(w, o, l, s, 128, {}, nullptr);
      w.check->access(w, o, l, d, 128, {Access::Write, kWeak, Scope::None},
                      s.host);
      w.check->mapPublished(w, l, d.address);
    }
    std::memcpy(d.host, s.host, 128);
  }
  ++w.engine->events;
  return Step::Next;
}

void decodeTensormap(Decode &d) {
  if (d.take("cp_fenceproxy")) {
    if (!d.take("global") || d.takeOf({"shared::cta", "shared"}) < 0 ||
        !d.take("tensormap::generic") || !d.take("release") ||
        d.takeOf({"cta", "cluster", "gpu", "sys"}) < 0)
      d.fail("expected .global.shared::cta.tensormap::generic.release with a "
             "scope");
    d.take("sync");
    d.take("aligned");
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
  if (d.take("swizzle_atomicity"))
    d.fail("the atomicity of swizzles is not supported");
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
