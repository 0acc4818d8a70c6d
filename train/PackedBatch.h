//===- PackedBatch.h - sequences that are trained on ----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TRAIN_PACKEDBATCH_H
#define HAMLET_TRAIN_PACKEDBATCH_H

#include "container/Status.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hamlet::train {

/// Sequences one after another. What is told of a token stands at the token
/// itself, which the ones before it predict; of a sequence's first token
/// nothing is.
struct PackedBatch {
  std::vector<int32_t> ids;
  std::vector<int32_t> starts; ///< the first token of each sequence, then T
  std::vector<float> mask;     ///< 1 where a token is trained on
  std::vector<float> advantages, oldLogprobs; ///< empty: there are none

  size_t tokens() const { return ids.size(); }
  size_t sequences() const { return starts.size() - 1; }
  int32_t length(size_t sequence) const {
    return starts[sequence + 1] - starts[sequence];
  }
};

/// Reads `ids`, `starts`, `mask` and, where they are there, `advantages` and
/// `old_logprobs` from a safetensors file. Fails on other tensors, shapes and
/// dtypes, on boundaries that do not ascend from 0 to T.
Result<PackedBatch> readBatch(const std::string &path);
/// Fails on ids outside of [0, vocabulary).
Status checkIds(const PackedBatch &batch, int64_t vocabulary);

/// Sequences [first, last) of micro-batches: as many whole ones as `tokens`
/// hold, one at least; 0: all.
std::vector<std::pair<size_t, size_t>> microBatches(const PackedBatch &batch,
                                                    int64_t tokens);

} // namespace hamlet::train

#endif
