//===- UnitsTest.cpp ------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/Units.h"

#include <gtest/gtest.h>

namespace hamlet::tools {
namespace {

TEST(Units, Bytes) {
  EXPECT_EQ(bytesText(0), "0 B");
  EXPECT_EQ(bytesText(1023), "1023 B");
  EXPECT_EQ(bytesText(1024), "1.0 KiB");
  EXPECT_EQ(bytesText(1536), "1.5 KiB");
  EXPECT_EQ(bytesText((1 << 20) - 1), "1.0 MiB"); // not 1024.0 KiB
  EXPECT_EQ(bytesText(912210767872), "849.6 GiB");
  EXPECT_EQ(bytesText(9.3e18), "8.1 EiB");
}

TEST(Units, Counts) {
  EXPECT_EQ(countText(0), "0");
  EXPECT_EQ(countText(999), "999");
  EXPECT_EQ(countText(1000), "1.00 K");
  EXPECT_EQ(countText(1928032), "1.93 M");
  EXPECT_EQ(countText(99999), "100 K");
  EXPECT_EQ(countText(999600), "1.00 M"); // not 1000 K
  EXPECT_EQ(countText(456089655296), "456 G");
}

TEST(Units, Percent) {
  EXPECT_EQ(percentText(1, 3), "33.3 %");
  EXPECT_EQ(percentText(0, 0), "-");
}

TEST(Units, LargestFirstKeepsEqualOnesInOrder) {
  std::vector<std::pair<char, int>> items = {{'a', 1}, {'b', 3}, {'c', 1}};
  sortLargestFirst(items, [](auto &item) { return item.second; });
  EXPECT_EQ(items,
            (std::vector<std::pair<char, int>>{{'b', 3}, {'a', 1}, {'c', 1}}));
}

} // namespace
} // namespace hamlet::tools
