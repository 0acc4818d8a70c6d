//===- ThreadPoolTest.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/ThreadPool.h"

#include <array>
#include <gtest/gtest.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

using hamlet::runtime::ThreadPool;

TEST(ThreadPool, EveryIndexOnce) {
  for (unsigned threads : {1u, 2u, 5u}) {
    ThreadPool pool(threads);
    for (int64_t count = 0; count < 200; ++count)
      for (int64_t grain : {1, 3, 64}) {
        std::vector<std::atomic<int>> hits(static_cast<size_t>(count));
        pool.forEach(count, grain,
                     [&](int64_t begin, int64_t end, unsigned thread) {
                       EXPECT_LT(thread, threads);
                       EXPECT_LE(end - begin, grain);
                       for (int64_t i = begin; i < end; ++i)
                         ++hits[static_cast<size_t>(i)];
                     });
        for (auto &hit : hits)
          ASSERT_EQ(hit.load(), 1);
      }
  }
}

TEST(ThreadPool, EachBeginsWithItsShareAndTakesOfOthers) {
  ThreadPool pool(3);
  std::atomic<int> inside = 0, done = 0;
  std::array<int64_t, 3> first{-1, -1, -1};
  pool.forEach(30, 1, [&](int64_t begin, int64_t, unsigned thread) {
    if (first[thread] < 0) {
      first[thread] = begin;
      ++inside;
      while (inside < 3) // all are here: no share was another's before
        std::this_thread::yield();
      while (!thread && done < 29) // what is left of this share is theirs
        std::this_thread::yield();
    }
    ++done;
  });
  EXPECT_EQ(first, (std::array<int64_t, 3>{0, 10, 20}));
  EXPECT_EQ(done, 30);
}

TEST(ThreadPool, SleepsAndWakes) {
  ThreadPool pool(3);
  std::atomic<int> sum = 0;
  for (int i = 0; i < 5; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    pool.forEach(10, 1, [&](int64_t, int64_t, unsigned) { ++sum; });
  }
  EXPECT_EQ(sum.load(), 50);
}

TEST(ThreadPool, CountsTheRangesThatItHandsOut) {
  ThreadPool pool(2), alone(1);
  auto nothing = [](int64_t, int64_t, unsigned) {};
  for (ThreadPool *each : {&pool, &alone}) {
    each->forEach(0, 1, nothing);
    each->forEach(3, 3, nothing); // one piece: the caller's
    each->forEach(4, 3, nothing);
    each->forEach(100, 1, nothing);
  }
  EXPECT_EQ(pool.dispatches(), 2u);
  EXPECT_EQ(alone.dispatches(), 0u);
}

#if defined(__x86_64__)
TEST(ThreadPool, KernelsSeeTheDefaultFloatMode) {
  unsigned saved = _mm_getcsr();
  _mm_setcsr(saved | 0x8040); // flush to zero, denormals are zero
  ThreadPool pool(2);
  std::atomic<int> wrong = 0;
  pool.forEach(64, 1, [&](int64_t, int64_t, unsigned) {
    if ((_mm_getcsr() & 0xffc0u) != 0x1f80)
      ++wrong;
  });
  EXPECT_EQ(_mm_getcsr() & 0x8040u, 0x8040u) << "the caller's mode comes back";
  _mm_setcsr(saved);
  EXPECT_EQ(wrong.load(), 0);
}
#endif

} // namespace
