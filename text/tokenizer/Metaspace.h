//===- Metaspace.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_METASPACE_H
#define HAMLET_TEXT_TOKENIZER_METASPACE_H

#include "text/tokenizer/Fields.h"

#include <string>

namespace hamlet::text {

/// What a Metaspace component says, a pre-tokenizer's or a decoder's.
struct Metaspace {
  enum class Prepend { Never, First, Always };
  std::string mark; ///< One character, which stands for a space.
  Prepend prepend;  ///< Which pieces get a mark of their own before them.
  bool splits;

  static Result<Metaspace> read(Fields &fields);
};

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_METASPACE_H
