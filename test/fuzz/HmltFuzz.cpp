//===- HmltFuzz.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Reads arbitrary bytes as a container, with and without its hash.
#include "container/Container.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto read = hamlet::parseContainer({data, size});
  auto behind = hamlet::parseContainer({data, size}, /*checkHash=*/false);
  if (read.ok() != behind.ok() && read.ok())
    __builtin_trap();
  if (!behind.ok())
    return 0;
  // What was accepted can be written and read again.
  auto bytes = hamlet::serializeContainer(**behind);
  if (bytes.failed() || hamlet::parseContainer(*bytes).failed())
    __builtin_trap();
  return 0;
}
