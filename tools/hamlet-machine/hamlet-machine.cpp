//===- hamlet-machine.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What this machine can do, as one line of JSON: products of each vector width
// and reading memory, all threads at work. bench/run divides by these figures.
//
//   hamlet-machine [--threads N] [--rounds N] [--megabytes N]
//   hamlet-machine --target-yaml [LEVEL] ...
//
// gflops: best of the rounds, an FMA counted as two operations, a bf16 pair of
// a dot as four, a product of two bf16 tiles (AMX) as 16384. read_gb_per_s:
// best of the rounds, plain and with prefetches. A level that the processor
// lacks, or the system does not grant, has no figure.
//
// --target-yaml: instead, a description of this machine as a CPU target, for
// `hamlet compile --targets` (docs/schedules.md).

#include "tools/hamlet-machine/Loops.h"
#include "tools/hamlet-machine/Memory.h"
#include "tools/hamlet-machine/TargetYaml.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>

namespace hamlet::machine {
namespace {

constexpr const char *kUsage =
    "usage: hamlet-machine [--target-yaml [LEVEL]] [--threads N] [--rounds N] "
    "[--megabytes N]\n";

[[noreturn]] void wrongUsage(const std::string &problem) {
  std::fprintf(stderr, "hamlet-machine: %s\n%s", problem.c_str(), kUsage);
  std::exit(2);
}

int failed(const Status &status) {
  std::fprintf(stderr, "hamlet-machine: %s\n", status.message().c_str());
  return 1;
}

/// "fma_256": 230.4, ...
std::string peaks(unsigned threads, int rounds) {
  std::string gflops;
  auto add = [&](const char *name, void (*loop)(int64_t), int64_t steps,
                 int instructions, double operations) {
    double seconds = best(threads, rounds + 1, [&](unsigned) { loop(steps); });
    char text[96];
    std::snprintf(
        text, sizeof text, "%s\"%s\": %.1f", gflops.empty() ? "" : ", ", name,
        threads * double(steps) * instructions * operations / seconds / 1e9);
    gflops += text;
  };
  constexpr int64_t kSteps = 4 << 20;
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    add("fma_256", fma256, kSteps, kChains, 16);
  if (__builtin_cpu_supports("avx512f"))
    add("fma_512", fma512, kSteps, kChains, 32);
  if (__builtin_cpu_supports("avx512bf16"))
    add("dot_bf16_512", dotBf16, kSteps, kChains, 64);
  if (hasTiles())
    add("tile_bf16", tileBf16, kSteps / 16, kTileChains, 16384);
  return gflops;
}

int measurePeaks(const MeasureOptions &options) {
  std::string gflops = peaks(options.threads, options.rounds), read;
  if (__builtin_cpu_supports("avx2")) {
    auto memory = Memory::map(options.megabytes << 20);
    if (memory.failed())
      return failed(memory.status());
    double plain = memory->readRate(options.threads, options.rounds, readPlain);
    double ahead = memory->readRate(options.threads, options.rounds, readAhead);
    char text[160];
    std::snprintf(text, sizeof text,
                  ", \"read_gb_per_s\": %.2f, \"read_plain\": %.2f, "
                  "\"read_prefetch\": %.2f, \"read_megabytes\": %zu",
                  std::max(plain, ahead) / 1e9, plain / 1e9, ahead / 1e9,
                  options.megabytes);
    read = text;
  }
  std::printf("{\"threads\": %u, \"gflops\": {%s}%s}\n", options.threads,
              gflops.c_str(), read.c_str());
  return 0;
}

int start(int argc, char **argv) {
  long threads = long(std::max(1u, std::thread::hardware_concurrency()));
  long rounds = 7, megabytes = 1024;
  std::optional<std::string> level;
  for (int i = 1; i < argc; ++i) {
    std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    }
    bool hasValue = i + 1 < argc && argv[i + 1][0] != '-';
    if (name == "--target-yaml") {
      level = hasValue ? argv[++i] : "";
      continue;
    }
    long *value = name == "--threads"     ? &threads
                  : name == "--rounds"    ? &rounds
                  : name == "--megabytes" ? &megabytes
                                          : nullptr;
    if (!value)
      wrongUsage("unknown option " + name);
    char *rest = nullptr;
    *value = hasValue ? std::strtol(argv[++i], &rest, 10) : 0;
    if (*value < 1 || *value > 65536 || !rest || *rest)
      wrongUsage("expected a number from 1 to 65536 after " + name);
  }
  MeasureOptions options{static_cast<unsigned>(threads),
                         static_cast<int>(rounds),
                         static_cast<size_t>(megabytes)};
  if (!level)
    return measurePeaks(options);
  auto yaml = measureTarget(*level, options);
  if (yaml.failed())
    return failed(yaml.status());
  std::fputs(yaml->c_str(), stdout);
  return 0;
}

} // namespace
} // namespace hamlet::machine

int main(int argc, char **argv) { return hamlet::machine::start(argc, argv); }
