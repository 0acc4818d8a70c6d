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
#include "mlir/Interfaces/LoopLikeInterface.h"

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

Materialization::Materialization(func::FuncOp kernel,
                                 const MaterializePolicy &policy,
                                 const llvm::DenseSet<Value> &refused)
    : policy(policy) {
  SmallVector<Operation *> ops;
  kernel.walk<WalkOrder::PreOrder>([&](Operation *op) { ops.push_back(op); });
  for (Operation *op : llvm::reverse(ops))
    decide(op, op->getNumResults() == 1 && refused.contains(op->getResult(0)));
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
  if (!seen.insert(tile).second)
    return 0;
  // What comes before is not decided yet and counts as lazy.
  if (!op || !isLazyOp(op))
    return op ? policy.fromBuffer : 0;
  if (auto broadcast = dyn_cast<BroadcastOp>(op);
      broadcast && policy.repeatsRows && addsLast(broadcast))
    return 0;
  int64_t sum = 1;
  if (isa<IotaOp, BroadcastOp, tensor::SplatOp, arith::ConstantOp>(op))
    sum = 0;
  else if (isa<LoadOp, GatherOp>(op))
    sum = policy.load;
  else if (isa<arith::ExtFOp, arith::BitcastOp>(op))
    sum = policy.widen;
  else if (isa<arith::DivFOp, math::SqrtOp, arith::DivSIOp, arith::DivUIOp,
               arith::RemSIOp, arith::RemUIOp>(op))
    sum = policy.division;
  else if (op->getDialect()->getNamespace() == "math" && !isa<math::FmaOp>(op))
    sum = policy.function;
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

void Materialization::decide(Operation *op, bool isRefused) {
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
  collectSinks(tile);
  for (Operation *user : tile.getUsers())
    if (readsScalars(user, tile, scalar))
      scalar.insert(tile);
  bool must = mustKeep(op);
  if ((!must && (isRefused || !pays(op))) || tile.use_empty())
    return;
  buffered.insert(tile);
  if (!must)
    optional.push_back(tile);
}

bool Materialization::mustKeep(Operation *op) {
  Value tile = op->getResult(0);
  if (isa<LoadOp, GatherOp>(op) && isOverwritten(op))
    return true;
  // What a loop carries is worked out before any of it is replaced.
  return policy.yielded && llvm::any_of(tile.getUsers(), [](Operation *user) {
           return isa<scf::YieldOp>(user) &&
                  isa<scf::ForOp>(user->getParentOp());
         });
}

bool Materialization::pays(Operation *op) {
  Value tile = op->getResult(0);
  auto hasUser = [&](auto isIt) { return llvm::any_of(tile.getUsers(), isIt); };
  if (policy.cheapOnesStay &&
      isa<arith::ConstantOp, tensor::SplatOp, IotaOp, BroadcastOp>(op))
    return false;
  if (policy.scalarReads ? (scalar.contains(tile) && !isScalarCheap(op)) ||
                               hasUser(llvm::IsaPred<ScanOp>)
                         : hasUser([&](Operation *user) {
                             auto gather = dyn_cast<GatherOp>(user);
                             return gather && gather.getRows() == tile;
                           }))
    return true;
  if (auto constant = dyn_cast<arith::ConstantOp>(op);
      constant && policy.tables && !isa<SplatElementsAttr>(constant.getValue()))
    return true;

  llvm::DenseSet<Value> seen;
  int64_t work = cost(tile, seen);
  ArrayRef<Operation *> reached = getSinks(tile);
  // A loop that holds a sink but not the tile evaluates it again each time.
  bool deeper = llvm::any_of(reached, [&](Operation *sink) {
    auto loop = sink->getParentOfType<scf::ForOp>();
    return loop && !loop->isAncestor(op);
  });
  return (reached.size() > 1 && work > policy.recompute) ||
         (deeper && work > policy.recomputeInLoop) ||
         (work > policy.repeat && hasUser(llvm::IsaPred<BroadcastOp>)) ||
         (work > policy.accumulate && hasUser([&](Operation *user) {
            auto dot = dyn_cast<DotOp>(user);
            return dot && dot.getAcc() == tile;
          }));
}

Value hamlet::tile::baseOf(Value v) {
  while (auto view = v.getDefiningOp<ViewOp>())
    v = view.getBase();
  return v;
}

/// True if `op` or something in it, but `except`, may write where `base`
/// points.
static bool writes(Operation *op, Value base, Operation *except = nullptr) {
  return op
      ->walk([&](Operation *inner) {
        Value to;
        if (auto store = dyn_cast<StoreOp>(inner))
          to = baseOf(store.getDest());
        else if (auto scatter = dyn_cast<ScatterOp>(inner))
          to = baseOf(scatter.getDest());
        else if (auto store = dyn_cast<StoreScalarOp>(inner))
          to = store.getBase();
        // Pointers that are written through overlap with no other.
        return to == base && inner != except ? WalkResult::interrupt()
                                             : WalkResult::advance();
      })
      .wasInterrupted();
}

/// Whether `load` is read at the place that is worked out: through elementwise
/// ops alone, as far as they are lazy.
static bool keepsPlace(Value v, Operation *load, int moved,
                       const llvm::DenseSet<Value> &buffered,
                       llvm::DenseSet<std::pair<Value, int>> &seen) {
  Operation *op = v.getDefiningOp();
  if (op == load)
    return !moved;
  if (!op || !isLazyOp(op) || buffered.contains(v) ||
      !seen.insert({v, moved}).second)
    return true;
  moved |= isa<BroadcastOp, GatherOp>(op);
  return llvm::all_of(op->getOperands(), [&](Value operand) {
    return !isTile(operand.getType()) ||
           keepsPlace(operand, load, moved, buffered, seen);
  });
}

/// True if `store` reads `load` only at the element it is about to write.
bool Materialization::updatesInPlace(Operation *store, Operation *load) {
  auto from = dyn_cast<LoadOp>(load);
  auto to = dyn_cast<StoreOp>(store);
  if (!from || !to || to.getDest() != from.getSource() ||
      to.getValue().getType() != from.getResult().getType() ||
      !llvm::equal(to.getCoords(), from.getCoords()))
    return false;
  llvm::DenseSet<std::pair<Value, int>> seen;
  return keepsPlace(to.getValue(), load, /*moved=*/0, buffered, seen);
}

/// Whether a loop stands between `op` and `ancestor`, or is the ancestor.
static bool isRepeatedIn(Operation *op, Operation *ancestor) {
  while (op != ancestor) {
    op = op->getParentOp();
    if (isa<LoopLikeOpInterface>(op))
      return true;
  }
  return false;
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
    // In a loop what the sink wrote is there when it reads again.
    if (isRepeatedIn(sink, ancestor) || writes(ancestor, base, sink) ||
        !updatesInPlace(sink, op))
      return true;
  }
  return false;
}
