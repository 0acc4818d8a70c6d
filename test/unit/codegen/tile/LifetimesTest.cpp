//===- LifetimesTest.cpp --------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/Lifetimes.h"

#include <gtest/gtest.h>
#include <random>

using namespace hamlet;

static int64_t place(std::vector<Lifetime> &all) {
  std::vector<Lifetime *> pointers;
  for (Lifetime &one : all)
    pointers.push_back(&one);
  return placeLifetimes(pointers);
}

TEST(Lifetimes, share_what_is_not_needed_at_once) {
  std::vector<Lifetime> all = {{.bytes = 4, .first = 1, .last = 2},
                               {.bytes = 8, .first = 0, .last = 1},
                               {.bytes = 8, .first = 2, .last = 3}};
  EXPECT_EQ(place(all), 12);
  EXPECT_EQ(all[0].offset, 8);
  EXPECT_EQ(all[1].offset, 0);
  EXPECT_EQ(all[2].offset, 0);
}

TEST(Lifetimes, the_earliest_first_where_that_takes_less) {
  // The 5 that lives in step 0 alone would lift the one of steps 0..3 to 5, and
  // leave no room for two of 4 below it at the end: 13.
  std::vector<Lifetime> all = {{.bytes = 4, .first = 1, .last = 3},
                               {.bytes = 4, .first = 0, .last = 3},
                               {.bytes = 5, .first = 0, .last = 0},
                               {.bytes = 4, .first = 3, .last = 3}};
  EXPECT_EQ(place(all), 12);
}

TEST(Lifetimes, none_overlaps_and_gaps_are_used) {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<Lifetime> all(12);
    int64_t busiest[10] = {};
    for (Lifetime &one : all) {
      one.bytes = random() % 9;
      one.first = random() % 10;
      one.last = one.first + random() % (10 - one.first);
      for (int64_t step = one.first; step <= one.last; ++step)
        busiest[step] += one.bytes;
    }
    int64_t bytes = place(all),
            least = *std::max_element(busiest, busiest + 10);
    EXPECT_GE(bytes, least);
    EXPECT_LE(bytes, 2 * least + 8);
    int64_t end = 0;
    for (const Lifetime &x : all) {
      end = std::max(end, x.end());
      for (const Lifetime &y : all)
        if (&x != &y && x.meets(y) && x.bytes && y.bytes)
          EXPECT_TRUE(x.end() <= y.offset || y.end() <= x.offset);
    }
    EXPECT_EQ(bytes, end);
  }
}
