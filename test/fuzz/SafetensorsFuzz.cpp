//===- SafetensorsFuzz.cpp ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Any bytes as the start of a safetensors file or as an index: an error, or
// tensors that lie within the file.
#include "container/Safetensors.h"

#include <cstdlib>

using namespace hamlet::safetensors;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char *>(data), size);
  TensorMap tensors;
  std::string error;
  // The bytes as a whole file; and as a header whose length and data are right
  // for it, which gets further.
  uint64_t fileSize = size;
  std::string framed;
  for (int i = 0; i < 8; ++i)
    framed += static_cast<char>(size >> (8 * i) & 0xff);
  framed += bytes;
  for (std::string_view file : {bytes, std::string_view(framed)}) {
    for (uint64_t dataBytes : {0, 4, 8, 64}) {
      fileSize = file.size() + dataBytes;
      if (!parseHeader(file, fileSize, "m.safetensors", 0, tensors, error)) {
        if (error.rfind("m.safetensors: ", 0) != 0)
          std::abort();
        continue;
      }
      for (const auto &[name, tensor] : tensors)
        if (tensor.offset > fileSize || tensor.size > fileSize - tensor.offset)
          std::abort();
    }
  }
  std::map<std::string, std::string, std::less<>> map;
  if (parseIndex(bytes, "index.json", map, error))
    for (const auto &[name, file] : map)
      if (file.find('/') != std::string::npos)
        std::abort();
  return 0;
}
