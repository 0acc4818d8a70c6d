//===- TokenizerFuzz.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Any bytes as a tokenizer.json, and any bytes as a text for it: the file ends
// at the first byte 0, the text follows. An error or ids, never a crash.
#include "text/tokenizer/TextStream.h"

#include <cstdlib>

using namespace hamlet::text;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view input(reinterpret_cast<const char *>(data), size);
  std::string_view file = input.substr(0, input.find('\0'));
  std::string_view text = input.substr(file.size());
  auto tokenizer = Tokenizer::parse(file, "tokenizer.json");
  if (tokenizer.failed()) {
    if (tokenizer.message().rfind("tokenizer.json: ", 0) != 0)
      std::abort(); // Every error names the file.
    return 0;
  }
  auto ids = (*tokenizer)->encode(text, true);
  if (ids.failed())
    return 0;
  ids->push_back(static_cast<int32_t>(size));
  for (bool skip : {false, true}) {
    TextStream stream(*tokenizer, skip);
    std::string all;
    for (int32_t id : *ids)
      all += stream.push(id);
    if (all + stream.finish() != (*tokenizer)->decode(*ids, skip))
      std::abort();
  }
  return 0;
}
