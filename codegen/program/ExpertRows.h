//===- ExpertRows.h - what launches over routed rows share ----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CODEGEN_PROGRAM_EXPERTROWS_H
#define HAMLET_CODEGEN_PROGRAM_EXPERTROWS_H

#include "codegen/program/RegionLowering.h"

namespace hamlet::codegen {

/// Blocks of each variant's rows: one for every full block, one more for each
/// expert.
Extent blockCount(const Extent &pairs, int64_t experts);

/// The mean rows of an expert, of the size number `pairs`: by them variants are
/// picked, of the dispatch as of the products whose blocks it cuts.
Extent routedRows(int64_t pairs, int64_t experts);

std::vector<int64_t> familyFor(const TargetClass &targets, const Extent &pairs,
                               int64_t experts);

/// The blocks of `offsets`, planned by its dispatch, or here for offsets that
/// are given.
mlir::FailureOr<mlir::Value> blocksOf(RegionLowering &region,
                                      mlir::Value offsets, int64_t experts,
                                      const Extent &pairs);

} // namespace hamlet::codegen

#endif
