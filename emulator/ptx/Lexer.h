//===- Lexer.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Cuts a PTX text into tokens. Positions are lines; text is never copied.
#pragma once

#include "emulator/core/Types.h"

namespace hamlet::emu {

struct Token {
  enum class Kind : u8 { End, Name, Dot, Integer, Float, String, Punct };
  Kind kind = Kind::End;
  std::string_view text; ///< without the dot of a Dot, the quotes of a String
  u64 value = 0;         ///< of numbers; bits of floats
  u8 floatBytes = 0;     ///< 4 of 0f, 8 of 0d and of decimals
  u32 line = 1;
  bool glued = false; ///< no blank before it
};

class Lexer {
public:
  /// `text` must outlive the lexer and its tokens.
  explicit Lexer(std::string_view text) : text(text) {}
  /// The next token. Throws PtxError on what is no PTX.
  Token next();

private:
  bool skipBlanks();
  Token number();
  std::string_view text;
  size_t at = 0;
  u32 line = 1;
};

} // namespace hamlet::emu
