//===- Commands.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The two commands; both return the exit status.
#pragma once

#include "tools/hamlet-ptx/Options.h"

namespace hamlet::ptx {
int run(const Options &options, const std::string &text);
int info(const Options &options, const std::string &text);
} // namespace hamlet::ptx
