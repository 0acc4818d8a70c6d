//===- Launch.h -----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// One kernel launch: what goes in, what comes out.
#pragma once

#include "emulator/core/Program.h"
#include "emulator/memory/DeviceMemory.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace hamlet::emu {

enum class AsyncMode : u8 { Eager, Lazy, Random };

struct Dim {
  u32 x = 1, y = 1, z = 1;
  u64 total() const { return u64(x) * y * z; }
};

struct LaunchConfig {
  Dim grid, block, cluster;
  u32 sharedBytes = 0;    ///< dynamic shared memory
  std::vector<u8> params; ///< Program::paramBytes long
  u64 seed = 0;
  AsyncMode async = AsyncMode::Eager;
  bool check = false; ///< run the sanitizer
  bool coverage = false;
  u64 maxInstructions = 500'000'000; ///< warp instructions
  u32 threads = 0; ///< of the host; 0: HAMLET_EMULATOR_THREADS or 1
  u32 multiprocessors = 132;
  u32 sharedPerMultiprocessor = 233472;
  std::function<void(const std::string &)> trace; ///< one line an instruction
  /// Ends the launch when it becomes true; null: nothing does.
  const std::atomic<bool> *cancel = nullptr;
  /// Asked where nothing moves in a kernel with ordered accesses to global
  /// memory, after so many rounds of it: whether what it polls may change from
  /// outside of this launch. It may wait meanwhile.
  std::function<bool(u64 rounds)> outside;
};

/// One end of a finding.
struct Site {
  u32 line = 0;       ///< of the PTX; 0: none
  std::string source; ///< "file:line" where .loc told it
  u64 cta = 0;
  u32 warp = 0, lane = 0;
  std::string text; ///< the opcode
};

enum class Severity : u8 { Note, Error };

struct Finding {
  Severity severity = Severity::Error;
  std::string kind;    ///< race, out-of-bounds, uninitialised, deadlock, ...
  std::string message; ///< a sentence
  std::string space;
  u64 address = 0;
  u32 bytes = 0;
  Site first;
  std::optional<Site> second;
  u64 count = 1; ///< how often these two lines met
};

enum class LaunchStatus : u8 {
  Ok,
  IllegalAddress,
  Misaligned,
  Trap,
  Assert, ///< of the kernel's own
  IllegalInstruction,
  Deadlock,
  Budget,
  InvalidConfiguration,
};
const char *launchStatusName(LaunchStatus status);

struct LaunchResult {
  LaunchStatus status = LaunchStatus::Ok;
  std::string message; ///< with the PTX line, unless Ok
  u64 instructions = 0, threadInstructions = 0;
  u64 accesses = 0; ///< of shared and global memory that were checked
  std::vector<Finding> findings;
  std::vector<u64> hits;    ///< by operation, where coverage was asked for
  std::vector<u8> branches; ///< by operation: 1 taken seen, 2 not taken seen
};

/// Runs `program` on `memory`. Deterministic for one seed. Never throws for
/// what the kernel does; throws PtxError when arguments or the launch do not
/// fit the entry.
LaunchResult launch(const Program &program, DeviceMemory &memory,
                    const LaunchConfig &config);

} // namespace hamlet::emu
