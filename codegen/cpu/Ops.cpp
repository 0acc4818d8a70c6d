//===- Ops.cpp - control, scalars, reductions, scans ----------------------===//
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

static bool isTile(Type type) { return isa<RankedTensorType>(type); }

Value KernelEmitter::scalar(Value v) {
  if (Value known = scalars.lookup(v))
    return known;
  return error(current, "uses a value that the CPU target did not lower",
               scalarType(v.getType()));
}

void KernelEmitter::emitBlock(Block &block) {
  for (Operation &op : block.without_terminator()) {
    if (failed)
      return;
    ++now;
    current = &op;
    b.setLoc(op.getLoc());
    emitOp(&op);
  }
}

/// The bits of a bf16 attribute as an i16 one; others as they are.
static Attribute storedAs(OpBuilder &b, Attribute value) {
  auto number = dyn_cast<FloatAttr>(value);
  if (!number || !number.getType().isBF16())
    return value;
  return b.getIntegerAttr(b.getIntegerType(16),
                          number.getValue().bitcastToAPInt().getZExtValue());
}

void KernelEmitter::emitTable(arith::ConstantOp op, const Buffer &buffer) {
  auto value = dyn_cast<DenseElementsAttr>(op.getValue());
  if (!value) {
    error(op, "expected dense elements");
    return;
  }
  SmallVector<Attribute> all(value.getValues<Attribute>());
  int64_t n = buffer.shape.empty() ? 1 : buffer.shape.back(), row = 0;
  Type element = scalarType(value.getElementType());
  for (size_t start = 0; start < all.size(); start += n, ++row)
    for (int64_t col = 0; col < n; col += kLanes) {
      SmallVector<Attribute> lanes(kLanes, b.getZeroAttr(element));
      for (int64_t l = 0; l < std::min(kLanes, n - col); ++l)
        lanes[l] = storedAs(b, all[start + col + l]);
      Value v = arith::ConstantOp::create(
          b, DenseElementsAttr::get(vec(element), lanes));
      if (element.isInteger(1))
        v = arith::ExtUIOp::create(b, vec(i8), v);
      storeAt(v, at(buffer.ptr, buffer.element,
                    c(row * buffer.rowElements() + col)));
    }
}

void KernelEmitter::emitOp(Operation *op) {
  if (tile::isLazyOp(op)) {
    Value result = op->getResult(0);
    auto load = dyn_cast<tile::LoadOp>(op);
    bool across = load && readsAcross(load);
    if (!plan.isBuffered(result) && !across && !(load && collectsRows(load)))
      return;
    Buffer buffer = allocateFor(result);
    auto constant = dyn_cast<arith::ConstantOp>(op);
    if (constant && !isa<SplatElementsAttr>(constant.getValue()))
      emitTable(constant, buffer);
    else if (across)
      evaluateAcross(load, buffer);
    else
      evaluateInto(result, buffer);
    buffers[result] = buffer;
    return;
  }
  if (auto id = dyn_cast<tile::ProgramIdOp>(op))
    scalars[id.getResult()] = programIds[id.getAxis()];
  else if (auto view = dyn_cast<tile::ViewOp>(op))
    views[view.getResult()] = makeView(view);
  else if (auto load = dyn_cast<tile::LoadScalarOp>(op)) {
    Type type = scalarType(load.getResult().getType());
    if (type.isInteger(1))
      error(op, "of i1 is not supported; keep flags as i32");
    scalars[load.getResult()] =
        loadAt(type, at(scalar(load.getBase()), type, scalar(load.getIndex())));
  } else if (auto store = dyn_cast<tile::StoreScalarOp>(op)) {
    Value value = scalar(store.getValue());
    if (value.getType().isInteger(1))
      error(op, "of i1 is not supported; keep flags as i32");
    storeAt(value, at(scalar(store.getBase()), value.getType(),
                      scalar(store.getIndex())));
  } else if (auto extract = dyn_cast<tile::ExtractOp>(op)) {
    SmallVector<Value> index;
    for (Value i : extract.getIndices())
      index.push_back(scalar(i));
    scalars[extract.getResult()] = element(extract.getSource(), index);
  } else if (auto store = dyn_cast<tile::StoreOp>(op))
    emitStore(store);
  else if (auto scatter = dyn_cast<tile::ScatterOp>(op))
    emitScatter(scatter);
  else if (auto reduce = dyn_cast<tile::ReduceOp>(op))
    emitReduce(reduce);
  else if (auto scan = dyn_cast<tile::ScanOp>(op))
    emitScan(scan);
  else if (auto dot = dyn_cast<tile::DotOp>(op))
    emitDot(dot);
  else if (auto forOp = dyn_cast<scf::ForOp>(op))
    emitFor(forOp);
  else if (auto ifOp = dyn_cast<scf::IfOp>(op))
    emitIf(ifOp);
  else
    emitScalarOp(op);
}

void KernelEmitter::emitScalarOp(Operation *op) {
  if (op->getNumResults() != 1 || op->getNumRegions() != 0 ||
      isTile(op->getResult(0).getType())) {
    error(op, "is not an op that the CPU target knows");
    return;
  }
  Value result = op->getResult(0);
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (result.getType().isIndex())
      scalars[result] = c(cast<IntegerAttr>(constant.getValue()).getInt());
    else
      scalars[result] = arith::ConstantOp::create(
          b, cast<TypedAttr>(storedAs(b, constant.getValue())));
    return;
  }
  SmallVector<Value> operands;
  for (Value operand : op->getOperands())
    operands.push_back(scalar(operand));
  if (isa<arith::IndexCastOp, arith::IndexCastUIOp>(op)) {
    Type to = scalarType(result.getType());
    unsigned from = operands[0].getType().getIntOrFloatBitWidth();
    Value v = operands[0];
    if (from > to.getIntOrFloatBitWidth())
      v = arith::TruncIOp::create(b, to, v);
    else if (from < to.getIntOrFloatBitWidth())
      v = isa<arith::IndexCastOp>(op)
              ? arith::ExtSIOp::create(b, to, v).getResult()
              : arith::ExtUIOp::create(b, to, v).getResult();
    scalars[result] = v;
    return;
  }
  scalars[result] = elementwise(op, operands, 1, /*isVector=*/false);
}

//===----------------------------------------------------------------------===//
// Control
//===----------------------------------------------------------------------===//

bool KernelEmitter::updatesInPlace(Operation *op, Value updated, Value arg) {
  Block *body = cast<BlockArgument>(arg).getOwner();
  if (op->getBlock() != body)
    return false;
  for (Operation *sink : plan.getSinks(arg)) {
    Operation *ancestor = body->findAncestorOpInBlock(*sink);
    if (op->isBeforeInBlock(ancestor))
      return false;
    if (ancestor != op)
      continue;
    // At the op itself, `arg` may be read only where `updated` is written.
    for (Value operand : op->getOperands()) {
      SmallVector<std::pair<Value, bool>> stack{{operand, operand == updated}};
      while (!stack.empty()) {
        auto [v, same] = stack.pop_back_val();
        if (v == arg && !same)
          return false;
        Operation *def = v.getDefiningOp();
        if (v == arg || !def || !tile::isLazyOp(def) || plan.isBuffered(v))
          continue;
        for (Value next : def->getOperands())
          stack.push_back(
              {next, same && def->hasTrait<OpTrait::Elementwise>()});
      }
    }
  }
  return true;
}

void KernelEmitter::emitFor(scf::ForOp op) {
  if (!op.getLowerBound().getType().isIndex() &&
      !op.getLowerBound().getType().isInteger(64)) {
    error(op, "expected bounds of type index");
    return;
  }
  SmallVector<Value> inits;
  for (auto [init, arg, result] :
       llvm::zip(op.getInitArgs(), op.getRegionIterArgs(), op.getResults())) {
    if (!isTile(init.getType())) {
      if (isa<tile::DescType, tile::PtrType>(init.getType()))
        error(op, "cannot carry a view; make it in the body");
      inits.push_back(scalar(init));
      continue;
    }
    Buffer buffer = allocateFor(arg);
    evaluateInto(init, buffer);
    buffers[arg] = buffer;
    buffers[result] = buffer;
  }
  if (failed)
    return;
  auto loop = scf::ForOp::create(b, scalar(op.getLowerBound()),
                                 scalar(op.getUpperBound()),
                                 scalar(op.getStep()), inits);
  openLoops.push_back({now, {}});
  scalars[op.getInductionVar()] = loop.getInductionVar();
  unsigned next = 0;
  for (BlockArgument arg : op.getRegionIterArgs())
    if (!isTile(arg.getType()))
      scalars[arg] = loop.getRegionIterArgs()[next++];

  OpBuilder::InsertionGuard guard(b);
  if (inits.empty())
    b.setInsertionPoint(loop.getBody()->getTerminator());
  else
    b.setInsertionPointToEnd(loop.getBody());
  emitBlock(*op.getBody());
  if (failed)
    return;
  ++now;
  current = op.getBody()->getTerminator();
  // All new values are computed before any old one is overwritten.
  SmallVector<Value> yielded;
  SmallVector<std::pair<Buffer, Buffer>> copies;
  for (auto [value, arg] :
       llvm::zip(current->getOperands(), op.getRegionIterArgs())) {
    if (!isTile(value.getType())) {
      yielded.push_back(scalar(value));
      continue;
    }
    const Buffer *from = bufferOf(value);
    Buffer to = *bufferOf(arg);
    if (from && from->id == to.id)
      continue;
    bool carried = llvm::is_contained(op.getRegionIterArgs(), value);
    if (from && !carried) {
      copies.push_back({*from, to});
      continue;
    }
    Buffer next = allocateFor(value);
    evaluateInto(value, next);
    copies.push_back({next, to});
  }
  for (auto &[from, to] : copies)
    forEachStrip(to.shape, [&, from = from, to = to](Strip &s) {
      storeAt(loadAt(vec(from.element), addressIn(from, s.lead, s.col)),
              addressIn(to, s.lead, s.col));
    });
  if (!inits.empty())
    scf::YieldOp::create(b, yielded);
  for (int id : openLoops.back().touched)
    if (slots[id].life.first <= openLoops.back().start)
      slots[id].life.last = now;
  openLoops.pop_back();
  b.setInsertionPointAfter(loop);
  next = 0;
  for (Value result : op.getResults())
    if (!isTile(result.getType()))
      scalars[result] = loop.getResult(next++);
}

void KernelEmitter::emitIf(scf::IfOp op) {
  SmallVector<Type> types;
  for (Value result : op.getResults()) {
    if (isTile(result.getType()))
      buffers[result] = allocateFor(result);
    else
      types.push_back(scalarType(result.getType()));
  }
  bool hasElse = !op.getElseRegion().empty();
  auto branch = scf::IfOp::create(b, types, scalar(op.getCondition()), hasElse);
  OpBuilder::InsertionGuard guard(b);
  for (auto [from, to] : llvm::zip(op->getRegions(), branch->getRegions())) {
    if (from.empty())
      continue;
    Block &block = to.front();
    if (types.empty())
      b.setInsertionPoint(block.getTerminator());
    else
      b.setInsertionPointToEnd(&block);
    emitBlock(from.front());
    if (failed)
      return;
    ++now;
    current = from.front().getTerminator();
    SmallVector<Value> yielded;
    for (auto [value, result] :
         llvm::zip(current->getOperands(), op.getResults()))
      if (isTile(value.getType()))
        evaluateInto(value, *bufferOf(result));
      else
        yielded.push_back(scalar(value));
    if (!types.empty())
      scf::YieldOp::create(b, yielded);
  }
  unsigned next = 0;
  for (Value result : op.getResults())
    if (!isTile(result.getType()))
      scalars[result] = branch.getResult(next++);
}

//===----------------------------------------------------------------------===//
// Reductions and scans
//===----------------------------------------------------------------------===//

Value KernelEmitter::combine(tile::ReduceOp op, Value x, Value y) {
  bool isFloat = isa<FloatType>(getElementTypeOrSelf(x.getType()));
  switch (op.getKind()) {
  case tile::Reduction::sum:
    return isFloat ? arith::AddFOp::create(b, x, y).getResult()
                   : arith::AddIOp::create(b, x, y).getResult();
  case tile::Reduction::max:
    return isFloat ? arith::MaximumFOp::create(b, x, y).getResult()
                   : arith::MaxSIOp::create(b, x, y).getResult();
  case tile::Reduction::maxnum: // one instruction: it returns y for a NaN
    return arith::SelectOp::create(
        b, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y), x, y);
  case tile::Reduction::min:
    return isFloat ? arith::MinimumFOp::create(b, x, y).getResult()
                   : arith::MinSIOp::create(b, x, y).getResult();
  }
  llvm_unreachable("a reduction has four kinds");
}

/// What leaves the other operand of a reduction as it is.
static Attribute neutral(OpBuilder &b, Type element, tile::Reduction kind) {
  bool isSum = kind == tile::Reduction::sum;
  bool isMax = kind == tile::Reduction::max || kind == tile::Reduction::maxnum;
  if (auto type = dyn_cast<FloatType>(element))
    return isSum ? b.getFloatAttr(type, 0.0)
                 : b.getFloatAttr(
                       type, APFloat::getInf(type.getFloatSemantics(), isMax));
  unsigned bits = element.getIntOrFloatBitWidth();
  return b.getIntegerAttr(element, isSum   ? APInt(bits, 0)
                                   : isMax ? APInt::getSignedMinValue(bits)
                                           : APInt::getSignedMaxValue(bits));
}

void KernelEmitter::emitReduce(tile::ReduceOp op) {
  auto source = cast<RankedTensorType>(op.getSource().getType());
  int64_t axis = op.getAxis(), rank = source.getRank();
  int64_t n = source.getDimSize(axis);
  Type element = source.getElementType();
  Buffer buffer = allocateFor(op.getResult());
  if (n == 0) {
    error(op, "expected at least one element to reduce");
    return;
  }

  if (axis + 1 < rank) { // ascending, strip by strip
    forEachStrip(buffer.shape, [&](Strip &s) {
      auto read = [&](Value i) {
        Strip from;
        from.lead = s.lead;
        from.lead.insert(from.lead.begin() + axis, i);
        from.col = s.col;
        from.lanes = s.lanes;
        return strip(op.getSource(), from);
      };
      Value acc = read(c(0));
      if (n > 1) {
        auto loop = scf::ForOp::create(b, c(1), c(n), c(1), ValueRange{acc});
        OpBuilder::InsertionGuard guard(b);
        b.setInsertionPointToEnd(loop.getBody());
        scf::YieldOp::create(b, combine(op, loop.getRegionIterArgs()[0],
                                        read(loop.getInductionVar())));
        acc = loop.getResult(0);
      }
      storeStrip(acc, buffer, s);
    });
    buffers[op.getResult()] = buffer;
    return;
  }

  bool isOrdered = op.getKind() == tile::Reduction::sum && element.isF32();
  if (isOrdered && op.getStrands() != kLanes) {
    error(op, "has " + Twine(op.getStrands()) +
                  " strands; the CPU target lowers 16, a strip");
    return;
  }
  // 16 partials a row, then a tree over them. Four rows, or two, take the
  // tree's steps together: the same pairs of lanes in a third of the
  // instructions.
  Value none = arith::ConstantOp::create(
      b,
      DenseElementsAttr::get(vec(element), neutral(b, element, op.getKind())));
  SmallVector<Value> lead;
  auto read = [&](int64_t row, Value col, int64_t lanes) {
    Strip s;
    s.lead = lead;
    if (row)
      s.lead.back() = add(s.lead.back(), c(row));
    s.col = col;
    s.lanes = lanes;
    return strip(op.getSource(), s);
  };
  // Of columns [from, from + length): a vector with one lane for each row.
  auto reduceColumns = [&](int64_t count, Value from, int64_t length) {
    int64_t whole = length / kLanes * kLanes;
    SmallVector<Value> acc(count, none);
    if (whole)
      for (int64_t r = 0; r < count; ++r)
        acc[r] = read(r, from, kLanes);
    if (whole > kLanes) {
      auto loop = scf::ForOp::create(b, add(from, c(kLanes)),
                                     add(from, c(whole)), c(kLanes), acc);
      OpBuilder::InsertionGuard guard(b);
      b.setInsertionPointToEnd(loop.getBody());
      for (int64_t r = 0; r < count; ++r)
        acc[r] = combine(op, loop.getRegionIterArgs()[r],
                         read(r, loop.getInductionVar(), kLanes));
      scf::YieldOp::create(b, acc);
      acc.assign(loop.result_begin(), loop.result_end());
    }
    if (int64_t rest = length - whole)
      for (int64_t r = 0; r < count; ++r) {
        Value last = read(r, add(from, c(whole)), rest);
        Value next = whole ? combine(op, acc[r], last) : last;
        acc[r] = arith::SelectOp::create(b, laneMask(rest), next, acc[r]);
      }
    // Each vector holds pieces of `width` lanes, one of each of its rows.
    for (int64_t width = kLanes; width > 1; width /= 2) {
      SmallVector<Value> next;
      for (size_t v = 0; v < acc.size(); v += 2) {
        Value x = acc[v], y = acc[std::min(v + 1, acc.size() - 1)];
        int64_t lanes = cast<VectorType>(x.getType()).getNumElements();
        int64_t both = v + 1 < acc.size() ? 2 * lanes : lanes;
        SmallVector<int64_t> low, high;
        for (int64_t piece = 0; piece < both; piece += width)
          for (int64_t l = 0; l < width / 2; ++l) {
            low.push_back(piece + l);
            high.push_back(piece + l + width / 2);
          }
        next.push_back(combine(op, vector::ShuffleOp::create(b, x, y, low),
                               vector::ShuffleOp::create(b, x, y, high)));
      }
      acc = std::move(next);
    }
    return acc[0];
  };
  int64_t part = tile::partOf(n, op.getSplit()), wholeParts = n / part;
  // Of the rows that are worked on together: a row of it for each part.
  Buffer partSums;
  if (part < n)
    partSums = allocate(element, {int64_t(llvm::divideCeil(n, part)), kLanes});
  auto rows = [&](int64_t count) {
    Value result;
    if (part == n) {
      result = reduceColumns(count, c(0), n);
    } else {
      auto at = [&](Value number) {
        return addressIn(partSums, {number}, c(0));
      };
      loop(c(0), c(wholeParts), 1, [&](Value number) {
        storeAt(reduceColumns(count, mul(number, c(part)), part), at(number));
      });
      if (n % part)
        storeAt(reduceColumns(count, c(wholeParts * part), n % part),
                at(c(wholeParts)));
      // Neighbours are added in place, level by level.
      for (int64_t step = 1; step < partSums.shape[0]; step *= 2)
        loop(c(0), c(partSums.shape[0] - step), 2 * step, [&](Value number) {
          Type type = vec(element, count);
          Value right = loadAt(type, at(add(number, c(step))));
          storeAt(combine(op, loadAt(type, at(number)), right), at(number));
        });
      result = loadAt(vec(element, count), at(c(0)));
    }
    if (count == 1)
      result = vector::ExtractOp::create(b, result, ArrayRef<int64_t>{0});
    storeAt(result, addressIn(buffer,
                              lead.empty() ? ArrayRef<Value>(lead)
                                           : ArrayRef<Value>(lead).drop_back(),
                              lead.empty() ? c(0) : lead.back()));
  };
  std::function<void(int64_t)> nest = [&](int64_t d) {
    if (d + 1 == rank)
      return rows(1);
    int64_t size = source.getDimSize(d);
    int64_t together = d + 2 < rank ? 1 : size % 4 == 0 ? 4 : 2 - size % 2;
    loop(c(0), c(size), together, [&](Value i) {
      lead.push_back(i);
      if (together > 1)
        rows(together);
      else
        nest(d + 1);
      lead.pop_back();
    });
  };
  nest(0);
  buffers[op.getResult()] = buffer;
}

void KernelEmitter::emitScan(tile::ScanOp op) {
  auto type = cast<RankedTensorType>(op.getSource().getType());
  int64_t axis = op.getAxis(), rank = type.getRank();
  int64_t n = type.getDimSize(axis);
  bool isFloat = type.getElementType().isF32();
  Buffer sums = allocateFor(op.getSums()), errors;
  if (isFloat)
    errors = allocateFor(op.getErrors());
  const Buffer source = *bufferOf(op.getSource());
  bool last = axis + 1 == rank;

  // One run along the axis: scalars along rows, strips across them.
  auto run = [&](function_ref<Value(const Buffer &, Value)> address) {
    Type element = last ? Type(source.element) : Type(vec(source.element));
    Value zero = zeros(element);
    Value first = loadAt(element, address(source, c(0)));
    storeAt(first, address(sums, c(0)));
    if (isFloat)
      storeAt(zero, address(errors, c(0)));
    if (n == 1)
      return;
    auto loop =
        scf::ForOp::create(b, c(1), c(n), c(1), ValueRange{first, zero});
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    Value i = loop.getInductionVar();
    Value s = loop.getRegionIterArgs()[0], e = loop.getRegionIterArgs()[1];
    Value x = loadAt(element, address(source, i)), next;
    if (isFloat) {
      // Two-sum: next + error = s + x without rounding.
      next = arith::AddFOp::create(b, s, x);
      Value part = arith::SubFOp::create(b, next, s);
      Value lostS =
          arith::SubFOp::create(b, s, arith::SubFOp::create(b, next, part));
      Value lostX = arith::SubFOp::create(b, x, part);
      e = arith::AddFOp::create(b, e, arith::AddFOp::create(b, lostS, lostX));
      storeAt(e, address(errors, i));
    } else {
      next = arith::AddIOp::create(b, s, x);
    }
    storeAt(next, address(sums, i));
    scf::YieldOp::create(b, ValueRange{next, e});
  };
  if (last) {
    SmallVector<int64_t> rows(type.getShape().drop_back());
    SmallVector<Value> lead;
    std::function<void(size_t)> nest = [&](size_t d) {
      if (d == rows.size()) {
        run([&](const Buffer &buffer, Value i) {
          return addressIn(buffer, lead, i);
        });
        return;
      }
      loop(c(0), c(rows[d]), 1, [&](Value i) {
        lead.push_back(i);
        nest(d + 1);
        lead.pop_back();
      });
    };
    nest(0);
  } else {
    SmallVector<int64_t> rest(type.getShape());
    rest.erase(rest.begin() + axis);
    forEachStrip(rest, [&](Strip &s) {
      run([&](const Buffer &buffer, Value i) {
        SmallVector<Value> lead(s.lead);
        lead.insert(lead.begin() + axis, i);
        return addressIn(buffer, lead, s.col);
      });
    });
  }
  buffers[op.getSums()] = sums;
  if (isFloat)
    buffers[op.getErrors()] = errors;
}
