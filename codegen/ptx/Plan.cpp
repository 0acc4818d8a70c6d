//===- Plan.cpp - which tiles get memory, and where -----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/ptx/Plan.h"

#include "codegen/tile/Materialize.h"

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/Sequence.h"
#include "llvm/Support/MathExtras.h"

#include <tuple>

using namespace mlir;
using namespace hamlet;
using namespace hamlet::ptx;

/// A load is an address, a test and the way to memory; a buffer is a barrier.
static constexpr tile::MaterializePolicy kPolicy = {.load = 4,
                                                    .widen = 1,
                                                    .function = 1,
                                                    .fromBuffer = 2,
                                                    .recompute = 9,
                                                    .recomputeInLoop = 3,
                                                    .repeat = 6,
                                                    .accumulate = 12,
                                                    .yielded = true,
                                                    .cheapOnesStay = true};

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
  }

  Plan run() {
    // Give up optional buffers, largest first, until the rest fits.
    while (true) {
      plan = Plan();
      tile::Materialization tiles(kernel, kPolicy, refused);
      makeBuffers(tiles);
      placeShared();
      if (plan.sharedUsed <= limit)
        return std::move(plan);
      Value largest;
      for (Value v : tiles.getOptional())
        if (!largest || bytesOf(cast<RankedTensorType>(v.getType())) >
                            bytesOf(cast<RankedTensorType>(largest.getType())))
          largest = v;
      if (!largest)
        break;
      refused.insert(largest);
    }
    placeAndSpill();
    for (auto &buffer : plan.buffers)
      if (buffer->scratch)
        kernel.emitRemark()
            << "a tile of " << buffer->type << " (" << buffer->life.bytes
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

  Buffer *newBuffer(RankedTensorType type, int64_t bytes, int64_t first) {
    auto buffer = std::make_unique<Buffer>();
    buffer->type = type;
    buffer->life = {.bytes = bytes, .first = first, .last = first};
    plan.buffers.push_back(std::move(buffer));
    return plan.buffers.back().get();
  }
  Buffer *newBuffer(Value tile, Operation *at) {
    auto type = cast<RankedTensorType>(tile.getType());
    Buffer *buffer = newBuffer(type, bytesOf(type), enter[at]);
    plan.ofTile[tile] = buffer;
    return buffer;
  }

  void makeBuffers(const tile::Materialization &tiles) {
    auto live = [&](Buffer *buffer, Value tile, Operation *def) {
      for (Operation *user : tiles.getSinks(tile)) {
        scf::ForOp loop = loopBetween(def, user);
        buffer->life.last =
            std::max(buffer->life.last, loop ? leave[loop] : enter[user]);
      }
    };
    kernel.walk<WalkOrder::PreOrder>([&](Operation *op) {
      auto loop = dyn_cast<scf::ForOp>(op);
      for (auto [i, result] : llvm::enumerate(op->getResults())) {
        if (!isTile(result) || !tiles.isBuffered(result))
          continue;
        // A loop's values, and its results, are one buffer throughout it.
        Buffer *buffer =
            newBuffer(loop ? Value(loop.getRegionIterArg(i)) : result, op);
        plan.ofTile[result] = buffer;
        if (op->getNumRegions() != 0)
          buffer->life.last = leave[op];
        live(buffer, result, op);
        if (loop)
          live(buffer, loop.getRegionIterArg(i), op);
      }
      if (auto dot = dyn_cast<tile::DotOp>(op))
        plan.ofOp[op] =
            newBuffer(nullptr, DotSchedule::of(dot).stagingBytes(), enter[op]);
    });
  }

  void placeShared() {
    std::vector<Lifetime *> all;
    for (auto &buffer : plan.buffers)
      all.push_back(&buffer->life);
    plan.sharedUsed = placeLifetimes(all);
  }

  /// Tiles that do not fit go to scratch, the largest ones; staging areas come
  /// first, they cannot.
  void placeAndSpill() {
    auto key = [&](size_t i) {
      Buffer *buffer = plan.buffers[i].get();
      return std::tuple(bool(buffer->type), buffer->life.bytes, i);
    };
    auto order = llvm::to_vector(llvm::seq<size_t>(0, plan.buffers.size()));
    llvm::sort(order, [&](size_t x, size_t y) { return key(x) < key(y); });
    FirstFit shared, scratch;
    for (size_t i : order) {
      Buffer *buffer = plan.buffers[i].get();
      buffer->scratch =
          buffer->type &&
          shared.offsetFor(buffer->life) + buffer->life.bytes > limit;
      (buffer->scratch ? scratch : shared).place(buffer->life);
    }
    plan.sharedUsed = shared.bytes();
    plan.scratchUsed = scratch.bytes();
  }

  func::FuncOp kernel;
  int64_t limit;
  Plan plan;
  llvm::DenseMap<Operation *, int64_t> enter, leave;
  llvm::DenseSet<Value> refused;
};

} // namespace hamlet::ptx

Plan Plan::make(func::FuncOp kernel, int64_t sharedLimit) {
  return Planner(kernel, sharedLimit).run();
}
const Buffer *Plan::bufferOf(Value tile) const { return ofTile.lookup(tile); }
const Buffer *Plan::stagingOf(Operation *op) const { return ofOp.lookup(op); }
