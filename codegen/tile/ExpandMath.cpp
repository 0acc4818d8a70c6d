//===- ExpandMath.cpp - transcendental functions as arithmetic ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs first on a kernel, before either backend looks at it. The example by
// hand, exp(1): 1 * log2(e) = 1.44 rounds to n = 1; r = 1 - ln 2 = 0.307;
// exp(r) = 1.359 by a polynomial; times 2^1 = 2.718. The rounding to an integer
// adds 1.5 * 2^23, whose ulp is 1: the sum's low bits are n, so that no
// conversion is needed that targets might define differently.
//
//===----------------------------------------------------------------------===//

#include "codegen/tile/ExpandMath.h"

#include "codegen/tile/Passes.h"

#include "dialects/Tile/TileDialect.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/TypeUtilities.h"

#include <limits>

using namespace mlir;

namespace {

/// Builds elementwise ops on values shaped like the op that is replaced.
class Writer {
public:
  Writer(Operation *op) : b(op), loc(op->getLoc()) {
    shape = dyn_cast<RankedTensorType>(op->getResult(0).getType());
  }

  Type type(Type element) {
    return shape ? Type(shape.clone(element)) : element;
  }
  Type f32() { return type(b.getF32Type()); }
  Type f64() { return type(b.getF64Type()); }
  Type i32() { return type(b.getI32Type()); }
  Type i64() { return type(b.getI64Type()); }

  Value constant(Attribute scalar, Type element) {
    if (!shape)
      return arith::ConstantOp::create(b, loc, mlir::cast<TypedAttr>(scalar));
    return arith::ConstantOp::create(
        b, loc,
        DenseElementsAttr::get(mlir::cast<ShapedType>(type(element)), scalar));
  }
  Value f(float v) { return constant(b.getF32FloatAttr(v), b.getF32Type()); }
  Value d(double v) { return constant(b.getF64FloatAttr(v), b.getF64Type()); }
  Value i(int32_t v) {
    return constant(b.getI32IntegerAttr(v), b.getI32Type());
  }
  Value l(int64_t v) {
    return constant(b.getI64IntegerAttr(v), b.getI64Type());
  }

  template <typename Op> Value make(Value x, Value y) {
    return Op::create(b, loc, x, y);
  }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, loc, x, y, z);
  }
  Value cast(Value x, Type to) {
    return arith::BitcastOp::create(b, loc, to, x);
  }
  Value select(Value c, Value x, Value y) {
    return arith::SelectOp::create(b, loc, c, x, y);
  }
  Value test(arith::CmpFPredicate p, Value x, Value y) {
    return arith::CmpFOp::create(b, loc, p, x, y);
  }
  Value test(arith::CmpIPredicate p, Value x, Value y) {
    return arith::CmpIOp::create(b, loc, p, x, y);
  }
  Value notBelow(Value x, float low) { // NaN for NaN
    return select(test(arith::CmpFPredicate::OLT, x, f(low)), f(low), x);
  }
  Value notAbove(Value x, float high) {
    return select(test(arith::CmpFPredicate::OGT, x, f(high)), f(high), x);
  }
  Value horner32(Value x, ArrayRef<float> c) {
    Value r = f(c.front());
    for (float next : c.drop_front())
      r = fma(r, x, f(next));
    return r;
  }
  /// c[0] x^n + ... + c[n] in f64.
  Value horner(Value x, ArrayRef<double> c) {
    Value r = d(c.front());
    for (double next : c.drop_front())
      r = fma(r, x, d(next));
    return r;
  }

  Value exp(Value x);
  Value exp2(Value x, bool nonPositive);
  Value log(Value x);
  /// cos(x) for `quarter` 1, sin(x) for 0: sin(x + quarter * pi / 2).
  Value sine(Value x, int64_t quarter);
  Value rsqrt(Value x);

private:
  /// 1.5 * 2^23. A sum with it is rounded to an integer, whose low bits are the
  /// sum's: t = n + kToInteger + c has n + c there.
  static constexpr float kToInteger = 12582912.0f;
  /// 2^(k - 127) from the low 9 bits of `k`, which are at most 254.
  Value power(Value k);
  /// p 2^n where t = n + kToInteger + 2 * 127.
  Value timesPower(Value p, Value t);

  OpBuilder b;
  Location loc;
  RankedTensorType shape; // null for scalars
};

} // namespace

Value Writer::power(Value k) {
  return cast(make<arith::ShLIOp>(k, i(23)), f32());
}

Value Writer::timesPower(Value p, Value t) {
  // Two factors: each is normal, and only the last product rounds.
  Value k = cast(t, i32()), half = make<arith::ShRUIOp>(k, i(1));
  p = make<arith::MulFOp>(p, power(half));
  return make<arith::MulFOp>(p, power(make<arith::SubIOp>(k, half)));
}

Value Writer::exp(Value x) {
  // Outside [-105, 89] the result is 0 or inf; a NaN fails both tests.
  x = notBelow(x, -105.0f);
  x = notAbove(x, 89.0f);
  Value magic = f(kToInteger + 2 * 127);
  Value t = fma(x, f(1.44269504f), magic);
  Value n = make<arith::SubFOp>(t, magic);
  // ln 2 in two parts; n times the first is exact.
  Value r = fma(n, f(-0.693359375f), x);
  r = fma(n, f(2.12194440e-4f), r);
  // Of degree 6 with 1 + r as it is: 3.1e-9 on |r| <= ln 2 / 2, the least.
  Value p = horner32(r, {1.381461275741458e-3f, 8.368710055947304e-3f,
                         4.166838899254799e-2f, 1.666652113199234e-1f,
                         4.999999403953552e-1f, 1.0f, 1.0f});
  return timesPower(p, t);
}

Value Writer::exp2(Value x, bool nonPositive) {
  // Non-positive: at -127 the power's bits are 0, so that it is 0.
  x = notBelow(x, nonPositive ? -127.0f : -151.0f);
  if (!nonPositive)
    x = notAbove(x, 129.0f);
  Value magic = f(kToInteger + (nonPositive ? 127 : 2 * 127));
  Value t = make<arith::AddFOp>(x, magic);
  Value r = make<arith::SubFOp>(x, make<arith::SubFOp>(t, magic));
  // Of degree 6 with 1 as it is: 2.0e-9 on |r| <= 1/2, the least.
  Value p = horner32(r, {1.535336191857938e-4f, 1.339887449722233e-3f,
                         9.618437358204196e-3f, 5.550332470935201e-2f,
                         2.402264791362081e-1f, 6.931472028551394e-1f, 1.0f});
  if (nonPositive)
    return make<arith::MulFOp>(p, power(cast(t, i32())));
  return timesPower(p, t);
}

Value Writer::log(Value x) {
  // In f64 every f32 is normal. x = 2^e m with m in [sqrt(1/2), sqrt(2)):
  // adding the distance of 1 from sqrt(1/2) carries into the exponent.
  const int64_t kRoot = 0x3fe6a09e00000000;
  const int64_t kOne = 0x3ff0000000000000;
  const double kInf = std::numeric_limits<double>::infinity();
  Value wide = arith::ExtFOp::create(b, loc, f64(), x);
  Value bits = cast(wide, i64());
  Value above = make<arith::AddIOp>(bits, l(kOne - kRoot));
  Value e64 = make<arith::SubIOp>(make<arith::ShRSIOp>(above, l(52)), l(1023));
  Value mbits = make<arith::AddIOp>(
      make<arith::AndIOp>(above, l(0x000fffffffffffff)), l(kRoot));
  Value m = cast(mbits, f64());
  Value e32 = arith::TruncIOp::create(b, loc, i32(), e64);
  Value e = arith::SIToFPOp::create(b, loc, f64(), e32);
  // log m = 2 atanh s, s = (m - 1) / (m + 1), |s| < 0.172.
  Value s = make<arith::DivFOp>(make<arith::SubFOp>(m, d(1.0)),
                                make<arith::AddFOp>(m, d(1.0)));
  Value z = make<arith::MulFOp>(s, s);
  Value q = horner(z, {2.0 / 15, 2.0 / 13, 2.0 / 11, 2.0 / 9, 2.0 / 7, 2.0 / 5,
                       2.0 / 3, 2.0});
  Value y = fma(e, d(0.6931471805599453), make<arith::MulFOp>(s, q));
  Value zero = d(0.0), inf = d(kInf);
  y = select(test(arith::CmpFPredicate::OEQ, wide, zero), d(-kInf), y);
  y = select(test(arith::CmpFPredicate::OEQ, wide, inf), inf, y);
  // Negative or NaN: the comparison is true for both.
  y = select(test(arith::CmpFPredicate::ULT, wide, zero),
             d(std::numeric_limits<double>::quiet_NaN()), y);
  return arith::TruncFOp::create(b, loc, f32(), y);
}

Value Writer::sine(Value x, int64_t quarter) {
  Value wide = arith::ExtFOp::create(b, loc, f64(), x);
  Value magic = d(6755399441055744.0); // 1.5 * 2^52
  Value t = fma(wide, d(0.63661977236758134), magic);
  Value k = make<arith::SubFOp>(t, magic);
  // pi / 2 in two parts, 107 bits in all.
  Value r = fma(k, d(-1.5707963267948966), wide);
  r = fma(k, d(-6.123233995736766e-17), r);
  Value z = make<arith::MulFOp>(r, r);
  // Taylor series on [-pi/4, pi/4]: truncated below 1e-11 of the result.
  Value sinTail = horner(
      z, {-1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6});
  Value sin = fma(make<arith::MulFOp>(sinTail, z), r, r);
  Value cos = horner(z, {1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320,
                         -1.0 / 720, 1.0 / 24, -0.5, 1.0});
  Value place = make<arith::AddIOp>(cast(t, i64()), l(quarter));
  Value zero = l(0);
  Value odd =
      test(arith::CmpIPredicate::ne, make<arith::AndIOp>(place, l(1)), zero);
  Value y = select(odd, cos, sin);
  Value sign = make<arith::ShLIOp>(make<arith::AndIOp>(place, l(2)), l(62));
  y = cast(make<arith::XOrIOp>(cast(y, i64()), sign), f64());
  Value nan = d(std::numeric_limits<double>::quiet_NaN());
  Value limit = d(1125899906842624.0); // 2^50: k is an integer up to there
  y = select(test(arith::CmpFPredicate::OLE, wide, limit), y, nan);
  y = select(test(arith::CmpFPredicate::OGE, wide, d(-1125899906842624.0)), y,
             nan);
  return arith::TruncFOp::create(b, loc, f32(), y);
}

Value Writer::rsqrt(Value x) {
  return make<arith::DivFOp>(f(1.0f), math::SqrtOp::create(b, loc, x));
}

void hamlet::tile::expandMath(Operation *root) {
  SmallVector<Operation *> found;
  root->walk([&](Operation *op) {
    if (!isa<math::ExpOp, math::Exp2Op, math::LogOp, math::CosOp, math::SinOp,
             math::RsqrtOp>(op))
      return;
    Type type = op->getResult(0).getType();
    auto tile = dyn_cast<RankedTensorType>(type);
    if (getElementTypeOrSelf(type).isF32() &&
        (tile ? tile.hasStaticShape() : type.isF32()))
      found.push_back(op);
  });
  for (Operation *op : found) {
    Writer w(op);
    Value x = op->getOperand(0);
    Value y;
    if (isa<math::ExpOp>(op))
      y = w.exp(x);
    else if (isa<math::Exp2Op>(op))
      y = w.exp2(x, op->hasAttr(kNonPositiveAttr));
    else if (isa<math::LogOp>(op))
      y = w.log(x);
    else if (isa<math::RsqrtOp>(op))
      y = w.rsqrt(x);
    else
      y = w.sine(x, isa<math::CosOp>(op) ? 1 : 0);
    op->getResult(0).replaceAllUsesWith(y);
    op->erase();
  }
}

namespace hamlet::tile {
#define GEN_PASS_DEF_EXPANDMATHPASS
#include "codegen/tile/Passes.h.inc"
} // namespace hamlet::tile

namespace {
struct ExpandMath : hamlet::tile::impl::ExpandMathPassBase<ExpandMath> {
  void runOnOperation() override { hamlet::tile::expandMath(getOperation()); }
};
} // namespace
