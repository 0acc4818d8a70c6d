//===- Async.h ------------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Asynchronous work: copies, matrix products and arrivals that complete later
// than they are issued. Eager completes them at issue, lazy as late as a wait
// allows, random in between; all three are legal.
#pragma once

#include "emulator/core/Types.h"

#include <deque>
#include <functional>
#include <vector>

namespace hamlet::emu {

/// Work that completes by itself, in a cluster.
struct AsyncQueue {
  struct Item {
    u64 due; ///< round from which it may run; ~0: when nothing else can
    std::function<void()> run;
  };
  std::deque<Item> items;
};

/// Groups of one kind that a thread commits and waits for.
struct GroupList {
  struct Item {
    u32 lane;
    u64 group; ///< index of the group it went into
    std::function<void()> run;
  };
  std::deque<Item> items;
  u64 open[32] = {}; ///< group under construction, counting from 0
  bool any[32] = {};
};

struct WarpAsync {
  GroupList copies;  ///< cp.async
  GroupList bulk;    ///< cp.async.bulk with .bulk_group
  u64 wgmmaOpen = 0; ///< wgmma group under construction
  std::deque<std::pair<u64, std::function<void()>>> wgmma;
};

} // namespace hamlet::emu
