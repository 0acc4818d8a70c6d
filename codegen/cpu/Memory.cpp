//===- Memory.cpp - boxes of views, gathers and scatters ------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/KernelEmitter.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::cpu;
using Cmp = arith::CmpIPredicate;

KernelEmitter::View KernelEmitter::makeView(tile::ViewOp op) {
  View view;
  view.desc = op.getResult().getType();
  view.element = scalarType(op.getResult().getType().getElementType());
  if (view.element.isInteger(1))
    error(op, "of i1 is not supported; keep flags as i32");
  if (view.desc.isMatrix() && !view.desc.isPanel())
    error(op, "of '" + tile::stringifyLayout(view.desc.getLayout()).str() +
                  "' is not supported; a CPU has panels");
  view.base = at(scalar(op.getBase()), view.element, scalar(op.getOffset()));
  auto values = [&](ArrayRef<OpFoldResult> mixed) {
    SmallVector<Value> out;
    for (OpFoldResult one : mixed)
      if (auto attr = dyn_cast<Attribute>(one))
        out.push_back(c(cast<IntegerAttr>(attr).getInt()));
      else
        out.push_back(scalar(cast<Value>(one)));
    return out;
  };
  view.sizes = values(op.getMixedSizes());
  view.strides = values(op.getMixedStrides());
  return view;
}

Value KernelEmitter::inside(const View &view, int64_t dim, Value from,
                            int64_t extent, Value at) {
  auto first = constantOf(from), size = constantOf(view.sizes[dim]);
  if (first && size && *first >= 0 && *first + extent <= *size)
    return {};
  return test(Cmp::ult, at, view.sizes[dim]);
}

KernelEmitter::Box KernelEmitter::makeBox(Value desc, ValueRange coords,
                                          Type tile) {
  auto found = views.find(desc);
  if (found == views.end()) {
    error(current, "expected a view made by tile.view in this kernel");
    views[desc] = View();
    found = views.find(desc);
  }
  Box box{found->second, {}, cast<RankedTensorType>(tile).getShape()};
  for (Value coord : coords)
    box.coords.push_back(scalar(coord));
  return box;
}

Value KernelEmitter::coordinate(const Box &box, int64_t dim,
                                ArrayRef<Value> index) {
  int64_t d = box.spans(dim);
  return d < 0 ? box.coords[dim] : add(box.coords[dim], index[d]);
}

std::pair<Value, Value> KernelEmitter::leading(const Box &box, int64_t dims,
                                               ArrayRef<Value> index) {
  Value offset = c(0), ok;
  for (int64_t d = 0; d < dims; ++d) {
    Value coord = coordinate(box, d, index);
    offset = add(offset, mul(coord, box.view.strides[d]));
    ok = both(ok, inside(box.view, d, box.coords[d], box.extent(d), coord));
  }
  return {at(box.view.base, box.view.element, offset), ok};
}

Value KernelEmitter::ifInside(Value cond, Type type, function_ref<Value()> then,
                              function_ref<Value()> otherwise) {
  if (!cond)
    return then();
  auto op = scf::IfOp::create(b, TypeRange{type}, cond, true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(op.thenBlock());
  scf::YieldOp::create(b, then());
  b.setInsertionPointToStart(op.elseBlock());
  scf::YieldOp::create(b, otherwise ? otherwise() : zeros(type));
  return op.getResult(0);
}

Value KernelEmitter::columnMask(Value first, Value size, int64_t lanes,
                                Value rowInside) {
  Value columns = arith::AddIOp::create(b, splat(first), laneNumbers(i64));
  Value mask = test(Cmp::ult, columns, splat(size));
  if (lanes < kLanes)
    mask = both(mask, laneMask(lanes));
  if (rowInside)
    mask = both(mask, splat(rowInside));
  return mask;
}

Value KernelEmitter::readMasked(Type type, Value ptr, Value mask) {
  return LLVM::MaskedLoadOp::create(
      b, type, ptr, mask, zeros(type),
      b.getI32IntegerAttr(bytesOf(getElementTypeOrSelf(type))), UnitAttr());
}

Value KernelEmitter::readLanes(Type element, Value ptr, Value offsets,
                               Value mask) {
  Type ptrs = VectorType::get({kLanes}, ptrType);
  Value addresses =
      LLVM::GEPOp::create(b, ptrs, element, ptr, LLVM::GEPArg(offsets));
  return LLVM::masked_gather::create(b, vec(element), addresses, mask,
                                     ValueRange{zeros(vec(element))},
                                     b.getI32IntegerAttr(bytesOf(element)));
}

Value KernelEmitter::readRow(const Box &box, Value row, Value rowInside,
                             Value from, int64_t lanes, Value col,
                             int64_t extent) {
  const View &view = box.view;
  Type type = vec(view.element);
  Value first = add(from, col), size = view.sizes.back();
  bool always = !inside(view, view.rank() - 1, from, extent, first);
  Value stride = view.strides.back();
  if (constantOf(stride) != 1) {
    Value columns = arith::AddIOp::create(b, splat(first), laneNumbers(i64));
    Value offsets = arith::MulIOp::create(b, columns, splat(stride));
    Value mask =
        always ? laneMask(lanes) : columnMask(first, size, lanes, Value());
    if (rowInside)
      mask = both(mask, splat(rowInside));
    return readLanes(view.element, row, offsets, mask);
  }
  Value ptr = at(row, view.element, first);
  auto plain = [&]() -> Value {
    return lanes == kLanes ? loadAt(type, ptr)
                           : readMasked(type, ptr, laneMask(lanes));
  };
  if (always)
    return ifInside(rowInside, type, plain, nullptr);
  Value fits = both(test(Cmp::sge, first, c(0)),
                    test(Cmp::sle, add(first, c(lanes)), size));
  return ifInside(both(rowInside, fits), type, plain, [&]() -> Value {
    return readMasked(type, ptr, columnMask(first, size, lanes, rowInside));
  });
}

Value KernelEmitter::panelOffsets(const View &view, Value k, Value columns) {
  auto of = [&](Value scalar) {
    return isa<VectorType>(columns.getType()) ? splat(scalar) : scalar;
  };
  bool pairs = view.type().getLayout() == tile::Layout::panel_pairs;
  int64_t rows = view.type().getShape()[view.rank() - 2];
  rows += pairs ? rows % 2 : 0;
  Value panel = arith::ShRSIOp::create(b, columns, of(c(4)));
  Value lane = arith::AndIOp::create(b, columns, of(c(kLanes - 1)));
  Value start;
  if (pairs) {
    lane = arith::ShLIOp::create(b, lane, of(c(1)));
    start = add(mul(divBy(k, 2), c(2 * kLanes)), modBy(k, 2));
  } else {
    start = mul(k, c(kLanes));
  }
  Value offset = arith::MulIOp::create(b, panel, of(c(rows * kLanes)));
  offset = arith::AddIOp::create(b, offset, lane);
  return arith::AddIOp::create(b, offset, of(start));
}

Value KernelEmitter::readPanel(const Box &box, const Strip &s) {
  const View &view = box.view;
  int64_t rank = view.rank();
  SmallVector<Value> index(s.lead);
  index.push_back(s.col);
  auto [block, ok] = leading(box, rank - 2, index);
  Value k = coordinate(box, rank - 2, index);
  ok = both(ok, inside(view, rank - 2, box.coords[rank - 2],
                       box.extent(rank - 2), k));
  Value from = box.coords[rank - 1];
  Value first = add(from, s.col);
  int64_t columns = view.type().getShape()[rank - 1];
  bool pairs = view.type().getLayout() == tile::Layout::panel_pairs;
  Type type = vec(view.element);
  bool always = !inside(view, rank - 1, from, box.extent(rank - 1), first);
  if (!isMultiple(from, kLanes) || !isMultiple(s.col, kLanes)) {
    Value mask = columnMask(first, c(columns), s.lanes, ok);
    Value all = arith::AddIOp::create(b, splat(first), laneNumbers(i64));
    return readLanes(view.element, block, panelOffsets(view, k, all), mask);
  }
  // Whole panels; what lies past the last column in one is zero in memory.
  if (!always)
    ok = both(ok, test(Cmp::ult, first, c(padded(columns))));
  return ifInside(
      ok, type,
      [&]() -> Value {
        if (!pairs)
          return loadAt(type,
                        at(block, view.element, panelOffsets(view, k, first)));
        Value even = mul(divBy(k, 2), c(2));
        Value ptr = at(block, view.element, panelOffsets(view, even, first));
        Value both = loadAt(vec(i32), ptr, 2);
        Value shift = arith::TruncIOp::create(b, i32, mul(modBy(k, 2), c(16)));
        both = arith::ShRUIOp::create(b, both, splat(shift));
        return arith::TruncIOp::create(b, type, both);
      },
      nullptr);
}

Value KernelEmitter::loadStrip(tile::LoadOp op, Strip &s) {
  Box box = makeBox(op.getSource(), op.getCoords(), op.getResult().getType());
  if (failed)
    return zeros(vec(op.getSource().getType().getElementType()));
  SmallVector<Value> index(s.lead);
  index.push_back(s.col);
  // A column is read element by element: a gather of one takes longer than one.
  if (s.lanes == 1)
    return vector::InsertOp::create(b, loadElement(op, index),
                                    zeros(vec(box.view.element)),
                                    ArrayRef<int64_t>{0});
  if (box.view.type().isPanel())
    return readPanel(box, s);
  auto [row, ok] = leading(box, box.view.rank() - 1, index);
  int64_t last = box.view.rank() - 1;
  return readRow(box, row, ok, box.coords[last], s.lanes, s.col,
                 box.extent(last));
}

Value KernelEmitter::gatherStrip(tile::GatherOp op, Strip &s) {
  Box box = makeBox(op.getSource(), {}, op.getResult().getType());
  Type type = vec(op.getSource().getType().getElementType());
  if (failed)
    return zeros(type);
  Value id = arith::ExtSIOp::create(b, i64, element(op.getRows(), s.lead));
  Value ok = test(Cmp::ult, id, box.view.sizes[0]);
  Value row = at(box.view.base, box.view.element, mul(id, box.view.strides[0]));
  return readRow(box, row, ok, scalar(op.getCol()), s.lanes, s.col,
                 box.shape[1]);
}

Value KernelEmitter::loadElement(tile::LoadOp op, ArrayRef<Value> index) {
  Box box = makeBox(op.getSource(), op.getCoords(), op.getResult().getType());
  Type type = scalarType(op.getSource().getType().getElementType());
  if (failed)
    return zeros(type);
  const View &view = box.view;
  int64_t rank = view.rank(), planes = view.type().isPanel() ? 2 : 1;
  auto [ptr, ok] = leading(box, rank - planes, index);
  for (int64_t d = rank - planes; d < rank; ++d)
    ok = both(ok, inside(view, d, box.coords[d], box.extent(d),
                         coordinate(box, d, index)));
  Value col = coordinate(box, rank - 1, index);
  Value offset = planes == 2
                     ? panelOffsets(view, coordinate(box, rank - 2, index), col)
                     : mul(col, view.strides.back());
  Value where = at(ptr, view.element, offset);
  return ifInside(ok, type, [&] { return loadAt(type, where); }, nullptr);
}

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

void KernelEmitter::writeMasked(Value value, Value ptr, Value mask) {
  LLVM::MaskedStoreOp::create(
      b, value, ptr, mask,
      b.getI32IntegerAttr(bytesOf(getElementTypeOrSelf(value.getType()))));
}

void KernelEmitter::writeLanes(Value value, Value ptr, Value offsets,
                               Value mask) {
  Type element = getElementTypeOrSelf(value.getType());
  Type ptrs = VectorType::get({kLanes}, ptrType);
  Value addresses =
      LLVM::GEPOp::create(b, ptrs, element, ptr, LLVM::GEPArg(offsets));
  LLVM::masked_scatter::create(b, value, addresses, mask,
                               b.getI32IntegerAttr(bytesOf(element)));
}

void KernelEmitter::writeRow(Value value, const View &view, Value row,
                             Value from, Value col, int64_t lanes,
                             int64_t extent) {
  Value first = add(from, col), size = view.sizes.back();
  bool always = !inside(view, view.rank() - 1, from, extent, first);
  Value stride = view.strides.back();
  if (constantOf(stride) != 1) {
    Value columns = arith::AddIOp::create(b, splat(first), laneNumbers(i64));
    Value mask =
        always ? laneMask(lanes) : columnMask(first, size, lanes, Value());
    writeLanes(value, row, arith::MulIOp::create(b, columns, splat(stride)),
               mask);
    return;
  }
  Value ptr = at(row, view.element, first);
  auto plain = [&] {
    if (lanes == kLanes)
      storeAt(value, ptr);
    else
      writeMasked(value, ptr, laneMask(lanes));
  };
  if (always)
    return plain();
  Value fits = both(test(Cmp::sge, first, c(0)),
                    test(Cmp::sle, add(first, c(lanes)), size));
  auto branch = scf::IfOp::create(b, fits, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  plain();
  b.setInsertionPointToStart(branch.elseBlock());
  writeMasked(value, ptr, columnMask(first, size, lanes, Value()));
}

void KernelEmitter::writePanel(Value value, const Box &box, const Strip &s) {
  const View &view = box.view;
  int64_t rank = view.rank();
  SmallVector<Value> index(s.lead);
  index.push_back(s.col);
  Value block = leading(box, rank - 2, index).first;
  Value k = coordinate(box, rank - 2, index);
  Value from = box.coords[rank - 1], first = add(from, s.col);
  int64_t columns = view.type().getShape()[rank - 1];
  bool always = !inside(view, rank - 1, from, box.extent(rank - 1), first);
  Value mask =
      always ? laneMask(s.lanes) : columnMask(first, c(columns), s.lanes, {});
  bool pairs = view.type().getLayout() == tile::Layout::panel_pairs;
  if (pairs || !isMultiple(from, kLanes) || !isMultiple(s.col, kLanes)) {
    Value all = arith::AddIOp::create(b, splat(first), laneNumbers(i64));
    writeLanes(value, block, panelOffsets(view, k, all), mask);
    return;
  }
  Value ptr = at(block, view.element, panelOffsets(view, k, first));
  if (always && s.lanes == kLanes)
    storeAt(value, ptr);
  else
    writeMasked(value, ptr, mask);
}

void KernelEmitter::writeElement(Value value, const Box &box, const Strip &s) {
  const View &view = box.view;
  int64_t rank = view.rank();
  bool panel = view.type().isPanel();
  SmallVector<Value> index(s.lead);
  index.push_back(s.col);
  Value part = leading(box, rank - (panel ? 2 : 1), index).first;
  Value from = box.coords[rank - 1], col = add(from, s.col);
  OpBuilder::InsertionGuard guard(b);
  if (Value ok = inside(view, rank - 1, from, box.extent(rank - 1), col)) {
    auto branch = scf::IfOp::create(b, ok);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  Value offset = panel
                     ? panelOffsets(view, coordinate(box, rank - 2, index), col)
                     : mul(col, view.strides.back());
  storeAt(vector::ExtractOp::create(b, value, ArrayRef<int64_t>{0}),
          at(part, view.element, offset));
}

bool KernelEmitter::writesPairs(const Box &box) {
  const View &view = box.view;
  int64_t rank = view.rank();
  return view.type().getLayout() == tile::Layout::panel_pairs &&
         box.shape.size() == 2 && box.shape[0] % 2 == 0 &&
         view.type().getShape()[rank - 2] % 2 == 0 &&
         isMultiple(box.coords[rank - 2], 2) &&
         isMultiple(box.coords[rank - 1], kLanes);
}

void KernelEmitter::writePairs(tile::StoreOp op, const Box &box) {
  const View &view = box.view;
  int64_t rank = view.rank();
  Value block = leading(box, rank - 2, {c(0), c(0)}).first;
  Value from = box.coords[rank - 1], fromK = box.coords[rank - 2];
  int64_t columns = view.type().getShape()[rank - 1];
  Value lo = c(0), hi = c(box.shape[0]);
  if (inside(view, rank - 2, fromK, box.shape[0], fromK)) {
    lo = arith::MaxSIOp::create(b, sub(c(0), fromK), lo);
    hi = arith::MinSIOp::create(b, sub(view.sizes[rank - 2], fromK), hi);
  }
  auto word = [&](Value half) {
    return arith::ExtUIOp::create(b, vec(i32), half).getResult();
  };
  loop(lo, hi, 2, [&](Value k) {
    forEachStrip(box.shape.take_back(1), [&](Strip &s) {
      s.lead = {k};
      Strip next;
      next.lead = {add(k, c(1))};
      next.col = s.col;
      next.lanes = s.lanes;
      Value odd = word(strip(op.getValue(), next));
      odd = arith::ShLIOp::create(b, odd, splatInt(i32, 16));
      Value both = arith::OrIOp::create(b, word(strip(op.getValue(), s)), odd);
      Value first = add(from, s.col);
      Value ptr =
          at(block, view.element, panelOffsets(view, add(fromK, k), first));
      bool always = !inside(view, rank - 1, from, box.shape[1], first);
      if (always && s.lanes == kLanes)
        return storeAt(both, ptr, 2);
      Value mask = always ? laneMask(s.lanes)
                          : columnMask(first, c(columns), s.lanes, {});
      writeMasked(both, ptr, mask);
    });
  });
}

void KernelEmitter::emitStore(tile::StoreOp op) {
  Box box = makeBox(op.getDest(), op.getCoords(), op.getValue().getType());
  if (failed)
    return;
  const View &view = box.view;
  int64_t rank = view.rank(), boxRank = box.shape.size();
  bool panel = view.type().isPanel();
  // Rows outside are not worked on; leading coordinates decide once for all.
  Bounds bounds;
  Value ok;
  for (int64_t d = 0; d < rank; ++d) {
    Value from = box.coords[d];
    bool always = !inside(view, d, from, box.extent(d), from);
    int64_t spanned = box.spans(d);
    if (spanned < 0) {
      if (d + 1 < rank && !always)
        ok = both(ok, test(Cmp::ult, from, view.sizes[d]));
    } else if (spanned + 1 < boxRank) {
      Value lo = c(0), hi = c(box.shape[spanned]);
      if (!always) {
        lo = arith::MaxSIOp::create(b, sub(c(0), from), lo);
        hi = arith::MinSIOp::create(b, sub(view.sizes[d], from), hi);
      }
      bounds.push_back({lo, hi});
    }
  }
  OpBuilder::InsertionGuard guard(b);
  if (ok) {
    auto branch = scf::IfOp::create(b, ok);
    b.setInsertionPointToStart(branch.thenBlock());
  }
  if (panel && writesPairs(box))
    return writePairs(op, box);
  forEachStrip(
      box.shape,
      [&](Strip &s) {
        Value value = strip(op.getValue(), s);
        if (s.lanes == 1)
          return writeElement(value, box, s);
        if (panel)
          return writePanel(value, box, s);
        SmallVector<Value> index(s.lead);
        index.push_back(s.col);
        Value row = leading(box, rank - 1, index).first;
        writeRow(value, view, row, box.coords[rank - 1], s.col, s.lanes,
                 box.extent(rank - 1));
      },
      &bounds);
}

void KernelEmitter::emitScatter(tile::ScatterOp op) {
  Box box = makeBox(op.getDest(), {}, op.getValue().getType());
  if (failed)
    return;
  const View &view = box.view;
  Value from = scalar(op.getCol());
  loop(c(0), c(box.shape[0]), 1, [&](Value i) {
    Value id =
        arith::ExtSIOp::create(b, i64, element(op.getRows(), ArrayRef(i)));
    auto branch = scf::IfOp::create(b, test(Cmp::ult, id, view.sizes[0]));
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    Value row = at(view.base, view.element, mul(id, view.strides[0]));
    forEachStrip(box.shape.take_back(1), [&](Strip &s) {
      s.lead.push_back(i);
      writeRow(strip(op.getValue(), s), view, row, from, s.col, s.lanes,
               box.shape[1]);
    });
  });
}
