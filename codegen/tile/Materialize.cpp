//===- Materialize.cpp - which tiles of a kernel get memory ---------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One walk from the last op to the first: users are decided before what they
// use, so the sinks of a tile are known when it is its turn.
//
//===----------------------------------------------------------------------===//

#include "codegen/tile/Materialize.h"

#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace hamlet::tile;

static bool isTile(Type type) { return isa<RankedTensorType>(type); }

bool hamlet::tile::isLazyOp(Operation *op) {
  if (op->getNumResults() != 1 || !isTile(op->getResult(0).getType()))
    return false;
  return isa<LoadOp, GatherOp, IotaOp, BroadcastOp, tensor::SplatOp,
             arith::ConstantOp>(op) ||
         op->hasTrait<OpTrait::Elementwise>();
}

ArrayRef<Operation *> Materialization::getSinks(Value tile) const {
  auto found = sinks.find(tile);
  return found == sinks.end() ? ArrayRef<Operation *>()
                              : found->second.getArrayRef();
}

Materialization::Materialization(func::FuncOp kernel, Options options)
    : options(options) {
  SmallVector<Operation *> ops;
  kernel.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops))
    decide(op);
}

/// True if a broadcast repeats its source along a new last dimension.
static bool addsLast(BroadcastOp op) {
  auto type = cast<RankedTensorType>(op.getResult().getType());
  return op.getDims().empty() || op.getDims().back() != type.getRank() - 1;
}

/// True if `user` reads the elements of `tile` one at a time.
static bool readsScalars(Operation *user, Value tile,
                         const llvm::DenseSet<Value> &scalar) {
  if (isa<ExtractOp, ScanOp>(user))
    return true;
  if (auto gather = dyn_cast<GatherOp>(user))
    return gather.getRows() == tile;
  if (auto scatter = dyn_cast<ScatterOp>(user))
    return scatter.getRows() == tile;
  if (auto broadcast = dyn_cast<BroadcastOp>(user)) {
    return addsLast(broadcast) || scalar.contains(broadcast.getResult());
  }
  return false;
}

/// True if one element is read as cheaply as from a buffer.
static bool isScalarCheap(Operation *op) {
  return isa<LoadOp, GatherOp, IotaOp, BroadcastOp, tensor::SplatOp,
             arith::ConstantOp>(op);
}

int64_t Materialization::cost(Value tile, llvm::DenseSet<Value> &seen) {
  Operation *op = tile.getDefiningOp();
  if (!op || !isLazyOp(op) || !seen.insert(tile).second)
    return 0;
  // What it repeats is kept in a buffer, or cheap.
  if (auto broadcast = dyn_cast<BroadcastOp>(op);
      broadcast && addsLast(broadcast))
    return 0;
  int64_t sum = 1;
  if (isa<LoadOp, GatherOp, IotaOp, BroadcastOp, tensor::SplatOp,
          arith::ConstantOp, arith::ExtFOp, arith::BitcastOp>(op))
    sum = 0;
  else if (isa<arith::DivFOp, math::SqrtOp, arith::DivSIOp, arith::DivUIOp,
               arith::RemSIOp, arith::RemUIOp>(op))
    sum = 8;
  else if (op->getDialect()->getNamespace() == "math" && !isa<math::FmaOp>(op))
    sum = 8;
  for (Value operand : op->getOperands())
    if (isTile(operand.getType()))
      sum += cost(operand, seen);
  return sum;
}

llvm::SetVector<Operation *> &Materialization::collectSinks(Value tile) {
  llvm::SetVector<Operation *> reached;
  for (Operation *user : tile.getUsers()) {
    if (isLazyOp(user) && !isBuffered(user->getResult(0))) {
      ArrayRef<Operation *> next = getSinks(user->getResult(0));
      reached.insert(next.begin(), next.end());
    } else {
      reached.insert(user);
    }
  }
  return sinks[tile] = std::move(reached);
}

void Materialization::decide(Operation *op) {
  SmallVector<Value> tiles;
  if (!isLazyOp(op))
    tiles.append(op->result_begin(), op->result_end());
  if (auto loop = dyn_cast<scf::ForOp>(op))
    llvm::append_range(tiles, loop.getRegionIterArgs());
  for (Value tile : tiles)
    if (isTile(tile.getType())) {
      buffered.insert(tile);
      collectSinks(tile);
    }
  if (!isLazyOp(op))
    return;

  Value tile = op->getResult(0);
  llvm::SetVector<Operation *> &reached = collectSinks(tile);
  for (Operation *user : tile.getUsers())
    if (readsScalars(user, tile, scalar))
      scalar.insert(tile);
  // A loop that holds a sink but not the tile evaluates it again each time.
  bool deeper = llvm::any_of(reached, [&](Operation *sink) {
    auto loop = sink->getParentOfType<scf::ForOp>();
    return loop && !loop->isAncestor(op);
  });

  llvm::DenseSet<Value> seen;
  int64_t work = cost(tile, seen);
  bool keep = scalar.contains(tile) && !isScalarCheap(op);
  keep |= llvm::any_of(tile.getUsers(), llvm::IsaPred<ScanOp>);
  keep |= reached.size() > 1 && work > options.recompute;
  keep |= deeper && work > options.recomputeInLoop;
  // Each repeated row would be evaluated again.
  keep |= work > options.recomputeInLoop &&
          llvm::any_of(tile.getUsers(), llvm::IsaPred<BroadcastOp>);
  if (auto constant = dyn_cast<arith::ConstantOp>(op))
    keep |= !isa<SplatElementsAttr>(constant.getValue());
  if (isa<LoadOp, GatherOp>(op))
    keep |= isOverwritten(op);
  if (keep && !tile.use_empty())
    buffered.insert(tile);
}

static Value baseOf(Value view) {
  auto op = view.getDefiningOp<ViewOp>();
  return op ? op.getBase() : Value();
}

/// True if `op` or something in it may write where `base` points.
static bool writes(Operation *op, Value base) {
  return op
      ->walk([&](Operation *inner) {
        Value to;
        if (auto store = dyn_cast<StoreOp>(inner))
          to = baseOf(store.getDest());
        else if (auto scatter = dyn_cast<ScatterOp>(inner))
          to = baseOf(scatter.getDest());
        else if (auto store = dyn_cast<StoreScalarOp>(inner))
          to = store.getBase();
        else
          return WalkResult::advance();
        // Pointers that are written through overlap with no other.
        return !base || !to || to == base ? WalkResult::interrupt()
                                          : WalkResult::advance();
      })
      .wasInterrupted();
}

/// True if `store` reads `load` only at the element it is about to write.
static bool updatesInPlace(StoreOp store, LoadOp load) {
  if (store.getDest() != load.getSource() ||
      store.getValue().getType() != load.getResult().getType() ||
      !llvm::equal(store.getCoords(), load.getCoords()))
    return false;
  // Through broadcasts the load would be read elsewhere.
  SmallVector<Value> stack{load.getResult()};
  llvm::DenseSet<Value> seen;
  while (!stack.empty()) {
    Value v = stack.pop_back_val();
    for (Operation *user : v.getUsers()) {
      if (user->hasTrait<OpTrait::Elementwise>() && isLazyOp(user)) {
        if (seen.insert(user->getResult(0)).second)
          stack.push_back(user->getResult(0));
      } else if (isa<BroadcastOp, GatherOp>(user)) {
        return false;
      }
    }
  }
  return true;
}

bool Materialization::isOverwritten(Operation *op) {
  auto load = dyn_cast<LoadOp>(op);
  Value base = baseOf(load ? load.getSource() : cast<GatherOp>(op).getSource());
  for (Operation *sink : getSinks(op->getResult(0))) {
    Operation *ancestor = op->getBlock()->findAncestorOpInBlock(*sink);
    for (Operation *next = op->getNextNode(); next && next != ancestor;
         next = next->getNextNode())
      if (writes(next, base))
        return true;
    if (!writes(ancestor, base))
      continue;
    auto store = dyn_cast<StoreOp>(sink);
    if (ancestor != sink || !store || !load || !updatesInPlace(store, load))
      return true;
  }
  return false;
}
