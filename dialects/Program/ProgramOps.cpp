//===- ProgramOps.cpp - verifiers -----------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "dialects/Program/ProgramOps.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace hamlet::program;

#define GET_OP_CLASSES
#include "dialects/Program/ProgramOps.cpp.inc"

/// Slots, and lives of buffers that share one.
static LogicalResult verifyArena(FuncOp func) {
  llvm::DenseMap<int64_t, SmallVector<AllocOp>> bySlot;
  for (auto alloc : func.getBody().getOps<AllocOp>()) {
    // (C1)
    int64_t slot = alloc.getSlot();
    if (slot >= static_cast<int64_t>(func.getArenaSlots()))
      return alloc.emitOpError("expected a slot below the function's ")
             << func.getArenaSlots() << ", got " << slot;
    bySlot[slot].push_back(alloc);
  }
  for (auto &[slot, allocs] : bySlot) {
    llvm::sort(allocs, [](AllocOp a, AllocOp b) {
      return std::pair(a.getFirst(), a.getLast()) <
             std::pair(b.getFirst(), b.getLast());
    });
    for (size_t i = 1; i < allocs.size(); ++i) {
      AllocOp before = allocs[i - 1], after = allocs[i];
      if (after.getFirst() > before.getLast())
        continue;
      // (C2)
      InFlightDiagnostic diag = after.emitOpError("is live from launch ")
                                << after.getFirst() << " in slot " << slot
                                << ", which another buffer has until launch "
                                << before.getLast();
      diag.attachNote(before.getLoc()) << "the other buffer is here";
      return diag;
    }
  }
  return success();
}

/// Uses of buffers, and events.
static LogicalResult verifyLaunches(FuncOp func) {
  llvm::DenseSet<int64_t> signalled;
  int64_t number = 0;
  for (auto launch : func.getBody().getOps<LaunchOp>()) {
    for (Value arg : launch.getArgs()) {
      auto alloc = arg.getDefiningOp<AllocOp>();
      // (C3)
      if (alloc && (number < static_cast<int64_t>(alloc.getFirst()) ||
                    number > static_cast<int64_t>(alloc.getLast())))
        return launch.emitOpError("is launch ")
               << number << ", but its argument " << alloc.getNameAttr()
               << " is live from " << alloc.getFirst() << " to "
               << alloc.getLast();
    }
    // (C3) of the launch
    for (int64_t event : launch.getWait())
      if (!signalled.contains(event))
        return launch.emitOpError("waits for event ")
               << event << ", which no launch before it signals";
    if (launch.getSignal())
      signalled.insert(*launch.getSignal());
    ++number;
  }
  return success();
}

LogicalResult FuncOp::verifyRegions() {
  if (failed(verifyArena(*this)))
    return failure();
  return verifyLaunches(*this);
}

static bool areExtents(ArrayAttr attrs) {
  return llvm::all_of(attrs, [](Attribute a) { return isa<ExtentAttr>(a); });
}

LogicalResult DeriveOp::verify() {
  // (C1)
  if (getTerms().empty() || !areExtents(getTerms()))
    return emitOpError("expected terms that are extents, got ") << getTerms();
  return success();
}

LogicalResult AllocOp::verify() {
  // (C1)
  auto first = static_cast<int64_t>(getFirst());
  auto last = static_cast<int64_t>(getLast());
  auto slot = static_cast<int64_t>(getSlot());
  if (first < 0 || last < first || slot < 0)
    return emitOpError("expected 0 <= first <= last and a slot of at least 0, "
                       "got ")
           << first << ", " << last << " and slot " << slot;
  return success();
}

LogicalResult LaunchOp::verify() {
  // (C1)
  if (getGrid().size() != 3 || !areExtents(getGrid()))
    return emitOpError("expected a grid of three extents, got ") << getGrid();
  // (C2)
  auto atLeast = [](uint64_t value, int64_t least) {
    return static_cast<int64_t>(value) >= least;
  };
  if (!atLeast(getDevice(), 0) || !atLeast(getStream(), 0))
    return emitOpError("expected 'device' and 'stream' of at least 0");
  return success();
}
