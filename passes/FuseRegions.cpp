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
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::fuse;

bool hamlet::fuse::isView(Operation *op) {
  return isa<nn::HeadsOp, nn::MergeHeadsOp>(op);
}

Value hamlet::fuse::underViews(Value value) {
  while (Operation *def = value.getDefiningOp()) {
    if (!isView(def))
      break;
    value = def->getOperand(0);
  }
  return value;
}

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
  auto onlyReturned = [](Operation *user) {
    return isa<nn::MergeHeadsOp>(user) && !user->use_empty() &&
           llvm::all_of(user->getResult(0).getUsers(), [](Operation *next) {
             return next->hasTrait<OpTrait::ReturnLike>();
           });
  };
  return !value.use_empty() && llvm::all_of(value.getUsers(), onlyReturned);
}

Group &Regions::make(Operation *op, StringRef kind) {
  Group &group = storage.emplace_back();
  group.kind = kind.str();
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
    for (Value operand : from->getOperands()) {
      Operation *def = underViews(operand).getDefiningOp();
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

namespace {

/// Writes one nn.fused op.
class RegionWriter {
public:
  RegionWriter(OpBuilder &builder, Regions &regions, Group &group,
               IRMapping &outer)
      : builder(builder), regions(regions), group(group), outer(outer) {}

  void write() {
    collectYields();
    collectInputs();
    SmallVector<Type> types;
    for (Value value : yields)
      types.push_back(value.getType());
    SmallVector<Value> operands;
    for (Value value : inputs)
      operands.push_back(outer.lookupOrDefault(value));
    auto fused = nn::FusedOp::create(
        builder, group.tip->getLoc(), types, group.kind, operands,
        builder.getStringAttr(llvm::join(group.reasons, "; ")));
    writeBody(fused);
    for (auto [value, result] : llvm::zip(yields, fused.getResults()))
      outer.map(value, result);
  }

private:
  bool inside(Operation *op) const { return regions.of(op) == &group; }

  /// What is asked for from outside, and every result of an op that has
  /// several: kernels write them all.
  void collectYields() {
    for (Operation *op : group.ops)
      for (Value result : op->getResults()) {
        if (Regions::isReturnedMerged(result)) {
          for (Operation *merge : result.getUsers())
            yields.insert(merge->getResult(0));
          continue;
        }
        auto outside = [&](Operation *user) { return !inside(user); };
        if (op->getNumResults() > 1 ||
            llvm::any_of(regions.users(result), outside))
          yields.insert(result);
      }
  }

  void collectInputs() {
    for (Operation *op : group.ops)
      for (Value operand : op->getOperands()) {
        Value source = underViews(operand);
        Operation *def = source.getDefiningOp();
        if (!def || !inside(def))
          inputs.insert(source);
      }
  }

  void writeBody(nn::FusedOp fused) {
    OpBuilder::InsertionGuard guard(builder);
    Block *block = builder.createBlock(&fused.getBody());
    for (Value value : inputs)
      inner.map(value, block->addArgument(value.getType(), value.getLoc()));
    for (Operation *op : group.ops) {
      for (Value operand : op->getOperands())
        cloneViews(operand);
      builder.clone(*op, inner);
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
  llvm::SetVector<Value> inputs, yields;
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
        for (Value operand : llvm::reverse(member->getOperands())) {
          Operation *def = underViews(operand).getDefiningOp();
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
