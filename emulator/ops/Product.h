//===- Product.h ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Matrix products of one warp, whatever their shape and types.
//
// With g = lane / 4 and t = lane % 4, e elements a register: register r of A
// holds row g + 8 (r & 1), columns t e + 4 e (r / 2) ...; of B row t e + 4 e r
// ..., column g; C has row g + 8 (i / 2), column 2 t + (i & 1). Sums run over k
// in order, one fused multiply-add each, in f32 (f64, s32); f16 accumulators
// are rounded once at the end.
#pragma once

#include "emulator/ops/Simd.h"

HAMLET_SIMD_BEGIN

enum class BitOp : u8 { None, Xor, And };

struct Product {
  u32 m = 0, n = 8, k = 0;
  Type a = Type::None, b = Type::None, c = Type::None, d = Type::None;
  u32 selector = 0; ///< which threads have the metadata
  BitOp bits = BitOp::None;
  bool sparse = false; ///< A has half of k's columns, the metadata says which
  bool saturate = false;
  bool aColumns = false, bRows = false; ///< layouts of m8n8k4 with f16
  u8 rounding = 0; ///< of wmma with f64: 0 rn, 1 rz, 2 rm, 3 rp
};

struct Registers {
  u32 a, b, c, d;
};

inline u32 elementBits(Type t) {
  switch (t) {
  case Type::TF32:
    return 32;
  case Type::S4:
  case Type::U4:
    return 4;
  case Type::B1:
    return 1;
  default:
    return 8 * typeBytes(t);
  }
}
/// What such an element's register is declared as.
inline Type registerType(Type t) {
  return t == Type::F64 || t == Type::F32 || t == Type::S32 ? t : Type::B32;
}
/// Takes the last modifier that is a type, .s4, .u4 and .b1 among them.
Type takeElement(Decode &d);
/// Takes .mMnNkK.
void takeShape(Decode &d, Product &s);
/// Whether the ISA has it.
bool isProduct(const Product &s);
Registers registersOf(const Product &s);
/// Threads of four whose register has metadata for one product: 1, 2 or 4.
u32 metadataThreads(const Product &s);
/// Element i of those a lane has in `regs`, with what lies above it.
u64 rawElement(Warp &w, const u32 *regs, u32 bits, u32 l, u32 i);
/// Writes element i of a lane's sums, rounded to `t`.
void writeSum(Warp &w, const u32 *regs, Type t, u32 l, u32 i, double v);
/// start + the product of a row of A and of column j of B, whose rows
/// `columns` lists; b[k * stride + j].
double dotted(const Product &s, const double *a, const u16 *columns,
              const double *b, u32 stride, u32 j, double start, u32 count);
/// The value of one element's bits.
double elementValue(Type t, u64 raw);

/// regs: D, A, B, C and the metadata one after the other, then the Product;
/// flags: where that begins.
Step multiply(Warp &w, const Op &o, u32 m);
/// m8n8k4 with f16: four products, each of 8 threads.
Step multiplyQuads(Warp &w, const Op &o, u32 m);

HAMLET_SIMD_END
