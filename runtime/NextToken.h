//===- NextToken.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_RUNTIME_NEXTTOKEN_H
#define HAMLET_RUNTIME_NEXTTOKEN_H

#include "runtime/Generate.h"

namespace hamlet::runtime {

/// Adds the token that `row`, the logits after an answer so far, gives, with
/// what the request wants to know of it. A row that is not finite is the
/// answer's error and has no token (-1). `confident`: tokens in a row above the
/// early stop's bound, counted on. With the last token the answer gets its
/// reason.
Sampled addNextToken(const Request &request, std::span<const float> row,
                     const hmlt::ModelT &model, Answer &answer,
                     int64_t &confident, SampleMemory &memory);

/// What an answer says of logits that are not finite.
std::string notFinite(uint64_t position);

} // namespace hamlet::runtime

#endif // HAMLET_RUNTIME_NEXTTOKEN_H
