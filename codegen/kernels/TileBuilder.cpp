//===- TileBuilder.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/kernels/TileBuilder.h"

#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

TileBuilder::TileBuilder(const KernelSite &site,
                         ArrayRef<KernelArgument> arguments)
    : b(site.location.getContext()), location(site.location),
      numbers(site.sizes) {
  ModuleOp module = site.module;
  b.setInsertionPointToEnd(module.getBody());
  SmallVector<Type> types;
  for (const KernelArgument &argument : arguments)
    types.push_back(argument.type);
  func = func::FuncOp::create(b, location, site.name,
                              b.getFunctionType(types, {}));
  func->setAttr(tile::kKernelAttr, b.getUnitAttr());
  for (auto [i, argument] : llvm::enumerate(arguments))
    func.setArgAttr(i, tile::kNameAttr, b.getStringAttr(argument.name));
  b.setInsertionPointToStart(func.addEntryBlock());
}

Value TileBuilder::arg(StringRef name) {
  for (BlockArgument argument : func.getArguments())
    if (func.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                          tile::kNameAttr) == name)
      return argument;
  llvm_unreachable("a kernel writer asks for an argument it did not list");
}

func::FuncOp TileBuilder::finish() {
  func::ReturnOp::create(b, location);
  return func;
}

Type TileBuilder::ptr(Type element) {
  return tile::PtrType::get(element.getContext(), element);
}

RankedTensorType TileBuilder::tile(ArrayRef<int64_t> shape, Type type) {
  return RankedTensorType::get(shape, type);
}

//===----------------------------------------------------------------------===//
// Index arithmetic
//===----------------------------------------------------------------------===//

Value TileBuilder::index(int64_t value) {
  return arith::ConstantIndexOp::create(b, location, value);
}

Value TileBuilder::add(Value x, Value y) {
  std::optional<int64_t> cx = getConstantIntValue(x),
                         cy = getConstantIntValue(y);
  if (cx && cy)
    return index(*cx + *cy);
  if (cx && *cx == 0)
    return y;
  if (cy && *cy == 0)
    return x;
  return arith::AddIOp::create(b, location, x, y);
}

Value TileBuilder::sub(Value x, Value y) {
  return arith::SubIOp::create(b, location, x, y);
}

Value TileBuilder::mul(Value x, Value y) {
  std::optional<int64_t> cx = getConstantIntValue(x),
                         cy = getConstantIntValue(y);
  if (cx && cy)
    return index(*cx * *cy);
  if (cx && *cx == 1)
    return y;
  if (cy && *cy == 1)
    return x;
  if ((cx && *cx == 0) || (cy && *cy == 0))
    return index(0);
  return arith::MulIOp::create(b, location, x, y);
}

Value TileBuilder::divFloor(Value x, int64_t y) {
  return y == 1 ? x
                : arith::DivUIOp::create(b, location, x, index(y)).getResult();
}
Value TileBuilder::divCeil(Value x, int64_t y) {
  return y == 1 ? x
                : arith::DivUIOp::create(b, location, add(x, y - 1), index(y))
                      .getResult();
}
Value TileBuilder::remainder(Value x, int64_t y) {
  return y == 1 ? index(0)
                : arith::RemUIOp::create(b, location, x, index(y)).getResult();
}
Value TileBuilder::minIndex(Value x, Value y) {
  return arith::MinSIOp::create(b, location, x, y);
}
Value TileBuilder::maxIndex(Value x, Value y) {
  return arith::MaxSIOp::create(b, location, x, y);
}
Value TileBuilder::lessIndex(Value x, Value y) {
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::slt, x, y);
}
Value TileBuilder::equalIndex(Value x, Value y) {
  return arith::CmpIOp::create(b, location, arith::CmpIPredicate::eq, x, y);
}
Value TileBuilder::toIndex(Value x) {
  return arith::IndexCastOp::create(b, location, b.getIndexType(), x);
}
Value TileBuilder::toI32(Value x) {
  return arith::IndexCastOp::create(b, location, b.getI32Type(), x);
}
Value TileBuilder::programId(int axis) {
  return tile::ProgramIdOp::create(b, location, b.getIndexType(), axis);
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

Value TileBuilder::view(Value base, Value offset, ArrayRef<int64_t> sizes,
                        ArrayRef<int64_t> strides, ArrayRef<Value> dynamicSizes,
                        ArrayRef<Value> dynamicStrides) {
  auto dynamic = [](ArrayRef<int64_t> values) {
    return llvm::map_to_vector(
        values, [](int64_t v) { return v == -1 ? ShapedType::kDynamic : v; });
  };
  Type element = cast<tile::PtrType>(base.getType()).getElementType();
  auto type = tile::DescType::get(b.getContext(), dynamic(sizes), element,
                                  tile::Layout::strided);
  return tile::ViewOp::create(b, location, type, base, offset, dynamicSizes,
                              dynamicStrides, dynamic(sizes), dynamic(strides));
}

Value TileBuilder::matrix(Value base, ArrayRef<Value> coords,
                          ArrayRef<int64_t> extents, int64_t k, int64_t n,
                          tile::Layout packed) {
  Type element = cast<tile::PtrType>(base.getType()).getElementType();
  auto type = tile::DescType::get(b.getContext(), {k, n}, element, packed);
  return tile::MatrixOp::create(b, location, type, base, coords, extents);
}

Value TileBuilder::load(Value view, ArrayRef<Value> coords,
                        ArrayRef<int64_t> shape) {
  Type element = cast<tile::DescType>(view.getType()).getElementType();
  return tile::LoadOp::create(b, location, tile(shape, element), view, coords);
}

void TileBuilder::store(Value value, Value view, ArrayRef<Value> coords) {
  tile::StoreOp::create(b, location, value, view, coords);
}

Value TileBuilder::gather(Value view, Value rows, Value col, int64_t width) {
  Type element = cast<tile::DescType>(view.getType()).getElementType();
  int64_t m = tileType(rows).getDimSize(0);
  return tile::GatherOp::create(b, location, tile({m, width}, element), view,
                                rows, col);
}

Value TileBuilder::loadScalar(Value base, Value index) {
  Type element = cast<tile::PtrType>(base.getType()).getElementType();
  return tile::LoadScalarOp::create(b, location, element, base, index);
}

void TileBuilder::storeScalar(Value value, Value base, Value index) {
  tile::StoreScalarOp::create(b, location, value, base, index);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

Value TileBuilder::splat(double value, RankedTensorType type) {
  Attribute element =
      isa<FloatType>(type.getElementType())
          ? Attribute(b.getFloatAttr(type.getElementType(), value))
          : Attribute(b.getIntegerAttr(type.getElementType(),
                                       static_cast<int64_t>(value)));
  return arith::ConstantOp::create(b, location,
                                   DenseElementsAttr::get(type, element));
}

Value TileBuilder::splat(Value scalar, ArrayRef<int64_t> shape) {
  return tensor::SplatOp::create(b, location, scalar,
                                 tile(shape, scalar.getType()));
}

Value TileBuilder::iota(ArrayRef<int64_t> shape, int64_t axis) {
  return tile::IotaOp::create(b, location, tile(shape, b.getI32Type()), axis);
}

Value TileBuilder::broadcast(Value source, ArrayRef<int64_t> dims,
                             ArrayRef<int64_t> shape) {
  return tile::BroadcastOp::create(
      b, location, tile(shape, tileType(source).getElementType()), source,
      dims);
}

Value TileBuilder::alongColumns(Value source, int64_t n) {
  return broadcast(source, {0}, {tileType(source).getDimSize(0), n});
}

Value TileBuilder::alongRows(Value source, int64_t rows) {
  return broadcast(source, {1}, {rows, tileType(source).getDimSize(0)});
}

Value TileBuilder::reduce(tile::Reduction kind, Value source, int64_t axis,
                          int64_t split) {
  RankedTensorType type = tileType(source);
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + axis);
  auto op = tile::ReduceOp::create(
      b, location, tile(shape, type.getElementType()), source, kind, axis);
  if (split)
    op.setSplit(split);
  return op;
}

/// The type of `x` with other elements.
static Type withElement(Value x, Type element) {
  if (auto type = dyn_cast<RankedTensorType>(x.getType()))
    return RankedTensorType::get(type.getShape(), element);
  return element;
}

Value TileBuilder::widen(Value x) {
  Type element = getElementTypeOrSelf(x.getType());
  if (element.isF32())
    return x;
  Type to = withElement(x, f32());
  if (element.isInteger(32))
    return arith::SIToFPOp::create(b, location, to, x);
  return arith::ExtFOp::create(b, location, to, x);
}

Value TileBuilder::round(Value x, Type type) {
  if (getElementTypeOrSelf(x.getType()) == type)
    return x;
  return arith::TruncFOp::create(b, location, withElement(x, type), x);
}

Value TileBuilder::dot(Value a, Value bOperand, Value acc, bool pairs,
                       Value next, Value nextRow) {
  Type operands = pairs ? Type(b.getBF16Type()) : f32();
  return dot(a, bOperand, acc,
             tile::NumericsAttr::get(b.getContext(), operands, f32(),
                                     pairs ? 2 : 1, 0),
             next, nextRow);
}

Value TileBuilder::dot(Value a, Value bOperand, Value acc,
                       tile::NumericsAttr numerics, Value next, Value nextRow) {
  SmallVector<Value> coords;
  if (next)
    coords = {nextRow, index(0)};
  return tile::DotOp::create(b, location, acc.getType(), a, bOperand, acc, next,
                             coords, numerics);
}

std::pair<Value, Value> TileBuilder::matched(Value x, Value y) {
  RankedTensorType tx = tileType(x), ty = tileType(y);
  if (tx && !ty)
    return {x, splat(y, tx.getShape())};
  if (ty && !tx)
    return {splat(x, ty.getShape()), y};
  return {x, y};
}

#define BINARY(NAME, OP)                                                       \
  Value TileBuilder::NAME(Value x, Value y) {                                  \
    auto [l, r] = matched(x, y);                                               \
    return OP::create(b, location, l, r);                                      \
  }
BINARY(addF, arith::AddFOp)
BINARY(subF, arith::SubFOp)
BINARY(mulF, arith::MulFOp)
BINARY(divF, arith::DivFOp)
BINARY(maxF, arith::MaximumFOp)
BINARY(addI, arith::AddIOp)
BINARY(subI, arith::SubIOp)
#undef BINARY

Value TileBuilder::fma(Value x, Value y, Value z) {
  auto [l, r] = matched(x, y);
  return math::FmaOp::create(b, location, l, r, z);
}
Value TileBuilder::negF(Value x) {
  return arith::NegFOp::create(b, location, x);
}
Value TileBuilder::exp(Value x) { return math::ExpOp::create(b, location, x); }
Value TileBuilder::exp2NonPositive(Value x) {
  auto y = math::Exp2Op::create(b, location, x);
  y->setAttr(tile::kNonPositiveAttr, b.getUnitAttr());
  return y;
}
Value TileBuilder::log(Value x) { return math::LogOp::create(b, location, x); }
Value TileBuilder::sqrt(Value x) {
  return math::SqrtOp::create(b, location, x);
}

Value TileBuilder::sigmoid(Value x) {
  Value one = splat(1.0, tileType(x));
  return divF(one, addF(one, exp(negF(x))));
}

Value TileBuilder::silu(Value x) {
  return divF(x, addF(splat(1.0, tileType(x)), exp(negF(x))));
}

Value TileBuilder::activation(nn::Activation kind, Value x) {
  switch (kind) {
  case nn::Activation::silu:
    return silu(x);
  case nn::Activation::sigmoid:
    return sigmoid(x);
  }
  llvm_unreachable("an activation that is none of the enumeration's");
}

Value TileBuilder::activationGrad(nn::Activation kind, Value x) {
  Value s = sigmoid(x), one = splat(1.0, tileType(x)), rest = subF(one, s);
  switch (kind) {
  case nn::Activation::silu:
    return mulF(s, addF(one, mulF(x, rest)));
  case nn::Activation::sigmoid:
    return mulF(s, rest);
  }
  llvm_unreachable("an activation that is none of the enumeration's");
}

Value TileBuilder::scale(Value x, double factor) {
  return factor == 1.0 ? x : mulF(x, splat(factor, tileType(x)));
}

Value TileBuilder::compareI(arith::CmpIPredicate predicate, Value x, Value y) {
  auto [l, r] = matched(x, y);
  return arith::CmpIOp::create(b, location, predicate, l, r);
}

Value TileBuilder::equalF(Value x, Value y) {
  auto [l, r] = matched(x, y);
  return arith::CmpFOp::create(b, location, arith::CmpFPredicate::OEQ, l, r);
}

Value TileBuilder::select(Value condition, Value x, Value y) {
  return arith::SelectOp::create(b, location, condition, x, y);
}

Value TileBuilder::both(Value x, Value y) {
  return arith::AndIOp::create(b, location, x, y);
}

Value TileBuilder::either(Value x, Value y) {
  return arith::OrIOp::create(b, location, x, y);
}

Value TileBuilder::isFinite(Value x) {
  return equalF(subF(x, x), splat(0.0, tileType(x)));
}

Value TileBuilder::hasNonFinite(Value x) {
  // 0 of a finite element, NaN of another.
  Value sum = widen(x);
  sum = subF(sum, sum);
  while (tileType(sum).getRank() > 0)
    sum = reduce(tile::Reduction::sum, sum, 0);
  Value scalar = tile::ExtractOp::create(b, location, f32(), sum, ValueRange{});
  return arith::CmpFOp::create(b, location, arith::CmpFPredicate::UNO, scalar,
                               scalar);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

SmallVector<Value>
TileBuilder::forLoop(Value from, Value to, int64_t step,
                     ArrayRef<Value> carried,
                     function_ref<SmallVector<Value>(Value, ValueRange)> body) {
  auto loop = scf::ForOp::create(
      b, location, from, to, index(step), carried,
      [&](OpBuilder &inner, Location at, Value i, ValueRange args) {
        OpBuilder::InsertPoint saved = b.saveInsertionPoint();
        b.restoreInsertionPoint(inner.saveInsertionPoint());
        SmallVector<Value> next = body(i, args);
        scf::YieldOp::create(b, at, next);
        b.restoreInsertionPoint(saved);
      });
  b.setInsertionPointAfter(loop);
  return SmallVector<Value>(loop.getResults());
}

void TileBuilder::ifThen(Value condition, function_ref<void()> body) {
  auto op = scf::IfOp::create(b, location, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  body();
}

Value TileBuilder::ifElse(Value condition, function_ref<Value()> body,
                          Value other) {
  auto op = scf::IfOp::create(b, location, other.getType(), condition,
                              /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(b, location, body());
  b.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(b, location, other);
  return op.getResult(0);
}

void TileBuilder::forCount(Value count, int64_t rows,
                           function_ref<void(int64_t)> body) {
  int64_t step = numbers.rowStep;
  for (int64_t below = 0; below < rows; below += step) {
    int64_t size = std::min(below + step, rows);
    ifThen(lessIndex(index(below), count), [&] {
      if (size == rows)
        return body(size);
      ifThen(lessIndex(count, index(size + 1)), [&] { body(size); });
    });
  }
}
