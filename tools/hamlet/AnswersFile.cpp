//===- AnswersFile.cpp ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/AnswersFile.h"

#include "runtime/Requests.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <unistd.h>
#include <unordered_map>

namespace hamlet::tools {

Status AnswersFile::open(const std::string &name) {
  path = name == "-" ? "/dev/stdout" : name;
  return file.open(path);
}

Result<std::vector<size_t>>
AnswersFile::resume(const std::vector<runtime::Request> &requests) {
  std::vector<size_t> left;
  std::ifstream in(partialPath());
  if (!in && errno != ENOENT)
    return failure("--resume: cannot open '", partialPath(),
                   "': ", std::strerror(errno));
  std::unordered_map<std::string, size_t> indices;
  for (size_t i = 0; i < requests.size(); ++i)
    indices[requests[i].id] = i;
  earlier.resize(requests.size());
  std::string line;
  for (size_t number = 1; in && std::getline(in, line); ++number) {
    if (in.eof())
      break; // no newline ends it: it was cut off
    std::optional<std::string> id = runtime::answerId(line);
    auto found = id ? indices.find(*id) : indices.end();
    if (found == indices.end())
      return failure("--resume: ", partialPath(), ":", number, ": ",
                     id ? "no request has the id '" + *id + "'"
                        : "this is no answer",
                     "; it belongs to another batch: remove it, or run without "
                     "--resume");
    earlier[found->second] = line + "\n";
  }
  for (size_t i = 0; i < requests.size(); ++i)
    if (!earlier[i])
      left.push_back(i);
  return left;
}

Status AnswersFile::writeEarlier(size_t index) {
  for (; next < std::min(index, earlier.size()); ++next)
    if (earlier[next]) {
      HAMLET_TRY(file.write(*earlier[next]));
      ++count;
    }
  return {};
}

Status AnswersFile::write(size_t index, const std::string &line) {
  HAMLET_TRY(writeEarlier(index));
  ++count;
  return file.write(line);
}

Status AnswersFile::commit() {
  HAMLET_TRY(writeEarlier(earlier.size()));
  bool inPlace = file.inPlace();
  HAMLET_TRY(file.commit());
  if (!inPlace)
    unlink(partialPath().c_str()); // all that it has is here
  return {};
}

Status AnswersFile::keep(std::string &told) {
  HAMLET_TRY(writeEarlier(earlier.size()));
  if (!count || file.inPlace())
    return {};
  HAMLET_TRY(file.commitAs(partialPath()));
  told = std::to_string(count) + " finished answers are in '" + partialPath() +
         "'; --resume goes on from there";
  return {};
}

} // namespace hamlet::tools
