//===- AnswersFile.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_ANSWERSFILE_H
#define HAMLET_TOOLS_HAMLET_ANSWERSFILE_H

#include "container/AtomicFile.h"
#include "runtime/Generate.h"

#include <optional>
#include <string>
#include <vector>

namespace hamlet::tools {

/// The output of a batch: one line an answer, in the order of the requests.
/// What a run that was interrupted had finished is kept in `PATH.partial`, and
/// a later run can go on from there.
class AnswersFile {
public:
  /// `-` is standard output.
  Status open(const std::string &path);
  bool isOpen() const { return file.isOpen(); }

  /// Reads `PATH.partial`, if it is there; a line that was cut off is dropped.
  /// Fails on an answer to no request. Returns the requests that are left, as
  /// indices.
  Result<std::vector<size_t>>
  resume(const std::vector<runtime::Request> &requests);

  /// Adds the answer of the request `index`; indices ascend.
  Status write(size_t index, const std::string &line);
  /// All answers are there.
  Status commit();
  /// What there is becomes `PATH.partial`, which `told` then names; nothing if
  /// there are no answers.
  Status keep(std::string &told);

private:
  std::string partialPath() const { return path + ".partial"; }
  /// Writes the earlier answers of requests before `index`.
  Status writeEarlier(size_t index);

  AtomicFile file;
  std::string path;
  std::vector<std::optional<std::string>> earlier; ///< by request
  size_t next = 0;                                 ///< of `earlier`
  size_t count = 0;                                ///< answers so far
};

} // namespace hamlet::tools

#endif // HAMLET_TOOLS_HAMLET_ANSWERSFILE_H
