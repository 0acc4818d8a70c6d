//===- Image.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The PTX of what a program hands over as a module.
#pragma once

#include "emulator/driver/Api.h"

#include <cstddef>
#include <string>

namespace hamlet::emu::driver {
/// Puts the PTX of `image` that a device of compute capability `sm` (90) runs
/// into `text`: `image` is a PTX text itself, a fat binary, or the structure
/// that nvcc points to one with. `limit`: bytes that may be read, where that is
/// known. `log` says why there is none.
CUresult readImage(const void *image, size_t limit, int sm, std::string &text,
                   std::string &log);
/// Whether code for `target` (sm_80, sm_90a) runs on a device of `sm`.
bool runsOn(const std::string &target, int sm);
} // namespace hamlet::emu::driver
