//===- Loops.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TOOLS_HAMLET_MACHINE_LOOPS_H
#define HAMLET_TOOLS_HAMLET_MACHINE_LOOPS_H

#include <cstddef>
#include <cstdint>
#include <functional>

/// The loops that are timed. Each needs the instructions that its name has; who
/// calls it has looked (container/CpuLevels.h).
namespace hamlet::machine {

/// FMAs, or dots, of a step: chains that do not wait for one another, more than
/// latency times units.
inline constexpr int kChains = 12;
void fma256(int64_t steps);
void fma512(int64_t steps);
void dotBf16(int64_t steps);

/// Whether the processor has bf16 tiles (AMX) and the kernel lets us use them.
bool hasTiles();
inline constexpr int kTileChains = 6; // and two tiles of operands
void tileBf16(int64_t steps);

/// An FMA a step that waits for the one before.
void fmaChain(int64_t steps);
/// A product of 32-bit integers a step, likewise: three cycles on every x86
/// core with AVX2, so that they tell the clock.
inline constexpr double kProductCycles = 3;
void productChain(int64_t steps);

/// Loads of a step, from a page that stays in the first-level cache.
inline constexpr int kLoads = 8;
void load256(int64_t steps);
void load512(int64_t steps);

/// Reads every byte from `from`, aligned to a line, to `to`; of the last 256
/// some may be left out. With prefetches a page ahead, or without.
void readPlain(const char *from, const char *to);
void readAhead(const char *from, const char *to);
void read512(const char *from, const char *to);

/// Best seconds of `rounds` in which every thread runs `work(thread)` at once.
double best(unsigned threads, int rounds,
            const std::function<void(unsigned)> &work);

} // namespace hamlet::machine

#endif // HAMLET_TOOLS_HAMLET_MACHINE_LOOPS_H
