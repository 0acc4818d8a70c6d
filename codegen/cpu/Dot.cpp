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

#include "codegen/cpu/KernelEmitter.h"
#include "codegen/schedule/Schedule.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::cpu;
using Cmp = arith::CmpIPredicate;

namespace hamlet::cpu {

class DotEmitter {
public:
  DotEmitter(KernelEmitter &e, tile::DotOp op);
  void run();

private:
  using Buffer = KernelEmitter::Buffer;
  using Strip = KernelEmitter::Strip;
  /// How B's panels hold their elements.
  enum class Panels { f32, bf16, f16, pairs };

  void chooseBlocks();
  void chooseSources();
  void fillZeros();
  void block(Value k0, int64_t length);
  void packA(Value k0, int64_t length);
  void packB(Value k0, int64_t length);
  Value rowOf(Value i, Value k0);
  /// The panel's address at row k0, and whether it is inside (null: yes).
  std::pair<Value, Value> panelOf(Value j, Value k0);
  void columns(Value j, int64_t count, Value k0, int64_t length);
  void rowsTimes(Value j, ArrayRef<Value> panels, Value step, int64_t mr,
                 Value k0, int64_t length);
  void micro(Value i, int64_t mr, Value j, ArrayRef<Value> panels, Value step,
             Value k0, int64_t length);
  /// Where a register block reads.
  struct Operands {
    SmallVector<Value> rows, panels;
    Value step;
    SmallVector<Value> next; // panels to prefetch
  };
  Operands shifted(const Operands &operands, Value rows);
  void ascend(const Operands &operands, int64_t length,
              SmallVector<Value> &sums);
  SmallVector<Value> sumOfParts(const Operands &operands, int64_t length);
  using SumAddress = function_ref<Value(Value level, int64_t sum)>;
  void climb(Value number, SmallVector<Value> &sums, SumAddress address);
  void descend(int64_t count, SmallVector<Value> &sums, SumAddress address);
  bool isAddedToZero();
  void addBlocks();
  void prefetchAt(Value base, int64_t byte);
  void prefetchRows(Value i, int64_t mr, Value j);
  SmallVector<Value> nextPanels(Value j, int64_t count, Value k0);
  void products(Value unit, ArrayRef<Value> rows, ArrayRef<Value> panels,
                Value step, SmallVector<Value> &acc);
  void lastProduct(int64_t unit, ArrayRef<Value> rows, ArrayRef<Value> panels,
                   Value step, SmallVector<Value> &acc);
  Value panelStrip(Value panel, Value unit, Value step, Type type);
  /// Of a register block of one panel, near the end of B.
  int64_t loneRows() const { return std::min<int64_t>(m, 6); }
  /// As large as an element of a panel's strip.
  Type stripElement() {
    return panels == Panels::pairs || panels == Panels::f32 ? e.i32 : e.i16;
  }
  Value fma(Value x, Value y, Value z) {
    return math::FmaOp::create(b, x, y, z);
  }
  Value toF32(Value words) {
    return arith::BitcastOp::create(b, e.vec(e.f32), words);
  }
  Value evenOf(Value words) {
    return toF32(arith::ShLIOp::create(b, words, e.splatInt(e.i32, 16)));
  }
  Value oddOf(Value words) {
    return toF32(arith::AndIOp::create(b, words,
                                       e.splatInt(e.i32, int32_t(0xffff0000))));
  }
  Value dp(Value acc, Value x, Value y);

  KernelEmitter &e;
  ImplicitLocOpBuilder &b;
  tile::DotOp op;
  int64_t m, n, k, panelCount;
  bool bf16; // numerics with pairs
  bool native;
  int64_t mr, nv, kc;
  Buffer result;
  /// One block of k: the first sums are evaluated where they are needed.
  bool startsInRegisters = false;

  /// Rows of k in a part of a split sum; 0: sums begin as `acc`.
  int64_t part = 0;
  /// The trees over parts of one block of k and over blocks of k, if there are
  /// several: sums of subtrees, [level][element].
  std::optional<Buffer> partSums, blockSums;
  Value blockNumber; ///< if there are several

  Type typeA; // f32, or i16 of bf16 bits for the instruction
  std::optional<Buffer> bufferA, packedA, zeroRow;
  tile::LoadOp loadA;
  tile::GatherOp gatherA;

  Panels panels;
  std::optional<Buffer> packedB, zeroPanel;
  tile::LoadOp loadB;
};

} // namespace hamlet::cpu

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

/// Adds `length` products to each sum, in the order of k.
void DotEmitter::ascend(const Operands &operands, int64_t length,
                        SmallVector<Value> &sums) {
  bool byPairs = this->panels == Panels::pairs;
  int64_t count = sums.size(), units = byPairs ? length / 2 : length;
  int64_t unroll = count <= 4 ? 4 : count <= 8 ? 2 : 1;
  int64_t whole = units / unroll * unroll;
  auto one = [&](Value unit) {
    products(unit, operands.rows, operands.panels, operands.step, sums);
    // Each step brings its own strips of the next B.
    for (Value panel : operands.next)
      prefetchAt(e.at(panel, stripElement(), e.mul(unit, e.c(kLanes))), 0);
  };
  if (whole) {
    auto loop = scf::ForOp::create(b, e.c(0), e.c(whole), e.c(unroll), sums);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    sums.assign(loop.getRegionIterArgs().begin(),
                loop.getRegionIterArgs().end());
    for (int64_t u = 0; u < unroll; ++u)
      one(e.add(loop.getInductionVar(), e.c(u)));
    scf::YieldOp::create(b, sums);
    sums.assign(loop.result_begin(), loop.result_end());
  }
  for (int64_t u = whole; u < units; ++u)
    one(e.c(u));
  if (byPairs && length % 2)
    lastProduct(units, operands.rows, operands.panels, operands.step, sums);
}

//===----------------------------------------------------------------------===//
// Split sums
//===----------------------------------------------------------------------===//
//
// The tree grows as a binary counter does: level l holds the sum of a finished
// subtree of 2^l leaves, or nothing. A new leaf climbs while its number has
// ones at the low end: 3 = 0b11 adds level 0, then level 1, and stays on level
// 2. At the end the subtrees are those of the ones in the number of leaves.

/// Adds the subtrees that leaf `number` completes and leaves the sums on its
/// level.
void DotEmitter::climb(Value number, SmallVector<Value> &sums,
                       SumAddress address) {
  Value inverted = arith::XOrIOp::create(b, number, e.c(-1));
  Value level = math::CountTrailingZerosOp::create(b, inverted);
  auto loop = scf::ForOp::create(b, e.c(0), level, e.c(1), sums);
  {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToEnd(loop.getBody());
    SmallVector<Value> next;
    for (auto [x, sum] : llvm::enumerate(loop.getRegionIterArgs()))
      next.push_back(arith::AddFOp::create(
          b, e.loadAt(e.vec(e.f32), address(loop.getInductionVar(), x)), sum));
    scf::YieldOp::create(b, next);
  }
  for (auto [x, sum] : llvm::enumerate(loop.getResults()))
    e.storeAt(sum, address(level, x));
}

/// Adds the subtrees of `count` leaves, the smallest first, to `sums`; null
/// sums are the smallest subtree itself.
void DotEmitter::descend(int64_t count, SmallVector<Value> &sums,
                         SumAddress address) {
  for (int64_t level = 0; count >> level; ++level)
    for (auto [x, sum] : llvm::enumerate(sums)) {
      if (!(count >> level & 1))
        continue;
      Value left = e.loadAt(e.vec(e.f32), address(e.c(level), x));
      sum = sum ? arith::AddFOp::create(b, left, sum).getResult() : left;
    }
}

/// Of `length` of k: parts, each from 0, and the tree over them.
SmallVector<Value> DotEmitter::sumOfParts(const Operands &operands,
                                          int64_t length) {
  int64_t count = operands.rows.size() * operands.panels.size();
  int64_t whole = length / part;
  auto ofPart = [&](Value from, int64_t rows) {
    SmallVector<Value> sums(count, e.zeros(e.vec(e.f32)));
    ascend(shifted(operands, from), rows, sums);
    return sums;
  };
  if (length <= part)
    return ofPart(e.c(0), length);
  auto address = [&](Value level, int64_t x) {
    return e.addressIn(*partSums, {level}, e.c(x * kLanes));
  };
  e.loop(e.c(0), e.c(whole), 1, [&](Value number) {
    SmallVector<Value> sums = ofPart(e.mul(number, e.c(part)), part);
    climb(number, sums, address);
  });
  SmallVector<Value> sums(count);
  if (whole * part < length)
    sums = ofPart(e.c(whole * part), length - whole * part);
  descend(whole, sums, address);
  return sums;
}

bool DotEmitter::isAddedToZero() {
  return matchPattern(op.getAcc(), m_AnyZeroFloat());
}

/// The result of several blocks of k.
void DotEmitter::addBlocks() {
  e.forEachStrip(result.shape, [&](Strip &s) {
    SmallVector<Value> sum(1);
    descend(llvm::divideCeil(k, kc), sum, [&](Value level, int64_t) {
      return e.addressIn(*blockSums, {level, s.lead[0]}, s.col);
    });
    if (!isAddedToZero())
      sum[0] = arith::AddFOp::create(b, e.strip(op.getAcc(), s), sum[0]);
    e.storeStrip(sum[0], result, s);
  });
}

Value DotEmitter::panelStrip(Value panel, Value unit, Value step, Type type) {
  Value index = e.mul(unit, e.c(kLanes));
  if (step)
    index = e.mul(index, step);
  Type element = getElementTypeOrSelf(type);
  return e.loadAt(type, e.at(panel, element, index));
}

Value DotEmitter::dp(Value acc, Value x, Value y) {
  auto halves = VectorType::get({2 * kLanes}, b.getBF16Type());
  SmallVector<Value> args{acc};
  for (Value words : {x, y})
    args.push_back(LLVM::BitcastOp::create(b, halves, words));
  return LLVM::CallIntrinsicOp::create(
             b, acc.getType(),
             b.getStringAttr("llvm.x86.avx512bf16.dpbf16ps.512"), args)
      .getResult(0);
}

void DotEmitter::products(Value unit, ArrayRef<Value> rows,
                          ArrayRef<Value> panels, Value step,
                          SmallVector<Value> &acc) {
  int64_t nv = panels.size();
  SmallVector<Value> strips;
  for (Value panel : panels) {
    switch (this->panels) {
    case Panels::f32:
      strips.push_back(panelStrip(panel, unit, step, e.vec(e.f32)));
      break;
    case Panels::bf16:
      strips.push_back(e.widen(panelStrip(panel, unit, step, e.vec(e.i16))));
      break;
    case Panels::f16:
      strips.push_back(
          e.widen(panelStrip(panel, unit, step, e.vec(b.getF16Type()))));
      break;
    case Panels::pairs:
      strips.push_back(panelStrip(panel, unit, step, e.vec(e.i32)));
      break;
    }
  }
  auto scalarA = [&](size_t r, Value index) {
    return e.splat(e.loadAt(e.f32, e.at(rows[r], e.f32, index)));
  };
  if (this->panels != Panels::pairs) {
    for (size_t r = 0; r < rows.size(); ++r) {
      Value a = scalarA(r, unit);
      for (int64_t j = 0; j < nv; ++j)
        acc[r * nv + j] = fma(a, strips[j], acc[r * nv + j]);
    }
    return;
  }
  if (native) {
    for (size_t r = 0; r < rows.size(); ++r) {
      Value a = e.splat(e.loadAt(e.i32, e.at(rows[r], e.i32, unit), 2));
      for (int64_t j = 0; j < nv; ++j)
        acc[r * nv + j] = dp(acc[r * nv + j], a, strips[j]);
    }
    return;
  }
  // bf16 numerics take the odd element first, f32 numerics go by k.
  Value even = e.mul(unit, e.c(2)), odd = e.add(even, e.c(1));
  for (bool takeOdd : {bf16, !bf16}) {
    SmallVector<Value> wide;
    for (Value words : strips)
      wide.push_back(takeOdd ? oddOf(words) : evenOf(words));
    for (size_t r = 0; r < rows.size(); ++r) {
      Value a = scalarA(r, takeOdd ? odd : even);
      for (int64_t j = 0; j < nv; ++j)
        acc[r * nv + j] = fma(a, wide[j], acc[r * nv + j]);
    }
  }
}

/// The last row of an odd K, whose partner is not read.
void DotEmitter::lastProduct(int64_t unit, ArrayRef<Value> rows,
                             ArrayRef<Value> panels, Value step,
                             SmallVector<Value> &acc) {
  int64_t nv = panels.size();
  for (int64_t j = 0; j < nv; ++j) {
    Value words = panelStrip(panels[j], e.c(unit), step, e.vec(e.i32));
    for (size_t r = 0; r < rows.size(); ++r) {
      Value &sum = acc[r * nv + j];
      if (native) {
        Value half = e.loadAt(e.i16, e.at(rows[r], e.i16, e.c(2 * unit)));
        sum = dp(sum, e.splat(arith::ExtUIOp::create(b, e.i32, half)), words);
        continue;
      }
      Value a = e.splat(e.loadAt(e.f32, e.at(rows[r], e.f32, e.c(2 * unit))));
      if (bf16) {
        Value zero = e.zeros(e.vec(e.f32));
        sum = fma(zero, zero, sum);
      }
      sum = fma(a, evenOf(words), sum);
    }
  }
}
