//===- Gradients.h - loss and gradients of one batch ----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TRAIN_GRADIENTS_H
#define HAMLET_TRAIN_GRADIENTS_H

#include "policy/Presets.h"
#include "runtime/Executor.h"
#include "train/PackedBatch.h"
#include "train/TensorFile.h"

namespace hamlet::train {

struct GradientSettings {
  /// One that needs neither groups nor a length, which a batch does not have.
  algorithm::Aggregation aggregation = algorithm::Aggregation::token_mean;
  /// Of the load-balancing loss E sum_slot sum_e f P, over the routers of all
  /// layers together (Switch Transformer, arXiv:2101.03961, as Hugging Face's
  /// `load_balancing_loss_func` has it).
  double balance = 0;
  int64_t microBatchTokens = 0; ///< 0: one micro-batch
};

/// Fails on an aggregation that a batch has not the numbers for.
Status check(const GradientSettings &settings);

struct BatchGradients {
  double loss = 0;
  /// Of each token given those before it; 0 of a sequence's first.
  std::vector<float> logprobs, entropies;
};

/// Adds the gradients of `batch` to the states of `model`, which has the
/// functions `train_step` and, for a balance loss, `logprob`. In f32 the bits
/// do not depend on micro-batches.
Result<BatchGradients> addGradients(runtime::LoadedModel &model,
                                    const PackedBatch &batch,
                                    const GradientSettings &settings);

/// What the states hold, as tensors of the checkpoint: `gradient.NAME` for each
/// that a weight is made of, zeros where nothing learns.
Result<Tensors> readGradients(runtime::LoadedModel &model);

} // namespace hamlet::train

#endif
