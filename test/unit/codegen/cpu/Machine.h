//===- Machine.h - compiles kernels and runs them here ----------*- C++ -*-===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef HAMLET_TEST_CODEGEN_CPU_MACHINE_H
#define HAMLET_TEST_CODEGEN_CPU_MACHINE_H

#include "codegen/cpu/Emit.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <map>
#include <random>

namespace hamlet::cpu::test {

/// The levels that this machine can run.
std::vector<Level> levelsHere();

/// Kernels of some text, compiled for one level and loaded.
class Machine {
public:
  using Function = void (*)(const uint64_t *, int64_t, int64_t, int64_t,
                            char *);
  /// Empty `error()` if all went well; else the diagnostics.
  Machine(llvm::StringRef text, Level level);
  ~Machine();
  Machine(const Machine &) = delete;

  const std::string &error() const { return message; }
  const std::vector<char> &image() const { return bytes; }
  /// Every instance of the grid, axis 0 fastest; scratch is garbage before.
  void run(const std::string &kernel, const std::vector<uint64_t> &args,
           int64_t x, int64_t y = 1, int64_t z = 1);
  Function function(const std::string &kernel);
  int64_t scratchBytes(const std::string &kernel) const {
    return scratch.at(kernel);
  }

private:
  std::string message;
  std::vector<char> bytes;
  std::map<std::string, int64_t> scratch;
  int fd = -1;
  void *handle = nullptr;
};

/// Aligned to 64 bytes, as every buffer of the runtime; what is past the end
/// cannot be touched, so that a read or write there faults.
template <typename T> class Array {
public:
  explicit Array(size_t n, T value = T());
  Array(const Array &other) : Array(other.count) {
    std::memcpy(items, other.items, count * sizeof(T));
  }
  ~Array();
  size_t size() const { return count; }
  T &operator[](size_t i) { return items[i]; }
  const T &operator[](size_t i) const { return items[i]; }
  T *begin() { return items; }
  T *end() { return items + count; }
  uint64_t arg() const { return reinterpret_cast<uint64_t>(items); }

private:
  size_t count, mapped;
  void *base;
  T *items;
};

using Floats = Array<float>;
using Halves = Array<uint16_t>; // bf16 bits
using Ints = Array<int32_t>;

inline float fromBf16(uint16_t bits) {
  return std::bit_cast<float>(uint32_t(bits) << 16);
}
/// Nearest even.
inline uint16_t toBf16(float x) {
  uint32_t u = std::bit_cast<uint32_t>(x);
  if (std::isnan(x))
    return (u >> 16) | 0x40;
  return (u + 0x7fff + ((u >> 16) & 1)) >> 16;
}

/// Seeded numbers in [-1, 1].
Floats randomFloats(size_t n, unsigned seed);
Halves randomHalves(size_t n, unsigned seed);

/// [K, N] to panels [N/16][K][16], zeros past N.
Floats toPanels(const Floats &w, int64_t k, int64_t n);
/// [K, N] to pairs [N/16][K/2][16][2], zeros past K and N.
Halves toPairs(const Halves &w, int64_t k, int64_t n);
int64_t pairsIndex(int64_t k, int64_t row, int64_t col);

/// exp as tile-expand-math writes it.
float refExp(float x);
/// The sum of `n` elements in the order of tile.reduce over the last axis.
float refSum(const float *x, int64_t n);

} // namespace hamlet::cpu::test

#endif
