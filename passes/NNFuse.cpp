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

#include "dialects/Attention/AttentionOps.h"
#include "dialects/Lightning/LightningOps.h"
#include "dialects/MoE/MoEOps.h"
#include "dialects/NN/NNOps.h"
#include "passes/FuseRegions.h"
#include "passes/Passes.h"

#include "mlir/IR/Remarks.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::fuse;

namespace hamlet {
#define GEN_PASS_DEF_NNFUSEPASS
#include "passes/Passes.h.inc"
} // namespace hamlet

namespace {

bool isElementwise(Operation *op) {
  return isa<nn::ActivationOp, nn::MulOp, nn::ResidualOp, nn::MixOp>(op);
}

int64_t rankOf(Value value) {
  return cast<RankedTensorType>(value.getType()).getRank();
}

/// "nn.rms_norm" as people say it.
std::string nameOf(Operation *op) {
  if (auto act = dyn_cast<nn::ActivationOp>(op))
    return stringifyActivation(act.getKind()).str();
  return op->getName().stripDialect().str();
}

/// Makes the groups of one function.
class Planner {
public:
  Planner(func::FuncOp func, bool prologue)
      : func(func), prologue(prologue), regions(func) {}

  LogicalResult run() {
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
  LogicalResult plan(Operation *op) {
    if (isView(op) || isa<nn::WeightOp, nn::FusedOp>(op) ||
        op->hasTrait<OpTrait::ConstantLike>())
      return success();
    StringRef dialect = op->getName().getDialectNamespace();
    if (dialect != "nn" && dialect != "lightning" && dialect != "attention" &&
        dialect != "moe")
      return op->emitOpError("is not of a graph dialect; nn-fuse takes ops of "
                             "nn, lightning, attention and moe, and constants");
    TypeSwitch<Operation *>(op)
        .Case<nn::LinearOp, nn::LmHeadOp>([&](auto) { planProduct(op); })
        .Case([&](nn::RmsNormOp norm) { planNorm(norm); })
        .Case([&](nn::RotaryOp) { planHeads(op); })
        .Case([&](nn::SelectRowsOp select) { planSelect(select); })
        .Case([&](moe::RouteOp route) { planRoute(route); })
        .Default([&](Operation *) {
          if (isElementwise(op))
            planElementwise(op);
          else
            regions.make(op, aloneKind(op));
        });
    return success();
  }

  static std::string aloneKind(Operation *op) {
    if (isa<lightning::AttentionOp>(op))
      return "lightning";
    return op->getName().stripDialect().str();
  }

  //===--------------------------------------------------------------------===//
  // Products
  //===--------------------------------------------------------------------===//

  static bool isProduct(Operation *op) {
    return isa<nn::LinearOp, nn::LmHeadOp>(op);
  }

  /// Whether `op` waits for the product that alone reads it.
  bool waits(Operation *op) const { return waiting.contains(op); }

  void planProduct(Operation *op) {
    bool head = isa<nn::LmHeadOp>(op);
    Group &group = regions.make(op, head ? "lm_head" : "linear");
    Operation *before = op->getOperand(0).getDefiningOp();
    if (!before || !waits(before))
      return;
    SmallVector<Operation *> chain = takeWaiting(before);
    std::string names;
    for (Operation *part : llvm::reverse(chain)) {
      names += (names.empty() ? "" : ", ") + nameOf(part);
      regions.add(group, part);
    }
    group.tip = op;
    if (head)
      group.kind = "logits";
    fused(group, head ? "fuse-logits" : "fuse-prologue", op,
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
  static Operation *onlyProduct(Value value) {
    if (!value.hasOneUse())
      return nullptr;
    OpOperand &use = *value.use_begin();
    bool left = isProduct(use.getOwner()) && use.getOperandNumber() == 0;
    return left ? use.getOwner() : nullptr;
  }

  //===--------------------------------------------------------------------===//
  // Norms, rows, routing
  //===--------------------------------------------------------------------===//

  void planNorm(nn::RmsNormOp norm) {
    if (rankOf(norm.getX()) == 3)
      return planHeads(norm);
    if (norm.getGroups() > 1) {
      keptApart(regions.make(norm, "norm"), norm,
                "each group of columns is a program instance");
      return;
    }
    if (joinSum(norm))
      return;
    if (prologue && headsToProduct(norm)) {
      waiting.insert(norm);
      return;
    }
    regions.make(norm, "norm");
  }

  /// norm -> product, or norm -> mul -> product.
  static bool headsToProduct(nn::RmsNormOp norm) {
    if (onlyProduct(norm.getResult()))
      return true;
    if (!norm.getResult().hasOneUse())
      return false;
    auto mul = dyn_cast<nn::MulOp>(*norm.getResult().getUsers().begin());
    return mul && isa_and_nonnull<nn::LinearOp>(onlyProduct(mul.getResult()));
  }

  /// A norm after the embedding or the experts' sum.
  bool joinSum(nn::RmsNormOp norm) {
    Operation *def = norm.getX().getDefiningOp();
    if (!def)
      return false;
    if (waits(def)) // select_rows, on its way to the logits
      return false;
    Group *group = regions.of(def);
    bool sum = group && group->tip == def &&
               (group->kind == "combine" || group->kind == "embedding");
    if (!sum || !regions.canJoin(*group, norm))
      return false;
    bool shared = !norm.getX().hasOneUse();
    regions.add(*group, norm);
    group->kind += "_norm";
    fused(*group, "fuse-norm", norm,
          std::string("the norm of its result") +
              (shared ? "; the result itself is given as well" : ""));
    return true;
  }

  /// Rows chosen for the LM head wait for it, with their norm.
  void planSelect(nn::SelectRowsOp select) {
    if (select.getResult().hasOneUse())
      if (auto norm =
              dyn_cast<nn::RmsNormOp>(*select.getResult().getUsers().begin());
          norm && norm.getX() == select.getResult() && norm.getGroups() == 1 &&
          prologue &&
          isa_and_nonnull<nn::LmHeadOp>(onlyProduct(norm.getResult()))) {
        waiting.insert(select);
        return;
      }
    regions.make(select, "select_rows");
  }

  void planRoute(moe::RouteOp route) {
    Group *group = regions.producer(route.getX());
    if (group && group->kind == "norm" &&
        group->tip == route.getX().getDefiningOp() &&
        regions.canJoin(*group, route)) {
      regions.add(*group, route);
      group->kind = "norm_route";
      fused(*group, "fuse-route", route,
            "the router on the norm's result, which is given as well");
      return;
    }
    keptApart(regions.make(route, "route"), route,
              "what the router reads is not the result of a norm");
  }

  //===--------------------------------------------------------------------===//
  // Elementwise
  //===--------------------------------------------------------------------===//

  void planElementwise(Operation *op) {
    if (auto mul = dyn_cast<nn::MulOp>(op))
      if (isGateOfWaitingNorm(mul)) {
        waiting.insert(op);
        return;
      }
    SmallVector<std::string> why;
    // The experts' sum first, then the product that comes last.
    Group *best = nullptr;
    for (Value operand : op->getOperands()) {
      Group *group = candidate(op, operand, why);
      if (!group)
        continue;
      bool combine = isCombine(*group), other = best && isCombine(*best);
      if (!best || (combine && !other) ||
          (combine == other && best->tip->isBeforeInBlock(group->tip)))
        best = group;
    }
    if (!best) {
      Group &group = regions.make(op, "elementwise");
      for (const std::string &reason : why)
        keptApart(group, op, reason);
      return;
    }
    bool combine = isCombine(*best);
    regions.add(*best, op);
    fused(*best, combine ? "fuse-combine" : "fuse-epilogue", op,
          nameOf(op) + (combine ? " after the sum" : " in the epilogue"));
  }

  static bool isCombine(const Group &group) { return group.kind == "combine"; }

  /// A gate on a norm that goes to the same product.
  bool isGateOfWaitingNorm(nn::MulOp mul) const {
    return onlyProduct(mul.getResult()) &&
           llvm::any_of(mul->getOperands(), [&](Value operand) {
             Operation *def = operand.getDefiningOp();
             return def && waits(def);
           });
  }

  /// The region that `op` can join through `operand`.
  Group *candidate(Operation *op, Value operand,
                   SmallVector<std::string> &why) {
    Operation *def = operand.getDefiningOp();
    Group *group = def ? regions.of(def) : nullptr;
    if (!group || operand.getType() != op->getResult(0).getType())
      return nullptr;
    bool open = group->kind == "linear" || group->kind == "combine" ||
                group->kind == "elementwise";
    if (!open || group->tip != def)
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
    return group;
  }

  //===--------------------------------------------------------------------===//
  // Heads before attention
  //===--------------------------------------------------------------------===//

  void planHeads(Operation *op) {
    Operation *goal = attentionOf(op);
    Group *group = goal ? prepares.lookup(goal) : nullptr;
    if (group && regions.canJoin(*group, op)) {
      regions.add(*group, op);
      fused(*group, "fuse-prepare", op,
            nameOf(op) + " of heads before the same attention");
      return;
    }
    Group &made = regions.make(op, goal ? "attention_prepare" : nameOf(op));
    if (goal)
      prepares[goal] = &made;
  }

  /// The attention that `op` goes to through norms and rotations of heads.
  static Operation *attentionOf(Operation *op) {
    while (op->getResult(0).hasOneUse()) {
      op = *op->getResult(0).getUsers().begin();
      if (isa<attention::SoftmaxOp, lightning::AttentionOp>(op))
        return op;
      if (!isa<nn::RotaryOp, nn::RmsNormOp>(op))
        return nullptr;
    }
    return nullptr;
  }

  //===--------------------------------------------------------------------===//
  // Views that leave the function
  //===--------------------------------------------------------------------===//

  void planReturned(Value value) {
    Operation *view = value.getDefiningOp();
    if (!view || !isView(view) || regions.of(view))
      return;
    auto merge = dyn_cast<nn::MergeHeadsOp>(view);
    Operation *def = merge ? merge.getX().getDefiningOp() : nullptr;
    if (def && regions.of(def) && Regions::isReturnedMerged(merge.getX()))
      return;
    keptApart(regions.make(view, "view"), view,
              "a view that is returned is a copy");
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
