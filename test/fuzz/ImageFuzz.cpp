//===- ImageFuzz.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Arbitrary bytes as an image that a program loads: a text, or what is wrong
// with it, in words.
#include "emulator/driver/Image.h"

using namespace hamlet::emu::driver;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string image(reinterpret_cast<const char *>(data), size);
  for (int sm : {80, 90}) {
    std::string text, log;
    CUresult r = readImage(image.c_str(), image.size(), sm, text, log);
    if (r == kSuccess ? !log.empty() : log.empty())
      __builtin_trap();
  }
  return 0;
}
