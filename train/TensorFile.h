//===- TensorFile.h - all tensors of one safetensors file -----------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TRAIN_TENSORFILE_H
#define HAMLET_TRAIN_TENSORFILE_H

#include "container/AtomicFile.h"
#include "runtime/Npy.h"

#include <cstring>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

namespace hamlet::train {

using Tensors = std::map<std::string, runtime::NpyArray>;

/// An array of one dimension.
template <typename T> runtime::NpyArray arrayOf(const std::vector<T> &values) {
  static_assert(std::is_same_v<T, float> || std::is_same_v<T, int32_t>);
  runtime::NpyArray array;
  array.dtype = std::is_same_v<T, float> ? hmlt::DType::f32 : hmlt::DType::i32;
  array.shape = {static_cast<int64_t>(values.size())};
  array.bytes.resize(values.size() * sizeof(T));
  if (!values.empty())
    std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

/// Every tensor of f32 or i32 in the file at `path`; others are an error, by
/// name.
Result<Tensors> readTensors(const std::string &path);

/// Writes tensors of f32 or i32 to an open file and commits it.
Status writeTensors(AtomicFile &file, const Tensors &tensors);

} // namespace hamlet::train

#endif
