//===- Import.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_FRONTEND_IMPORT_H
#define HAMLET_FRONTEND_IMPORT_H

#include "frontend/CheckpointCheck.h"
#include "frontend/Family.h"
#include "frontend/ModelSpec.h"
#include "policy/Loss.h"

#include <map>
#include <optional>

namespace hamlet::frontend {

/// What a binary can do, each a function of it.
enum class Function {
  Step,      ///< inference with caches
  Logprob,   ///< log-probabilities of given tokens
  TrainStep, ///< their loss, and the gradient of each weight
};
/// "step", "logprob", "train_step".
llvm::StringRef functionName(Function function);
std::optional<Function> parseFunction(llvm::StringRef name);
/// All of them, separated by commas.
std::string functionNames();

struct GraphOptions {
  /// What the model is compiled for: f32; bf16 operands and activations; f16
  /// weights widened under f32 arithmetic.
  FloatType dtype = FloatType::BF16;
  /// What the checkpoint's matrices are stored in; the LM head keeps it under
  /// bf16.
  FloatType stored = FloatType::BF16;
  /// Tensors that are stored in another type.
  std::map<std::string, FloatType, std::less<>> others = {};
  /// `dtype` is what is stored, so nothing is rounded: what `dtype` does not
  /// hold exactly stays as wide as it is.
  bool asStored = true;
  int64_t chunk = 64; ///< Tokens between the anchors of lightning states.
  /// Parts of every sum over features, a power of two; 0: f32 products have
  /// their canonical split, bf16 products none.
  int64_t split = 0;
  std::vector<Function> functions{Function::Step};
  /// Of the training step, and whether it takes advantages.
  algorithm::Loss loss = {};
  bool hasAdvantage = false;
};

struct ImportOptions {
  /// F32 or BF16; none: as stored.
  std::optional<FloatType> dtype = std::nullopt;
  int64_t chunk = 64;
  int64_t split = 0; ///< As in GraphOptions.
  std::vector<Function> functions{Function::Step};
  algorithm::Loss loss = {}; ///< As in GraphOptions.
  bool hasAdvantage = false;
  std::vector<std::string> modelFolders = {}; ///< More family descriptions.
  /// Take a checkpoint with tensors that look like parts of its layers and that
  /// the family does not read.
  bool ignoreUnused = false;
};

struct ImportedModel {
  ModelSpec spec;
  GraphOptions graph;
  /// What the checkpoint has; none for a lone configuration.
  std::optional<CheckpointReport> report;
  /// For the user to see: what was not understood, and what was decided.
  std::vector<std::string> warnings, notes;
  /// What the container keeps of all this, see container/Configuration.h.
  std::vector<std::string> entries() const;
};

/// Reads what `hamlet compile` takes: a checkpoint's folder or a `config.json`
/// alone. A folder's tensors must be all there and of the right shapes. A
/// folder that has an index and none of its shards is checked by names only;
/// then, and for a lone configuration, the stored dtype is that of the
/// configuration, else bf16. Tokens that end an answer are those of the
/// configuration, else those of a `generation_config.json` beside it.
llvm::Expected<ImportedModel> importModel(llvm::StringRef path,
                                          const ImportOptions &options);

} // namespace hamlet::frontend

#endif // HAMLET_FRONTEND_IMPORT_H
