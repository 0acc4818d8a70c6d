//===- Plan.cpp - which tiles get memory, and where -----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Plan.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/MathExtras.h"

#include <tuple>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

bool hamlet::ptx::isLazyOp(Operation *op) {
  if (!op || op->getNumResults() != 1 ||
      !isa<RankedTensorType>(op->getResult(0).getType()))
    return false;
  return isa<tile::LoadOp, tile::GatherOp, tile::IotaOp, tile::BroadcastOp,
             tensor::SplatOp, arith::ConstantOp>(op) ||
         op->hasTrait<OpTrait::Elementwise>();
}

Value hamlet::ptx::baseOf(Value v) {
  while (auto view = v.getDefiningOp<tile::ViewOp>())
    v = view.getBase();
  return v;
}

static bool isTile(Value v) { return isa<RankedTensorType>(v.getType()); }

static int64_t bytesOf(RankedTensorType type) {
  int64_t bits = type.getElementTypeBitWidth();
  return llvm::alignTo(type.getNumElements() * std::max<int64_t>(1, bits / 8),
                       16);
}

namespace hamlet::ptx {

class Planner {
public:
  Planner(func::FuncOp kernel, int64_t limit) : kernel(kernel), limit(limit) {
    int64_t next = 0;
    number(kernel.getBody(), next);
    kernel.walk([&](Operation *op) {
      if (isa<tile::StoreOp, tile::ScatterOp, tile::StoreScalarOp>(op))
        writes.push_back(op);
    });
  }

  Plan run() {
    // Give up optional buffers, largest first, until the rest fits.
    while (true) {
      plan = Plan();
      optional.clear();
      users.clear();
      decide();
      place(/*spill=*/false);
      if (plan.sharedUsed <= limit)
        return std::move(plan);
      Value largest;
      for (Value v : optional)
        if (!largest || bytesOf(cast<RankedTensorType>(v.getType())) >
                            bytesOf(cast<RankedTensorType>(largest.getType())))
          largest = v;
      if (!largest)
        break;
      refused.insert(largest);
    }
    place(/*spill=*/true);
    for (auto &buffer : plan.buffers)
      if (buffer->scratch)
        kernel.emitRemark()
            << "a tile of " << buffer->type << " (" << buffer->bytes
            << " bytes) lies in global scratch: the kernel's tiles "
               "exceed the "
            << limit << " bytes of shared memory a block has";
    return std::move(plan);
  }

private:
  void number(Region &region, int64_t &next) {
    for (Operation &op : region.getOps()) {
      enter[&op] = next++;
      for (Region &inner : op.getRegions())
        number(inner, next);
      leave[&op] = next++;
    }
  }

  /// The ops at whose place the elements of `tile` are worked out or read.
  const llvm::SetVector<Operation *> &usersOf(Value tile) {
    auto found = users.find(tile);
    if (found != users.end())
      return found->second;
    llvm::SetVector<Operation *> result;
    for (Operation *user : tile.getUsers()) {
      bool lazy = isLazyOp(user) && !plan.ofTile.count(user->getResult(0));
      if (lazy)
        for (Operation *op : usersOf(user->getResult(0)))
          result.insert(op);
      else
        result.insert(user);
    }
    return users[tile] = result;
  }

  /// The outermost loop around `user` that `def` is not in; null for none.
  scf::ForOp loopBetween(Operation *def, Operation *user) {
    scf::ForOp found;
    for (Operation *p = user->getParentOp(); p && p != kernel;
         p = p->getParentOp())
      if (auto loop = dyn_cast<scf::ForOp>(p))
        if (!loop->isProperAncestor(def))
          found = loop;
    return found;
  }

  /// Whether memory that `op` (a lazy load) reads may be written between it
  /// and a user.
  bool overwritten(Operation *op) {
    Value source = op->getOperand(0), base = baseOf(source);
    for (Operation *user : usersOf(op->getResult(0))) {
      scf::ForOp loop = loopBetween(op, user);
      for (Operation *write : writes) {
        Value dest = isa<tile::StoreScalarOp>(write)
                         ? cast<tile::StoreScalarOp>(write).getBase()
                         : write->getOperand(1);
        if (baseOf(dest) != base)
          continue;
        if (write == user && !loop && sameBox(op, write))
          continue;
        if (enter[write] > enter[op] && enter[write] <= enter[user])
          return true;
        if (loop && loop->isAncestor(write))
          return true;
      }
    }
    return false;
  }

  /// A store of the very box that was loaded: each thread writes the element
  /// it has read, as far as the way between them keeps places.
  bool sameBox(Operation *load, Operation *write) {
    auto from = dyn_cast<tile::LoadOp>(load);
    auto to = dyn_cast<tile::StoreOp>(write);
    if (!from || !to || from.getSource() != to.getDest() ||
        from.getCoords() != to.getCoords() ||
        from.getResult().getType() != to.getValue().getType())
      return false;
    return keepsPlaces(to.getValue(), load);
  }
  /// Whether `load` reaches `v` through elementwise ops alone.
  bool keepsPlaces(Value v, Operation *load) {
    Operation *op = v.getDefiningOp();
    if (!op || op == load || plan.ofTile.count(v) || !isLazyOp(op))
      return true;
    if (isa<tile::BroadcastOp, tile::GatherOp>(op))
      return !reaches(v, load);
    return llvm::all_of(op->getOperands(), [&](Value operand) {
      return !isTile(operand) || keepsPlaces(operand, load);
    });
  }
  bool reaches(Value v, Operation *load) {
    Operation *op = v.getDefiningOp();
    if (op == load)
      return true;
    if (!op || !isLazyOp(op) || plan.ofTile.count(v))
      return false;
    return llvm::any_of(op->getOperands(), [&](Value operand) {
      return isTile(operand) && reaches(operand, load);
    });
  }

  /// Instructions, roughly, that an element of `v` costs.
  int64_t costOf(Value v) {
    llvm::DenseSet<Value> seen;
    return cost(v, seen);
  }
  int64_t cost(Value v, llvm::DenseSet<Value> &seen) {
    Operation *op = v.getDefiningOp();
    // Buffers are decided from the end; what comes before counts as lazy.
    if (!op || !isTile(v) || !seen.insert(v).second)
      return 0;
    if (!isLazyOp(op))
      return 2;
    int64_t own = 1;
    if (isa<tile::LoadOp, tile::GatherOp>(op))
      own = 4;
    else if (isa<arith::DivFOp, math::SqrtOp, arith::DivUIOp, arith::DivSIOp>(
                 op))
      own = 8;
    else if (isa<tile::BroadcastOp, tile::IotaOp, tensor::SplatOp,
                 arith::ConstantOp>(op))
      own = 0;
    for (Value operand : op->getOperands())
      own += cost(operand, seen);
    return own;
  }

  bool pays(Value v) {
    Operation *op = v.getDefiningOp();
    if (isa<arith::ConstantOp, tensor::SplatOp, tile::IotaOp,
            tile::BroadcastOp>(op))
      return false;
    int64_t value = costOf(v);
    for (Operation *user : v.getUsers()) {
      if (isa<tile::BroadcastOp>(user) && value > 6)
        return true;
      if (auto gather = dyn_cast<tile::GatherOp>(user))
        if (gather.getRows() == v)
          return true;
      if (auto dot = dyn_cast<tile::DotOp>(user))
        if (dot.getAcc() == v && value > 12)
          return true;
    }
    const auto &places = usersOf(v);
    if (places.size() > 1 && value >= 10 &&
        !op->hasTrait<OpTrait::ConstantLike>())
      return true;
    return value >= 4 && llvm::any_of(places, [&](Operation *user) {
             return loopBetween(op, user) != nullptr;
           });
  }

  Buffer *newBuffer(RankedTensorType type, int64_t bytes, int64_t first) {
    auto buffer = std::make_unique<Buffer>();
    buffer->type = type;
    buffer->bytes = bytes;
    buffer->first = buffer->last = first;
    plan.buffers.push_back(std::move(buffer));
    return plan.buffers.back().get();
  }
  Buffer *newBuffer(Value tile, Operation *at) {
    auto type = cast<RankedTensorType>(tile.getType());
    Buffer *buffer = newBuffer(type, bytesOf(type), enter[at]);
    plan.ofTile[tile] = buffer;
    return buffer;
  }

  void live(Buffer *buffer, Value tile, Operation *def) {
    for (Operation *user : usersOf(tile)) {
      scf::ForOp loop = loopBetween(def, user);
      buffer->last = std::max(buffer->last, loop ? leave[loop] : enter[user]);
    }
  }

  /// Users stand after what they use, so the decisions go backwards. Loops and
  /// branches come first: their values always have buffers.
  void decide() {
    kernel.walk([&](Operation *op) {
      if (auto loop = dyn_cast<scf::ForOp>(op)) {
        for (auto [arg, result] :
             llvm::zip_equal(loop.getRegionIterArgs(), loop.getResults()))
          if (isTile(arg)) {
            Buffer *buffer = newBuffer(arg, op);
            buffer->last = leave[op];
            plan.ofTile[result] = buffer;
          }
      } else if (isa<scf::IfOp>(op)) {
        for (Value result : op->getResults())
          if (isTile(result))
            newBuffer(result, op)->last = leave[op];
      } else if (isa<tile::DotOp, tile::ReduceOp, tile::ScanOp>(op)) {
        for (Value result : op->getResults())
          newBuffer(result, op);
        if (auto dot = dyn_cast<tile::DotOp>(op))
          plan.ofOp[op] = newBuffer(
              nullptr, DotSchedule::of(dot).stagingBytes(), enter[op]);
      }
    });
    backwards(kernel.getBody());
  }

  void backwards(Region &region) {
    for (Block &block : region)
      for (Operation &op : llvm::reverse(block)) {
        for (Region &inner : op.getRegions())
          backwards(inner);
        if (isLazyOp(&op)) {
          Value tile = op.getResult(0);
          // What a loop carries is worked out before any of it is replaced.
          bool must = llvm::any_of(tile.getUsers(), [](Operation *user) {
            return isa<scf::YieldOp>(user) &&
                   isa<scf::ForOp>(user->getParentOp());
          });
          must |= isa<tile::LoadOp, tile::GatherOp>(op) && overwritten(&op);
          if (must || (!refused.count(tile) && pays(tile))) {
            newBuffer(tile, &op);
            if (!must)
              optional.push_back(tile);
          }
        }
        for (Value result : op.getResults())
          if (Buffer *buffer = plan.ofTile.lookup(result))
            live(buffer, result, &op);
        if (auto loop = dyn_cast<scf::ForOp>(op))
          for (Value arg : loop.getRegionIterArgs())
            if (isTile(arg))
              live(plan.ofTile[arg], arg, &op);
      }
  }

  /// First fit by start. With `spill`, tiles that do not fit go to scratch.
  void place(bool spill) {
    // With `spill`, staging areas come first: they cannot move to scratch.
    auto key = [&](size_t i) {
      Buffer *buffer = plan.buffers[i].get();
      return std::tuple(spill && buffer->type,
                        spill ? buffer->bytes : buffer->first, i);
    };
    auto numbers = llvm::to_vector(llvm::seq<size_t>(0, plan.buffers.size()));
    llvm::sort(numbers, [&](size_t x, size_t y) { return key(x) < key(y); });
    SmallVector<Buffer *> order;
    for (size_t i : numbers)
      order.push_back(plan.buffers[i].get());
    plan.sharedUsed = plan.scratchUsed = 0;
    SmallVector<Buffer *> placed;
    for (Buffer *buffer : order) {
      buffer->scratch = false;
      fit(buffer, placed);
      if (spill && buffer->type && buffer->offset + buffer->bytes > limit) {
        buffer->scratch = true;
        fit(buffer, placed);
      }
      int64_t &used = buffer->scratch ? plan.scratchUsed : plan.sharedUsed;
      used = std::max(used, buffer->offset + buffer->bytes);
      placed.push_back(buffer);
    }
  }
  static void fit(Buffer *buffer, ArrayRef<Buffer *> placed) {
    buffer->offset = 0;
    for (bool moved = true; moved;) {
      moved = false;
      for (Buffer *other : placed)
        if (other->scratch == buffer->scratch && other->first <= buffer->last &&
            buffer->first <= other->last &&
            other->offset < buffer->offset + buffer->bytes &&
            buffer->offset < other->offset + other->bytes) {
          buffer->offset = other->offset + other->bytes;
          moved = true;
        }
    }
  }

  func::FuncOp kernel;
  int64_t limit;
  Plan plan;
  llvm::DenseMap<Operation *, int64_t> enter, leave;
  llvm::DenseMap<Value, llvm::SetVector<Operation *>> users;
  SmallVector<Operation *> writes;
  SmallVector<Value> optional;
  llvm::DenseSet<Value> refused;
};

} // namespace hamlet::ptx

Plan Plan::make(func::FuncOp kernel, int64_t sharedLimit) {
  return Planner(kernel, sharedLimit).run();
}
const Buffer *Plan::bufferOf(Value tile) const { return ofTile.lookup(tile); }
const Buffer *Plan::stagingOf(Operation *op) const { return ofOp.lookup(op); }
