//===- LogitsFile.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_LOGITSFILE_H
#define HAMLET_RUNTIME_LOGITSFILE_H

#include "container/AtomicFile.h"

#include <cstdint>
#include <string>
#include <vector>

namespace hamlet::runtime {

/// A safetensors file of `<id>.logits`, f32 [rows, vocabulary], whose rows are
/// written as they are computed. Each tensor has a place for the most rows it
/// can have; `finish` closes the gaps and writes the header.
class LogitsFile {
public:
  struct Entry {
    std::string id;
    int64_t mostRows;
  };
  Status open(const std::string &path);
  /// What will be appended; once, after `open`.
  void announce(const std::vector<Entry> &entries, int64_t vocabulary);
  /// Appends rows to the tensor of entry `index`.
  Status append(size_t index, const float *rows, int64_t count);
  Status finish();

private:
  struct Tensor {
    std::string id;
    uint64_t place; ///< First byte in the data section, with the gaps.
    int64_t rows, mostRows;
  };
  std::string header(bool full) const;

  AtomicFile file;
  std::vector<Tensor> tensors;
  uint64_t rowBytes = 0;
  uint64_t dataStart = 0; ///< First byte of the data section.
};

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_LOGITSFILE_H
