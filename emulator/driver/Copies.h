//===- Copies.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Copies and fills of device and host memory.
#pragma once

#include "emulator/driver/State.h"

namespace hamlet::emu::driver {
/// Rows of bytes. An address is one of a device's or of pinned memory, or else
/// a plain host pointer.
struct Copy {
  u64 to = 0, from = 0;
  size_t width = 0, height = 1, depth = 1; ///< bytes, rows, slices
  size_t toPitch = 0, toSlice = 0, fromPitch = 0, fromSlice = 0; ///< bytes
};
struct Fill {
  u64 to = 0;
  unsigned value = 0, elementBytes = 1;
  size_t width = 0, height = 1; ///< elements, rows
  size_t pitch = 0;             ///< bytes
};

CUresult check(const Copy &copy);
CUresult check(const Fill &fill);
Work workOf(const Copy &copy);
Work workOf(const Fill &fill);
/// `async`: the caller does not wait for what need not be waited for.
CUresult copy(Call &call, const Copy &copy, CUstream stream, bool async);
CUresult fill(Call &call, const Fill &fill, CUstream stream);
/// False: a memory type is none, or an array.
bool readCopy(const CUDA_MEMCPY3D &params, Copy &copy);
} // namespace hamlet::emu::driver
