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

#include <map>
#include <string>

namespace hamlet::train {

using Tensors = std::map<std::string, runtime::NpyArray>;

/// Every tensor of f32 or i32 in the file at `path`; others are an error, by
/// name.
Result<Tensors> readTensors(const std::string &path);

/// Writes tensors of f32 or i32 to an open file and commits it.
Status writeTensors(AtomicFile &file, const Tensors &tensors);

} // namespace hamlet::train

#endif
