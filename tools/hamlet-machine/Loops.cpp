//===- Loops.cpp ----------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-machine/Loops.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace hamlet::machine {
namespace {

using Clock = std::chrono::steady_clock;

/// Keeps a result alive without storing it in the measured loop.
volatile float sink;

} // namespace

#define HAMLET_CHAINS(type, one, step, reduce)                                 \
  type sums[kChains];                                                          \
  for (auto &sum : sums)                                                       \
    sum = (one);                                                               \
  for (int64_t i = 0; i < steps; ++i) {                                        \
    _Pragma("GCC unroll 12") for (int c = 0; c < kChains; ++c) sums[c] =       \
        (step);                                                                \
    /* Opaque, so that no chain is folded or shared with another. */           \
    asm volatile("" ::: "memory");                                             \
  }                                                                            \
  float total = 0;                                                             \
  for (auto &sum : sums)                                                       \
    total += (reduce);                                                         \
  sink = total;

__attribute__((target("avx2,fma"))) void fma256(int64_t steps) {
  __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  asm volatile("" : "+x"(a), "+x"(b));
  HAMLET_CHAINS(__m256, _mm256_set1_ps(1.0f + float(&sum - sums)),
                _mm256_fmadd_ps(sums[c], a, b), _mm256_cvtss_f32(sum))
}

__attribute__((target("avx512f"))) void fma512(int64_t steps) {
  __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  asm volatile("" : "+v"(a), "+v"(b));
  HAMLET_CHAINS(__m512, _mm512_set1_ps(1.0f + float(&sum - sums)),
                _mm512_fmadd_ps(sums[c], a, b), _mm512_cvtss_f32(sum))
}

__attribute__((target("avx512f,avx512bf16"))) void dotBf16(int64_t steps) {
  __m512i ones = _mm512_set1_epi16(0x3f80), other = ones;
  asm volatile("" : "+v"(ones), "+v"(other));
  auto a = (__m512bh)ones, b = (__m512bh)other;
  HAMLET_CHAINS(__m512, _mm512_set1_ps(float(&sum - sums)),
                _mm512_dpbf16_ps(sums[c], a, b), _mm512_cvtss_f32(sum))
}

#undef HAMLET_CHAINS

bool hasTiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bit_AMXBF16) ||
      !(d & bit_AMXTILE))
    return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

__attribute__((target("amx-tile,amx-bf16"))) void tileBf16(int64_t steps) {
  struct alignas(64) {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t columns[16] = {64, 64, 64, 64, 64, 64, 64, 64}; // bytes
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } shape;
  _tile_loadconfig(&shape);
  _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);
  _tile_zero(4), _tile_zero(5), _tile_zero(6), _tile_zero(7);
  for (int64_t i = 0; i < steps; ++i) {
    _tile_dpbf16ps(0, 6, 7), _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7), _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7), _tile_dpbf16ps(5, 6, 7);
  }
  _tile_release();
}

__attribute__((target("avx2,fma"))) void fmaChain(int64_t steps) {
  __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f), sum = b;
  asm volatile("" : "+x"(a), "+x"(b), "+x"(sum));
  for (int64_t i = 0; i < steps; ++i) {
    sum = _mm256_fmadd_ps(sum, a, b);
    asm volatile("" : "+x"(sum)); // not two steps in one
  }
  sink = _mm256_cvtss_f32(sum);
}

void productChain(int64_t steps) {
  uint32_t value = 3, factor = 5;
  asm volatile("" : "+r"(value), "+r"(factor));
  for (int64_t i = 0; i < steps; ++i) {
    value *= factor;
    asm volatile("" : "+r"(value));
  }
  sink = float(value);
}

// Written out, since loads whose values nobody takes would be left out.
#define HAMLET_LOADS(instruction, bytes, registers)                            \
  alignas(64) static const char page[kLoads * (bytes)] = {};                   \
  for (int64_t i = 0; i < steps; ++i)                                          \
    asm volatile(                                                              \
        instruction " 0*" #bytes "(%0), %%" registers "0\n" instruction        \
                    " 1*" #bytes "(%0), %%" registers "1\n" instruction        \
                    " 2*" #bytes "(%0), %%" registers "2\n" instruction        \
                    " 3*" #bytes "(%0), %%" registers "3\n" instruction        \
                    " 4*" #bytes "(%0), %%" registers "4\n" instruction        \
                    " 5*" #bytes "(%0), %%" registers "5\n" instruction        \
                    " 6*" #bytes "(%0), %%" registers "6\n" instruction        \
                    " 7*" #bytes "(%0), %%" registers "7\n"                    \
        :                                                                      \
        : "r"(page)                                                            \
        : "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7");

__attribute__((target("avx2"))) void load256(int64_t steps) {
  HAMLET_LOADS("vmovaps", 32, "ymm")
}

__attribute__((target("avx512f"))) void load512(int64_t steps) {
  HAMLET_LOADS("vmovaps", 64, "zmm")
}

#undef HAMLET_LOADS

namespace {

template <bool prefetch>
__attribute__((target("avx2"))) void readRange(const char *from,
                                               const char *to) {
  __m256i sums[4] = {};
  for (; from + 256 <= to; from += 256) {
    if constexpr (prefetch)
      for (int line = 0; line < 4; ++line)
        _mm_prefetch(from + 4096 + 64 * line, _MM_HINT_T0);
    for (int i = 0; i < 8; ++i)
      sums[i % 4] = _mm256_xor_si256(
          sums[i % 4],
          _mm256_load_si256(reinterpret_cast<const __m256i *>(from) + i));
  }
  __m256i all = _mm256_xor_si256(_mm256_xor_si256(sums[0], sums[1]),
                                 _mm256_xor_si256(sums[2], sums[3]));
  sink = float(_mm256_extract_epi32(all, 0));
}

} // namespace

void readPlain(const char *from, const char *to) { readRange<false>(from, to); }
void readAhead(const char *from, const char *to) { readRange<true>(from, to); }

__attribute__((target("avx512f"))) void read512(const char *from,
                                                const char *to) {
  __m512i sums[4] = {};
  for (; from + 256 <= to; from += 256)
    for (int i = 0; i < 4; ++i)
      sums[i] = _mm512_xor_si512(
          sums[i],
          _mm512_load_si512(reinterpret_cast<const __m512i *>(from) + i));
  __m512i all = _mm512_xor_si512(_mm512_xor_si512(sums[0], sums[1]),
                                 _mm512_xor_si512(sums[2], sums[3]));
  sink = float(_mm_cvtsi128_si32(_mm512_castsi512_si128(all)));
}

double best(unsigned threads, int rounds,
            const std::function<void(unsigned)> &work) {
  double least = 1e30;
  Clock::time_point start;
  std::barrier begin(threads, [&]() noexcept { start = Clock::now(); });
  std::barrier end(threads, [&]() noexcept {
    std::chrono::duration<double> taken = Clock::now() - start;
    least = std::min(least, taken.count());
  });
  auto loop = [&](unsigned thread) {
    for (int round = 0; round < rounds; ++round) {
      begin.arrive_and_wait();
      work(thread);
      end.arrive_and_wait();
    }
  };
  std::vector<std::jthread> pool;
  for (unsigned thread = 1; thread < threads; ++thread)
    pool.emplace_back(loop, thread);
  loop(0);
  return least;
}

} // namespace hamlet::machine
