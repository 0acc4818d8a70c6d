//===- ExpertRows.h - blocks of one expert's rows -------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_KERNELS_EXPERTROWS_H
#define HAMLET_CODEGEN_KERNELS_EXPERTROWS_H

#include "codegen/kernels/TileBuilder.h"

namespace hamlet::codegen {

/// The block of one expert's rows that a program instance has.
struct RowBlock {
  mlir::Value expert, first, count;

  /// `body(block, r)` with as many rows as the block needs of up to `rows`;
  /// nothing where there is no block.
  static void each(TileBuilder &t, mlir::Value blocks, int64_t rows,
                   llvm::function_ref<void(const RowBlock &, int64_t)> body) {
    mlir::Value at = t.mul(t.programId(0), 3);
    RowBlock block;
    block.count = t.loadIndex(blocks, t.add(at, 2));
    t.ifThen(t.lessIndex(t.index(0), block.count), [&] {
      // Of no block, only the count is written.
      block.expert = t.loadIndex(blocks, at);
      block.first = t.loadIndex(blocks, t.add(at, 1));
      t.forCount(block.count, rows, [&](int64_t r) { body(block, r); });
    });
  }
};

} // namespace hamlet::codegen

#endif
