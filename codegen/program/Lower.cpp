//===- Lower.cpp - a graph of fused regions becomes a program ------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs after nn-fuse. Walks each function's regions in order; each becomes one
// launch, or a few where rows of two kinds (prompt pieces, single tokens) take
// different kernels. Leaves a module of declarations, functions and tile
// kernels; lives of buffers are set by program-lifetimes.

#include "codegen/program/Lower.h"

#include "codegen/kernels/Region.h"
#include "codegen/program/LaunchModels.h"
#include "codegen/program/Passes.h"
#include "codegen/program/Serialize.h"
#include "dialects/Attention/AttentionOps.h"
#include "dialects/Lightning/LightningOps.h"
#include "dialects/MoE/MoEOps.h"
#include "dialects/Policy/PolicyOps.h"
#include "dialects/Tile/TileDialect.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

void hamlet::codegen::registerLaunchModels(DialectRegistry &registry) {
  registry.addExtension(
      +[](MLIRContext *context, lightning::LightningDialect *) {
        attachLightningLaunches(context);
        attachLightningGradLaunches(context);
      });
  registry.addExtension(
      +[](MLIRContext *context, attention::AttentionDialect *) {
        attachAttentionLaunches(context);
        attachAttentionGradLaunches(context);
      });
  registry.addExtension(+[](MLIRContext *context, moe::MoEDialect *) {
    attachExpertLaunches(context);
    attachExpertGradLaunches(context);
  });
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    attachGradLaunches(context);
  });
  registry.addExtension(+[](MLIRContext *context, policy::PolicyDialect *) {
    attachPolicyLaunches(context);
  });
}

static LogicalResult lowerRegion(FunctionLowering &function, nn::FusedOp op) {
  if (failed(checkRegion(op)))
    return failure();
  function.program.beginRegion(op);
  RegionLowering region{function, op};
  for (Operation &inner : op.getBody().front())
    if (auto anchor = dyn_cast<LaunchOpInterface>(&inner))
      return anchor.launch(region);
  return launchRows(region);
}

/// A name is one state in all functions.
static LogicalResult checkStateTypes(ModuleOp graph) {
  llvm::StringMap<nn::StateOp> known;
  WalkResult walk = graph.walk([&](nn::StateOp op) {
    nn::StateOp other = known.try_emplace(op.getSymName(), op).first->second;
    if (other.getType() == op.getType())
      return WalkResult::advance();
    InFlightDiagnostic error = op.emitOpError("is a state of ")
                               << op.getType().getTensor()
                               << ", another with its name is of "
                               << other.getType().getTensor();
    error.attachNote(other.getLoc()) << "the other is here";
    return WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}

/// An op that updates a state is all that reads that value of it: memory is
/// updated in place, and nothing says which of two comes first.
static LogicalResult checkStates(func::FuncOp func) {
  for (Operation &op : func.getBody().front())
    for (Value value : op.getResults()) {
      if (!isa<nn::StateType>(value.getType()) || value.hasOneUse())
        continue;
      for (Operation *user : value.getUsers()) {
        if (llvm::none_of(user->getResultTypes(), llvm::IsaPred<nn::StateType>))
          continue;
        InFlightDiagnostic error = user->emitOpError(
            "updates a state that another op takes as well; take the updated "
            "one there");
        for (Operation *other : value.getUsers())
          if (other != user)
            error.attachNote(other->getLoc()) << "the other op is here";
        return error;
      }
    }
  return success();
}

static LogicalResult lowerFunction(func::FuncOp func, ModuleOp program,
                                   KernelTable &kernels) {
  if (failed(checkStates(func)))
    return failure();
  ProgramBuilder builder(func, program, kernels);
  if (failed(builder.bindArguments()))
    return failure();
  auto returned = cast<func::ReturnOp>(func.getBody().front().getTerminator());
  if (failed(builder.bindResults(returned)))
    return failure();
  FunctionLowering lowering{builder};
  for (Operation &op : func.getBody().front()) {
    LogicalResult ok =
        TypeSwitch<Operation *, LogicalResult>(&op)
            .Case([&](nn::WeightOp) { return success(); })
            .Case([&](nn::StateOp) { return success(); })
            .Case([&](arith::ConstantOp constant) {
              return builder.addConstant(constant);
            })
            .Case(
                [&](nn::FusedOp fused) { return lowerRegion(lowering, fused); })
            .Case([&](func::ReturnOp) { return success(); })
            .Default([&](Operation *other) {
              return other->emitOpError("stands outside a fused region; run "
                                        "nn-fuse before lowering");
            });
    if (failed(ok))
      return failure();
  }
  return builder.finish(returned);
}

/// Declarations first, kernels before functions; each kind as it came.
static void sortDeclarations(ModuleOp program) {
  auto rank = [](Operation *op) {
    return isa<program::WeightOp>(op)     ? 0
           : isa<program::ConstantOp>(op) ? 1
           : isa<program::CacheOp>(op)    ? 2
           : isa<program::StateOp>(op)    ? 3
           : isa<program::KernelOp>(op)   ? 4
           : isa<program::FuncOp>(op)     ? 5
                                          : 6;
  };
  SmallVector<Operation *> ops;
  for (Operation &op : *program.getBody())
    ops.push_back(&op);
  llvm::stable_sort(
      ops, [&](Operation *x, Operation *y) { return rank(x) < rank(y); });
  for (Operation *op : ops)
    op->moveBefore(program.getBody(), program.getBody()->end());
}

FailureOr<OwningOpRef<ModuleOp>>
hamlet::codegen::lowerToProgram(ModuleOp graph,
                                std::vector<TargetClass> &classes) {
  graph.getContext()->loadDialect<program::ProgramDialect, tile::TileDialect>();
  for (Operation &op : *graph.getBody())
    if (isa<program::FuncOp, program::KernelOp>(op))
      return op.emitOpError("is of a program already; expected a graph");
  if (failed(checkStateTypes(graph)))
    return failure();
  OwningOpRef<ModuleOp> program = ModuleOp::create(graph.getLoc());
  if (Attribute model = graph->getAttr(kModelAttr))
    (*program)->setAttr(kModelAttr, model);
  OpBuilder b = OpBuilder::atBlockEnd(program->getBody());
  for (TargetClass &targets : classes) {
    targets.tiles = ModuleOp::create(b, graph.getLoc());
    targets.tiles->setAttr(kTilesAttr, b.getStringAttr(targets.name));
  }
  KernelTable kernels(*program, classes);
  bool any = false;
  for (func::FuncOp func : graph.getOps<func::FuncOp>()) {
    if (func.isExternal())
      return func.emitOpError("has no body");
    if (failed(lowerFunction(func, *program, kernels)))
      return failure();
    any = true;
  }
  if (!any)
    return emitError(graph.getLoc(), "expected at least one function");
  sortDeclarations(*program);
  return program;
}

void hamlet::codegen::dropTiles(ModuleOp program) {
  for (auto nested : llvm::make_early_inc_range(program.getOps<ModuleOp>()))
    nested.erase();
  for (auto kernel : program.getOps<program::KernelOp>())
    for (auto realization :
         kernel.getBody().front().getOps<program::RealizationOp>())
      realization.removeCodeAttr();
}
