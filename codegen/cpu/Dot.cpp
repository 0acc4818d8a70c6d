//===- Dot.cpp - products as register blocks ------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The result lies in scratch and begins as `acc`. K is cut into blocks; in each
// block the result's [mr x nv strips] pieces are taken into registers, run over
// the block's k ascending, and put back: each element sees its products in the
// order of k, whatever the blocks. Of a split sum, a block of k is a part or a
// subtree of the tree over parts, and the result is made at the end.
//
// The inner loop reads rows of A through one pointer each and panels of B
// through one pointer each. Where the operand lies in memory as it is needed,
// these point into it; else the block is evaluated into scratch first. A row or
// panel outside its view is a row of zeros.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/DotEmitter.h"
#include "codegen/schedule/Schedule.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::cpu;
using Cmp = arith::CmpIPredicate;

bool KernelEmitter::collectsRows(tile::LoadOp op) {
  constexpr int64_t kShortRow = 512; // bytes
  auto found = views.find(op.getSource());
  ArrayRef<int64_t> shape = op.getResult().getType().getShape();
  if (found == views.end() || found->second.type().isPanel() ||
      shape.size() != 2 || shape[0] < kLanes)
    return false;
  const View &view = found->second;
  auto stride = constantOf(view.strides[view.rank() - 2]);
  if (constantOf(view.strides.back()) != 1 || stride == shape[1] ||
      shape[1] * bytesOf(view.element) > kShortRow)
    return false;
  return llvm::any_of(op->getUsers(), [&](Operation *user) {
    auto dot = dyn_cast<tile::DotOp>(user);
    return dot && dot.getA() == op.getResult();
  });
}

void KernelEmitter::emitDot(tile::DotOp op) { DotEmitter(*this, op).run(); }

DotEmitter::DotEmitter(KernelEmitter &e, tile::DotOp op)
    : e(e), b(e.b), op(op) {
  auto a = cast<RankedTensorType>(op.getA().getType());
  m = a.getDimSize(0);
  k = a.getDimSize(1);
  n = cast<RankedTensorType>(op.getB().getType()).getDimSize(1);
  panelCount = padded(n) / kLanes;
  bf16 = op.getNumerics().getOperands().isBF16();
  native = bf16 && e.level == Level::v4bf16;
  typeA = native ? e.i16 : e.f32;
}

//===----------------------------------------------------------------------===//
// Choices
//===----------------------------------------------------------------------===//

void DotEmitter::chooseSources() {
  auto lies = [&](Value view, Value from, int64_t extent, Type element) {
    auto found = e.views.find(view);
    if (found == e.views.end() || found->second.type().isPanel() ||
        found->second.element != element)
      return false;
    const KernelEmitter::View &v = found->second;
    int64_t last = v.rank() - 1;
    return e.constantOf(v.strides[last]) == 1 &&
           !e.inside(v, last, from, extent, from);
  };
  Value a = op.getA();
  if (const Buffer *buffer = e.bufferOf(a)) {
    if (buffer->element == typeA)
      bufferA = *buffer;
  } else if (auto load = a.getDefiningOp<tile::LoadOp>()) {
    if (lies(load.getSource(), e.scalar(load.getCoords().back()), k, typeA))
      loadA = load;
  } else if (auto gather = a.getDefiningOp<tile::GatherOp>()) {
    if (lies(gather.getSource(), e.scalar(gather.getCol()), k, typeA))
      gatherA = gather;
  }

  panels = bf16 ? Panels::pairs : Panels::f32;
  auto load = op.getB().getDefiningOp<tile::LoadOp>();
  if (!load || e.bufferOf(op.getB()))
    return;
  auto found = e.views.find(load.getSource());
  if (found == e.views.end() || !found->second.type().isPanel())
    return;
  const KernelEmitter::View &v = found->second;
  KernelEmitter::Box box =
      e.makeBox(load.getSource(), load.getCoords(), op.getB().getType());
  int64_t rank = v.rank();
  Value fromK = box.coords[rank - 2];
  bool isPairs = v.type().getLayout() == tile::Layout::panel_pairs;
  auto firstK = e.constantOf(fromK);
  if (e.inside(v, rank - 2, fromK, k, fromK) || !firstK ||
      (isPairs && *firstK % 2) || !e.isMultiple(box.coords[rank - 1], kLanes) ||
      (bf16 && !isPairs))
    return;
  // A pair that straddles the end of the box would bring a row of its own in.
  if (isPairs && k % 2 && *firstK + k != v.type().getShape()[rank - 2] && bf16)
    return;
  loadB = load;
  Type element = v.type().getElementType();
  panels = isPairs            ? Panels::pairs
           : element.isF32()  ? Panels::f32
           : element.isBF16() ? Panels::bf16
                              : Panels::f16;
}

void DotEmitter::chooseBlocks() {
  StringRef target = targetName(e.level);
  schedule::Product product = schedule::productOf(op);
  std::optional<schedule::RegisterBlock> given = schedule::blockOf(op, target);
  schedule::RegisterBlock block =
      given ? *given
            : schedule::chooseBlock(schedule::builtinCpu(target), product);
  mr = std::clamp<int64_t>(block.rows, 1, m);
  nv = std::clamp<int64_t>(block.panels, 1, panelCount);
  kc = schedule::allowedDepth(product, std::clamp<int64_t>(block.depth, 1, k));
  part = product.part;
}

void DotEmitter::fillZeros() {
  // Rows outside: only if there can be any.
  Value rowsInside;
  bool needed = false;
  if (loadA) {
    KernelEmitter::Box box =
        e.makeBox(loadA.getSource(), loadA.getCoords(), op.getA().getType());
    for (int64_t d = 0; d + 1 < box.view.rank(); ++d) {
      Value from = box.coords[d];
      if (!e.inside(box.view, d, from, box.extent(d), from))
        continue;
      needed = true;
      rowsInside = e.both(rowsInside, e.test(Cmp::sge, from, e.c(0)));
      rowsInside =
          e.both(rowsInside, e.test(Cmp::sle, e.add(from, e.c(box.extent(d))),
                                    box.view.sizes[d]));
    }
  }
  needed |= bool(gatherA);
  auto fill = [&](const Buffer &buffer) {
    e.forEachStrip(buffer.shape, [&](Strip &s) {
      e.storeStrip(e.zeros(e.vec(buffer.element)), buffer, s);
    });
  };
  if (needed) {
    zeroRow = e.allocate(typeA, {kc});
    OpBuilder::InsertionGuard guard(b);
    if (rowsInside) {
      Value outside = arith::XOrIOp::create(
          b, rowsInside,
          arith::ConstantOp::create(b, b.getBoolAttr(true)).getResult());
      auto branch = scf::IfOp::create(b, outside);
      b.setInsertionPointToStart(branch.thenBlock());
    }
    fill(*zeroRow);
  }
  if (loadB && panelOf(e.c(0), e.c(0)).second) {
    zeroPanel = e.allocate(e.i32, {kLanes});
    fill(*zeroPanel);
  }
}

/// Levels of the tree over `leaves`.
static int64_t levelsOf(int64_t leaves) { return llvm::Log2_64(leaves) + 1; }

void DotEmitter::run() {
  if (e.failed)
    return;
  chooseSources();
  chooseBlocks();

  // A dot that only feeds a loop value takes its place.
  auto yield = op->getBlock()->getTerminator();
  Value arg;
  if (auto loop = dyn_cast<scf::ForOp>(op->getParentOp()))
    for (auto [value, candidate] :
         llvm::zip(yield->getOperands(), loop.getRegionIterArgs()))
      if (value == op.getResult() && !arg &&
          e.updatesInPlace(op, op.getAcc(), candidate))
        arg = candidate;
  result = arg ? *e.bufferOf(arg) : e.allocateFor(op.getResult());
  // Whole strips only: reading past a row's end is for buffers.
  startsInRegisters =
      !arg && kc >= k &&
      (n % kLanes == 0 || op.getAcc().getDefiningOp<arith::ConstantOp>());
  int64_t blocks = llvm::divideCeil(k, kc);
  if (part && blocks > 1)
    blockSums = e.allocate(e.f32, {levelsOf(blocks), m, n});
  else if (!startsInRegisters)
    e.evaluateInto(op.getAcc(), result);
  if (part && part < kc)
    partSums = e.allocate(
        e.f32, {levelsOf(kc / part), std::max(mr * nv, loneRows()) * kLanes});

  if (!bufferA && !loadA && !gatherA)
    packedA = e.allocate(typeA, {m, kc});
  if (!loadB)
    packedB = bf16 ? e.allocate(e.i32, {panelCount, (kc + 1) / 2 * kLanes})
                   : e.allocate(e.f32, {panelCount, kc * kLanes});
  fillZeros();

  int64_t whole = k / kc * kc;
  e.loop(e.c(0), e.c(whole), kc, [&](Value k0) { block(k0, kc); });
  if (k > whole)
    block(e.c(whole), k - whole);
  if (blockSums)
    addBlocks();
  e.buffers[op.getResult()] = result;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

void DotEmitter::packA(Value k0, int64_t length) {
  e.forEachStrip({m, length}, [&](Strip &to) {
    Strip from;
    from.lead = to.lead;
    from.col = e.add(k0, to.col);
    from.lanes = to.lanes;
    Value v = e.strip(op.getA(), from);
    Type element = getElementTypeOrSelf(v.getType());
    if (typeA == e.f32 && element != e.f32)
      v = e.widen(v);
    e.storeStrip(v, *packedA, to);
  });
}

void DotEmitter::packB(Value k0, int64_t length) {
  auto read = [&](Value row, const Strip &at) {
    Strip from;
    from.lead = {e.add(k0, row)};
    from.col = at.col;
    from.lanes = at.lanes;
    return e.strip(op.getB(), from);
  };
  auto put = [&](Value v, Value row, const Strip &at) {
    Strip to;
    to.lead = {e.divBy(at.col, kLanes)};
    to.col = e.mul(row, e.c(kLanes));
    e.storeStrip(v, *packedB, to);
  };
  auto word = [&](Value half) {
    return arith::ExtUIOp::create(b, e.vec(e.i32), half).getResult();
  };
  if (!bf16) {
    e.loop(e.c(0), e.c(length), 1, [&](Value row) {
      e.forEachStrip({n}, [&](Strip &s) {
        Value v = read(row, s);
        if (getElementTypeOrSelf(v.getType()) != e.f32)
          v = e.widen(v);
        put(v, row, s);
      });
    });
    return;
  }
  e.loop(e.c(0), e.c(length / 2), 1, [&](Value pair) {
    e.forEachStrip({n}, [&](Strip &s) {
      Value row = e.mul(pair, e.c(2));
      Value even = word(read(row, s));
      Value odd = word(read(e.add(row, e.c(1)), s));
      odd = arith::ShLIOp::create(b, odd, e.splatInt(e.i32, 16));
      put(arith::OrIOp::create(b, even, odd), pair, s);
    });
  });
  if (length % 2)
    e.forEachStrip({n}, [&](Strip &s) {
      put(word(read(e.c(length - 1), s)), e.c(length / 2), s);
    });
}

Value DotEmitter::rowOf(Value i, Value k0) {
  if (packedA)
    return e.addressIn(*packedA, {i}, e.c(0));
  if (bufferA)
    return e.addressIn(*bufferA, {i}, k0);
  Value row, ok, col;
  Value desc = loadA ? loadA.getSource() : gatherA.getSource();
  if (loadA) {
    KernelEmitter::Box box =
        e.makeBox(desc, loadA.getCoords(), op.getA().getType());
    std::tie(row, ok) = e.leading(box, box.view.rank() - 1, {i, e.c(0)});
    col = box.coords.back();
  } else {
    const KernelEmitter::View &view = e.views.find(desc)->second;
    Value id =
        arith::ExtSIOp::create(b, e.i64, e.element(gatherA.getRows(), {i}));
    row = e.at(view.base, typeA, e.mul(id, view.strides[0]));
    ok = e.test(Cmp::ult, id, view.sizes[0]);
    col = e.scalar(gatherA.getCol());
  }
  row = e.at(row, typeA, e.add(col, k0));
  return ok ? arith::SelectOp::create(b, ok, row, zeroRow->ptr).getResult()
            : row;
}

std::pair<Value, Value> DotEmitter::panelOf(Value j, Value k0) {
  if (packedB)
    return {e.addressIn(*packedB, {j}, e.c(0)), {}};
  KernelEmitter::Box box =
      e.makeBox(loadB.getSource(), loadB.getCoords(), op.getB().getType());
  const KernelEmitter::View &view = box.view;
  int64_t rank = view.rank();
  auto [block, ok] = e.leading(box, rank - 2, {e.c(0), e.c(0)});
  Value from = box.coords[rank - 1];
  Value first = e.add(from, e.mul(j, e.c(kLanes)));
  if (e.inside(view, rank - 1, from, n, first))
    ok = e.both(ok, e.test(Cmp::ult, first,
                           e.c(padded(view.type().getShape()[rank - 1]))));
  Value offset = e.panelOffsets(view, e.add(box.coords[rank - 2], k0), first);
  return {e.at(block, view.element, offset), ok};
}

//===----------------------------------------------------------------------===//
// Loops
//===----------------------------------------------------------------------===//

void DotEmitter::block(Value k0, int64_t length) {
  if (blockSums)
    blockNumber = e.divBy(k0, kc);
  if (packedA)
    packA(k0, length);
  if (packedB)
    packB(k0, length);
  int64_t whole = panelCount / nv * nv;
  e.loop(e.c(0), e.c(whole), nv, [&](Value j) { columns(j, nv, k0, length); });
  if (panelCount > whole)
    columns(e.c(whole), panelCount - whole, k0, length);
}

void DotEmitter::columns(Value j, int64_t count, Value k0, int64_t length) {
  SmallVector<Value> all;
  Value inside;
  for (int64_t p = 0; p < count; ++p) {
    auto [panel, ok] = panelOf(e.add(j, e.c(p)), k0);
    all.push_back(panel);
    // Panels are in or out in one piece from either end.
    if (p == 0 || p + 1 == count)
      inside = e.both(inside, ok);
  }
  if (!inside)
    return rowsTimes(j, all, {}, mr, k0, length);
  auto branch = scf::IfOp::create(b, inside, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  rowsTimes(j, all, {}, mr, k0, length);
  b.setInsertionPointToStart(branch.elseBlock());
  // One at a time; a panel outside is one strip of zeros, again and again.
  e.loop(j, e.add(j, e.c(count)), 1, [&](Value one) {
    auto [panel, ok] = panelOf(one, k0);
    Value from = arith::SelectOp::create(b, ok, panel, zeroPanel->ptr);
    Value step = arith::SelectOp::create(b, ok, e.c(1), e.c(0));
    rowsTimes(one, {from}, step, loneRows(), k0, length);
  });
}

void DotEmitter::rowsTimes(Value j, ArrayRef<Value> panels, Value step,
                           int64_t mr, Value k0, int64_t length) {
  int64_t whole = m / mr * mr;
  e.loop(e.c(0), e.c(whole), mr,
         [&](Value i) { micro(i, mr, j, panels, step, k0, length); });
  if (m > whole)
    micro(e.c(whole), m - whole, j, panels, step, k0, length);
}

void DotEmitter::prefetchAt(Value base, int64_t byte) {
  // Into the second level: rows that are powers of two apart would push each
  // other out of the first.
  constexpr int32_t kRead = 0, kSecondLevel = 2, kData = 1;
  LLVM::Prefetch::create(b, e.at(base, e.i8, e.c(byte)), kRead, kSecondLevel,
                         kData);
}

/// Lines of the rows that correspond to rows i.. of the product; each pass over
/// the rows, for some panels, takes a part of every row.
void DotEmitter::prefetchRows(Value i, int64_t mr, Value j) {
  auto desc = op.getNext() ? cast<tile::DescType>(op.getNext().getType())
                           : tile::DescType();
  if (!desc || desc.isPanel())
    return;
  constexpr int64_t kLineBytes = 64;
  KernelEmitter::Box box =
      e.makeBox(op.getNext(), op.getNextCoords(), op.getA().getType());
  int64_t width = desc.getShape()[1];
  if (ShapedType::isDynamic(width))
    width = k;
  int64_t bytes = e.bytesOf(box.view.element);
  int64_t lines = llvm::divideCeil(width * bytes, kLineBytes);
  int64_t perPass = llvm::divideCeil(lines, llvm::divideCeil(panelCount, nv));
  Value from = e.mul(e.divBy(j, nv), e.c(perPass * kLineBytes / bytes));
  for (int64_t r = 0; r < mr; ++r) {
    Value row = e.add(box.coords[0], e.add(i, e.c(r)));
    Value col = e.add(box.coords[1], from);
    Value first = e.at(box.view.base, box.view.element,
                       e.add(e.mul(row, box.view.strides[0]), col));
    for (int64_t line = 0; line < perPass; ++line)
      prefetchAt(first, line * kLineBytes);
  }
}

/// Where panels j.. of the next B are.
SmallVector<Value> DotEmitter::nextPanels(Value j, int64_t count, Value k0) {
  SmallVector<Value> all;
  if (!op.getNext() || !cast<tile::DescType>(op.getNext().getType()).isPanel())
    return all;
  KernelEmitter::Box box =
      e.makeBox(op.getNext(), op.getNextCoords(), op.getB().getType());
  for (int64_t p = 0; p < count; ++p) {
    Value column = e.add(box.coords[1], e.mul(e.add(j, e.c(p)), e.c(kLanes)));
    Value offset = e.panelOffsets(box.view, e.add(box.coords[0], k0), column);
    all.push_back(e.at(box.view.base, box.view.element, offset));
  }
  return all;
}

void DotEmitter::micro(Value i, int64_t mr, Value j, ArrayRef<Value> panels,
                       Value step, Value k0, int64_t length) {
  Operands operands{{}, SmallVector<Value>(panels), step, {}};
  int64_t nv = panels.size(), count = mr * nv;
  auto rowAt = [&](int64_t index) { return e.add(i, e.c(index / nv)); };
  auto columnAt = [&](int64_t index) {
    return e.mul(e.add(j, e.c(index % nv)), e.c(kLanes));
  };
  auto place = [&](int64_t index) {
    return e.addressIn(result, {rowAt(index)}, columnAt(index));
  };
  for (int64_t r = 0; r < mr; ++r)
    operands.rows.push_back(rowOf(e.add(i, e.c(r)), k0));
  auto first = [&](int64_t index) -> Value {
    if (!startsInRegisters)
      return e.loadAt(e.vec(e.f32), place(index));
    Strip at;
    at.lead = {rowAt(index)};
    at.col = columnAt(index);
    return e.strip(op.getAcc(), at);
  };
  SmallVector<Value> sums;
  if (!part)
    for (int64_t x = 0; x < count; ++x)
      sums.push_back(first(x));

  prefetchRows(i, mr, j);
  operands.next = nextPanels(j, nv, k0);
  if (!part) {
    ascend(operands, length, sums);
  } else {
    sums = sumOfParts(operands, length);
    if (blockSums)
      return climb(blockNumber, sums, [&](Value level, int64_t x) {
        return e.addressIn(*blockSums, {level, rowAt(x)}, columnAt(x));
      });
    for (int64_t x = 0; x < count && !isAddedToZero(); ++x)
      sums[x] = arith::AddFOp::create(b, first(x), sums[x]);
  }
  for (int64_t x = 0; x < count; ++x)
    e.storeAt(sums[x], place(x));
}

/// The operands from `rows` (a multiple of 16) of k on.
DotEmitter::Operands DotEmitter::shifted(const Operands &operands, Value rows) {
  bool byPairs = this->panels == Panels::pairs;
  Value strips = e.mul(byPairs ? e.divBy(rows, 2) : rows, e.c(kLanes));
  Operands to{{}, {}, operands.step, {}};
  for (Value row : operands.rows)
    to.rows.push_back(e.at(row, typeA, rows));
  for (Value panel : operands.panels)
    to.panels.push_back(
        e.at(panel, stripElement(),
             operands.step ? e.mul(strips, operands.step) : strips));
  for (Value panel : operands.next)
    to.next.push_back(e.at(panel, stripElement(), strips));
  return to;
}
