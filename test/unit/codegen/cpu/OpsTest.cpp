//===- OpsTest.cpp - single ops against plain loops -----------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <gtest/gtest.h>

using namespace hamlet::cpu;
using namespace hamlet::cpu::test;

namespace {

/// Neighbours are added, level by level; an odd one is carried up.
float balanced(std::vector<float> parts) {
  while (parts.size() > 1) {
    std::vector<float> next;
    for (size_t i = 0; i < parts.size(); i += 2)
      next.push_back(i + 1 < parts.size() ? parts[i] + parts[i + 1] : parts[i]);
    parts = std::move(next);
  }
  return parts[0];
}

/// The rule of `split`, in words of its own: parts are whole steps of 16.
int64_t partOf(int64_t k, int64_t split) {
  int64_t part = 16;
  while (part * split < k)
    part += 16;
  return part;
}

/// How a product's kernel is written.
struct Dot {
  int64_t m, k, n, split = 0;
  std::string b = "f32"; ///< element of the panels
  bool pairs = false;    ///< bf16 operands
  std::string start = "zero";
  int64_t depth = 0; ///< of a block; 0: the model's
  bool prefetch = false;
};

std::string kernelOf(const Dot &d) {
  auto n = [](int64_t v) { return std::to_string(v); };
  std::string a = d.pairs ? "bf16" : "f32", b = d.pairs ? "bf16" : d.b;
  std::string layout = b == "bf16" ? "panel_pairs" : "panel";
  std::string shapeA = n(d.m) + "x" + n(d.k) + "x" + a,
              shapeB = n(d.k) + "x" + n(d.n) + "x" + b,
              shape = n(d.m) + "x" + n(d.n) + "xf32",
              viewB = "!tile.desc<" + shapeB + ", " + layout + ">";
  std::string block;
  if (d.depth) {
    block = " {tile.block = {";
    for (const char *level : {"x86-64-v3", "x86-64-v4", "x86-64-v4-bf16"})
      block += (block.back() == '{' ? "\"" : ", \"") + std::string(level) +
               "\" = array<i64: 3, 1, " + n(d.depth) + ">";
    block += "}}";
  }
  std::string dot =
      "tile.dot #tile.numerics<operands = " + a +
      ", accumulate = f32, group = " + (d.pairs ? "2" : "1") +
      ", split = " + n(d.split) + "> %ta, %tb, %acc" +
      (d.prefetch ? " prefetch(%vb[%c0, %c0] : " + viewB + ")" : "") + block +
      " : tensor<" + shapeA + ">, tensor<" + shapeB + "> -> tensor<" + shape +
      ">\n";
  std::string text =
      R"(
func.func @k(%a: !tile.ptr<)" +
      a + R"(>, %b: !tile.ptr<)" + b +
      R"(>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c2 = arith.constant 2 : index
  %va = tile.view %a[%c0] sizes [)" +
      n(d.m) + ", " + n(d.k) + "] strides [" + n(d.k) + ", 1] : !tile.ptr<" +
      a + "> -> !tile.desc<" + shapeA + ">\n  %vb = tile.view %b[%c0] sizes [" +
      n(d.k) + ", " + n(d.n) + "] strides [] : !tile.ptr<" + b + "> -> " +
      viewB + "\n  %vy = tile.view %y[%c0] sizes [" + n(d.m) + ", " + n(d.n) +
      "] strides [" + n(d.n) + ", 1] : !tile.ptr<f32> -> !tile.desc<" + shape +
      ">\n  %ta = tile.load %va[%c0, %c0] : !tile.desc<" + shapeA +
      "> -> tensor<" + shapeA +
      ">\n  %tb = tile.load %vb[%c0, %c0] : " + viewB + " -> tensor<" + shapeB +
      ">\n";
  if (d.start == "zero")
    text += "  %acc = arith.constant dense<0.0> : tensor<" + shape +
            ">\n  %r = " + dot;
  else if (d.start == "loaded")
    text += "  %acc = tile.load %vy[%c0, %c0] : !tile.desc<" + shape +
            "> -> tensor<" + shape + ">\n  %r = " + dot;
  else // twice in a loop
    text += "  %z = tile.load %vy[%c0, %c0] : !tile.desc<" + shape +
            "> -> tensor<" + shape +
            ">\n  %r = scf.for %i = %c0 to %c2 step %c1 iter_args(%acc = %z) "
            "-> (tensor<" +
            shape + ">) {\n    %d = " + dot + "    scf.yield %d : tensor<" +
            shape + ">\n  }\n";
  return text + "  tile.store %r, %vy[%c0, %c0] : tensor<" + shape +
         ">, !tile.desc<" + shape + ">\n  return\n}\n";
}

/// One element's sum, from `acc`.
float sumOf(const Dot &d, const float *x, const float *y, float acc) {
  auto chain = [&](int64_t from, int64_t to, float sum) {
    if (!d.pairs) {
      for (int64_t k = from; k < to; ++k)
        sum = std::fma(x[k], y[k * d.n], sum);
      return sum;
    }
    for (int64_t k = from; k < to; k += 2) {
      sum = k + 1 < to ? std::fma(x[k + 1], y[(k + 1) * d.n], sum)
                       : std::fma(0.0f, 0.0f, sum);
      sum = std::fma(x[k], y[k * d.n], sum);
    }
    return sum;
  };
  if (d.split < 2)
    return chain(0, d.k, acc);
  std::vector<float> parts;
  int64_t part = partOf(d.k, d.split);
  for (int64_t k = 0; k < d.k; k += part)
    parts.push_back(chain(k, std::min(d.k, k + part), 0.0f));
  float tree = balanced(parts);
  return d.start == "zero" ? tree : acc + tree;
}

/// Runs the kernel of `d` and compares every bit.
void check(const Dot &d, Level level) {
  SCOPED_TRACE(testing::Message()
               << stringify(level).str() << " " << d.m << "x" << d.k << "x"
               << d.n << " split " << d.split << " of " << d.b << " pairs "
               << d.pairs << " from " << d.start << " depth " << d.depth);
  Machine machine(kernelOf(d), level);
  ASSERT_EQ(machine.error(), "");
  Floats x = randomFloats(d.m * d.k, 1), w = randomFloats(d.k * d.n, 2);
  Halves xh(x.size()), wh(w.size());
  for (size_t i = 0; i < x.size() && d.pairs; ++i)
    x[i] = fromBf16(xh[i] = toBf16(x[i]));
  for (size_t i = 0; i < w.size() && (d.pairs || d.b == "bf16"); ++i)
    w[i] = fromBf16(wh[i] = toBf16(w[i]));
  Floats panels = toPanels(w, d.k, d.n);
  Halves pairs = toPairs(wh, d.k, d.n);
  Floats y = randomFloats(d.m * d.n, 3);
  std::vector<float> want;
  for (int64_t i = 0; i < d.m; ++i)
    for (int64_t j = 0; j < d.n; ++j) {
      float start = d.start == "zero" ? 0.0f : y[i * d.n + j];
      float sum = sumOf(d, &x[i * d.k], &w[j], start);
      want.push_back(d.start == "carried" ? sumOf(d, &x[i * d.k], &w[j], sum)
                                          : sum);
    }
  machine.run("k",
              {d.pairs ? xh.arg() : x.arg(),
               d.pairs || d.b == "bf16" ? pairs.arg() : panels.arg(), y.arg()},
              1);
  for (size_t i = 0; i < want.size(); ++i)
    ASSERT_EQ(std::bit_cast<uint32_t>(y[i]), std::bit_cast<uint32_t>(want[i]))
        << "element " << i << ": " << y[i] << " instead of " << want[i];
}

class SplitDot : public testing::TestWithParam<Level> {};

TEST_P(SplitDot, parts_are_summed_in_a_tree) {
  // Parts: one of 5, 2 of 16, 3 (one short), 5, 6, 7, 8 of 16, 8 of 32.
  for (int64_t k : {5, 32, 40, 80, 96, 100, 128, 256})
    check({.m = 5, .k = k, .n = 33, .split = 8}, GetParam());
  for (int64_t split : {1, 2, 4, 16, 64})
    check({.m = 3, .k = 210, .n = 16, .split = split}, GetParam());
}

TEST_P(SplitDot, the_accumulator_comes_last) {
  for (const char *start : {"loaded", "carried"})
    for (int64_t n : {16, 40})
      check({.m = 7, .k = 176, .n = n, .split = 4, .start = start}, GetParam());
}

TEST_P(SplitDot, widened_and_paired_operands) {
  check({.m = 4, .k = 203, .n = 32, .split = 8, .b = "bf16"}, GetParam());
  if (GetParam() != Level::v4bf16) // the instruction flushes denormals
    check({.m = 4, .k = 203, .n = 32, .split = 8, .pairs = true}, GetParam());
  check({.m = 4, .k = 256, .n = 32, .split = 4, .pairs = true}, GetParam());
}

TEST_P(SplitDot, blocks_of_k_are_subtrees) {
  // Of 12 parts of 16: blocks of 1, 2 and 4 parts, and all; 100 is 64.
  for (const char *start : {"zero", "loaded", "carried"})
    for (int64_t depth : {16, 32, 100, 4096})
      check({.m = 8,
             .k = 187,
             .n = 48,
             .split = 16,
             .start = start,
             .depth = depth,
             .prefetch = true},
            GetParam());
}

TEST_P(SplitDot, rows_do_not_matter) {
  for (int64_t m : {1, 8, 16, 64})
    check({.m = m, .k = 300, .n = 32, .split = 8}, GetParam());
}

/// Sums of rows of 3 tiles: together by four, by two, alone.
TEST_P(SplitDot, sums_of_rows) {
  for (auto [n, split] : {std::pair<int64_t, int64_t>{100, 8},
                          {16, 4},
                          {5, 2},
                          {256, 4},
                          {75, 16},
                          {64, 0}})
    for (int64_t rows : {4, 2, 1}) {
      SCOPED_TRACE(testing::Message()
                   << rows << " rows of " << n << " split " << split);
      std::string shape = std::to_string(rows) + "x" + std::to_string(n);
      std::string text = R"(
func.func @k(%x: !tile.ptr<f32>, %y: !tile.ptr<f32>) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %xv = tile.view %x[%c0] sizes [)" +
                         std::to_string(rows) + ", " + std::to_string(n) +
                         "] strides [" + std::to_string(n) +
                         ", 1] : !tile.ptr<f32> -> !tile.desc<" + shape +
                         R"(xf32>
  %yv = tile.view %y[%c0] sizes [)" +
                         std::to_string(rows) +
                         "] strides [1] : !tile.ptr<f32> -> !tile.desc<" +
                         std::to_string(rows) + R"(xf32>
  %t = tile.load %xv[%c0, %c0] : !tile.desc<)" +
                         shape + "xf32> -> tensor<" + shape + R"(xf32>
  %s = tile.reduce sum %t axis 1 split )" +
                         std::to_string(split) + " : tensor<" + shape +
                         "xf32> -> tensor<" + std::to_string(rows) + R"(xf32>
  tile.store %s, %yv[%c0] : tensor<)" +
                         std::to_string(rows) + "xf32>, !tile.desc<" +
                         std::to_string(rows) + R"(xf32>
  return
}
)";
      Machine machine(text, GetParam());
      ASSERT_EQ(machine.error(), "");
      Floats x = randomFloats(rows * n, 4), y(rows);
      machine.run("k", {x.arg(), y.arg()}, 1);
      for (int64_t i = 0; i < rows; ++i) {
        std::vector<float> parts;
        int64_t part = split < 2 ? n : partOf(n, split);
        for (int64_t from = 0; from < n; from += part)
          parts.push_back(refSum(&x[i * n + from], std::min(part, n - from)));
        EXPECT_EQ(y[i], balanced(parts));
      }
    }
}

INSTANTIATE_TEST_SUITE_P(Levels, SplitDot, testing::ValuesIn(levelsHere()),
                         [](const auto &info) {
                           return stringify(info.param).str();
                         });

} // namespace
