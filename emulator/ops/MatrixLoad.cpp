//===- MatrixLoad.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// ldmatrix, stmatrix, movmatrix.
#include "emulator/ops/Access.h"
#include "emulator/ops/Families.h"
#include "emulator/ops/Gate.h"

HAMLET_SIMD_BEGIN
void registerMma(OpTable &t);
void registerWmma(OpTable &t);

namespace {
constexpr u32 kTrans = 1 << 20;

// Row i of matrix q is at the address of lane q * 8 + i; other lanes' addresses
// are ignored. Lane 4 r + c holds elements 2c and 2c + 1 of row r.
template <bool Store> Step matrix(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  Vec<u64> address = addressesOf(w, o);
  u32 n = o.regCount;
  checkAligned(w, o, address, 16, n == 4 ? m : m & ((1u << (8 * n)) - 1));
  u8 rows[32][16];
  u8 *at[32];
  for (u32 i = 0; i < 8 * n; ++i) {
    Resolved r = resolve(w, o, spaceOf(o), address[i], 16, i, Store);
    if (r.space != Space::Shared)
      w.fault(o, LaunchStatus::IllegalAddress,
              "a matrix row lies in shared memory", i);
    at[i] = r.host;
    if (!Store) {
      if (w.check)
        w.check->access(w, o, i, r, 16, {}, nullptr);
      std::memcpy(rows[i], r.host, 16);
    }
  }
  for (u32 q = 0; q < n; ++q) {
    u32 *d = lane<u32>(w, o.regs[q]);
    for (u32 l = 0; l < 32; ++l)
      for (u32 e = 0; e < 2; ++e) {
        u32 row = l / 4, column = l % 4 * 2 + e;
        if (o.flags & kTrans)
          std::swap(row, column);
        u8 *p = &rows[q * 8 + row][column * 2];
        u16 v;
        if (Store) {
          v = static_cast<u16>(d[l] >> (16 * e));
          std::memcpy(p, &v, 2);
        } else {
          std::memcpy(&v, p, 2);
          d[l] = e ? (d[l] & 0xffff) | u32(v) << 16 : v;
        }
      }
  }
  if (Store) {
    for (u32 i = 0; i < 8 * n; ++i) {
      if (w.check)
        w.check->access(w, o, i,
                        resolve(w, o, spaceOf(o), address[i], 16, i, true), 16,
                        {Access::Write, kWeak, Scope::None}, rows[i]);
      std::memcpy(at[i], rows[i], 16);
    }
    ++w.cta->sharedVersion;
    ++w.engine->events;
  }
  return Step::Next;
}

void decodeMatrix(Decode &d) {
  bool store = d.inst().opcode == "stmatrix";
  d.take("sync");
  d.take("aligned");
  if (d.takeOf({"m16n16", "m16n8", "m8n16"}) >= 0)
    d.fail("matrices of 8-bit and narrower elements are not supported");
  int shape = d.takeOf({"m8n8"});
  int n = d.takeOf({"x1", "x2", "x4"});
  bool trans = d.take("trans");
  Space space =
      d.takeOf({"shared", "shared::cta"}) < 0 ? Space::Generic : Space::Shared;
  Type t = d.takeType();
  if (shape < 0 || n < 0 || t != Type::B16)
    d.fail("expected .m8n8, .x1 .x2 or .x4 and .b16");
  d.op.flags = static_cast<u32>(space) | (trans ? kTrans : 0);
  d.expectCount(2);
  setAddress(d, d.operand(store ? 0 : 1), space);
  const ast::Operand &v = d.operand(store ? 1 : 0);
  std::vector<ast::Operand> elems = v.kind == ast::Operand::Kind::Vector
                                        ? v.elems
                                        : std::vector<ast::Operand>{v};
  if (elems.size() != (1u << n))
    d.fail("expected " + std::to_string(1u << n) + " registers");
  std::vector<u32> regs;
  regs.reserve(elems.size());
  for (const ast::Operand &e : elems)
    regs.push_back(store ? d.source(e, Type::B32) : d.sink(e, Type::B32));
  d.list(regs);
  d.info.reconverges = true;
  d.emit(store ? matrix<true> : matrix<false>);
}

Step movmatrix(Warp &w, const Op &o, u32 m) {
  if (!gate(w, o, m, ~0u))
    return Step::Block;
  u16 v[8][8];
  const u32 *a = lane<u32>(w, o.a);
  for (u32 l = 0; l < 32; ++l)
    for (u32 e = 0; e < 2; ++e)
      v[l / 4][l % 4 * 2 + e] = static_cast<u16>(a[l] >> (16 * e));
  for (u32 l = 0; l < 32; ++l)
    lane<u32>(w, o.d)[l] = v[l % 4 * 2][l / 4] | u32(v[l % 4 * 2 + 1][l / 4])
                                                     << 16;
  return Step::Next;
}
void decodeMovmatrix(Decode &d) {
  d.take("sync");
  d.take("aligned");
  if (!d.take("m8n8") || !d.take("trans"))
    d.fail("expected .m8n8.trans");
  d.takeType();
  d.expectCount(2);
  d.op.d = d.sink(0, Type::B32);
  d.op.a = d.source(1, Type::B32);
  d.emit(movmatrix);
}
} // namespace

void registerMatrix(OpTable &t) {
  t["ldmatrix"] = t["stmatrix"] = decodeMatrix;
  t["movmatrix"] = decodeMovmatrix;
  registerMma(t);
  registerWmma(t);
}

HAMLET_SIMD_END
