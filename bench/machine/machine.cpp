//===- machine.cpp --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What this machine can do, as one line of JSON: products of each vector width
// and reading memory, all threads at work. bench/run divides by these figures.
//
//   hamlet-machine [--threads N] [--rounds N] [--megabytes N]
//
// gflops: best of the rounds, an FMA counted as two operations, a bf16 pair of
// a dot as four, a product of two bf16 tiles (AMX) as 16384. read_gb_per_s:
// best of the rounds, plain and with prefetches. A level that the processor
// lacks, or the system does not grant, has no figure.

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cpuid.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <immintrin.h>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

constexpr int kChains = 12; // more than latency (4) times units (2)
constexpr int64_t kSteps = 4 << 20;

/// Keeps a result alive without storing it in the measured loop.
volatile float sink;

#define HAMLET_CHAINS(type, one, step, reduce)                                 \
  type sums[kChains];                                                          \
  for (auto &sum : sums)                                                       \
    sum = (one);                                                               \
  for (int64_t i = 0; i < kSteps; ++i) {                                       \
    _Pragma("GCC unroll 12") for (int c = 0; c < kChains; ++c) sums[c] =       \
        (step);                                                                \
    /* Opaque, so that no chain is folded or shared with another. */           \
    asm volatile("" ::: "memory");                                             \
  }                                                                            \
  float total = 0;                                                             \
  for (auto &sum : sums)                                                       \
    total += (reduce);                                                         \
  sink = total;

__attribute__((target("avx2,fma"))) void fma256() {
  __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  asm volatile("" : "+x"(a), "+x"(b));
  HAMLET_CHAINS(__m256, _mm256_set1_ps(1.0f + float(&sum - sums)),
                _mm256_fmadd_ps(sums[c], a, b), _mm256_cvtss_f32(sum))
}

__attribute__((target("avx512f"))) void fma512() {
  __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  asm volatile("" : "+v"(a), "+v"(b));
  HAMLET_CHAINS(__m512, _mm512_set1_ps(1.0f + float(&sum - sums)),
                _mm512_fmadd_ps(sums[c], a, b), _mm512_cvtss_f32(sum))
}

__attribute__((target("avx512f,avx512bf16"))) void dotBf16() {
  __m512i ones = _mm512_set1_epi16(0x3f80), other = ones;
  asm volatile("" : "+v"(ones), "+v"(other));
  auto a = (__m512bh)ones, b = (__m512bh)other;
  HAMLET_CHAINS(__m512, _mm512_set1_ps(float(&sum - sums)),
                _mm512_dpbf16_ps(sums[c], a, b), _mm512_cvtss_f32(sum))
}

#undef HAMLET_CHAINS

constexpr int64_t kTileSteps = kSteps / 16;
constexpr int kTileChains = 6; // and two tiles of operands

/// Whether the processor has bf16 tiles and the kernel lets us use them.
bool hasTiles() {
  constexpr long kRequestPermission = 0x1023, kTileData = 18;
  unsigned a, b, c, d;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & bit_AMXBF16) ||
      !(d & bit_AMXTILE))
    return false;
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
}

__attribute__((target("amx-tile,amx-bf16"))) void tileBf16() {
  struct alignas(64) {
    uint8_t palette = 1, start = 0, reserved[14] = {};
    uint16_t columns[16] = {64, 64, 64, 64, 64, 64, 64, 64}; // bytes
    uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } shape;
  _tile_loadconfig(&shape);
  _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);
  _tile_zero(4), _tile_zero(5), _tile_zero(6), _tile_zero(7);
  for (int64_t i = 0; i < kTileSteps; ++i) {
    _tile_dpbf16ps(0, 6, 7), _tile_dpbf16ps(1, 6, 7);
    _tile_dpbf16ps(2, 6, 7), _tile_dpbf16ps(3, 6, 7);
    _tile_dpbf16ps(4, 6, 7), _tile_dpbf16ps(5, 6, 7);
  }
  _tile_release();
}

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

/// Best seconds of `rounds` in which every thread runs `work(thread)` at once.
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

[[noreturn]] void usage(const char *problem) {
  std::fprintf(stderr,
               "hamlet-machine: %s\nusage: hamlet-machine [--threads N] "
               "[--rounds N] [--megabytes N]\n",
               problem);
  std::exit(2);
}

} // namespace

int main(int argc, char **argv) {
  long threads = long(std::max(1u, std::thread::hardware_concurrency()));
  long rounds = 7, megabytes = 1024;
  for (int i = 1; i < argc; i += 2) {
    std::string name = argv[i];
    long *value = name == "--threads"     ? &threads
                  : name == "--rounds"    ? &rounds
                  : name == "--megabytes" ? &megabytes
                                          : nullptr;
    if (!value)
      usage(("unknown option " + name).c_str());
    char *rest = nullptr;
    *value = i + 1 < argc ? std::strtol(argv[i + 1], &rest, 10) : 0;
    if (*value < 1 || *value > 65536 || !rest || *rest)
      usage(("expected a number from 1 to 65536 after " + name).c_str());
  }
  auto count = static_cast<unsigned>(threads);
  auto peak = [&](void (*loop)(), double operations,
                  double instructions = double(kSteps) * kChains) {
    double seconds = best(count, int(rounds) + 1, [&](unsigned) { loop(); });
    return double(threads) * instructions * operations / seconds / 1e9;
  };
  __builtin_cpu_init();
  std::string gflops;
  auto add = [&](const char *name, double value) {
    char text[96];
    std::snprintf(text, sizeof text, "%s\"%s\": %.1f",
                  gflops.empty() ? "" : ", ", name, value);
    gflops += text;
  };
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    add("fma_256", peak(fma256, 16));
  if (__builtin_cpu_supports("avx512f"))
    add("fma_512", peak(fma512, 32));
  if (__builtin_cpu_supports("avx512bf16"))
    add("dot_bf16_512", peak(dotBf16, 64));
  if (hasTiles())
    add("tile_bf16", peak(tileBf16, 16384, double(kTileSteps) * kTileChains));

  std::string read;
  if (__builtin_cpu_supports("avx2")) {
    size_t bytes = size_t(megabytes) << 20;
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
      std::perror("hamlet-machine: no memory for reading");
      return 1;
    }
    madvise(memory, bytes, MADV_HUGEPAGE);
    const auto *first = static_cast<const char *>(memory);
    size_t part = bytes / count / 4096 * 4096;
    std::memset(memory, 1, bytes);
    auto rate = [&](void (*reader)(const char *, const char *)) {
      double seconds = best(count, int(rounds), [&](unsigned thread) {
        reader(first + thread * part, first + (thread + 1) * part);
      });
      return double(part) * count / seconds / 1e9;
    };
    double plain = rate(readRange<false>), ahead = rate(readRange<true>);
    char text[160];
    std::snprintf(text, sizeof text,
                  ", \"read_gb_per_s\": %.2f, \"read_plain\": %.2f, "
                  "\"read_prefetch\": %.2f, \"read_megabytes\": %ld",
                  std::max(plain, ahead), plain, ahead, megabytes);
    read = text;
    munmap(memory, bytes);
  }
  std::printf("{\"threads\": %ld, \"gflops\": {%s}%s}\n", threads,
              gflops.c_str(), read.c_str());
  return 0;
}
