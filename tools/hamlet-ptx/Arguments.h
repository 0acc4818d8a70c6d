//===- Arguments.h --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The values of --arg: buffers, scalars, aliases and tensor maps.
#pragma once

#include "emulator/hopper/TensorMap.h"
#include "emulator/memory/DeviceMemory.h"
#include "tools/hamlet-ptx/Npy.h"

#include <optional>

namespace hamlet::ptx {

struct Argument {
  enum class Kind { Buffer, Scalar, Null, Bytes, Alias, Map } kind = Kind::Null;
  std::string text; ///< as written
  Array array;      ///< of a buffer: dtype, shape, data (empty: none)
  bool initialised = true;
  uint64_t bytes = 0;         ///< of a buffer
  std::vector<uint8_t> value; ///< scalar or bytes
  unsigned of = 0;            ///< alias and map: the argument they refer to
  int64_t offset = 0;
  emu::TensorMap map;
};

/// Parses one --arg. Throws std::runtime_error.
Argument parseArgument(const std::string &text);

/// Device buffers of one run and the parameter bytes that point at them.
class Placement {
public:
  /// Allocates and fills. Throws std::runtime_error, with the argument's
  /// number, when it does not fit `slots` (bytes of each parameter).
  Placement(std::vector<Argument> &arguments, emu::DeviceMemory &memory,
            const std::vector<uint32_t> &slots, bool track);
  /// Bytes of parameter `i`.
  const std::vector<uint8_t> &parameter(size_t i) const {
    return parameters[i];
  }
  uint64_t address(size_t i) const { return addresses[i]; }

private:
  std::vector<std::vector<uint8_t>> parameters;
  std::vector<uint64_t> addresses;
};

} // namespace hamlet::ptx
