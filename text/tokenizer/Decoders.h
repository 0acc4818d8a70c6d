//===- Decoders.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_DECODERS_H
#define HAMLET_TEXT_TOKENIZER_DECODERS_H

#include "text/tokenizer/Fields.h"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hamlet::text {

/// One step of decoding at work on one text. Tokens come in parts, each of
/// whole characters, and go on to the next step as soon as they are certain.
class DecodeStep {
public:
  virtual ~DecodeStep() = default;
  /// More of the token that is open.
  virtual void text(std::string_view part) = 0;
  virtual void endToken() = 0;
  /// After the last token.
  virtual void finish() = 0;
};

/// Makes a step whose tokens go to `next`, which outlives it.
using Decoder = std::function<std::unique_ptr<DecodeStep>(DecodeStep &next)>;

/// The steps of the "decoder" of a file, in order. Where it is null, tokens are
/// joined with spaces.
Result<std::vector<Decoder>> readDecoders(const Value &value);

/// The steps at work on one text, and what has come out of the last.
class DecodeChain : private DecodeStep {
public:
  explicit DecodeChain(const std::vector<Decoder> &decoders);
  DecodeChain(const DecodeChain &) = delete;
  DecodeChain &operator=(const DecodeChain &) = delete;

  void token(std::string_view token) {
    first->text(token);
    first->endToken();
  }
  void end() { first->finish(); }
  /// What is certain and was not taken yet.
  std::string take() { return std::exchange(certain, {}); }

private:
  void text(std::string_view part) override { certain += part; }
  void endToken() override {}
  void finish() override {}

  std::vector<std::unique_ptr<DecodeStep>> steps; ///< From the last.
  DecodeStep *first;
  std::string certain;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_DECODERS_H
