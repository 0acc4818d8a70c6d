//===- PackWeight.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_PACKWEIGHT_H
#define HAMLET_RUNTIME_PACKWEIGHT_H

#include "container/Container.h"

#include <cstdint>
#include <vector>

namespace hamlet::runtime {

/// A source tensor in memory, C order. `data` need not be aligned.
struct SourceData {
  const uint8_t *data = nullptr;
  hmlt::DType dtype = hmlt::DType::f32;
  int64_t elements = 0;
};

/// Writes one weight in the layout that its manifest entry names. The output
/// is made of `groups()` groups of `groupBytes()` (the last of a plain weight
/// may be shorter), which can be packed apart and in any order.
class WeightPacker {
public:
  /// `sources` are those of `weight`, which must outlive the packer, in order
  /// and with as many elements as the manifest says (`verifyContainer`).
  static Result<WeightPacker> make(const hmlt::WeightT &weight,
                                   hmlt::Layout layout,
                                   std::vector<SourceData> sources);

  int64_t groups() const { return groupCount; }
  int64_t groupBytes() const { return bytesPerGroup; }
  /// Packs group `group` to `out`; returns the bytes written. Thread-safe.
  int64_t pack(int64_t group, uint8_t *out) const;
  /// So many leading elements of the sources, one source after another, no
  /// group from `group` on reads.
  int64_t elementsBefore(int64_t group) const;

private:
  struct Row {
    const uint8_t *data;
    hmlt::DType dtype;
  };
  Row row(int64_t index) const;
  int64_t groupsPerMatrix() const {
    return (rowsPerMatrix + rowsPerGroup - 1) / rowsPerGroup;
  }

  const hmlt::WeightT *weight = nullptr;
  hmlt::Layout layout = hmlt::Layout::plain;
  std::vector<SourceData> sources;
  std::vector<int64_t> firstRows; // of each source, then all rows
  int64_t columns = 1;            // elements of a row: the last dimension
  int64_t rowsPerMatrix = 0;      // the last but one dimension; 0: plain
  int64_t rowsPerGroup = 0;
  int64_t groupCount = 0;
  int64_t bytesPerGroup = 0;
};

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_PACKWEIGHT_H
