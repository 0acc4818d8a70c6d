//===- RunStats.cpp -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet/RunStats.h"

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace hamlet::tools {

using namespace runtime;

namespace {

double rate(int64_t tokens, double seconds) {
  return seconds > 0 ? double(tokens) / seconds : 0;
}

/// Most memory that was resident at once. getrusage would also know of what the
/// process was before it became this program.
uint64_t peakBytes() {
  std::ifstream status("/proc/self/status");
  uint64_t kilobytes = 0;
  for (std::string word; status >> word;)
    if (word == "VmHWM:")
      status >> kilobytes;
  return kilobytes * 1024;
}

} // namespace

ProgressBar::ProgressBar() : shown(isatty(STDERR_FILENO)) {}

void ProgressBar::update(uint64_t done, uint64_t total) {
  constexpr auto kPeriod = std::chrono::milliseconds(50);
  auto now = std::chrono::steady_clock::now();
  if (!shown || !total || (now - last < kPeriod && done < total))
    return;
  last = now;
  constexpr int kWidth = 40;
  int filled = static_cast<int>(double(done) / double(total) * kWidth);
  std::fprintf(stderr, "\rweights [%-*.*s] %3d%%", kWidth, filled,
               "########################################",
               static_cast<int>(100.0 * double(done) / double(total)));
  std::fflush(stderr);
  drawn = true;
}

void ProgressBar::clear() {
  if (drawn)
    std::fprintf(stderr, "\r\033[K");
  drawn = false;
}

Status writeStats(AtomicFile &file, double loadSeconds,
                  const GenerateStats &stats, const Device &device) {
  nlohmann::ordered_json json;
  json["load_seconds"] = loadSeconds;
  json["prefill_tokens"] = stats.prefillTokens;
  json["prefill_seconds"] = stats.prefillSeconds;
  json["prefill_tokens_per_second"] =
      rate(stats.prefillTokens, stats.prefillSeconds);
  json["decode_tokens"] = stats.decodeTokens;
  json["decode_seconds"] = stats.decodeSeconds;
  json["decode_tokens_per_second"] =
      rate(stats.decodeTokens, stats.decodeSeconds);
  json["peak_bytes"] = peakBytes();
  json["device_bytes"] = stats.deviceBytes;
  auto ofPhases = [&](double (StepCounts::*value)() const) {
    return nlohmann::ordered_json{{"prefill", (stats.prefillCounts.*value)()},
                                  {"decode", (stats.decodeCounts.*value)()}};
  };
  json["rows_per_launch"] = ofPhases(&StepCounts::rowsPerProduct);
  json["launches_per_step"] = ofPhases(&StepCounts::launchesPerStep);
  json["barriers_per_step"] = ofPhases(&StepCounts::barriersPerStep);
  json["interrupted"] = stats.stopped;
  json["device"] = device.describe();
  HAMLET_TRY(file.write(json.dump(2) + "\n"));
  return file.commit();
}

void printRates(const GenerateStats &stats) {
  std::fprintf(stderr,
               "prefill %lld tokens, %.1f tokens/s; decode %lld tokens, %.1f "
               "tokens/s\n",
               static_cast<long long>(stats.prefillTokens),
               rate(stats.prefillTokens, stats.prefillSeconds),
               static_cast<long long>(stats.decodeTokens),
               rate(stats.decodeTokens, stats.decodeSeconds));
}

} // namespace hamlet::tools
