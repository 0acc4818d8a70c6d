//===- Strips.cpp - lazy tiles, strip by strip ----------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::cpu;

KernelEmitter::Strip::Key KernelEmitter::Strip::key(Value tile) const {
  Key key{tile.getAsOpaquePointer(), {}};
  for (Value i : lead)
    key.second.push_back(i.getAsOpaquePointer());
  key.second.push_back(col.getAsOpaquePointer());
  return key;
}

Value KernelEmitter::strip(Value tile, Strip &s) {
  Strip::Key key = s.key(tile);
  if (auto found = s.cache->find(key); found != s.cache->end())
    return found->second;
  Value result;
  if (const Buffer *buffer = bufferOf(tile))
    result = loadStrip(*buffer, s, getElementTypeOrSelf(tile.getType()));
  else if (Operation *op = tile.getDefiningOp())
    result = evaluate(op, s);
  else
    result = error(kernel, "has a tile as argument, which nothing defines",
                   vec(getElementTypeOrSelf(tile.getType())));
  (*s.cache)[key] = result;
  return result;
}

Value KernelEmitter::evaluate(Operation *op, Strip &s) {
  Type element = getElementTypeOrSelf(op->getResult(0).getType());
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return loadStrip(load, s);
  if (auto gather = dyn_cast<tile::GatherOp>(op))
    return gatherStrip(gather, s);
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op))
    return evaluateBroadcast(broadcast, s);
  if (auto splatOp = dyn_cast<tensor::SplatOp>(op))
    return splat(scalar(splatOp.getInput()));
  if (auto iota = dyn_cast<tile::IotaOp>(op)) {
    bool last = iota.getAxis() == s.lead.size();
    Value start =
        arith::TruncIOp::create(b, i32, last ? s.col : s.lead[iota.getAxis()]);
    Value v = splat(start);
    return last ? arith::AddIOp::create(b, v, laneNumbers(i32)).getResult() : v;
  }
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    auto value = dyn_cast<SplatElementsAttr>(constant.getValue());
    if (!value)
      return error(op, "expected one value for all elements", vec(element));
    Attribute one = value.getSplatValue<Attribute>();
    if (element.isBF16())
      one = b.getIntegerAttr(
          i16, cast<FloatAttr>(one).getValue().bitcastToAPInt().getZExtValue());
    return arith::ConstantOp::create(b,
                                     DenseElementsAttr::get(vec(element), one));
  }
  if (!op->hasTrait<OpTrait::Elementwise>())
    return error(op, "is not an op on tiles that the CPU target knows",
                 vec(element));
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(isa<RankedTensorType>(operand.getType())
                           ? strip(operand, s)
                           : scalar(operand));
  return elementwise(op, operands, s.lanes, true);
}

Value KernelEmitter::elementwise(Operation *op, ValueRange operands,
                                 int64_t lanes, bool isVector) {
  Type to = getElementTypeOrSelf(op->getResult(0).getType());
  Type from = op->getNumOperands()
                  ? getElementTypeOrSelf(op->getOperands().back().getType())
                  : to;
  Type result = isVector ? Type(vec(to)) : scalarType(to);
  if (isa<arith::ExtFOp>(op) && from.isBF16()) {
    Value wide = widen(operands[0]);
    return to.isF32() ? wide
                      : arith::ExtFOp::create(b, result, wide).getResult();
  }
  if (isa<arith::TruncFOp>(op) && to.isBF16()) {
    if (!from.isF32())
      return error(op,
                   "expected f32 to be rounded to bf16; round f64 to f32 "
                   "first",
                   result);
    return roundBf16(operands[0]);
  }
  if (auto trunc = dyn_cast<arith::TruncFOp>(op))
    if (trunc.getRoundingmode() &&
        *trunc.getRoundingmode() != arith::RoundingMode::to_nearest_even)
      return error(op, "expected rounding to nearest even", result);
  if (isa<arith::BitcastOp>(op) && (from.isBF16() || to.isBF16())) {
    if (operands[0].getType() == result)
      return operands[0];
    return arith::BitcastOp::create(b, result, operands[0]);
  }
  if (!isa<arith::SelectOp>(op)) {
    bool small = to.isBF16() || from.isBF16() ||
                 (!isa<arith::ExtFOp, arith::TruncFOp, arith::BitcastOp>(op) &&
                  (to.isF16() || from.isF16()));
    if (small)
      return error(op,
                   "expected arithmetic in f32: widen bf16 and f16 with "
                   "arith.extf first",
                   result);
  }
  StringRef dialect = op->getDialect()->getNamespace();
  if (dialect == "math") {
    // The rest would become calls of a C library.
    if (!isa<math::FmaOp, math::SqrtOp, math::AbsFOp, math::AbsIOp,
             math::FloorOp, math::CeilOp, math::RoundEvenOp, math::TruncOp,
             math::CopySignOp>(op))
      return error(op,
                   "is not an instruction of x86 and tile-expand-math does "
                   "not expand it for this type",
                   result);
  } else if (dialect != "arith" ||
             isa<arith::RemFOp, arith::ScalingExtFOp, arith::ScalingTruncFOp>(
                 op)) {
    return error(op, "is not an elementwise op that the CPU target knows",
                 result);
  }
  SmallVector<Value> mapped(operands);
  // Lanes past the end hold anything, and a division by zero traps.
  if (isVector && lanes < kLanes &&
      isa<arith::DivSIOp, arith::DivUIOp, arith::RemSIOp, arith::RemUIOp>(op))
    mapped[1] =
        arith::SelectOp::create(b, laneMask(lanes), mapped[1], splatInt(to, 1));
  OperationState state(b.getLoc(), op->getName());
  state.addOperands(mapped);
  state.addTypes(result);
  for (NamedAttribute attr : op->getAttrs())
    if (attr.getName() != "fastmath")
      state.addAttribute(attr.getName(), attr.getValue());
  return b.create(state)->getResult(0);
}

Value KernelEmitter::evaluateBroadcast(tile::BroadcastOp op, Strip &s) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  ArrayRef<int64_t> dims = op.getDims();
  if (dims.empty() || dims.back() != type.getRank() - 1) {
    SmallVector<Value> index;
    for (int64_t d : dims)
      index.push_back(s.lead[d]);
    return splat(element(op.getSource(), index));
  }
  Strip source = s; // shares the cache
  source.lead.clear();
  for (int64_t d : dims.drop_back())
    source.lead.push_back(s.lead[d]);
  return strip(op.getSource(), source);
}

Value KernelEmitter::element(Value tile, ArrayRef<Value> index) {
  Type type = getElementTypeOrSelf(tile.getType());
  if (const Buffer *buffer = bufferOf(tile)) {
    Value v =
        loadAt(buffer->element,
               addressIn(*buffer, index.empty() ? index : index.drop_back(),
                         index.empty() ? c(0) : index.back()));
    if (type.isInteger(1))
      v = arith::TruncIOp::create(b, i1, v);
    return v;
  }
  Operation *op = tile.getDefiningOp();
  if (auto load = dyn_cast_or_null<tile::LoadOp>(op))
    return loadElement(load, index);
  if (auto splatOp = dyn_cast_or_null<tensor::SplatOp>(op))
    return scalar(splatOp.getInput());
  if (auto iota = dyn_cast_or_null<tile::IotaOp>(op))
    return arith::TruncIOp::create(b, i32, index[iota.getAxis()]);
  if (auto broadcast = dyn_cast_or_null<tile::BroadcastOp>(op)) {
    SmallVector<Value> source;
    for (int64_t d : broadcast.getDims())
      source.push_back(index[d]);
    return element(broadcast.getSource(), source);
  }
  // A strip that begins with the element: constants and gathers.
  if (!op)
    return error(kernel, "has a tile as argument, which nothing defines",
                 scalarType(type));
  Strip s;
  s.lead.assign(index.begin(), index.empty() ? index.end() : index.end() - 1);
  s.col = index.empty() ? c(0) : index.back();
  s.lanes = 1;
  return vector::ExtractOp::create(b, strip(tile, s), ArrayRef<int64_t>{0});
}
