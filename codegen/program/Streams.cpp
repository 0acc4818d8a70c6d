//===- Streams.cpp - independent launches on several streams -------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Runs after lower-to-program and before program-lifetimes. Leaves launches in
// their order, on the streams of one device.

#include "codegen/program/HappensBefore.h"
#include "codegen/program/Passes.h"

#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"

namespace hamlet::codegen {
#define GEN_PASS_DEF_PROGRAMSTREAMSPASS
#include "codegen/program/Passes.h.inc"
} // namespace hamlet::codegen

using namespace mlir;
using namespace hamlet;
using namespace hamlet::codegen;

/// Whether launches may write what `value` names.
static bool isWritten(Value value) {
  if (auto get = value.getDefiningOp<program::GetOp>())
    return get.getKind() == program::Declared::cache ||
           get.getKind() == program::Declared::state;
  return isa_and_nonnull<program::AllocOp, program::ResultOp>(
      value.getDefiningOp());
}

namespace {

class Streams : public codegen::impl::ProgramStreamsPassBase<Streams> {
public:
  using ProgramStreamsPassBase::ProgramStreamsPassBase;

  void runOnOperation() final {
    if (streams < 1) {
      emitError(UnknownLoc::get(&getContext()))
          << getArgument() << ": expected at least 1 stream, got "
          << streams.getValue();
      return signalPassFailure();
    }
    for (auto func : getOperation().getOps<program::FuncOp>())
      spread(func);
  }

private:
  /// A launch follows on the stream of the latest launch that it needs; one
  /// that needs nothing of any stream's last launch takes the stream with the
  /// fewest launches.
  void spread(program::FuncOp func) {
    SmallVector<program::LaunchOp> all(
        func.getBody().getOps<program::LaunchOp>());
    llvm::DenseMap<Value, SmallVector<size_t>> users;
    std::vector<int64_t> stream(all.size()), count(streams);
    std::vector<int64_t> lastOf(streams, -1);
    int64_t events = 0;
    std::vector<int64_t> eventOf(all.size(), -1);
    // The last launch of each stream that is over when a stream goes on.
    std::vector<std::vector<int64_t>> known(streams,
                                            std::vector<int64_t>(streams, -1));
    std::vector<std::vector<int64_t>> knownAt(all.size());
    for (auto [i, launch] : llvm::enumerate(all)) {
      llvm::SetVector<size_t> needs;
      for (Value arg : launch.getArgs())
        if (isWritten(arg))
          needs.insert_range(users[arg]);
      int64_t mine = pick(needs, stream, count, lastOf);
      std::vector<int64_t> &before = known[static_cast<size_t>(mine)];
      SmallVector<int64_t> waits;
      for (size_t need : llvm::reverse(needs)) {
        auto theirs = static_cast<size_t>(stream[need]);
        if (stream[need] == mine ||
            before[theirs] >= static_cast<int64_t>(need))
          continue;
        if (eventOf[need] < 0) {
          eventOf[need] = events++;
          all[need].setSignalAttr(
              OpBuilder(func).getI64IntegerAttr(eventOf[need]));
        }
        waits.push_back(eventOf[need]);
        for (auto [one, other] : llvm::zip_equal(before, knownAt[need]))
          one = std::max(one, other);
        before[theirs] = std::max(before[theirs], static_cast<int64_t>(need));
      }
      stream[i] = mine;
      launch.setStream(static_cast<uint64_t>(mine));
      launch.setWait(waits);
      knownAt[i] = before;
      ++count[static_cast<size_t>(mine)];
      lastOf[static_cast<size_t>(mine)] = static_cast<int64_t>(i);
      for (Value arg : launch.getArgs())
        if (isWritten(arg))
          users[arg].push_back(i);
    }
  }

  static int64_t pick(const llvm::SetVector<size_t> &needs,
                      ArrayRef<int64_t> stream, ArrayRef<int64_t> count,
                      ArrayRef<int64_t> lastOf) {
    int64_t latest = -1, mine = -1;
    for (size_t need : needs) {
      bool isLast = lastOf[static_cast<size_t>(stream[need])] ==
                    static_cast<int64_t>(need);
      if (isLast && static_cast<int64_t>(need) > latest) {
        latest = static_cast<int64_t>(need);
        mine = stream[need];
      }
    }
    if (mine < 0)
      mine = llvm::min_element(count) - count.begin();
    return mine;
  }
};

} // namespace
