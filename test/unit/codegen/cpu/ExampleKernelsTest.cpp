//===- ExampleKernelsTest.cpp - test/lit/kernels against plain loops ------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The references sum in the order that the ops' documentation gives, so f32
// results are compared to the bit, on every level that the machine runs.
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <fstream>
#include <gtest/gtest.h>
#include <sstream>

using namespace hamlet::cpu;
using namespace hamlet::cpu::test;

namespace {

Machine &machine(const std::string &file, Level level) {
  static std::map<std::pair<std::string, Level>, std::unique_ptr<Machine>> all;
  auto &slot = all[{file, level}];
  if (!slot) {
    std::ifstream in(std::string(HAMLET_KERNELS) + "/" + file);
    std::stringstream text;
    text << in.rdbuf();
    slot = std::make_unique<Machine>(text.str(), level);
    EXPECT_EQ(slot->error(), "");
  }
  return *slot;
}

class Examples : public testing::TestWithParam<Level> {
protected:
  Machine &load(const std::string &file) { return machine(file, GetParam()); }
};

const int kRows[] = {1, 7, 8, 63, 64, 65};

::testing::AssertionResult sameBits(const float *x, const float *y, size_t n) {
  for (size_t i = 0; i < n; ++i)
    if (std::bit_cast<uint32_t>(x[i]) != std::bit_cast<uint32_t>(y[i]))
      return ::testing::AssertionFailure()
             << "element " << i << ": " << x[i] << " instead of " << y[i];
  return ::testing::AssertionSuccess();
}

TEST_P(Examples, linear_silu) {
  Machine &m = load("linear.mlir");
  ASSERT_EQ(m.error(), "");
  Floats w = randomFloats(96 * 160, 1), panels = toPanels(w, 96, 160);
  for (int t : kRows) {
    Floats x = randomFloats(t * 96, 2), y(t * 160, -7.0f), want(t * 160);
    m.run("linear_silu_r8", {x.arg(), panels.arg(), y.arg(), uint64_t(t)}, 3,
          (t + 7) / 8);
    for (int i = 0; i < t; ++i)
      for (int j = 0; j < 160; ++j) {
        float d = 0;
        for (int k = 0; k < 96; ++k)
          d = std::fma(x[i * 96 + k], w[k * 160 + j], d);
        want[i * 160 + j] = d / (1.0f + refExp(-d));
      }
    EXPECT_TRUE(sameBits(&y[0], &want[0], y.size())) << t << " rows";
  }
}

TEST_P(Examples, linear_bf16) {
  Machine &m = load("linear.mlir");
  ASSERT_EQ(m.error(), "");
  Halves w = randomHalves(96 * 160, 1), pairs = toPairs(w, 96, 160);
  for (int t : kRows) {
    Halves x = randomHalves(t * 96, 2), y(t * 160, 7);
    m.run("linear_bf16_r1", {x.arg(), pairs.arg(), y.arg(), uint64_t(t)}, 3, t);
    for (int i = 0; i < t; ++i)
      for (int j = 0; j < 160; ++j) {
        float d = 0;
        for (int k = 0; k < 96; k += 2)
          for (int odd : {1, 0})
            d = std::fma(fromBf16(x[i * 96 + k + odd]),
                         fromBf16(w[(k + odd) * 160 + j]), d);
        ASSERT_EQ(y[i * 160 + j], toBf16(d)) << t << " rows, " << i << "," << j;
      }
  }
}

TEST_P(Examples, rms_norm) {
  Machine &m = load("norm.mlir");
  ASSERT_EQ(m.error(), "");
  Floats w = randomFloats(100, 1);
  for (int t : kRows) {
    Floats x = randomFloats(t * 100, 2), y(t * 100), want(t * 100);
    m.run("rms_norm_r8", {x.arg(), w.arg(), y.arg(), uint64_t(t)}, (t + 7) / 8);
    for (int i = 0; i < t; ++i) {
      float sq[100];
      for (int j = 0; j < 100; ++j)
        sq[j] = x[i * 100 + j] * x[i * 100 + j];
      float inv = 1.0f / std::sqrt(refSum(sq, 100) / 100.0f + 1.0e-5f);
      for (int j = 0; j < 100; ++j)
        want[i * 100 + j] = x[i * 100 + j] * inv * w[j];
    }
    EXPECT_TRUE(sameBits(&y[0], &want[0], y.size())) << t << " rows";
  }
}

TEST_P(Examples, route) {
  Machine &m = load("route.mlir");
  ASSERT_EQ(m.error(), "");
  Floats w = randomFloats(64 * 5, 1), panels = toPanels(w, 64, 5);
  for (int t : kRows) {
    Halves x = randomHalves(t * 64, 2);
    for (int k = 0; k < 64; ++k)
      x[k] = 0; // all logits equal: ids ascend
    Ints ids(t * 2, -1);
    Floats gates(t * 2);
    m.run("route_r8",
          {x.arg(), panels.arg(), ids.arg(), gates.arg(), uint64_t(t)},
          (t + 7) / 8);
    for (int i = 0; i < t; ++i) {
      float logit[5];
      for (int j = 0; j < 5; ++j) {
        logit[j] = 0;
        for (int k = 0; k < 64; ++k)
          logit[j] = std::fma(fromBf16(x[i * 64 + k]), w[k * 5 + j], logit[j]);
      }
      int first = std::max_element(logit, logit + 5) - logit, second = -1;
      for (int j = 0; j < 5; ++j)
        if (j != first && (second < 0 || logit[j] > logit[second]))
          second = j;
      EXPECT_EQ(ids[i * 2], first);
      EXPECT_EQ(ids[i * 2 + 1], second);
      float e = refExp(logit[second] - logit[first]);
      EXPECT_EQ(gates[i * 2], 1.0f / (1.0f + e));
      EXPECT_EQ(gates[i * 2 + 1], e / (1.0f + e));
    }
  }
}

TEST_P(Examples, gather_and_scan) {
  Machine &m = load("route.mlir");
  ASSERT_EQ(m.error(), "");
  for (int t : {1, 9}) {
    Floats x = randomFloats(t * 40, 3), y(8 * 40, -1.0f), g(64), hi(64), lo(64);
    Ints rows(8);
    const int ids[] = {0, -1, t - 1, t, 0, -2147483647, 5, 8};
    std::copy(ids, ids + 8, rows.begin());
    for (int i = 0; i < 64; ++i)
      g[i] = i == 0 ? -1.0e6f : -1.0e-3f / (i + 1);
    m.run("gather_scan",
          {x.arg(), rows.arg(), y.arg(), g.arg(), hi.arg(), lo.arg(),
           uint64_t(t)},
          1);
    for (int i = 0; i < 8; ++i)
      for (int j = 0; j < 40; ++j)
        EXPECT_EQ(y[i * 40 + j],
                  ids[i] >= 0 && ids[i] < t ? x[ids[i] * 40 + j] : 0.0f);
    // Two-sum, and what it promises.
    double exact = 0;
    float sum = 0, error = 0;
    for (int i = 0; i < 64; ++i) {
      exact += double(g[i]);
      float next = sum + g[i], part = next - sum;
      error += (sum - (next - part)) + (g[i] - part);
      sum = next;
      EXPECT_EQ(hi[i], sum);
      EXPECT_EQ(lo[i], error);
      EXPECT_NEAR(double(hi[i]) + double(lo[i]), exact, 1.0e6 * 0x1p-45);
    }
  }
}

/// One query row of the paged example, a page at a time as the kernel does.
TEST_P(Examples, attention_decode) {
  Machine &m = load("attention.mlir");
  ASSERT_EQ(m.error(), "");
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  const int pageCount = 7, maxPages = 3;
  for (int pos : {0, 1, 62, 63, 64, 130}) {
    // Page cells past the position are garbage.
    Floats kp(pageCount * 2 * 1536, kNaN), vp(pageCount * 2 * 2048, kNaN);
    Ints list(1, 1), starts(3), first(2), table(2 * maxPages);
    first[1] = pos;
    starts[1] = 2;
    const int pages[] = {5, 0, 3};
    std::copy(pages, pages + 3, table.begin() + maxPages);
    Floats keys = randomFloats((pos + 1) * 2 * 24, 4);
    Floats values = randomFloats((pos + 1) * 2 * 24, 5);
    for (int h = 0; h < 2; ++h)
      for (int j = 0; j <= pos; ++j)
        for (int d = 0; d < 24; ++d) {
          int block = pages[j / 64] * 2 + h, row = j % 64;
          kp[block * 1536 + row / 16 * 24 * 16 + d * 16 + row % 16] =
              keys[(j * 2 + h) * 24 + d];
          vp[block * 2048 + d / 16 * 64 * 16 + row * 16 + d % 16] =
              values[(j * 2 + h) * 24 + d];
        }
    // What is past column 24 in the last panel of values is zero.
    for (int block = 0; block < pageCount * 2; ++block)
      for (int row = 0; row < 64; ++row)
        for (int d = 24; d < 32; ++d)
          vp[block * 2048 + 64 * 16 + row * 16 + d % 16] = 0;
    const int t = 3;
    Floats q = randomFloats(t * 96, 6), out(t * 96, -9.0f), want(t * 96, -9.0f);
    m.run("attention_decode",
          {q.arg(), out.arg(), kp.arg(), vp.arg(), list.arg(), starts.arg(),
           first.arg(), table.arg(), uint64_t(t), uint64_t(maxPages)},
          2, 1);
    for (int head = 0; head < 4; ++head) {
      const float *row = &q[2 * 96 + head * 24];
      float mx = -1.0e30f, l = 0, o[24] = {};
      for (int page = 0; page <= pos / 64; ++page) {
        float s[64], p[64], top = -INFINITY;
        for (int j = 0; j < 64; ++j) {
          int at = page * 64 + j;
          float d = 0;
          for (int k = 0; k < 24 && at <= pos; ++k)
            d = std::fma(row[k], keys[(at * 2 + head / 2) * 24 + k], d);
          s[j] = at <= pos ? d * 0.204124153f : -INFINITY;
          top = std::max(top, s[j]);
        }
        float mn = std::max(mx, top), corr = refExp(mx - mn);
        for (int j = 0; j < 64; ++j)
          p[j] = refExp(s[j] - mn);
        l = std::fma(l, corr, refSum(p, 64));
        for (int d = 0; d < 24; ++d) {
          float acc = o[d] * corr;
          for (int j = 0; j < 64; ++j) {
            int at = page * 64 + j;
            acc = std::fma(
                p[j], at <= pos ? values[(at * 2 + head / 2) * 24 + d] : 0.0f,
                acc);
          }
          o[d] = acc;
        }
        mx = mn;
      }
      for (int d = 0; d < 24; ++d)
        want[2 * 96 + head * 24 + d] = o[d] / l;
    }
    EXPECT_TRUE(sameBits(&out[0], &want[0], out.size())) << "position " << pos;
  }
}

/// Pairs of k, odd element first.
float dotPairs(const std::vector<float> &a, const std::vector<float> &b,
               float acc) {
  for (size_t k = 0; k < a.size(); k += 2)
    acc = std::fma(a[k], b[k], std::fma(a[k + 1], b[k + 1], acc));
  return acc;
}

/// One sequence fed in pieces; the pieces must not matter.
TEST_P(Examples, lightning) {
  Machine &m = load("lightning.mlir");
  ASSERT_EQ(m.error(), "");
  const int heads = 4, d = 16, total = 150;
  Halves qkv = randomHalves(total * 192, 7);
  Floats decays(heads);
  for (int h = 0; h < heads; ++h)
    decays[h] = -0.02f * (h + 1);
  Halves want(total * 64);
  for (int h = 0; h < heads; ++h) {
    float g = decays[h];
    std::vector<float> state(d * d, 0.0f);
    auto at = [&](int row, int part, int i) {
      return row < total ? fromBf16(qkv[row * 192 + part * 64 + h * d + i])
                         : 0.0f;
    };
    for (int c = 0; c * 64 < total; ++c) {
      for (int i = 0; i < 64 && c * 64 + i < total; ++i) {
        int row = c * 64 + i;
        std::vector<float> p(64);
        for (int j = 0; j < 64; ++j) {
          std::vector<float> q(d), k(d);
          for (int x = 0; x < d; ++x) {
            q[x] = at(row, 0, x);
            k[x] = at(c * 64 + j, 1, x);
          }
          float s = dotPairs(q, k, 0.0f);
          float dec = refExp(j <= i ? g * float(i - j) : -INFINITY);
          p[j] = fromBf16(toBf16(s * dec));
        }
        for (int x = 0; x < d; ++x) {
          float o = 0;
          for (int y = 0; y < d; ++y)
            o = std::fma(at(row, 0, y), state[y * d + x], o);
          o = o * refExp(g * float(i + 1));
          std::vector<float> v(64);
          for (int j = 0; j < 64; ++j)
            v[j] = at(c * 64 + j, 2, x);
          want[row * 64 + h * d + x] = toBf16(dotPairs(p, v, o));
        }
      }
      for (int y = 0; y < d; ++y)
        for (int x = 0; x < d; ++x) {
          float delta = 0;
          for (int j = 0; j < 64; ++j)
            delta = std::fma(at(c * 64 + j, 1, y) * refExp(g * float(63 - j)),
                             at(c * 64 + j, 2, x), delta);
          state[y * d + x] =
              std::fma(refExp(g * 64.0f), state[y * d + x], delta);
        }
    }
  }
  for (std::vector<int> pieces : std::vector<std::vector<int>>{
           {150}, {1, 63, 64, 22}, {7, 8, 65, 70}, {64, 64, 22}}) {
    const int slot = 1;
    Floats state(2 * heads * d * d);
    Halves tailk(2 * heads * 1024), tailv(2 * heads * 1024);
    Halves out(total * 64, 9);
    Ints list(1, 0), starts(2), first(1), slots(1, slot);
    int fed = 0;
    for (int n : pieces) {
      starts[0] = 0;
      starts[1] = n;
      first[0] = fed;
      // A copy of exactly these rows: nothing past them may be touched.
      Halves rows(n * 192), part(n * 64, 9);
      std::copy_n(qkv.begin() + fed * 192, n * 192, rows.begin());
      m.run("lightning_r64",
            {rows.arg(), decays.arg(), part.arg(), state.arg(), tailk.arg(),
             tailv.arg(), list.arg(), starts.arg(), first.arg(), slots.arg()},
            heads, 1);
      std::copy_n(part.begin(), n * 64, out.begin() + fed * 64);
      fed += n;
    }
    for (size_t i = 0; i < out.size(); ++i)
      ASSERT_EQ(out[i], want[i]) << "row " << i / 64 << " column " << i % 64
                                 << ", pieces from " << pieces[0];
  }
}

INSTANTIATE_TEST_SUITE_P(Levels, Examples, testing::ValuesIn(levelsHere()),
                         [](const auto &info) {
                           return stringify(info.param).str();
                         });

} // namespace
