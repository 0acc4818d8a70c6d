//===- TargetYaml.cpp -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "tools/hamlet-machine/TargetYaml.h"

#include "container/CpuLevels.h"
#include "tools/hamlet-machine/Loops.h"
#include "tools/hamlet-machine/Memory.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <vector>

namespace hamlet::machine {
namespace {

const std::string kCpu = "/sys/devices/system/cpu/cpu0/";

std::string firstLine(const std::string &path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

/// Processors of a list such as "0-3,8".
size_t countCpus(const std::string &list) {
  std::istringstream parts(list);
  size_t count = 0;
  for (std::string part; std::getline(parts, part, ',');) {
    std::istringstream range(part);
    long first = 0, last = 0;
    char dash = 0;
    if (range >> first)
      count +=
          range >> dash >> last && last >= first ? size_t(last - first) + 1 : 1;
  }
  return count;
}

/// A value and where it is from.
struct Found {
  int64_t value;
  std::string source;
};

/// A core's part of its data cache of `level`.
Found cacheBytes(int level, int64_t otherwise) {
  for (int i = 0; i < 16; ++i) {
    std::string folder = kCpu + "cache/index" + std::to_string(i) + "/";
    if (firstLine(folder + "level") != std::to_string(level) ||
        firstLine(folder + "type") == "Instruction")
      continue;
    int64_t size = 0;
    char unit = 0;
    std::istringstream text(firstLine(folder + "size"));
    if (!(text >> size) || size <= 0)
      continue;
    text >> unit;
    int64_t bytes = size * (unit == 'K' ? 1 << 10 : unit == 'M' ? 1 << 20 : 1);
    // Some cores share a second-level cache; two threads of one do not count.
    size_t threads = std::max<size_t>(
        countCpus(firstLine(kCpu + "topology/thread_siblings_list")), 1);
    auto cores = static_cast<int64_t>(std::max<size_t>(
        countCpus(firstLine(folder + "shared_cpu_list")) / threads, 1));
    return {bytes / cores,
            "from " + folder + "size" +
                (cores > 1 ? ", shared by " + std::to_string(cores) + " cores"
                           : "")};
  }
  return {otherwise, "not known to the system; that of the built-in level"};
}

/// "Intel(R) Xeon(R) Processor, GenuineIntel family 6 model 207".
std::string processorName() {
  std::ifstream file("/proc/cpuinfo");
  std::string vendor = "unknown", family, model, name = "unnamed processor";
  for (std::string line; std::getline(file, line) && !line.empty();) {
    size_t colon = line.find(": ");
    if (colon == std::string::npos)
      continue;
    std::string key =
        line.substr(0, line.find_last_not_of(" \t", colon - 1) + 1);
    std::string value = line.substr(colon + 2);
    if (key == "vendor_id")
      vendor = value;
    else if (key == "cpu family")
      family = value;
    else if (key == "model")
      model = value;
    else if (key == "model name")
      name = value;
  }
  return name + ", " + vendor + " family " + family + " model " + model;
}

Result<CpuLevel> pickLevel(const std::string &name) {
  if (name.empty()) {
    std::vector<CpuLevel> present = cpuLevelsBySpeed();
    if (present.empty())
      return failure("this machine has none of the levels that there is code "
                     "for");
    return present.front();
  }
  std::string known;
  for (const CpuLevel &level : cpuLevels()) {
    if (name == level.target && level.present)
      return level;
    if (name == level.target)
      return failure("--target-yaml: this machine does not have ", name,
                     "; it has ", presentCpuTargets());
    (known += known.empty() ? "" : ", ") += level.target;
  }
  return failure("--target-yaml: expected a level that there is code for, ",
                 known, ", got '", name, "'; the file may have any name");
}

/// One core's rates. Each loop takes about a tenth of a millisecond and runs
/// often: on a machine that others use too, one run goes undisturbed.
class Core {
public:
  explicit Core(int rounds) : rounds(rounds) {
    hertz =
        kProductCycles * double(kSteps) / seconds([] { productChain(kSteps); });
  }
  double cyclesOf(const std::function<void()> &loop) const {
    return seconds(loop) * hertz;
  }
  /// Of a loop with so many of what is counted in a step.
  double perCycle(void (*loop)(int64_t), int count) const {
    return double(kSteps) * count / cyclesOf([=] { loop(kSteps); });
  }
  double hertz = 0;

private:
  static constexpr int64_t kSteps = 1 << 16;
  static constexpr int kRunsOfRound = 64;
  double seconds(const std::function<void()> &loop) const {
    return best(1, rounds * kRunsOfRound, [&](unsigned) { loop(); });
  }
  int rounds;
};

int64_t rounded(double value) {
  return std::max<int64_t>(1, std::llround(value));
}

class Writer {
public:
  template <typename T>
  void add(const char *key, const T &value, const std::string &comment) {
    out << key << ": " << value;
    if (!comment.empty())
      out << " # " << comment;
    out << "\n";
  }
  void measured(const char *key, double value, const std::string &how) {
    std::ostringstream exact;
    exact.precision(3);
    exact << "measured " << value << how;
    add(key, rounded(value), exact.str());
  }
  std::ostringstream out;
};

} // namespace

Result<std::string> measureTarget(const std::string &name,
                                  const MeasureOptions &options) {
  auto level = pickLevel(name);
  if (level.failed())
    return level.status();
  std::string target = level->target;
  bool wide = target != "x86-64-v3";
  bool dots = target == "x86-64-v4-bf16";

  auto memory = Memory::map(options.megabytes << 20);
  if (memory.failed())
    return memory.status();
  Core core(options.rounds);
  Writer yaml;
  char clock[32];
  std::snprintf(clock, sizeof(clock), "%.2f", core.hertz / 1e9);
  yaml.out << "# " << processorName() << ".\n# By hamlet-machine, at " << clock
           << " GHz as " << kProductCycles
           << " cycles a product of integers say.\n";
  if (dots)
    yaml.out << "# Kernels without products of bf16 pairs have the code of "
                "x86-64-v4: describe that too.\n";
  yaml.add("target", target, "a level that there is code for");
  yaml.add("kind", "cpu", "");
  yaml.add("vector_bits", wide ? 512 : 256, "the level's");
  yaml.add("vector_registers", wide ? 32 : 16, "the level's");
  yaml.measured("fma_per_cycle", core.perCycle(wide ? fma512 : fma256, kChains),
                "");
  if (dots) {
    // In steps of a quarter: some cores start one every two cycles.
    double rate = core.perCycle(dotBf16, kChains);
    std::ostringstream comment;
    comment.precision(3);
    comment << "measured " << rate;
    yaml.add("dots_per_cycle", std::max(0.25, std::round(rate * 4) / 4),
             comment.str());
  }
  yaml.measured("fma_latency", 1 / core.perCycle(fmaChain, 1), "");
  yaml.measured("loads_per_cycle",
                core.perCycle(wide ? load512 : load256, kLoads),
                ", of " + std::to_string(wide ? 512 : 256) + " bits");

  Found l1 = cacheBytes(1, 32 << 10);
  Found l2 = cacheBytes(2, wide ? 1 << 20 : 512 << 10);
  yaml.add("l1_bytes", l1.value, l1.source);
  yaml.add("l2_bytes", l2.value, l2.source);
  // Half of it, so that it stays there.
  auto part = std::min<int64_t>(l2.value / 2, int64_t(memory->size()));
  int64_t times = std::max<int64_t>((int64_t(4) << 20) / part, 1);
  double cycles = core.cyclesOf([&] {
    for (int64_t i = 0; i < times; ++i)
      (wide ? read512 : readPlain)(memory->data(), memory->data() + part);
  });
  yaml.measured("l2_bytes_per_cycle", double(part) * double(times) / cycles,
                ", of half of it read again and again");
  double rate =
      std::max(memory->readRate(options.threads, options.rounds, readPlain),
               memory->readRate(options.threads, options.rounds, readAhead));
  yaml.measured("memory_bytes_per_cycle", rate / options.threads / core.hertz,
                ", each of " + std::to_string(options.threads) +
                    " threads at once");
  return std::move(yaml.out).str();
}

} // namespace hamlet::machine
