//===- NpyFuzz.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Reads arbitrary bytes as an .npy file and as a value of hamlet-ptx's --arg.
#include "tools/hamlet-ptx/Arguments.h"

#include <stdexcept>

using namespace hamlet;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string text(reinterpret_cast<const char *>(data), size);
  try {
    ptx::Array a = ptx::parseNpy(text, "input");
    uint64_t count = 1;
    for (uint64_t n : a.shape)
      count *= n;
    if (a.data.size() < count)
      __builtin_trap();
  } catch (const std::runtime_error &) {
  }
  if (text.starts_with('@')) // would read a file
    return 0;
  try {
    // Beside a buffer, for those that refer to one.
    std::vector<ptx::Argument> arguments = {ptx::parseArgument("zeros:u8:4096"),
                                            ptx::parseArgument(text)};
    emu::DeviceMemory memory(0, 1 << 20);
    const ptx::Argument &a = arguments[1];
    uint32_t slot = a.kind == ptx::Argument::Kind::Map ? 128
                    : a.value.empty() ? 8
                                      : static_cast<uint32_t>(a.value.size());
    ptx::Placement(arguments, memory, {8, slot}, true);
  } catch (const std::runtime_error &) {
  }
  return 0;
}
