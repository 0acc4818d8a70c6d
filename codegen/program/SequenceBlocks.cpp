//===- SequenceBlocks.cpp - sequences cut into blocks ---------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/program/SequenceBlocks.h"

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

FailureOr<SequenceBlocks>
hamlet::codegen::launchSequenceBlocks(RegionLowering &region, Value given,
                                      const Extent &tokens, int64_t rows) {
  ProgramBuilder &f = region.program();
  FailureOr<Value> starts = region.memoryOf(given);
  if (failed(starts))
    return failure();
  SequenceBlocks made;
  made.starts = *starts;
  made.sequences = plus(region.rowsOf(given), -1);
  // Every sequence ends one block early at most.
  made.count = f.sum("blocks", {ceilDiv(tokens, rows), made.sequences});
  made.blocks =
      f.temporary("blocks", f.i32(), times(made.count, 2), /*zeroed=*/false);
  made.firstBlock = f.temporary("first_block", f.i32(), made.sequences,
                                /*zeroed=*/false);
  KernelInfo info = region.info("sequence_blocks");
  info.sizes = {"sequences", "block_count"};
  FailureOr<program::KernelOp> kernel = f.table().get(
      "sequence_blocks " + std::to_string(rows), info, region.op.getLoc(),
      [rows](const TargetClass &) -> FailureOr<Realization> {
        Realization made;
        made.rows = {1};
        made.write = [rows](const KernelSite &site, int64_t) {
          return sequenceBlocksKernel(site, rows);
        };
        return made;
      });
  if (failed(kernel))
    return failure();
  f.launch(*kernel, {made.sequences, made.count},
           {{"starts", made.starts},
            {"blocks", made.blocks},
            {"first_block", made.firstBlock}});
  return made;
}
