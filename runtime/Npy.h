//===- Npy.h --------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_NPY_H
#define HAMLET_RUNTIME_NPY_H

#include "container/AtomicFile.h"
#include "container/Container.h"

#include <cstdint>
#include <string>
#include <vector>

namespace hamlet::runtime {

/// An array in C order, little-endian.
struct NpyArray {
  hmlt::DType dtype = hmlt::DType::f32; ///< f32, f16, i32, i64 or u8.
  std::vector<int64_t> shape;
  std::vector<uint8_t> bytes;

  int64_t elements() const;
};

/// Reads a `.npy` of version 1 to 3; errors name the file and what was found.
/// Source of the format: numpy.lib.format.
Result<NpyArray> readNpy(const std::string &path);

/// Writes version 1.0 to an open file and commits it.
Status writeNpy(AtomicFile &file, const NpyArray &array);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_NPY_H
