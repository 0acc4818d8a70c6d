//===- SequenceBlocks.h - what gradients of attentions launch first -------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_SEQUENCEBLOCKS_H
#define HAMLET_CODEGEN_PROGRAM_SEQUENCEBLOCKS_H

#include "codegen/kernels/AttentionGrads.h"
#include "codegen/program/RegionLowering.h"

namespace hamlet::codegen {

/// Blocks of the tokens of each sequence, as sequenceBlocksKernel writes them.
struct SequenceBlocks {
  mlir::Value starts, blocks, firstBlock;
  Extent sequences, count; ///< of blocks; those past the last are none
};
mlir::FailureOr<SequenceBlocks> launchSequenceBlocks(RegionLowering &region,
                                                     mlir::Value starts,
                                                     const Extent &tokens,
                                                     int64_t rows);

} // namespace hamlet::codegen

#endif
