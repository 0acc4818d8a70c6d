//===- Limits.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_CHAT_LIMITS_H
#define HAMLET_TEXT_CHAT_LIMITS_H

#include <cstddef>
#include <cstdint>

namespace hamlet::text::chat {

/// What a rendering may use: a template comes with a checkpoint, and a hostile
/// one must not hang or exhaust who renders it.
struct Limits {
  size_t outputBytes = size_t{64} << 20;
  /// Of all values made on the way, which live until the end.
  size_t valueBytes = size_t{512} << 20;
  /// Nodes evaluated, items gone through and, by 64, bytes of text.
  size_t steps = 20'000'000;
};

// Nesting costs stack, which is the same for everybody.
constexpr size_t kMaxSourceBytes = size_t{4} << 20;
constexpr int kMaxNesting = 100;          ///< Of brackets and blocks, as read.
constexpr int kMaxExpressionHeight = 300; ///< Of `a + b + c + ...` too.
constexpr int kMaxMacroDepth = 100;
constexpr int kMaxEvaluationDepth = 1500;
constexpr int kMaxValueDepth = 200; ///< Of lists in lists.
/// Of one string: going through it may take four times that for a while.
constexpr size_t kMaxTextBytes = size_t{64} << 20;
constexpr int64_t kMaxRange = 100'000; ///< As in jinja2's sandbox.

} // namespace hamlet::text::chat

#endif // HAMLET_TEXT_CHAT_LIMITS_H
