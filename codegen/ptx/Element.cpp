//===- Element.cpp - single elements of tiles -----------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/IR/Matchers.h"
#include "llvm/ADT/ScopeExit.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

Value KernelEmitter::element(Value tile, ArrayRef<Value> at) {
  for (auto &[key, value] : known)
    if (key.first == tile && ArrayRef<Value>(key.second) == at)
      return value;
  Value value;
  if (const Buffer *buffer = plan.bufferOf(tile); buffer && buffer != filling)
    value = read(buffer, at);
  else
    value = computed(tile, at);
  known.push_back({{tile, SmallVector<Value, 4>(at)}, value});
  return value;
}

Value KernelEmitter::elementWhere(Value condition, Value tile,
                                  ArrayRef<Value> at) {
  if (!condition)
    return element(tile, at);
  Type type = cast<RankedTensorType>(tile.getType()).getElementType();
  auto branch = scf::IfOp::create(b, TypeRange{type}, condition, true);
  auto saved = known;
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value value = element(tile, at);
  scf::YieldOp::create(b, value);
  known = saved;
  b.setInsertionPointToStart(branch.elseBlock());
  Value zero = zeroOf(type);
  scf::YieldOp::create(b, zero);
  return branch.getResult(0);
}

Value KernelEmitter::computed(Value tile, ArrayRef<Value> at) {
  Operation *op = tile.getDefiningOp();
  auto type = cast<RankedTensorType>(tile.getType());
  Type elementType = type.getElementType();
  // Wherever the element is read, its code is this op's.
  Location reader = b.getLoc();
  llvm::scope_exit restore([&] { b.setLoc(reader); });
  b.setLoc(op->getLoc());
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto splat = dyn_cast<SplatElementsAttr>(constant.getValue()))
      return arith::ConstantOp::create(
          b, cast<TypedAttr>(splat.getSplatValue<Attribute>()));
    Value offset = i32(0);
    for (auto [index, size] : llvm::zip_equal(at, type.getShape()))
      offset = add(mul(offset, size), index);
    Value base = LLVM::AddressOfOp::create(b, tables.lookup(op));
    return loadFrom({LLVM::GEPOp::create(b, base.getType(), elementType, base,
                                         ValueRange{offset}),
                     nullptr},
                    elementType);
  }
  if (auto iota = dyn_cast<tile::IotaOp>(op))
    return at[iota.getAxis()];
  if (auto splat = dyn_cast<tensor::SplatOp>(op))
    return scalars.lookup(splat.getInput());
  if (auto broadcast = dyn_cast<tile::BroadcastOp>(op)) {
    Indices source;
    for (int64_t dim : broadcast.getDims())
      source.push_back(at[dim]);
    return element(broadcast.getSource(), source);
  }
  if (auto load = dyn_cast<tile::LoadOp>(op))
    return loadFrom(placeOfBox(load.getSource(), load.getCoords(), type, at),
                    elementType);
  if (auto gather = dyn_cast<tile::GatherOp>(op))
    return loadFrom(placeOfRow(gather.getSource(), gather.getRows(),
                               gather.getCol(), type, at),
                    elementType);
  IRMapping operands;
  for (Value operand : op->getOperands())
    operands.map(operand, isa<RankedTensorType>(operand.getType())
                              ? element(operand, at)
                              : scalars.lookup(operand));
  Operation *scalar = b.clone(*op, operands);
  scalar->getResult(0).setType(elementType);
  return scalar->getResult(0);
}

Value KernelEmitter::widened(Value x) {
  if (x.getType().isF32())
    return x;
  return arith::ExtFOp::create(b, b.getF32Type(), x);
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

KernelEmitter::Place KernelEmitter::placeIn(tile::DescType type, Value desc,
                                            ArrayRef<Value> coords,
                                            ArrayRef<bool> inBounds) {
  auto view = desc.getDefiningOp<tile::ViewOp>();
  auto value = [&](OpFoldResult v) -> Value {
    if (auto constant = getConstantIntValue(v))
      return i64(*constant);
    return scalars.lookup(cast<Value>(v));
  };
  SmallVector<OpFoldResult> sizes = view.getMixedSizes();
  SmallVector<OpFoldResult> strides = view.getMixedStrides();
  Place place;
  for (size_t d = 0; d < coords.size(); ++d) {
    if (inBounds[d])
      continue;
    Value in = less(coords[d], value(sizes[d]));
    place.valid = place.valid ? arith::AndIOp::create(b, place.valid, in) : in;
  }
  auto times = [&](Value x, OpFoldResult stride) -> Value {
    if (auto constant = getConstantIntValue(stride))
      return mul(x, *constant);
    return arith::MulIOp::create(b, x, value(stride));
  };
  Value offset = scalars.lookup(view.getOffset());
  for (size_t d = 0; d < strides.size(); ++d)
    offset = add(offset, times(coords[d], strides[d]));
  if (type.isMatrix()) {
    int64_t rank = type.getRank();
    int64_t rows = type.getShape()[rank - 2];
    Value k = coords[rank - 2], n = coords[rank - 1];
    Value shift = i64(4), mask = i64(tile::kPanel - 1), one = i64(1);
    Value panel = arith::ShRSIOp::create(b, n, shift);
    Value column = arith::AndIOp::create(b, n, mask);
    if (type.getLayout() == tile::Layout::blocks) {
      // [N / 64][K / 64][64 n][64 k], units of 8 k swizzled by n.
      Value six = i64(6), in = i64(kWeightBlock - 1), seven = i64(7);
      Value block = add(mul(arith::ShRSIOp::create(b, n, six),
                            (rows + kWeightBlock - 1) / kWeightBlock),
                        arith::ShRSIOp::create(b, k, six));
      Value line = arith::AndIOp::create(b, n, in);
      Value unit =
          arith::AndIOp::create(b, arith::ShRSIOp::create(b, k, i64(3)), seven);
      unit = arith::XOrIOp::create(b, unit, arith::AndIOp::create(b, n, seven));
      offset = add(offset, mul(block, kWeightBlock * kWeightBlock));
      offset =
          add(offset, add(mul(line, kWeightBlock), mul(unit, kWeightUnit)));
      offset = add(offset, arith::AndIOp::create(b, k, seven));
    } else if (type.getLayout() == tile::Layout::panel) {
      offset = add(offset, mul(panel, rows * tile::kPanel));
      offset = add(offset, add(mul(k, tile::kPanel), column));
    } else {
      int64_t pairs = (rows + 1) / 2;
      Value pair = arith::ShRSIOp::create(b, k, one);
      offset = add(offset, mul(panel, pairs * tile::kPanel * 2));
      offset = add(offset, add(mul(pair, tile::kPanel * 2), mul(column, 2)));
      offset = add(offset, arith::AndIOp::create(b, k, one));
    }
  }
  Value base = scalars.lookup(view.getBase());
  Type memory = type.getElementType();
  if (memory.isInteger(1))
    memory = b.getI8Type();
  place.pointer =
      LLVM::GEPOp::create(b, base.getType(), memory, base, ValueRange{offset});
  return place;
}

KernelEmitter::Place KernelEmitter::placeOfBox(Value desc, ValueRange coords,
                                               RankedTensorType box,
                                               ArrayRef<Value> at) {
  auto type = cast<tile::DescType>(desc.getType());
  int64_t lead = type.getRank() - box.getRank();
  SmallVector<Value> full;
  SmallVector<bool> inBounds;
  for (int64_t d = 0; d < type.getRank(); ++d) {
    int64_t extent = d < lead ? 1 : box.getDimSize(d - lead);
    Value coord = scalars.lookup(coords[d]);
    full.push_back(d < lead ? coord : add(coord, wide(at[d - lead])));
    APInt start;
    int64_t size = type.getShape()[d];
    inBounds.push_back(!ShapedType::isDynamic(size) &&
                       matchPattern(coords[d], m_ConstantInt(&start)) &&
                       !start.isNegative() &&
                       start.getSExtValue() + extent <= size);
  }
  return placeIn(type, desc, full, inBounds);
}

KernelEmitter::Place KernelEmitter::placeOfRow(Value desc, Value rows,
                                               Value col, RankedTensorType box,
                                               ArrayRef<Value> at) {
  auto type = cast<tile::DescType>(desc.getType());
  Value row = wide(element(rows, {at[0]}));
  Value column = add(scalars.lookup(col), wide(at[1]));
  APInt start;
  int64_t size = type.getShape()[1];
  bool columnIn = !ShapedType::isDynamic(size) &&
                  matchPattern(col, m_ConstantInt(&start)) &&
                  !start.isNegative() &&
                  start.getSExtValue() + box.getDimSize(1) <= size;
  return placeIn(type, desc, {row, column}, {false, columnIn});
}

Value KernelEmitter::loadFrom(Place place, Type type) {
  auto load = [&]() -> Value {
    if (type.isInteger(1)) {
      Value byte = LLVM::LoadOp::create(b, b.getI8Type(), place.pointer);
      return arith::TruncIOp::create(b, type, byte);
    }
    return LLVM::LoadOp::create(b, type, place.pointer);
  };
  if (!place.valid)
    return load();
  auto branch = scf::IfOp::create(b, TypeRange{type}, place.valid, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  Value value = load();
  scf::YieldOp::create(b, value);
  b.setInsertionPointToStart(branch.elseBlock());
  Value zero = zeroOf(type);
  scf::YieldOp::create(b, zero);
  return branch.getResult(0);
}

void KernelEmitter::storeTo(Place place, Value value) {
  auto store = [&] {
    if (value.getType().isInteger(1))
      value = arith::ExtUIOp::create(b, b.getI8Type(), value);
    LLVM::StoreOp::create(b, value, place.pointer);
  };
  if (place.valid)
    ifTrue(place.valid, store);
  else
    store();
}

//===----------------------------------------------------------------------===//
// Buffers
//===----------------------------------------------------------------------===//

Value KernelEmitter::address(bool scratch, int64_t bytes, Type type,
                             Value offset) {
  Value base = scratch ? scratchBase : sharedBase;
  if (bytes)
    base = LLVM::GEPOp::create(
        b, base.getType(), b.getI8Type(), base,
        ArrayRef<LLVM::GEPArg>{static_cast<int32_t>(bytes)});
  return LLVM::GEPOp::create(b, base.getType(), type, base, ValueRange{offset});
}

Value KernelEmitter::addressOf(const Buffer *buffer, ArrayRef<Value> at) {
  Value offset = i32(0);
  for (auto [index, size] : llvm::zip_equal(at, buffer->type.getShape()))
    offset = add(mul(offset, size), index);
  Type type = buffer->type.getElementType();
  if (type.isInteger(1))
    type = b.getI8Type();
  return address(buffer->scratch, buffer->life.offset, type, offset);
}

Value KernelEmitter::read(const Buffer *buffer, ArrayRef<Value> at) {
  return loadFrom({addressOf(buffer, at), nullptr},
                  buffer->type.getElementType());
}

void KernelEmitter::write(const Buffer *buffer, ArrayRef<Value> at,
                          Value value) {
  storeTo({addressOf(buffer, at), nullptr}, value);
}
