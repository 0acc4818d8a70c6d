//===- PackWeightTest.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "runtime/PackWeight.h"
#include "runtime/Float.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

namespace {

using namespace hamlet;
using namespace hamlet::hmlt;
using namespace hamlet::runtime;

std::vector<uint8_t> packAll(const WeightT &weight,
                             std::vector<SourceData> sources,
                             Layout layout = Layout::plain) {
  // A copy, in which whatever no later group may read is overwritten.
  std::vector<std::vector<uint8_t>> copies;
  for (SourceData &source : sources) {
    size_t bytes = static_cast<size_t>(source.elements * sizeOf(source.dtype));
    copies.emplace_back(source.data, source.data + bytes);
    source.data = copies.back().data();
  }
  auto overwrite = [&](int64_t elements) {
    for (size_t s = 0; s < sources.size(); ++s) {
      int64_t done = std::min(elements, sources[s].elements);
      std::fill_n(copies[s].begin(), done * sizeOf(sources[s].dtype),
                  uint8_t(0xdd));
      elements -= done;
    }
    EXPECT_EQ(elements, 0) << "there are no more";
  };
  auto packer = WeightPacker::make(weight, layout, sources);
  EXPECT_TRUE(packer.ok()) << packer.message();
  std::vector<uint8_t> out(static_cast<size_t>(packedBytes(weight, layout)),
                           0xee);
  int64_t written = 0;
  for (int64_t group = 0; group < packer->groups(); ++group) {
    written += packer->pack(group, out.data() + group * packer->groupBytes());
    overwrite(packer->elementsBefore(group + 1));
  }
  for (const auto &copy : copies)
    EXPECT_EQ(std::ranges::count(copy, uint8_t(0xdd)),
              static_cast<ptrdiff_t>(copy.size()))
        << "in the end all is done";
  EXPECT_EQ(written, packedBytes(weight, layout));
  return out;
}

std::vector<float> counting(size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 1.0f);
  return values;
}

SourceData source(const std::vector<float> &values, size_t begin, size_t end) {
  return {reinterpret_cast<const uint8_t *>(values.data() + begin), DType::f32,
          static_cast<int64_t>(end - begin)};
}

float floatAt(const std::vector<uint8_t> &bytes, size_t index) {
  float value;
  std::memcpy(&value, bytes.data() + 4 * index, 4);
  return value;
}

TEST(PackWeight, PanelsOfAStackWithPadding) {
  constexpr size_t kExperts = 2, kN = 21, kK = 5;
  WeightT weight;
  weight.shape = {kExperts, kN, kK};
  weight.stack = true;
  auto values = counting(kExperts * kN * kK);
  auto out = packAll(
      weight,
      {source(values, 0, kN * kK), source(values, kN * kK, values.size())},
      Layout::panel);
  for (size_t e = 0; e < kExperts; ++e)
    for (size_t panel = 0; panel < 2; ++panel)
      for (size_t k = 0; k < kK; ++k)
        for (size_t lane = 0; lane < 16; ++lane) {
          size_t n = panel * 16 + lane;
          float expected = n < kN ? values[(e * kN + n) * kK + k] : 0;
          EXPECT_EQ(floatAt(out, ((e * 2 + panel) * kK + k) * 16 + lane),
                    expected);
        }
}

TEST(PackWeight, PairsOfAnOddDepth) {
  constexpr size_t kN = 17, kK = 3;
  WeightT weight;
  weight.shape = {kN, kK};
  weight.dtype = DType::bf16;
  auto values = counting(kN * kK); // exact in bf16 up to 256
  auto out =
      packAll(weight, {source(values, 0, values.size())}, Layout::panel_pairs);
  for (size_t panel = 0; panel < 2; ++panel)
    for (size_t pair = 0; pair < 2; ++pair)
      for (size_t lane = 0; lane < 16; ++lane)
        for (size_t odd = 0; odd < 2; ++odd) {
          size_t n = panel * 16 + lane, k = 2 * pair + odd;
          uint16_t bits;
          std::memcpy(
              &bits, &out[2 * (((panel * 2 + pair) * 16 + lane) * 2 + odd)], 2);
          EXPECT_EQ(widenBf16(bits), n < kN && k < kK ? values[n * kK + k] : 0);
        }
}

TEST(PackWeight, SwizzledBlocksOfAStack) {
  constexpr size_t kExperts = 2, kN = 70, kK = 130, kLine = 64;
  WeightT weight;
  weight.shape = {kExperts, kN, kK};
  weight.dtype = DType::bf16;
  weight.stack = true;
  std::vector<float> values(kExperts * kN * kK);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = float(i % 251);
  auto out = packAll(
      weight,
      {source(values, 0, kN * kK), source(values, kN * kK, values.size())},
      Layout::blocks);
  ASSERT_EQ(out.size(), kExperts * 2 * 3 * kLine * kLine * 2);
  size_t at = 0; // as memory has them
  for (size_t e = 0; e < kExperts; ++e)
    for (size_t down = 0; down < 2; ++down)
      for (size_t across = 0; across < 3; ++across)
        for (size_t line = 0; line < kLine; ++line)
          for (size_t place = 0; place < kLine; ++place) {
            size_t unit = place / 8 ^ line % 8;
            size_t n = down * kLine + line,
                   k = across * kLine + unit * 8 + place % 8;
            uint16_t bits;
            std::memcpy(&bits, &out[2 * at++], 2);
            ASSERT_EQ(widenBf16(bits),
                      n < kN && k < kK ? values[(e * kN + n) * kK + k] : 0);
          }
}

TEST(PackWeight, ConcatenatesAndPermutesRows) {
  constexpr size_t kA = 2, kB = 3, kC = 4, kK = 2;
  WeightT weight;
  weight.shape = {kA * kB * kC, kK};
  weight.permute_a = kA;
  weight.permute_b = kB;
  weight.permute_c = kC;
  auto values = counting(kA * kB * kC * kK);
  auto out = packAll(weight, {source(values, 0, 10 * kK),
                              source(values, 10 * kK, values.size())});
  size_t at = 0;
  for (size_t j = 0; j < kB; ++j)
    for (size_t i = 0; i < kA; ++i)
      for (size_t c = 0; c < kC; ++c)
        for (size_t k = 0; k < kK; ++k)
          EXPECT_EQ(floatAt(out, at++),
                    values[((i * kB + j) * kC + c) * kK + k]);
}

// 2^-9 + 1 rounds to 1; 3 * 2^-8 rounded first would be lost too.
TEST(PackWeight, AddsOneBeforeItRounds) {
  WeightT weight;
  weight.shape = {3};
  weight.dtype = DType::bf16;
  weight.add_one = true;
  std::vector<float> values = {0x1p-9f, 3 * 0x1p-8f, -2};
  auto out = packAll(weight, {source(values, 0, 3)});
  float expected[] = {1, 1 + 0x1p-6f, -1};
  for (size_t i = 0; i < 3; ++i) {
    uint16_t bits;
    std::memcpy(&bits, &out[2 * i], 2);
    EXPECT_EQ(widenBf16(bits), expected[i]);
  }
}

TEST(PackWeight, RefusesAnotherKindOfNumber) {
  WeightT weight;
  weight.shape = {4};
  std::vector<float> values(4);
  SourceData ints = source(values, 0, 4);
  ints.dtype = DType::i32;
  EXPECT_EQ(WeightPacker::make(weight, Layout::plain, {ints}).message(),
            "stored as i32, expected f32");
}

// Every f16 against the compiler's own conversion, every bf16 there and back.
TEST(Float, WideningIsExactAndNarrowingGoesBack) {
  for (uint32_t i = 0; i < 0x10000; ++i) {
    auto bits = static_cast<uint16_t>(i);
    float wide = widenF16(bits);
    auto reference = static_cast<float>(std::bit_cast<_Float16>(bits));
    if (std::isnan(reference)) {
      EXPECT_TRUE(std::isnan(wide));
      EXPECT_TRUE(std::isnan(widenF16(narrowF16(wide))));
    } else {
      EXPECT_EQ(std::bit_cast<uint32_t>(wide),
                std::bit_cast<uint32_t>(reference));
      EXPECT_EQ(narrowF16(wide), bits);
    }
    float brain = widenBf16(bits);
    if (!std::isnan(brain))
      EXPECT_EQ(narrowBf16(brain), bits);
    else
      EXPECT_TRUE(std::isnan(widenBf16(narrowBf16(brain))));
  }
}

TEST(Float, NarrowingRoundsToNearestEven) {
  for (uint32_t i = 0; i < 2000000; ++i) {
    float value = std::bit_cast<float>(i * 2147u);
    if (std::isnan(value))
      continue;
    EXPECT_EQ(narrowF16(value),
              std::bit_cast<uint16_t>(static_cast<_Float16>(value)))
        << value;
  }
  EXPECT_EQ(narrowBf16(1 + 0x1p-8f), 0x3f80);
  EXPECT_EQ(narrowBf16(1 + 3 * 0x1p-8f), 0x3f82);
  EXPECT_EQ(narrowBf16(std::numeric_limits<float>::max()), 0x7f80);
}

} // namespace
