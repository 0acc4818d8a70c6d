//===- Lifetimes.cpp - the launches during which a buffer lives ----------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs last of the passes over `program`: what adds, moves or drops launches
// comes before. Leaves a life on every buffer that a launch uses, and drops the
// others.

#include "codegen/program/HappensBefore.h"
#include "codegen/program/Passes.h"

#include "llvm/ADT/MapVector.h"

namespace hamlet::codegen {
#define GEN_PASS_DEF_PROGRAMLIFETIMESPASS
#include "codegen/program/Passes.h.inc"
} // namespace hamlet::codegen

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

HappensBefore::HappensBefore(program::FuncOp func) {
  // Streams of different devices are different.
  llvm::MapVector<std::pair<int64_t, int64_t>, int64_t> numbers;
  SmallVector<program::LaunchOp> all;
  for (auto launch : func.getBody().getOps<program::LaunchOp>()) {
    std::pair key(static_cast<int64_t>(launch.getDevice()),
                  static_cast<int64_t>(launch.getStream()));
    stream.push_back(numbers.insert({key, static_cast<int64_t>(numbers.size())})
                         .first->second);
    all.push_back(launch);
  }
  std::vector<std::vector<int64_t>> last(
      numbers.size(), std::vector<int64_t>(numbers.size(), -1));
  llvm::DenseMap<int64_t, int64_t> signalledBy;
  for (auto [i, launch] : llvm::enumerate(all)) {
    auto mine = static_cast<size_t>(stream[i]);
    std::vector<int64_t> &before = last[mine];
    for (int64_t event : launch.getWait()) {
      int64_t source = signalledBy.lookup(event);
      for (auto [known, theirs] :
           llvm::zip_equal(before, over[static_cast<size_t>(source)]))
        known = std::max(known, theirs);
      int64_t &known =
          before[static_cast<size_t>(stream[static_cast<size_t>(source)])];
      known = std::max(known, source);
    }
    over.push_back(before);
    before[mine] = static_cast<int64_t>(i);
    if (std::optional<uint64_t> event = launch.getSignal())
      signalledBy[static_cast<int64_t>(*event)] = static_cast<int64_t>(i);
  }
}

namespace {

class Lifetimes : public codegen::impl::ProgramLifetimesPassBase<Lifetimes> {
public:
  void runOnOperation() final {
    for (auto func : getOperation().getOps<program::FuncOp>())
      setLives(func);
  }

private:
  static void setLives(program::FuncOp func) {
    HappensBefore order(func);
    llvm::DenseMap<Operation *, int64_t> numbers;
    for (auto launch : func.getBody().getOps<program::LaunchOp>())
      numbers[launch] = static_cast<int64_t>(numbers.size());
    SmallVector<program::AllocOp> unused;
    for (auto alloc : func.getBody().getOps<program::AllocOp>()) {
      llvm::SmallVector<int64_t> uses;
      bool kept = false; // the logits are read after the last launch
      for (Operation *user : alloc->getUsers()) {
        if (auto it = numbers.find(user); it != numbers.end())
          uses.push_back(it->second);
        kept |= isa<program::LogitsOp>(user);
      }
      if (uses.empty()) {
        if (alloc.use_empty())
          unused.push_back(alloc);
        continue;
      }
      int64_t first = *llvm::min_element(uses);
      int64_t last = kept ? order.launches() - 1 : lastOf(uses, order);
      alloc.setLiveAttr(
          DenseI64ArrayAttr::get(func.getContext(), {first, last}));
    }
    for (program::AllocOp alloc : unused)
      alloc.erase();
  }

  /// Every launch after it begins when all uses are over.
  static int64_t lastOf(ArrayRef<int64_t> uses, const HappensBefore &order) {
    int64_t last = *llvm::max_element(uses);
    for (int64_t later = order.launches() - 1; later > last; --later)
      if (!llvm::all_of(uses,
                        [&](int64_t use) { return order.isOver(use, later); }))
        return later;
    return last;
  }
};

} // namespace
