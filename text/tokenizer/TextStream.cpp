//===- TextStream.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/TextStream.h"

#include "text/tokenizer/Parts.h"

#include <utility>

namespace hamlet::text {

struct TextStream::State {
  std::shared_ptr<const Tokenizer> tokenizer;
  bool skipSpecialTokens;
  std::optional<DecodeChain> chain;
};

TextStream::TextStream(std::shared_ptr<const Tokenizer> tokenizer,
                       bool skipSpecialTokens)
    : state(new State{std::move(tokenizer), skipSpecialTokens, {}}) {
  state->chain.emplace(state->tokenizer->parts->decoders);
}
TextStream::~TextStream() = default;
TextStream::TextStream(TextStream &&) noexcept = default;
TextStream &TextStream::operator=(TextStream &&) noexcept = default;

std::string TextStream::push(int32_t id) {
  if (std::optional<std::string_view> token =
          state->tokenizer->parts->decoded(id, state->skipSpecialTokens))
    state->chain->token(*token);
  return state->chain->take();
}

std::string TextStream::finish() {
  state->chain->end();
  std::string rest = state->chain->take();
  state->chain.emplace(state->tokenizer->parts->decoders);
  return rest;
}

} // namespace hamlet::text
