//===- RegexSyntax.h ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEXT_TOKENIZER_REGEXSYNTAX_H
#define HAMLET_TEXT_TOKENIZER_REGEXSYNTAX_H

#include "container/Status.h"

#include <string>
#include <string_view>

namespace hamlet::text {

/// Characters of \w in an Oniguruma expression, and in one of the Rust crate
/// `regex`, as the inside of a class in PCRE2's syntax.
extern const char *const kOnigurumaWord;
extern const char *const kRustWord;
/// White_Space, likewise. PCRE2's own \s has U+180E besides.
extern const char *const kSpace;

/// `pattern`, in the syntax that Oniguruma calls its own, in PCRE2's. They
/// differ in:
/// - what \s, \w, \b, \h, \v and names in \p{} are;
/// - `^` and `$`, which are of lines, and `m`, which is PCRE2's `s`;
/// - `{n,m}+`, `{n}+` and `{n}?`, which repeat the repetition;
/// - `{,m}`, which counts from 0;
/// - `(?i)`, which takes the rest of its group, alternatives included.
/// Fails on what has no equal: nested classes, `&&`, POSIX brackets, back
/// references, calls, named groups, conditions, `(?x)` and rare escapes.
Result<std::string> pcreSyntax(std::string_view pattern);

} // namespace hamlet::text

#endif // HAMLET_TEXT_TOKENIZER_REGEXSYNTAX_H
