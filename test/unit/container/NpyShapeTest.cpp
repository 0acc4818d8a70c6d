//===- NpyShapeTest.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "container/NpyShape.h"

#include <gtest/gtest.h>

namespace {

using namespace hamlet;

TEST(NpyShape, IsATuple) {
  using Shape = std::vector<int64_t>;
  const std::pair<const char *, Shape> good[] = {
      {"()", {}},
      {"(3,)", {3}},
      {"(3, 4), }", {3, 4}},
      {"( 0 ,5,  )", {0, 5}},
  };
  for (const auto &[text, expected] : good) {
    auto shape = parseNpyShape(text);
    ASSERT_TRUE(shape.ok()) << text << ": " << shape.message();
    EXPECT_EQ(*shape, expected) << text;
  }
  for (const char *text :
       {"", "3, 4", "(3, 4", "(-5, 64)", "(3)", "(3 4)", "(3,, 4)", "(,)",
        "(3.5,)", "(0x3,)", "(a,)", "(+3,)", "(99999999999999999999,)",
        "(1000000000, 1000000000)",
        "(1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)"})
    EXPECT_TRUE(parseNpyShape(text).failed()) << text;
}

} // namespace
