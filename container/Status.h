//===- Status.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_CONTAINER_STATUS_H
#define HAMLET_CONTAINER_STATUS_H

#include <cassert>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace hamlet {

/// Success, or a failure with one sentence: what went wrong, where, what was
/// expected, what was found.
class [[nodiscard]] Status {
public:
  Status() = default;
  static Status failure(std::string message) {
    Status status;
    status.text = std::move(message);
    return status;
  }
  bool ok() const { return !text; }
  bool failed() const { return text.has_value(); }
  const std::string &message() const {
    static const std::string none;
    return text ? *text : none;
  }
  /// The same failure with `where: ` before it; success stays success.
  Status in(const std::string &where) const {
    return text ? failure(where + ": " + *text) : Status();
  }

private:
  std::optional<std::string> text;
};

/// A failure whose message is the arguments, streamed one after another.
template <typename... Args> Status failure(const Args &...args) {
  std::ostringstream out;
  (out << ... << args);
  return Status::failure(out.str());
}

/// A value or the failure that kept it from being made.
template <typename T> class [[nodiscard]] Result {
public:
  Result(T value) : held(std::move(value)) {}
  Result(Status status) : state(std::move(status)) {
    assert(state.failed() && "a Result without a value needs a failure");
  }
  bool ok() const { return held.has_value(); }
  bool failed() const { return !held; }
  const Status &status() const { return state; }
  const std::string &message() const { return state.message(); }
  T &operator*() {
    assert(held && "a failed Result has no value");
    return *held;
  }
  const T &operator*() const {
    assert(held && "a failed Result has no value");
    return *held;
  }
  T *operator->() { return &**this; }
  const T *operator->() const { return &**this; }

private:
  std::optional<T> held;
  Status state;
};

} // namespace hamlet

/// Returns the failure of `expr`, a Status, from the enclosing function.
#define HAMLET_TRY(expr)                                                       \
  do {                                                                         \
    if (::hamlet::Status hamletStatus = (expr); hamletStatus.failed())         \
      return hamletStatus;                                                     \
  } while (false)

#endif // HAMLET_CONTAINER_STATUS_H
