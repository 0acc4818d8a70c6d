//===- LogitsFile.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/LogitsFile.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hamlet::runtime {
namespace {

constexpr size_t kLengthBytes =
    8;                            // of the header's length, at the file's start
constexpr size_t kAlignment = 64; // of the data section

} // namespace

/// With `full`, as if every tensor had its most rows: no shorter than any
/// other header.
std::string LogitsFile::header(bool full) const {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  uint64_t offset = 0;
  uint64_t vocabulary = rowBytes / sizeof(float);
  for (const Tensor &tensor : tensors) {
    int64_t rows = full ? tensor.mostRows : tensor.rows;
    uint64_t end = offset + static_cast<uint64_t>(rows) * rowBytes;
    json[tensor.id + ".logits"] = {{"dtype", "F32"},
                                   {"shape", {rows, vocabulary}},
                                   {"data_offsets", {offset, end}}};
    offset = end;
  }
  return json.dump();
}

Status LogitsFile::open(const std::string &path) {
  HAMLET_TRY(file.open(path));
  // Rows go where they belong, and are moved together at the end.
  if (file.inPlace())
    return failure("cannot write logits to '", path,
                   "': it is not a regular file, and they are not written in "
                   "order");
  return {};
}

void LogitsFile::announce(const std::vector<Entry> &entries,
                          int64_t vocabulary) {
  rowBytes = static_cast<uint64_t>(vocabulary) * sizeof(float);
  uint64_t place = 0;
  for (const Entry &entry : entries) {
    tensors.push_back({entry.id, place, 0, entry.mostRows});
    place += static_cast<uint64_t>(entry.mostRows) * rowBytes;
  }
  dataStart = (kLengthBytes + header(/*full=*/true).size() + kAlignment - 1) /
              kAlignment * kAlignment;
}

Status LogitsFile::append(size_t index, const float *rows, int64_t count) {
  Tensor &tensor = tensors[index];
  assert(tensor.rows + count <= tensor.mostRows && "more rows than announced");
  uint64_t offset =
      dataStart + tensor.place + static_cast<uint64_t>(tensor.rows) * rowBytes;
  tensor.rows += count;
  return file.writeAt(offset, rows, static_cast<uint64_t>(count) * rowBytes);
}

Status LogitsFile::finish() {
  std::vector<char> block(size_t(4) << 20);
  uint64_t to = 0;
  for (const Tensor &tensor : tensors) {
    uint64_t bytes = static_cast<uint64_t>(tensor.rows) * rowBytes;
    if (to != tensor.place)
      for (uint64_t done = 0; done < bytes;) {
        uint64_t n = std::min<uint64_t>(block.size(), bytes - done);
        HAMLET_TRY(
            file.readAt(dataStart + tensor.place + done, block.data(), n));
        HAMLET_TRY(file.writeAt(dataStart + to + done, block.data(), n));
        done += n;
      }
    to += bytes;
  }
  HAMLET_TRY(file.truncate(dataStart + to));
  std::string text = header(/*full=*/false);
  text.resize(dataStart - kLengthBytes, ' ');
  uint64_t length = text.size();
  HAMLET_TRY(file.writeAt(0, &length, sizeof(length)));
  HAMLET_TRY(file.writeAt(sizeof(length), text.data(), text.size()));
  return file.commit();
}

} // namespace hamlet::runtime
