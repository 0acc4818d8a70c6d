//===- Npy.h --------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// .npy files, version 1 to 3, little-endian and in C order.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace hamlet::ptx {

struct Array {
  std::string descr; ///< numpy's: <f4, |u1, ...
  std::vector<uint64_t> shape;
  std::vector<uint8_t> data;
};

/// Throws std::runtime_error with the file's name.
Array readNpy(const std::string &path);
/// The same of a file's bytes; `path` is for errors.
Array parseNpy(const std::string &all, const std::string &path);
/// Writes under a temporary name and renames. Throws std::runtime_error.
void writeNpy(const std::string &path, const Array &array);

} // namespace hamlet::ptx
