//===- PackedBatch.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "train/PackedBatch.h"

#include "train/TensorFile.h"

#include <cmath>
#include <cstring>

namespace hamlet::train {
namespace {

template <typename T>
Status take(Tensors &tensors, const std::string &name, hmlt::DType dtype,
            std::vector<T> &to) {
  auto found = tensors.find(name);
  if (found == tensors.end())
    return failure("expected a tensor '", name, "'");
  const runtime::NpyArray &array = found->second;
  if (array.dtype != dtype || array.shape.size() != 1)
    return failure("'", name, "': expected ",
                   dtype == hmlt::DType::f32 ? "F32" : "I32",
                   " of one dimension, found ",
                   array.dtype == hmlt::DType::f32 ? "F32" : "I32", " of ",
                   array.shape.size());
  to.resize(array.bytes.size() / sizeof(T));
  if (!to.empty())
    std::memcpy(to.data(), array.bytes.data(), array.bytes.size());
  tensors.erase(found);
  return {};
}

Status checkStarts(const PackedBatch &batch) {
  const std::vector<int32_t> &starts = batch.starts;
  if (starts.size() < 2 || starts.front() != 0 ||
      starts.back() != static_cast<int64_t>(batch.tokens()))
    return failure("'starts': expected boundaries from 0 to the ",
                   batch.tokens(), " tokens of 'ids'");
  for (size_t i = 1; i < starts.size(); ++i)
    if (starts[i] < starts[i - 1])
      return failure("'starts': element ", i, " is ", starts[i],
                     ", expected boundaries that ascend");
  return {};
}

} // namespace

Result<PackedBatch> readBatch(const std::string &path) {
  auto tensors = readTensors(path);
  if (tensors.failed())
    return tensors.status();
  const std::string where = "'" + path + "'";
  PackedBatch batch;
  HAMLET_TRY(take(*tensors, "ids", hmlt::DType::i32, batch.ids).in(where));
  HAMLET_TRY(
      take(*tensors, "starts", hmlt::DType::i32, batch.starts).in(where));
  HAMLET_TRY(take(*tensors, "mask", hmlt::DType::f32, batch.mask).in(where));
  for (auto [name, to] : {std::pair("advantages", &batch.advantages),
                          std::pair("old_logprobs", &batch.oldLogprobs)})
    if (tensors->contains(name))
      HAMLET_TRY(take(*tensors, name, hmlt::DType::f32, *to).in(where));
  HAMLET_TRY(checkStarts(batch).in(where));
  for (auto [name, values] : {std::pair("mask", &batch.mask),
                              std::pair("advantages", &batch.advantages),
                              std::pair("old_logprobs", &batch.oldLogprobs)}) {
    bool absent = values->empty() && values != &batch.mask;
    if (!absent && values->size() != batch.tokens())
      return failure(where, ": '", name, "': expected ", batch.tokens(),
                     " elements as 'ids' has, found ", values->size());
    for (size_t i = 0; i < values->size(); ++i)
      if (!std::isfinite((*values)[i]))
        return failure(where, ": '", name, "': element ", i,
                       " is not a finite number");
  }
  for (size_t i = 0; i < batch.tokens(); ++i)
    if (batch.mask[i] < 0)
      return failure(where, ": 'mask': element ", i, " is ", batch.mask[i],
                     ", expected 0 or more");
  for (size_t s = 0; s < batch.sequences(); ++s)
    if (auto first = static_cast<size_t>(batch.starts[s]);
        batch.length(s) > 0 && batch.mask[first] != 0)
      return failure(where, ": 'mask': element ", first,
                     " is the first token of a sequence, which nothing "
                     "predicts; expected 0");
  return batch;
}

Status checkIds(const PackedBatch &batch, int64_t vocabulary) {
  for (size_t i = 0; i < batch.tokens(); ++i)
    if (batch.ids[i] < 0 || batch.ids[i] >= vocabulary)
      return failure("'ids': element ", i, " is ", batch.ids[i],
                     ", expected 0 or more and below ", vocabulary);
  return {};
}

std::vector<std::pair<size_t, size_t>> microBatches(const PackedBatch &batch,
                                                    int64_t tokens) {
  std::vector<std::pair<size_t, size_t>> found;
  for (size_t first = 0; first < batch.sequences();) {
    size_t last = first + 1;
    while (
        last < batch.sequences() &&
        (tokens == 0 || batch.starts[last + 1] - batch.starts[first] <= tokens))
      ++last;
    found.emplace_back(first, last);
    first = last;
  }
  return found;
}

} // namespace hamlet::train
