//===- RegisterDialects.h - every dialect of Hamlet -----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_DIALECTS_REGISTERDIALECTS_H
#define HAMLET_DIALECTS_REGISTERDIALECTS_H

#include "dialects/Attention/AttentionDialect.h"
#include "dialects/Lightning/LightningDialect.h"
#include "dialects/MoE/MoEDialect.h"
#include "dialects/NN/NNDialect.h"
#include "dialects/Policy/PolicyDialect.h"
#include "dialects/Program/ProgramDialect.h"
#include "dialects/Tile/TileDialect.h"

namespace hamlet {

inline void registerDialects(mlir::DialectRegistry &registry) {
  registry.insert<tile::TileDialect, nn::NNDialect, lightning::LightningDialect,
                  attention::AttentionDialect, moe::MoEDialect,
                  policy::PolicyDialect, program::ProgramDialect>();
}

} // namespace hamlet

#endif
