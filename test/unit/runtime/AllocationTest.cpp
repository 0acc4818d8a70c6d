//===- AllocationTest.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// After the first step nothing is taken from the heap. This file replaces the
// program's operator new by one that counts; C's malloc is not used by steps.
#include "runtime/Generate.h"
#include "test/unit/runtime/ToyModel.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <gtest/gtest.h>
#include <new>

namespace {

std::atomic<uint64_t> allocations = 0;

void *counted(size_t bytes, size_t alignment) {
  ++allocations;
  size_t whole = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment;
  if (void *memory = std::aligned_alloc(alignment, whole * alignment))
    return memory;
  throw std::bad_alloc();
}

} // namespace

// The array and nothrow forms end up in these.
void *operator new(size_t bytes) { return counted(bytes, 16); }
void *operator new(size_t bytes, std::align_val_t alignment) {
  return counted(bytes, static_cast<size_t>(alignment));
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, size_t) noexcept { std::free(memory); }
void operator delete(void *memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void *memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace {

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::test;

TEST(Allocation, TheCounterCounts) {
  uint64_t before = allocations;
  operator delete(operator new(1)); // an expression `new` may be left out
  EXPECT_EQ(allocations, before + 1);
}

TEST(Allocation, NoStepAfterTheFirstAllocates) {
  ToyFiles files;
  auto model = files.load(3);
  ExecutorLimits limits;
  limits.sequences = 3;
  limits.context = 400;
  limits.stepTokens = 130;
  auto made = Executor::make(*model, limits);
  ASSERT_TRUE(made.ok()) << made.message();
  Executor &executor = **made;
  std::vector<int32_t> ids(130, 5);
  std::vector<float> logits(kVocab);
  int sequences[3];
  for (int &sequence : sequences)
    sequence = *executor.open();
  // Lengths of each sequence's piece: a first step, pieces that cross pages and
  // ask for query blocks, then decode over the end of several pages.
  std::vector<std::array<size_t, 3>> steps = {
      {1, 0, 0}, {1, 63, 2}, {70, 1, 59}, {1, 1, 128}, {0, 130, 0}};
  steps.resize(steps.size() + 100, {1, 1, 1});
  std::array<Piece, 3> pieces;
  uint64_t before = 0;
  for (size_t s = 0; s < steps.size(); ++s) {
    size_t count = 0;
    for (size_t i = 0; i < 3; ++i)
      if (steps[s][i])
        pieces[count++] = {sequences[i], {ids.data(), steps[s][i]}};
    Status status = executor.step({pieces.data(), count});
    bool copied = executor.copyLogits(0, 1, logits.data()).ok();
    if (s == 0)
      before = allocations;
    uint64_t after = allocations;
    ASSERT_TRUE(status.ok()) << status.message();
    ASSERT_TRUE(copied);
    ASSERT_EQ(after, before) << "step " << s;
    before = allocations; // gtest's own, if it makes any
  }
  executor.close(sequences[1]);
  before = allocations;
  int again = *executor.open();
  pieces[0] = {again, {ids.data(), 100}};
  bool ran = executor.step({pieces.data(), 1}).ok();
  uint64_t after = allocations;
  EXPECT_TRUE(ran);
  EXPECT_EQ(after, before) << "a sequence takes the place of another";
}

TEST(Allocation, GeneratingAllocatesNothingBetweenTokens) {
  ToyFiles files;
  auto model = files.load(3);
  std::vector<Request> requests(2);
  for (size_t i = 0; i < requests.size(); ++i) {
    requests[i].id = std::to_string(i);
    requests[i].promptIds.assign(20 + 60 * i, 3);
    requests[i].maxTokens = 150;
  }
  requests[1].sampling.temperature = 1;
  requests[1].sampling.topP = 0.9;
  uint64_t first = 0, last = 0, tokens = 0;
  GenerateOptions options;
  options.onToken = [&](size_t, int32_t) {
    last = allocations;
    if (++tokens == requests.size()) // both have sampled once
      first = last;
    return Status();
  };
  GenerateStats stats;
  Status status = generate(*model, requests, options, stats);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(tokens, 300u);
  EXPECT_EQ(last, first);
}

} // namespace
