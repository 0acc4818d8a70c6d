//===- Memory.cpp ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// ld and st.
#include "emulator/ops/Access.h"
#include "emulator/ops/Families.h"

HAMLET_SIMD_BEGIN

u32 takeVector(Decode &d) {
  int v = d.takeOf({"v2", "v4", "v8"});
  return v < 0 ? 1 : 2u << v;
}

u32 takeAccess(Decode &d, bool atomic) {
  static constexpr Space spaces[] = {
      Space::Global, Space::Const,         Space::Shared,
      Space::Shared, Space::SharedCluster, Space::Local,
      Space::Param,  Space::Param,         Space::Param};
  int s =
      d.takeOf({"global", "const", "shared", "shared::cta", "shared::cluster",
                "local", "param", "param::entry", "param::func"});
  u32 flags = static_cast<u32>(s < 0 ? Space::Generic : spaces[s]);
  bool mmio = d.take("mmio");
  int order = d.takeOf(
      {"weak", "volatile", "relaxed", "acquire", "release", "acq_rel"});
  int scope = d.takeOf({"cta", "cluster", "gpu", "sys"});
  u32 bits = kWeak;
  if (order == 1 || order == 2 || mmio)
    bits = kStrong;
  if (order == 3)
    bits = kStrong | kAcquire;
  if (order == 4)
    bits = kStrong | kRelease;
  if (order == 5)
    bits = kStrong | kAcquire | kRelease;
  if (atomic)
    bits |= kStrong;
  if (order == 1)
    scope = 3;
  if (atomic && scope < 0)
    scope = 2;
  flags |= bits << kOrderShift;
  flags |=
      static_cast<u32>(scope < 0 ? Scope::None : static_cast<Scope>(scope + 1))
      << kScopeShift;
  bool mayBeGlobal = s <= 1;
  if ((bits & kStrong) && mayBeGlobal) {
    d.info.strongGlobal = true;
    d.useStrongGlobal();
  }
  return flags;
}

void setAddress(Decode &d, const ast::Operand &o, Space space) {
  Decode::Address a = d.address(o);
  d.op.a = a.base;
  d.op.imm = a.offset;
  d.op.e = d.lookup();
  u32 flags = (a.narrow ? kNarrow : 0) | (a.uniform ? kUniform : 0);
  // Parameters of functions lie in the frame, which is local memory.
  if (space == Space::Param && !(a.uniform && a.entryParam))
    if (a.symbolSpace == Space::Param ? !a.entryParam
                                      : !d.function().ast->isEntry) {
      d.op.flags =
          (d.op.flags & ~u32(kSpaceMask)) | static_cast<u32>(Space::Local);
    }
  // A named variable without a space modifier.
  if (space == Space::Generic && a.symbolSpace != Space::Generic &&
      a.symbolSpace != Space::Global && a.symbolSpace != Space::Const)
    d.op.flags =
        (d.op.flags & ~u32(kSpaceMask)) | static_cast<u32>(a.symbolSpace);
  d.op.flags |= flags;
}

namespace {
const u8 kNowhere[64] = {};

/// Where each lane's element lies. `row`: consecutive lanes are consecutive in
/// memory and all 32 are readable at host.
struct Places {
  u8 *at[32];
  bool row = false;
  u8 *first = nullptr;
};

void checkLanes(Warp &w, const Op &o, u32 m, Space space,
                const Vec<u64> &address, u32 bytes, Access access,
                const u8 *data) {
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      w.check->access(
          w, o, l,
          resolve(w, o, space, address[l], bytes, l, access != Access::Read),
          bytes, infoOf(o, access), data ? data + l * bytes : nullptr);
}

template <u32 Bytes, bool Write>
FORCE void locate(Warp &w, const Op &o, u32 m, Places &p, const u8 *data) {
  Vec<u64> a = addressesOf(w, o);
  Space space = spaceOf(o);
  checkAligned(w, o, a, Bytes, m);
  u32 l0 = firstLane(m);
  u64 first = a[l0];
  Resolved r = resolve(w, o, space, first, Bytes, l0, Write);
  bool check = w.check && r.space != Space::Local && r.space != Space::Param;
  if (r.space != Space::Local) {
    Vec<u64> delta = a - Vec<u64>(first - l0 * Bytes);
    u64 base = r.space == Space::Global ? r.allocation->begin : kSharedStart;
    u64 end = r.space == Space::Global  ? r.allocation->end
              : r.space == Space::Param ? w.program->paramBytes
                                        : kSharedStart + r.cta->sharedBytes;
    if (r.space == Space::Param)
      base = 0;
    if (!(maskOf(delta != laneSteps(Bytes)) & m)) {
      u32 l1 = 31 - static_cast<u32>(std::countl_zero(m));
      if (r.address + u64(l1 - l0) * Bytes + Bytes <= end) {
        if (check) {
          Resolved start = r;
          start.host -= l0 * Bytes;
          start.address -= l0 * Bytes;
          w.check->accessRow(w, o, m, start, Bytes,
                             infoOf(o, Write ? Access::Write : Access::Read),
                             data);
        }
        p.row = m == ~0u;
        p.first = r.host;
        for (u32 l = 0; l < 32; ++l)
          p.at[l] = r.host + (s64(l) - s64(l0)) * s64(Bytes);
        if (m != ~0u)
          for (u32 l = 0; l < 32; ++l)
            if (!(m >> l & 1))
              p.at[l] = const_cast<u8 *>(kNowhere);
        return;
      }
    }
    // All lanes in this allocation or CTA: one addition a lane.
    Vec<u64> offset = a - Vec<u64>(first) + Vec<u64>(r.address - base);
    u32 outside = maskOf(offset > Vec<u64>(end - base - Bytes)) & m;
    if (!outside) {
      if (check)
        checkLanes(w, o, m, space, a, Bytes,
                   Write ? Access::Write : Access::Read, data);
      u8 *host = r.host - (r.address - base);
      for (u32 l = 0; l < 32; ++l)
        p.at[l] = m >> l & 1 ? host + offset[l] : const_cast<u8 *>(kNowhere);
      return;
    }
  }
  if (check)
    checkLanes(w, o, m, space, a, Bytes, Write ? Access::Write : Access::Read,
               data);
  for (u32 l = 0; l < 32; ++l)
    p.at[l] = m >> l & 1 ? resolve(w, o, space, a[l], Bytes, l, Write).host
                         : const_cast<u8 *>(kNowhere);
}

template <class M> FORCE M readAt(const u8 *p) {
  M v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// M: type in memory, R: type of the register's lane, N elements.
template <class M, class R, u32 N> Step load(Warp &w, const Op &o, u32 m) {
  using E = std::conditional_t<std::is_signed_v<M>, std::make_signed_t<R>, R>;
  Places p;
  locate<sizeof(M) * N, false>(w, o, m, p, nullptr);
  if constexpr (N == 1) {
    Vec<M> v;
    if (p.row) {
      std::memcpy(&v, p.first, sizeof v);
    } else {
      alignas(64) M t[32];
      for (u32 l = 0; l < 32; ++l)
        t[l] = readAt<M>(p.at[l]);
      std::memcpy(&v, t, sizeof v);
    }
    put<R>(w, o.d,
           __builtin_bit_cast(Vec<R>, __builtin_convertvector(v, Vec<E>)), m);
  } else {
    alignas(64) E t[N][32];
    if (p.row) {
      for (u32 l = 0; l < 32; ++l)
        for (u32 k = 0; k < N; ++k)
          t[k][l] =
              static_cast<E>(readAt<M>(p.first + (l * N + k) * sizeof(M)));
    } else {
      for (u32 l = 0; l < 32; ++l)
        for (u32 k = 0; k < N; ++k)
          t[k][l] = static_cast<E>(readAt<M>(p.at[l] + k * sizeof(M)));
    }
    for (u32 k = 0; k < N; ++k) {
      Vec<R> v;
      std::memcpy(&v, t[k], sizeof v);
      if (o.regs[k])
        put<R>(w, o.regs[k], v, m);
    }
  }
  if (__builtin_expect(o.flags & kPolls, 0)) {
    u32 l = firstLane(m);
    notePoll(w, w.pc, reinterpret_cast<u64>(p.at[l]), readAt<M>(p.at[l]));
    return Step::Yield;
  }
  return Step::Next;
}

/// Kernel parameters and constants: one address for all lanes.
template <class M, class R, u32 N>
Step loadUniform(Warp &w, const Op &o, u32 m) {
  using E = std::conditional_t<std::is_signed_v<M>, std::make_signed_t<R>, R>;
  u64 address = static_cast<u64>(o.imm);
  u32 l0 = static_cast<u32>(std::countr_zero(m));
  if (address & (sizeof(M) * N - 1))
    misaligned(w, o, address, sizeof(M) * N, l0);
  Resolved r = resolve(w, o, spaceOf(o), address, sizeof(M) * N, l0, false);
  for (u32 k = 0; k < N; ++k) {
    u32 d = N == 1 ? o.d : o.regs[k];
    if (N == 1 || d)
      put<R>(w, d,
             Vec<R>(static_cast<R>(
                 static_cast<E>(readAt<M>(r.host + k * sizeof(M))))),
             m);
  }
  return Step::Next;
}

template <class M, class R, u32 N> Step store(Warp &w, const Op &o, u32 m) {
  alignas(64) M t[32][N];
  for (u32 k = 0; k < N; ++k) {
    const R *r = lane<R>(w, N == 1 ? o.b : o.regs[k]);
    for (u32 l = 0; l < 32; ++l)
      t[l][k] = static_cast<M>(r[l]);
  }
  Places p;
  const u8 *data = reinterpret_cast<const u8 *>(t);
  locate<sizeof(M) * N, true>(w, o, m, p, data);
  if (p.row) {
    std::memcpy(p.first, t, sizeof t);
  } else {
    for (u32 l = 0; l < 32; ++l)
      if (m >> l & 1)
        std::memcpy(p.at[l], t[l], sizeof t[l]);
  }
  ++w.engine->events;
  ++w.cta->sharedVersion;
  return Step::Next;
}

template <class M, class R> Handler loadOf(u32 n, bool uniform) {
  switch (n) {
  case 1:
    return uniform ? loadUniform<M, R, 1> : load<M, R, 1>;
  case 2:
    return uniform ? loadUniform<M, R, 2> : load<M, R, 2>;
  case 4:
    return uniform ? loadUniform<M, R, 4> : load<M, R, 4>;
  default:
    return uniform ? loadUniform<M, R, 8> : load<M, R, 8>;
  }
}
template <class M, class R> Handler storeOf(u32 n) {
  return n == 1   ? store<M, R, 1>
         : n == 2 ? store<M, R, 2>
         : n == 4 ? store<M, R, 4>
                  : store<M, R, 8>;
}
template <class R> Handler loadType(u32 bytes, bool sign, u32 n, bool uniform) {
  switch (bytes) {
  case 1:
    return sign ? loadOf<s8, R>(n, uniform) : loadOf<u8, R>(n, uniform);
  case 2:
    return sign ? loadOf<s16, R>(n, uniform) : loadOf<u16, R>(n, uniform);
  case 4:
    if constexpr (sizeof(R) == 8)
      return sign ? loadOf<s32, R>(n, uniform) : loadOf<u32, R>(n, uniform);
    return loadOf<u32, R>(n, uniform);
  default:
    return loadOf<u64, u64>(n, uniform);
  }
}
template <class R> Handler storeType(u32 bytes, u32 n) {
  return bytes == 1   ? storeOf<u8, R>(n)
         : bytes == 2 ? storeOf<u16, R>(n)
         : bytes == 4 ? storeOf<u32, R>(n)
                      : storeOf<u64, u64>(n);
}

// 128-bit scalars.
Step load128(Warp &w, const Op &o, u32 m) {
  Places p;
  locate<16, false>(w, o, m, p, nullptr);
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      std::memcpy(w.regs + o.d + 16 * l, p.at[l], 16);
  return Step::Next;
}
Step store128(Warp &w, const Op &o, u32 m) {
  Places p;
  locate<16, true>(w, o, m, p, w.regs + o.b);
  for (u32 l = 0; l < 32; ++l)
    if (m >> l & 1)
      std::memcpy(p.at[l], w.regs + o.b + 16 * l, 16);
  ++w.engine->events;
  ++w.cta->sharedVersion;
  return Step::Next;
}

/// The registers of {a, b, ...} or of one operand, and their common lane bytes.
std::vector<u32> registersOf(Decode &d, const ast::Operand &o, Type t, u32 n,
                             bool write, u32 &laneWidth) {
  std::vector<ast::Operand> elems;
  if (o.kind == ast::Operand::Kind::Vector)
    elems = o.elems;
  else
    elems.push_back(o);
  if (elems.size() != n)
    d.fail("expected " + std::to_string(n) + " registers, got " +
           std::to_string(elems.size()));
  laneWidth = laneBytes(t);
  for (const ast::Operand &e : elems)
    laneWidth = std::max(laneWidth, d.registerBytes(e));
  std::vector<u32> regs;
  regs.reserve(elems.size());
  Type as =
      laneWidth > laneBytes(t) ? (laneWidth == 8 ? Type::B64 : Type::B128) : t;
  for (const ast::Operand &e : elems)
    regs.push_back(write ? d.sink(e, as) : d.source(e, as));
  return regs;
}

void decodeLoad(Decode &d) {
  d.op.flags = takeAccess(d, false);
  bool readOnly = d.take("nc");
  d.takeCacheHints();
  u32 n = takeVector(d);
  d.take("unified");
  Type t = d.takeType();
  Space space = spaceOf(d.op);
  d.expectCount(2, 3);
  setAddress(d, d.operand(1), space);
  if (d.count() == 3)
    d.source(2, Type::B64);
  if (readOnly)
    d.op.flags |= kReadOnly;
  u32 order = d.op.flags >> kOrderShift & 7;
  if (order & kStrong)
    d.op.flags |= kPolls;
  u32 width;
  std::vector<u32> regs = registersOf(d, d.operand(0), t, n, true, width);
  d.op.bytes = static_cast<u8>(typeBytes(t));
  if (typeBytes(t) == 16) {
    if (n != 1)
      d.fail("vectors of .b128 are not supported");
    d.op.d = regs[0];
    return d.emit(load128);
  }
  if (n == 1)
    d.op.d = regs[0];
  else
    d.list(regs);
  bool sign = isSigned(t);
  bool uniform = (d.op.flags & kUniform) && spaceOf(d.op) == Space::Param;
  d.emit(width == 8 ? loadType<u64>(typeBytes(t), sign, n, uniform)
                    : loadType<u32>(typeBytes(t), sign, n, uniform));
}
} // namespace

void decodeStore(Decode &d) {
  d.op.flags = takeAccess(d, false);
  d.takeCacheHints();
  u32 n = takeVector(d);
  Type t = d.takeType();
  Space space = spaceOf(d.op);
  d.expectCount(2, 3);
  setAddress(d, d.operand(0), space);
  u32 width;
  std::vector<u32> regs = registersOf(d, d.operand(1), t, n, false, width);
  if (d.count() == 3)
    d.source(2, Type::B64);
  d.op.bytes = static_cast<u8>(typeBytes(t));
  if (typeBytes(t) == 16) {
    d.op.b = regs[0];
    return d.emit(store128);
  }
  if (n == 1)
    d.op.b = regs[0];
  else
    d.list(regs);
  d.emit(width == 8 ? storeType<u64>(typeBytes(t), n)
                    : storeType<u32>(typeBytes(t), n));
}

void registerMemory(OpTable &t) {
  t["ld"] = t["ldu"] = decodeLoad;
  t["st"] = decodeStore;
}

HAMLET_SIMD_END
