//===- Barriers.h ---------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Completion of CTA, named and cluster barriers.
#pragma once

#include "emulator/exec/Warp.h"

namespace hamlet::emu {

/// Ends the phase of barrier `id` if enough threads arrived.
void completeIfFull(Cta &cta, u32 id);
/// The same for the cluster's barrier.
void completeIfFull(Cluster &cluster);
/// Exited threads count as arrived.
void afterExit(Warp &w);

} // namespace hamlet::emu
