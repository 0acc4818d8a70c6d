//===- NNFuse.cpp - which ops become one kernel ---------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs after lightning-chunk, before lowering to tile. One walk in the order of
// the ops: each joins the region of something it reads, or starts one. Leaves
// a function of nn.fused, nn.weight and constants.

#include "dialects/NN/NNOps.h"
#include "passes/FuseRegions.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::fuse;
using namespace hamlet::graph;

namespace hamlet {
#define GEN_PASS_DEF_NNFUSEPASS
#include "passes/Passes.h.inc"
} // namespace hamlet

namespace {

/// The op that makes `value`; null for an argument and what is no graph op.
GraphOpInterface definer(Value value) {
  return value.getDefiningOp<GraphOpInterface>();
}

Role roleOf(Operation *op) {
  auto graphOp = dyn_cast<GraphOpInterface>(op);
  return graphOp ? graphOp.getFusion().role : Role::alone;
}

std::string nameOf(Operation *op) {
  return cast<GraphOpInterface>(op).getShortName();
}

/// Makes the groups of one function.
class Planner {
public:
  Planner(func::FuncOp func, bool prologue)
      : func(func), prologue(prologue), regions(func) {}

  LogicalResult run() {
    eraseUnused();
    for (Operation &op : func.getBody().front().without_terminator())
      if (failed(plan(&op)))
        return failure();
    for (Value value : func.getBody().front().getTerminator()->getOperands())
      planReturned(value);
    for (Group &group : regions.all())
      describe(group);
    regions.build();
    return success();
  }

private:
  /// A region that gives nothing has no kernel.
  void eraseUnused() {
    SmallVector<Operation *> ops;
    for (Operation &op : func.getBody().front().without_terminator())
      ops.push_back(&op);
    for (Operation *op : llvm::reverse(ops))
      if (isOpTriviallyDead(op))
        op->erase();
  }

  LogicalResult plan(Operation *any) {
    if (isa<nn::WeightOp, nn::StateOp, nn::FusedOp>(any) ||
        any->hasTrait<OpTrait::ConstantLike>())
      return success();
    auto op = dyn_cast<GraphOpInterface>(any);
    if (!op)
      return any->emitOpError("is not of a graph dialect; nn-fuse takes ops of "
                              "nn, lightning, attention, moe and policy, and "
                              "constants");
    planPackedViews(op);
    switch (op.getFusion().role) {
    case Role::view:
      break;
    case Role::product:
      planProduct(op);
      break;
    case Role::gather:
      planGather(op);
      break;
    case Role::norm:
      planNorm(op);
      break;
    case Role::heads:
      planHeads(op);
      break;
    case Role::router:
      planRouter(op);
      break;
    case Role::elementwise:
      planElementwise(op);
      break;
    case Role::sum:
    case Role::alone:
      planAlone(op);
      break;
    }
    return success();
  }

  void planAlone(GraphOpInterface op) {
    Group &group = regions.make(op);
    if (!group.first.reason.empty())
      keptApart(group, op, group.first.reason);
  }

  /// Whether `op` can be in the region of `group`. If there is no kernel for
  /// that, `why` gets the reason.
  bool fits(Group &group, GraphOpInterface op,
            SmallVector<std::string> *why = nullptr) {
    if (!regions.canJoin(group, op))
      return false;
    SmallVector<Operation *> ops(group.ops);
    ops.push_back(op);
    return hasKernel(ops, why);
  }

  bool hasKernel(ArrayRef<Operation *> ops, SmallVector<std::string> *why) {
    std::optional<Refusal> refusal = regions.refusalOf(ops);
    if (refusal && why)
      why->push_back("in one region with it " + nameOf(refusal->op) + " " +
                     refusal->reason);
    return !refusal;
  }

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  /// Whether `op` waits for the product that alone reads it.
  bool waits(Operation *op) const { return waiting.contains(op); }

  void planProduct(GraphOpInterface op) {
    Fusion fusion = op.getFusion();
    Operation *before = op->getOperand(0).getDefiningOp();
    SmallVector<Operation *> chain;
    SmallVector<std::string> why;
    if (before && waits(before)) {
      chain = takeWaiting(before);
      SmallVector<Operation *> ops(chain);
      ops.push_back(op);
      if (!hasKernel(ops, &why)) {
        for (Operation *part : llvm::reverse(chain)) {
          Group &apart = regions.make(cast<GraphOpInterface>(part));
          keptApart(apart, part, why.front());
        }
        chain.clear();
      }
    }
    Group &group = regions.make(op);
    if (chain.empty())
      return;
    std::string names;
    for (Operation *part : llvm::reverse(chain)) {
      names += (names.empty() ? "" : ", ") + nameOf(part);
      regions.add(group, part);
    }
    group.tip = op;
    group.kind = fusion.prologueKind;
    fused(group, fusion.takesGather ? "fuse-logits" : "fuse-prologue", op,
          names + " before the only product that reads it");
  }

  /// `op` and what waits before it, last first.
  SmallVector<Operation *> takeWaiting(Operation *op) {
    SmallVector<Operation *> chain;
    SmallVector<Operation *> work = {op};
    while (!work.empty()) {
      Operation *next = work.pop_back_val();
      waiting.erase(next);
      chain.push_back(next);
      for (Value operand : next->getOperands())
        if (Operation *def = operand.getDefiningOp(); def && waits(def))
          work.push_back(def);
    }
    return chain;
  }

  /// The product that alone reads `value`, as its left operand; null if there
  /// is none.
  static GraphOpInterface onlyProduct(Value value) {
    if (!value.hasOneUse())
      return nullptr;
    OpOperand &use = *value.use_begin();
    bool left =
        roleOf(use.getOwner()) == Role::product && use.getOperandNumber() == 0;
    return left ? cast<GraphOpInterface>(use.getOwner()) : nullptr;
  }

  /// A weight that is a view of something is packed from a copy.
  void planPackedViews(GraphOpInterface op) {
    for (OpOperand &operand : op->getOpOperands()) {
      GraphOpInterface view = definer(operand.get());
      if (Regions::isPacked(operand) && view && view.isView() &&
          !regions.of(view))
        keptApart(regions.make(view), view, "a view as a weight is a copy");
    }
  }

  //===--------------------------------------------------------------------===//
  // Norms, rows, routing
  //===--------------------------------------------------------------------===//

  void planNorm(GraphOpInterface norm) {
    SmallVector<std::string> why;
    if (joinSum(norm, why))
      return;
    if (prologue && headsToProduct(norm)) {
      waiting.insert(norm);
      return;
    }
    Group &group = regions.make(norm);
    for (const std::string &reason : why)
      keptApart(group, norm, reason);
  }

  /// norm -> product, or norm -> gate -> product.
  static bool headsToProduct(GraphOpInterface norm) {
    Value result = norm->getResult(0);
    if (onlyProduct(result))
      return true;
    if (!result.hasOneUse())
      return false;
    auto gate = dyn_cast<GraphOpInterface>(*result.getUsers().begin());
    if (!gate || !gate.getFusion().gate)
      return false;
    GraphOpInterface product = onlyProduct(gate->getResult(0));
    return product && product.getFusion().takesGate;
  }

  /// A norm after the embedding or the experts' sum.
  bool joinSum(GraphOpInterface norm, SmallVector<std::string> &why) {
    Value x = norm->getOperand(0);
    Operation *def = x.getDefiningOp();
    if (!def)
      return false;
    if (waits(def)) // rows on their way to the logits
      return false;
    Group *group = regions.of(def);
    if (!group || group->tip != def || !group->takesNorm ||
        !fits(*group, norm, &why))
      return false;
    bool shared = !x.hasOneUse();
    regions.add(*group, norm);
    group->kind += "_norm";
    group->epilogue = group->takesNorm = false;
    fused(*group, "fuse-norm", norm,
          std::string("the norm of its result") +
              (shared ? "; the result itself is given as well" : ""));
    return true;
  }

  /// Rows chosen for the logits wait for them, with their norm.
  void planGather(GraphOpInterface gather) {
    Value result = gather->getResult(0);
    if (prologue && result.hasOneUse()) {
      OpOperand &use = *result.use_begin();
      if (roleOf(use.getOwner()) == Role::norm && use.getOperandNumber() == 0) {
        GraphOpInterface product = onlyProduct(use.getOwner()->getResult(0));
        if (product && product.getFusion().takesGather) {
          waiting.insert(gather);
          return;
        }
      }
    }
    planAlone(gather);
  }

  void planRouter(GraphOpInterface router) {
    Value x = router->getOperand(0);
    Group *group = regions.producer(x);
    SmallVector<std::string> why;
    if (group && group->first.role == Role::norm &&
        group->tip == x.getDefiningOp() && fits(*group, router, &why)) {
      regions.add(*group, router);
      group->kind += "_route";
      fused(*group, "fuse-route", router,
            "the router on the norm's result, which is given as well");
      return;
    }
    if (why.empty())
      why.push_back("what the router reads is not the result of a norm");
    keptApart(regions.make(router), router, why.front());
  }

  //===--------------------------------------------------------------------===//
  // Elementwise
  //===--------------------------------------------------------------------===//

  void planElementwise(GraphOpInterface op) {
    if (op.getFusion().gate && isGateOfWaitingNorm(op)) {
      waiting.insert(op);
      return;
    }
    SmallVector<std::string> why;
    // A sum first, then the product that comes last.
    Group *best = nullptr;
    for (Value operand : op->getOperands()) {
      Group *group = candidate(op, operand, why);
      if (!group)
        continue;
      bool sum = isSum(*group), other = best && isSum(*best);
      if (!best || (sum && !other) ||
          (sum == other && best->tip->isBeforeInBlock(group->tip)))
        best = group;
    }
    if (!best) {
      Group &group = regions.make(op);
      for (const std::string &reason : why)
        keptApart(group, op, reason);
      return;
    }
    bool sum = isSum(*best);
    regions.add(*best, op);
    fused(*best, sum ? "fuse-combine" : "fuse-epilogue", op,
          nameOf(op) + (sum ? " after the sum" : " in the epilogue"));
  }

  static bool isSum(const Group &group) {
    return group.first.role == Role::sum;
  }

  /// A gate on a norm that goes to the same product.
  bool isGateOfWaitingNorm(GraphOpInterface gate) const {
    return onlyProduct(gate->getResult(0)) &&
           llvm::any_of(gate->getOperands(), [&](Value operand) {
             Operation *def = operand.getDefiningOp();
             return def && waits(def);
           });
  }

  /// The region that `op` can join through `operand`.
  Group *candidate(GraphOpInterface op, Value operand,
                   SmallVector<std::string> &why) {
    Operation *def = operand.getDefiningOp();
    Group *group = def ? regions.of(def) : nullptr;
    if (!group || operand.getType() != op->getResult(0).getType())
      return nullptr;
    if (!group->epilogue || group->tip != def)
      return nullptr;
    if (!operand.hasOneUse()) {
      why.push_back("the result of " + nameOf(def) + " has other users");
      return nullptr;
    }
    if (!regions.canJoin(*group, op)) {
      why.push_back("another operand needs the result of " + nameOf(def) +
                    " first");
      return nullptr;
    }
    return fits(*group, op, &why) ? group : nullptr;
  }

  //===--------------------------------------------------------------------===//
  // Heads before attention
  //===--------------------------------------------------------------------===//

  void planHeads(GraphOpInterface op) {
    Operation *goal = attentionOf(op);
    Group *group = goal ? prepares.lookup(goal) : nullptr;
    SmallVector<std::string> why;
    if (group && fits(*group, op, &why)) {
      regions.add(*group, op);
      fused(*group, "fuse-prepare", op,
            nameOf(op) + " of heads before the same attention");
      return;
    }
    Group &made = regions.make(op);
    for (const std::string &reason : why)
      keptApart(made, op, reason);
    if (!goal)
      return;
    made.kind = "attention_prepare";
    prepares[goal] = &made;
  }

  /// The attention that `op` goes to through norms and rotations of heads.
  static Operation *attentionOf(Operation *op) {
    while (op->getResult(0).hasOneUse()) {
      op = *op->getResult(0).getUsers().begin();
      auto user = dyn_cast<GraphOpInterface>(op);
      if (user && user.getFusion().prepared)
        return op;
      if (!user || user.getFusion().role != Role::heads)
        return nullptr;
    }
    return nullptr;
  }

  //===--------------------------------------------------------------------===//
  // Views that leave the function
  //===--------------------------------------------------------------------===//

  void planReturned(Value value) {
    GraphOpInterface view = definer(value);
    if (!view || !view.isView() || regions.of(view))
      return;
    Operation *def = view->getOperand(0).getDefiningOp();
    if (def && regions.of(def) &&
        Regions::isReturnedMerged(view->getOperand(0)))
      return;
    keptApart(regions.make(view), view, "a view that is returned is a copy");
  }

  //===--------------------------------------------------------------------===//
  // What is said of it
  //===--------------------------------------------------------------------===//

  remark::RemarkOpts opts(StringRef name) {
    return remark::RemarkOpts::name(name).category("nn-fuse").function(
        func.getSymName());
  }

  void fused(Group &group, StringRef name, Operation *op, std::string reason) {
    remark::passed(op->getLoc(), opts(name))
        << remark::add("{0}", reason) << remark::metric("region", group.kind);
    group.reasons.push_back(std::move(reason));
  }

  void keptApart(Group &group, Operation *op, std::string reason) {
    remark::missed(op->getLoc(), opts("keep-apart"))
        << remark::add("{0}", reason)
        << remark::metric("op", op->getName().getStringRef());
    group.reasons.push_back(std::move(reason));
  }

  void describe(Group &group) {
    if (group.kind == "norm" && group.reasons.empty())
      keptApart(group, group.tip,
                group.tip->getResult(0).hasOneUse()
                    ? "no product alone reads the norm, or prologues are off"
                    : "the norm is read by several ops");
    if (group.reasons.empty())
      group.reasons.push_back("nothing beside it fits this kind of region");
    remark::analysis(group.tip->getLoc(), opts("region"))
        << remark::metric("kind", StringRef(group.kind))
        << remark::metric("ops", static_cast<int64_t>(group.ops.size()))
        << remark::add("{0}", llvm::join(group.reasons, "; "));
  }

  func::FuncOp func;
  bool prologue;
  Regions regions;
  llvm::DenseSet<Operation *> waiting;
  llvm::DenseMap<Operation *, Group *> prepares;
};

struct NNFuse : hamlet::impl::NNFusePassBase<NNFuse> {
  using NNFusePassBase::NNFusePassBase;

  void runOnOperation() override {
    for (auto func : getOperation().getOps<func::FuncOp>()) {
      if (func.isExternal() || func->hasAttr(tile::kKernelAttr))
        continue;
      if (!func.getBody().hasOneBlock()) {
        func.emitOpError("has several blocks; nn-fuse takes straight code");
        return signalPassFailure();
      }
      if (failed(Planner(func, prologue).run()))
        return signalPassFailure();
    }
  }
};

} // namespace
