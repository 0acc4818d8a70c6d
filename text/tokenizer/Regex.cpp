//===- Regex.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "text/tokenizer/Regex.h"

#include "text/tokenizer/RegexSyntax.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace hamlet::text {

struct MatchSpace::State {
  // Bytes. Machine code that runs out of it is run again by the interpreter,
  // which has a heap.
  static constexpr size_t kStackBegin = 32 << 10, kStackMost = 1 << 20;

  pcre2_match_data *data = pcre2_match_data_create(1, nullptr);
  pcre2_match_context *context = pcre2_match_context_create(nullptr);
  pcre2_jit_stack *stack =
      pcre2_jit_stack_create(kStackBegin, kStackMost, nullptr);

  State() {
    if (context)
      pcre2_jit_stack_assign(context, nullptr, stack);
  }
  ~State() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
    pcre2_jit_stack_free(stack);
  }
};

MatchSpace::MatchSpace() : state(std::make_unique<State>()) {}
MatchSpace::~MatchSpace() = default;

struct Regex::Code {
  pcre2_code *code = nullptr;
  bool machine = false; ///< JIT-compiled.
  ~Code() { pcre2_code_free(code); }
};

Result<Regex> Regex::compile(std::string_view pattern) {
  // Memory of what is compiled grows with counts in braces.
  constexpr size_t kMostBytes = 1 << 16;
  auto made = std::make_shared<Code>();
  pcre2_compile_context *context = pcre2_compile_context_create(nullptr);
  if (!context)
    return failure("out of memory");
  pcre2_set_newline(context, PCRE2_NEWLINE_LF);
  pcre2_set_max_pattern_length(context, kMostBytes);
  int error = 0;
  PCRE2_SIZE at = 0;
  // No check of each text: what is searched is UTF-8 already.
  made->code = pcre2_compile(
      reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
      PCRE2_UTF | PCRE2_UCP | PCRE2_MULTILINE | PCRE2_NEVER_BACKSLASH_C, &error,
      &at, context);
  pcre2_compile_context_free(context);
  if (!made->code) {
    PCRE2_UCHAR message[256] = {};
    pcre2_get_error_message(error, message, sizeof(message));
    return failure(reinterpret_cast<const char *>(message),
                   " (in PCRE2's syntax: ", pattern, ")");
  }
  made->machine = pcre2_jit_compile(made->code, PCRE2_JIT_COMPLETE) == 0;
  return Regex(std::move(made));
}

Result<Regex> Regex::compileOniguruma(std::string_view pattern) {
  Result<std::string> translated = pcreSyntax(pattern);
  if (translated.failed())
    return translated.status();
  return compile(*translated);
}

Regex::Found Regex::find(std::string_view text, size_t from, MatchSpace &space,
                         size_t &begin, size_t &end) const {
  MatchSpace::State &state = *space.state;
  if (!state.data)
    return Found::Failed;
  auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  int found = PCRE2_ERROR_JIT_STACKLIMIT;
  if (code->machine && state.context)
    found = pcre2_jit_match(code->code, subject, text.size(), from, 0,
                            state.data, state.context);
  if (found == PCRE2_ERROR_JIT_STACKLIMIT)
    found = pcre2_match(code->code, subject, text.size(), from,
                        PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, state.data, nullptr);
  if (found == PCRE2_ERROR_NOMATCH)
    return Found::No;
  if (found < 0)
    return Found::Failed;
  const PCRE2_SIZE *bounds = pcre2_get_ovector_pointer(state.data);
  begin = bounds[0];
  end = bounds[1];
  // Possible only with \K in a lookahead, which is refused.
  return begin <= end ? Found::Yes : Found::Failed;
}

} // namespace hamlet::text
