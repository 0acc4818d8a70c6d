//===- TextStream.h -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_TEXTSTREAM_H
#define HAMLET_TEXT_TOKENIZER_TEXTSTREAM_H

#include "text/tokenizer/Tokenizer.h"

namespace hamlet::text {

/// Decodes ids one at a time. All that `push` and `finish` return, joined, is
/// `Tokenizer::decode` of the ids. A token costs what it adds, however long the
/// text is. For one thread at a time.
class TextStream {
public:
  TextStream(std::shared_ptr<const Tokenizer> tokenizer,
             bool skipSpecialTokens);
  ~TextStream();
  TextStream(TextStream &&) noexcept;
  TextStream &operator=(TextStream &&) noexcept;

  /// The text that is certain now and was not before: whole characters, often
  /// none. What later tokens may still change waits: the bytes of a character
  /// that is not complete, a run of byte tokens, a match of a Replace.
  std::string push(int32_t id);
  /// The rest, after the last id. The stream is then at the start of a new
  /// text.
  std::string finish();

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_TEXTSTREAM_H
