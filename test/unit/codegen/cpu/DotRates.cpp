//===- DotRates.cpp - rates of products -----------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One core, f32, as the product's kernel has it: tiles of 64 rows and 64
// columns over the whole of k. With and without a split in turn, so that both
// see the same machine. Usage: cpu-dot-rates [runs] [split]
//
//===----------------------------------------------------------------------===//

#include "Machine.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <numeric>

using namespace hamlet::cpu;
using namespace hamlet::cpu::test;

static std::string kernelOf(int64_t k, int64_t n, int64_t split) {
  std::string sk = std::to_string(k), sn = std::to_string(n);
  return R"(
func.func @product(%x: !tile.ptr<f32>, %w: !tile.ptr<f32>, %y: !tile.ptr<f32>, %rows: index) attributes {tile.kernel} {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %p0 = tile.program_id 0
  %p1 = tile.program_id 1
  %j = arith.muli %p0, %c64 : index
  %i = arith.muli %p1, %c64 : index
  %xv = tile.view %x[%c0] sizes [%rows, )" +
         sk + "] strides [" + sk + R"(, 1] : !tile.ptr<f32> -> !tile.desc<?x)" +
         sk + R"(xf32>
  %wv = tile.view %w[%c0] sizes [)" +
         sk + ", " + sn + R"(] strides [] : !tile.ptr<f32> -> !tile.desc<)" +
         sk + "x" + sn + R"(xf32, panel>
  %yv = tile.view %y[%c0] sizes [%rows, )" +
         sn + "] strides [" + sn + R"(, 1] : !tile.ptr<f32> -> !tile.desc<?x)" +
         sn + R"(xf32>
  %a = tile.load %xv[%i, %c0] : !tile.desc<?x)" +
         sk + "xf32> -> tensor<64x" + sk + R"(xf32>
  %b = tile.load %wv[%c0, %j] : !tile.desc<)" +
         sk + "x" + sn + "xf32, panel> -> tensor<" + sk + R"(x64xf32>
  %z = arith.constant dense<0.0> : tensor<64x64xf32>
  %d = tile.dot #tile.numerics<operands = f32, accumulate = f32, group = 1, split = )" +
         std::to_string(split) + "> %a, %b, %z : tensor<64x" + sk +
         "xf32>, tensor<" + sk + R"(x64xf32> -> tensor<64x64xf32>
  tile.store %d, %yv[%i, %j] : tensor<64x64xf32>, !tile.desc<?x)" +
         sn + R"(xf32>
  return
}
)";
}

static double threadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) +
         1e-9 * static_cast<double>(now.tv_nsec);
}

/// The least time of each instance, over all runs: what else runs on the
/// machine takes some, seldom the same one.
class Best {
public:
  Best(Machine &machine, int64_t x, int64_t y)
      : function(machine.function("product")),
        scratch((machine.scratchBytes("product") + 63) / 64 * 64), x(x),
        times(x * y, 1e9) {}
  void run(const std::vector<uint64_t> &args) {
    for (size_t i = 0; i < times.size(); ++i) {
      double start = threadSeconds();
      function(args.data(), i % x, i / x, 0,
               reinterpret_cast<char *>(scratch.begin()));
      times[i] = std::min(times[i], threadSeconds() - start);
    }
  }
  double sum() const {
    return std::accumulate(times.begin(), times.end(), 0.0);
  }

private:
  Machine::Function function;
  Array<uint8_t> scratch;
  size_t x;
  std::vector<double> times;
};

int main(int argc, char **argv) {
  int runs = argc > 1 ? std::atoi(argv[1]) : 20;
  int64_t split = argc > 2 ? std::atoi(argv[2]) : 8;
  for (Level level : levelsHere())
    for (auto [m, k, n] : {std::array<int64_t, 3>{512, 2048, 2048},
                           {64, 2048, 2048},
                           {64, 6144, 2048}}) {
      if (level == Level::v4bf16)
        continue; // f32 code is v4's
      Machine plain(kernelOf(k, n, 0), level),
          parts(kernelOf(k, n, split), level);
      if (!plain.error().empty() || !parts.error().empty()) {
        std::fprintf(stderr, "%s%s", plain.error().c_str(),
                     parts.error().c_str());
        return 1;
      }
      Floats x = randomFloats(m * k, 1), w = randomFloats(k * n, 2), y(m * n);
      std::vector<uint64_t> args{x.arg(), w.arg(), y.arg(), uint64_t(m)};
      Best whole(plain, n / 64, m / 64), inParts(parts, n / 64, m / 64);
      for (int run = 0; run < runs; ++run) {
        whole.run(args);
        inParts.run(args);
      }
      std::printf("%s %dx%dx%d: %.2f ms, split %d: %.2f ms, %+.1f %%\n",
                  stringify(level).str().c_str(), int(m), int(k), int(n),
                  whole.sum() * 1e3, int(split), inParts.sum() * 1e3,
                  (inParts.sum() / whole.sum() - 1) * 100);
    }
  return 0;
}
