//===- FuseRegions.cpp - groups of ops become nn.fused regions ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "passes/FuseRegions.h"

#include "dialects/NN/NNOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/PointerIntPair.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::fuse;
using namespace hamlet::graph;

SmallVector<Operation *> Regions::users(Value value) const {
  SmallVector<Operation *> users;
  for (Operation *user : value.getUsers()) {
    SmallVector<Operation *> found = {user};
    if (isView(user) && !of(user))
      found = this->users(user->getResult(0));
    for (Operation *op : found)
      if (!llvm::is_contained(users, op))
        users.push_back(op);
  }
  return users;
}

bool Regions::isReturnedMerged(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  bool heads = type && type.getRank() == 3;
  auto onlyReturned = [&](Operation *user) {
    return isView(user) && heads && !user->use_empty() &&
           rowWidthOf(user->getResult(0)) == rowWidthOf(value) &&
           llvm::all_of(user->getResult(0).getUsers(), [](Operation *next) {
             return next->hasTrait<OpTrait::ReturnLike>();
           });
  };
  return !value.use_empty() && llvm::all_of(value.getUsers(), onlyReturned);
}

bool Regions::isPacked(OpOperand &operand) {
  auto op = dyn_cast<GraphOpInterface>(operand.getOwner());
  return op && op.isPacked(operand.getOperandNumber());
}

Value Regions::inputOf(OpOperand &operand) {
  return isPacked(operand) ? operand.get() : underViews(operand.get());
}

Group &Regions::make(GraphOpInterface op) {
  Group &group = storage.emplace_back();
  group.first = op.getFusion();
  group.kind = group.first.kind;
  group.epilogue = group.first.epilogue;
  group.takesNorm = group.first.takesNorm;
  add(group, op);
  return group;
}

void Regions::add(Group &group, Operation *op) {
  assert(!groups.contains(op) && "an op is in one region");
  group.ops.push_back(op);
  group.tip = op;
  groups[op] = &group;
}

Group *Regions::producer(Value value) const {
  Operation *def = underViews(value).getDefiningOp();
  return def ? of(def) : nullptr;
}

bool Regions::canJoin(Group &group, Operation *op) const {
  SmallVector<Operation *> work;
  llvm::DenseSet<Operation *> seen;
  auto push = [&](Operation *from, bool direct) {
    for (OpOperand &operand : from->getOpOperands()) {
      Operation *def = inputOf(operand).getDefiningOp();
      if (!def || (direct && of(def) == &group) || !seen.insert(def).second)
        continue;
      work.push_back(def);
    }
  };
  push(op, /*direct=*/true);
  while (!work.empty()) {
    Operation *next = work.pop_back_val();
    Group *other = of(next);
    if (other == &group)
      return false;
    if (!other) {
      push(next, /*direct=*/false);
      continue;
    }
    // What any op of that region needs comes before all of it.
    for (Operation *member : other->ops) {
      seen.insert(member);
      push(member, /*direct=*/false);
    }
  }
  return true;
}

SmallVector<Value> Regions::yieldsOf(ArrayRef<Operation *> ops) const {
  SmallVector<Value> yields;
  for (Operation *op : ops) {
    Fusion fusion = cast<GraphOpInterface>(op).getFusion();
    bool all = fusion.ownKernels || fusion.writesResults;
    for (Value result : op->getResults()) {
      if (isReturnedMerged(result)) {
        // Equal views of it are one result.
        yields.push_back((*result.getUsers().begin())->getResult(0));
        continue;
      }
      auto outside = [&](Operation *user) {
        return !llvm::is_contained(ops, user);
      };
      if (all || llvm::any_of(users(result), outside))
        yields.push_back(result);
    }
  }
  return yields;
}

std::optional<Refusal> Regions::refusalOf(ArrayRef<Operation *> ops) const {
  SmallVector<Operation *> order(ops);
  llvm::sort(order,
             [](Operation *a, Operation *b) { return a->isBeforeInBlock(b); });
  return findRefusal(order, yieldsOf(order));
}

namespace {

/// Writes one nn.fused op.
class RegionWriter {
public:
  RegionWriter(OpBuilder &builder, Regions &regions, Group &group,
               IRMapping &outer)
      : builder(builder), regions(regions), group(group), outer(outer) {}

  void write() {
    yields = regions.yieldsOf(group.ops);
    collectInputs();
    SmallVector<Type> types;
    for (Value value : yields)
      types.push_back(value.getType());
    SmallVector<Value> operands;
    for (auto input : inputs)
      operands.push_back(outer.lookupOrDefault(input.getPointer()));
    auto fused = nn::FusedOp::create(
        builder, group.tip->getLoc(), types, group.kind, operands,
        builder.getStringAttr(llvm::join(group.reasons, "; ")));
    writeBody(fused);
    for (auto [value, result] : llvm::zip(yields, fused.getResults())) {
      outer.map(value, result);
      // A view of a result, in its place: all views of it are equal.
      if (Operation *view = value.getDefiningOp(); !inside(view))
        for (Operation *equal : view->getOperand(0).getUsers())
          outer.map(equal->getResult(0), result);
    }
  }

private:
  bool inside(Operation *op) const { return regions.of(op) == &group; }

  void collectInputs() {
    for (Operation *op : group.ops)
      for (OpOperand &operand : op->getOpOperands()) {
        Value source = Regions::inputOf(operand);
        Operation *def = source.getDefiningOp();
        if (!def || !inside(def))
          inputs.insert({source, Regions::isPacked(operand)});
      }
  }

  void writeBody(nn::FusedOp fused) {
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&fused.getBody());
    // A weight that is read as rows as well is an input twice: its bytes lie
    // differently.
    IRMapping packed;
    for (auto input : inputs) {
      Value value = input.getPointer();
      (input.getInt() ? packed : inner)
          .map(value, block->addArgument(value.getType(), value.getLoc()));
    }
    for (Operation *op : group.ops) {
      for (OpOperand &operand : op->getOpOperands())
        if (!Regions::isPacked(operand))
          cloneViews(operand.get());
      Operation *copy = builder.clone(*op, inner);
      for (OpOperand &operand : op->getOpOperands())
        if (Regions::isPacked(operand))
          copy->setOperand(operand.getOperandNumber(),
                           packed.lookup(operand.get()));
    }
    SmallVector<Value> values;
    for (Value value : yields) {
      cloneViews(value);
      values.push_back(inner.lookup(value));
    }
    nn::YieldOp::create(builder, fused.getLoc(), values);
  }

  void cloneViews(Value value) {
    if (inner.contains(value))
      return;
    Operation *view = value.getDefiningOp();
    assert(view && isView(view) && "a value that is no operand of the region");
    cloneViews(view->getOperand(0));
    builder.clone(*view, inner);
  }

  OpBuilder &builder;
  Regions &regions;
  Group &group;
  IRMapping &outer, inner;
  /// Each with whether it is packed.
  llvm::SetVector<llvm::PointerIntPair<Value, 1, bool>> inputs;
  SmallVector<Value> yields;
};

} // namespace

void Regions::build() {
  Block &block = func.getBody().front();
  Operation *terminator = block.getTerminator();
  OpBuilder builder(terminator);
  IRMapping outer;
  SmallVector<Operation *> old;
  for (Operation &op : block.without_terminator())
    old.push_back(&op);
  for (Group &group : storage)
    llvm::sort(group.ops, [](Operation *a, Operation *b) {
      return a->isBeforeInBlock(b);
    });

  // What an op needs is written before it. The recursion is made a stack, for
  // a model's depth is data.
  llvm::DenseSet<const void *> done;
  auto node = [&](Operation *op) -> const void * {
    Group *group = of(op);
    return group ? static_cast<const void *>(group) : op;
  };
  auto write = [&](Operation *root) {
    SmallVector<std::pair<Operation *, bool>> stack{{root, false}};
    while (!stack.empty()) {
      auto [op, ready] = stack.pop_back_val();
      if (done.contains(node(op)))
        continue;
      Group *group = of(op);
      if (ready) {
        done.insert(node(op));
        if (group) {
          RegionWriter(builder, *this, *group, outer).write();
          continue;
        }
        op->moveBefore(terminator);
        for (OpOperand &operand : op->getOpOperands())
          operand.set(outer.lookupOrDefault(operand.get()));
        continue;
      }
      stack.push_back({op, true});
      SmallVector<Operation *> members;
      if (group)
        members = group->ops;
      else
        members = {op};
      for (Operation *member : llvm::reverse(members))
        for (OpOperand &operand : llvm::reverse(member->getOpOperands())) {
          Operation *def = inputOf(operand).getDefiningOp();
          if (def && node(def) != node(op) && !done.contains(node(def)))
            stack.push_back({def, false});
        }
    }
  };
  for (Operation *op : old)
    if (of(op) || !isView(op))
      write(op);

  for (OpOperand &operand : terminator->getOpOperands())
    operand.set(outer.lookupOrDefault(operand.get()));
  for (Operation *op : llvm::reverse(old))
    if (of(op) || isView(op)) {
      op->dropAllUses();
      op->erase();
    }
}
