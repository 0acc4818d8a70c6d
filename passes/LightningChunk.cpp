//===- LightningChunk.cpp - the chunk of linear attention -----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs first, on the graph as the frontend made it. Leaves every
// lightning.attention with a chunk and in a form that has kernels.

#include "dialects/Lightning/LightningOps.h"
#include "passes/Passes.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

using namespace mlir;

namespace hamlet {
#define GEN_PASS_DEF_LIGHTNINGCHUNKPASS
#include "passes/Passes.h.inc"
} // namespace hamlet

namespace {

using hamlet::lightning::AttentionGradOp;
using hamlet::lightning::AttentionOp;
using hamlet::lightning::StateType;
using hamlet::lightning::Update;

/// Fails with the limit and the value where no kernel has the chunked form.
LogicalResult checkLowered(AttentionOp op) {
  if (op.getUpdate() != Update::gated)
    return op.emitOpError("has the update rule ")
           << stringifyUpdate(op.getUpdate())
           << ", which has no chunked form yet; only gated is lowered";
  auto decay = cast<RankedTensorType>(op.getDecay().getType());
  if (decay.getRank() > 2)
    return op.emitOpError("has a decay per channel, ")
           << decay
           << ", which has no chunked form yet; decays per head or per token "
              "and head are lowered";
  return success();
}

struct LightningChunk : hamlet::impl::LightningChunkPassBase<LightningChunk> {
  using LightningChunkPassBase::LightningChunkPassBase;

  void runOnOperation() override {
    if (chunk < 1) {
      emitError(UnknownLoc::get(&getContext()))
          << "lightning-chunk: expected a chunk of at least 1 token, got "
          << chunk.getValue();
      return signalPassFailure();
    }
    AttentionOp first;
    WalkResult walk = getOperation().walk([&](AttentionOp op) {
      return failed(assign(op)) || failed(checkSame(op, first))
                 ? WalkResult::interrupt()
                 : WalkResult::advance();
    });
    if (walk.wasInterrupted())
      return signalPassFailure();
    // A gradient's chunk orders its own sums alone.
    getOperation().walk([&](AttentionGradOp op) {
      if (!op.getChunk())
        op.setChunk(chunk);
    });
  }

  LogicalResult assign(AttentionOp op) {
    if (failed(checkLowered(op)))
      return failure();
    if (op.getChunk())
      return success();
    int64_t tokens = chunk;
    if (op.getCache())
      tokens = cast<StateType>(op.getCache().getType()).getChunk();
    op.setChunk(tokens);
    remark::passed(op.getLoc(),
                   remark::RemarkOpts::name("chunk").category(getArgument()))
        << remark::add("{0}", op.getCache() ? "the chunk of the cache"
                                            : "the chunk of the option")
        << remark::metric("tokens", tokens);
    return success();
  }

  /// One chunk for the whole binary: it fixes the order of every sum.
  LogicalResult checkSame(AttentionOp op, AttentionOp &first) {
    if (!first)
      first = op;
    if (*op.getChunk() == *first.getChunk())
      return success();
    InFlightDiagnostic diag = op.emitOpError("has chunk ")
                              << *op.getChunk() << ", another op has "
                              << *first.getChunk()
                              << "; a binary has one chunk";
    diag.attachNote(first.getLoc()) << "the other op is here";
    return diag;
  }
};

} // namespace
