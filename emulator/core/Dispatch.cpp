//===- Dispatch.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Picks the vector level at run time.
#include "emulator/core/Decode.h"

#include <cstdlib>

namespace hamlet::emu {
namespace avx2 {
const OpTable &table();
} // namespace avx2
namespace avx512 {
const OpTable &table();
} // namespace avx512

const OpTable &opTable() {
#ifdef HAMLET_EMULATOR_AVX2_ONLY // the fuzzed copy, which has one level
  return avx2::table();
#else
  static const OpTable &chosen = []() -> const OpTable & {
    const char *forced = std::getenv("HAMLET_EMULATOR_ISA");
    std::string name = forced ? forced : "";
    bool wide = __builtin_cpu_supports("avx512f") &&
                __builtin_cpu_supports("avx512bw") &&
                __builtin_cpu_supports("avx512vl") &&
                __builtin_cpu_supports("avx512dq");
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
      throw PtxError(0, "the emulator needs a processor with AVX2 and FMA");
    if (!name.empty() && name != "avx2" && name != "avx512")
      throw PtxError(0, "HAMLET_EMULATOR_ISA is '" + name +
                            "', expected avx2 or avx512");
    if (name == "avx512" && !wide)
      throw PtxError(
          0, "HAMLET_EMULATOR_ISA is avx512, which this processor lacks");
    return wide && name != "avx2" ? avx512::table() : avx2::table();
  }();
  return chosen;
#endif
}

} // namespace hamlet::emu
