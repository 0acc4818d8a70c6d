//===- Target.cpp - reading target descriptions ---------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/schedule/Target.h"

#include "codegen/schedule/Yaml.h"
#include "container/Sizes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

#include <cmath>

using namespace llvm;
using namespace hamlet::schedule;

namespace {

/// A value with the entry of `sources` that it is from.
template <typename T> struct Sourced {
  T value{};
  std::string source, derivation;
};
/// A rate of an instruction family, likewise.
struct Rate {
  double rate = 0;
  std::string source, derivation;
};

/// One value that was read, for the checks that all have in common.
struct Cited {
  const char *key;
  double value;
  std::string source;
};

struct InstructionRates {
  GpuTarget::Instructions rates;
  std::optional<double> clusters;
  std::vector<Cited> cited;
};

struct TargetFile {
  std::string name, kind;
  CpuTarget cpu;
  GpuTarget gpu;
  std::string generation, ptxVersion;
  std::map<std::string, std::string> sources;
  InstructionRates instructions;
  std::vector<Cited> cited;
};

/// Which families a generation has beside fma, mma.sync and cp.async, which
/// all have. `accelerated`: on architectures with a suffix (sm_90a) only.
struct GenerationFacts {
  const char *name;
  Generation generation;
  int first, last; ///< compute capabilities, 80 is 8.0
  bool tma;        ///< and clusters
  const char *accelerated;
};
constexpr GenerationFacts kGenerations[] = {
    {"ampere", Generation::ampere, 80, 88, false, ""},
    {"ada", Generation::ada, 89, 89, false, ""},
    {"hopper", Generation::hopper, 90, 90, true, "wgmma"},
    {"blackwell", Generation::blackwell, 100, 119, true, "tcgen05"},
    {"rtx_blackwell", Generation::rtxBlackwell, 120, 129, true, ""}};

constexpr int64_t kWarp = 32;             // threads
constexpr int64_t kLargestCluster = 16;   // blocks, of any GPU
constexpr int64_t kReservedShared = 1024; // bytes of a block, by the driver
constexpr int64_t kMostRows = 64;         // of a variant, that kernels have
constexpr int64_t kMostColumns = 256;     // of a product's tile

} // namespace

LLVM_YAML_IS_STRING_MAP(std::string)

template <typename T> struct llvm::yaml::MappingTraits<Sourced<T>> {
  static void mapping(IO &io, Sourced<T> &entry) {
    io.mapRequired("value", entry.value);
    io.mapRequired("source", entry.source);
    io.mapOptional("derivation", entry.derivation);
  }
};

template <> struct llvm::yaml::MappingTraits<Rate> {
  static void mapping(IO &io, Rate &entry) {
    io.mapRequired("rate", entry.rate);
    io.mapRequired("source", entry.source);
    io.mapOptional("derivation", entry.derivation);
  }
};

template <> struct llvm::yaml::MappingTraits<InstructionRates> {
  static void mapping(IO &io, InstructionRates &file) {
    auto required = [&](const char *key, double &rate) {
      Rate entry;
      io.mapRequired(key, entry);
      rate = entry.rate;
      file.cited.push_back({key, entry.rate, entry.source});
    };
    auto optional = [&](const char *key, std::optional<double> &rate) {
      std::optional<Rate> entry;
      io.mapOptional(key, entry);
      if (!entry)
        return;
      rate = entry->rate;
      file.cited.push_back({key, entry->rate, entry->source});
    };
    required("fma", file.rates.fma);
    required("mma_sync", file.rates.mmaSync);
    optional("wgmma", file.rates.wgmma);
    optional("tcgen05", file.rates.tcgen05);
    required("cp_async", file.rates.cpAsync);
    optional("tma", file.rates.tma);
    optional("clusters", file.clusters);
  }
};

template <> struct llvm::yaml::MappingTraits<hamlet::codegen::KernelSizes> {
  static void mapping(IO &io, hamlet::codegen::KernelSizes &sizes) {
    // LLVM's reader puts elements over those that a list has.
    auto rows = [&](const char *key, std::vector<int64_t> &list) {
      std::optional<std::vector<int64_t>> given;
      io.mapOptional(key, given);
      if (given)
        list = *given;
    };
    rows("product_rows", sizes.productRows);
    rows("whole_rows", sizes.wholeRows);
    rows("query_rows", sizes.queryRows);
    io.mapOptional("whole_rows_bytes", sizes.wholeRowsBytes);
    io.mapOptional("columns", sizes.columns);
    io.mapOptional("wide_columns", sizes.wideColumns);
    io.mapOptional("wide_from", sizes.wideFrom);
    io.mapOptional("row_step", sizes.rowStep);
    io.mapOptional("weight_blocks", sizes.weightBlocks);
    io.mapOptional("lightning_rows", sizes.lightningRows);
    io.mapOptional("lightning_part", sizes.lightningPart);
    io.mapOptional("grad_rows", sizes.gradRows);
    io.mapOptional("grad_tokens", sizes.gradTokens);
    io.mapOptional("whole_tails", sizes.wholeTails);
    io.mapOptional("whole_tails_per_token", sizes.wholeTailsPerToken);
    io.mapOptional("apart_rows", sizes.apartRows);
  }
  static std::string validate(IO &, hamlet::codegen::KernelSizes &sizes) {
    const std::pair<const char *, const std::vector<int64_t> *> lists[] = {
        {"product_rows", &sizes.productRows},
        {"whole_rows", &sizes.wholeRows},
        {"query_rows", &sizes.queryRows}};
    for (auto [key, rows] : lists) {
      auto isRows = [](int64_t r) {
        return r == 1 || r == 8 || (r > 0 && r <= kMostRows && r % 16 == 0);
      };
      if (rows->empty() || !all_of(*rows, isRows) ||
          !std::is_sorted(rows->begin(), rows->end(), std::less_equal<>()))
        return formatv("kernel_sizes: {0}: expected an ascending list of 1, 8 "
                       "and multiples of 16 up to {1}",
                       key, kMostRows)
            .str();
    }
    const struct {
      const char *key;
      int64_t value, step, most;
    } numbers[] = {
        {"columns", sizes.columns, hamlet::kPanel, kMostColumns},
        {"wide_columns", sizes.wideColumns, hamlet::kPanel, kMostColumns},
        {"row_step", sizes.rowStep, 8, kMostRows},
        {"lightning_rows", sizes.lightningRows, 16, kMostRows},
        {"lightning_part", sizes.lightningPart, 16, kMostRows},
        {"grad_rows", sizes.gradRows, 16, kMostRows},
        {"grad_tokens", sizes.gradTokens, 16, kMostRows},
        {"apart_rows", sizes.apartRows, 8, kMostRows}};
    for (const auto &n : numbers)
      if (n.value <= 0 || n.value > n.most || n.value % n.step != 0)
        return formatv("kernel_sizes: {0}: expected a multiple of {1} up to "
                       "{2}, got {3}",
                       n.key, n.step, n.most, n.value)
            .str();
    for (auto [key, value] :
         {std::pair("whole_rows_bytes", sizes.wholeRowsBytes),
          {"wide_from", sizes.wideFrom}})
      if (value <= 0)
        return formatv("kernel_sizes: {0}: expected more than 0, got {1}", key,
                       value)
            .str();
    return "";
  }
};

static void mapCpu(yaml::IO &io, CpuTarget &t) {
  io.mapRequired("vector_bits", t.vectorBits);
  io.mapRequired("vector_registers", t.vectorRegisters);
  io.mapRequired("fma_per_cycle", t.fmaPerCycle);
  io.mapRequired("fma_latency", t.fmaLatency);
  io.mapRequired("loads_per_cycle", t.loadsPerCycle);
  io.mapOptional("dots_per_cycle", t.dotsPerCycle, 0.0);
  io.mapRequired("l1_bytes", t.l1Bytes);
  io.mapRequired("l2_bytes", t.l2Bytes);
  io.mapRequired("l2_bytes_per_cycle", t.l2BytesPerCycle);
  io.mapRequired("memory_bytes_per_cycle", t.memoryBytesPerCycle);
  io.mapOptional("kernel_sizes", t.sizes);
}

static void mapGpu(yaml::IO &io, TargetFile &file) {
  GpuTarget &t = file.gpu;
  auto sourced = [&](const char *key, auto &value) {
    Sourced<std::remove_reference_t<decltype(value)>> entry;
    io.mapRequired(key, entry);
    value = entry.value;
    double number = 1; // text is checked where it is read
    if constexpr (!std::is_same_v<decltype(entry.value), std::string>)
      number = static_cast<double>(value);
    file.cited.push_back({key, number, entry.source});
  };
  io.mapRequired("architecture", t.architecture);
  io.mapRequired("generation", file.generation);
  io.mapRequired("product", t.product);
  io.mapRequired("sources", file.sources);
  sourced("ptx_version", file.ptxVersion);
  sourced("multiprocessors", t.multiprocessors);
  sourced("registers_per_sm", t.registersPerMultiprocessor);
  sourced("registers_per_thread", t.registersPerThread);
  sourced("shared_bytes_per_sm", t.sharedBytesPerMultiprocessor);
  sourced("shared_bytes_per_block", t.sharedBytesPerBlock);
  sourced("threads_per_sm", t.threadsPerMultiprocessor);
  sourced("threads_per_block", t.threadsPerBlock);
  sourced("blocks_per_sm", t.blocksPerMultiprocessor);
  sourced("clock_hz", t.clockHz);
  sourced("l2_bytes", t.l2Bytes);
  sourced("memory_bytes", t.memoryBytes);
  sourced("memory_bus_bits", t.memoryBusBits);
  sourced("memory_bytes_per_second", t.memoryBytesPerSecond);
  io.mapRequired("instructions", file.instructions);
  io.mapOptional("kernel_sizes", t.sizes);
}

/// What is wrong with the values, empty if nothing.
static std::string checkCpu(const CpuTarget &t) {
  if (t.vectorBits != 256 && t.vectorBits != 512)
    return "vector_bits: expected 256 or 512, got " +
           std::to_string(t.vectorBits);
  const std::pair<const char *, int64_t> counts[] = {
      {"fma_per_cycle", t.fmaPerCycle},
      {"fma_latency", t.fmaLatency},
      {"loads_per_cycle", t.loadsPerCycle},
      {"l1_bytes", t.l1Bytes},
      {"l2_bytes", t.l2Bytes},
      {"l2_bytes_per_cycle", t.l2BytesPerCycle},
      {"memory_bytes_per_cycle", t.memoryBytesPerCycle}};
  for (auto [key, value] : counts)
    if (value <= 0)
      return std::string(key) + ": expected more than 0, got " +
             std::to_string(value);
  if (t.vectorRegisters < 8)
    return "vector_registers: expected 8 or more, got " +
           std::to_string(t.vectorRegisters);
  if (!(t.dotsPerCycle >= 0))
    return "dots_per_cycle: expected 0 or more";
  if (t.sizes.weightBlocks)
    return "kernel_sizes: weight_blocks: expected a GPU; a CPU reads panels";
  return "";
}

/// Every value cites a source, every source is cited.
static std::string checkSources(const TargetFile &file) {
  StringSet<> used;
  for (const std::vector<Cited> *cited :
       {&file.cited, &file.instructions.cited})
    for (const Cited &value : *cited) {
      if (!file.sources.count(value.source))
        return std::string(value.key) + ": expected one of the sources " +
               join(map_range(file.sources,
                              [](auto &entry) { return entry.first; }),
                    ", ") +
               ", got '" + value.source + "'";
      used.insert(value.source);
    }
  for (auto &[key, text] : file.sources) {
    if (!used.contains(key))
      return "sources: no value cites '" + key + "'; remove it or cite it";
    if (text.empty())
      return "sources: '" + key + "' is empty, expected what it stands for";
  }
  return "";
}

/// The number of `architecture` (sm_90a: 90) and its suffix, or none.
static std::optional<std::pair<int, StringRef>>
splitArchitecture(StringRef architecture) {
  int number = 0;
  if (!architecture.consume_front("sm_") ||
      architecture.consumeInteger(10, number) ||
      (architecture != "" && architecture != "a" && architecture != "f"))
    return std::nullopt;
  return std::pair(number, architecture);
}

/// Reads generation, architecture and PTX version, and checks that they and
/// the instruction families go together.
static std::string checkGeneration(TargetFile &file) {
  GpuTarget &t = file.gpu;
  auto split = splitArchitecture(t.architecture);
  if (!split)
    return "architecture: expected one such as sm_80 or sm_90a, got '" +
           t.architecture + "'";
  auto [number, suffix] = *split;
  const auto *known = find_if(kGenerations, [&](const GenerationFacts &facts) {
    return file.generation == facts.name;
  });
  if (known == std::end(kGenerations))
    return "generation: expected one of " +
           join(map_range(kGenerations, [](auto &facts) { return facts.name; }),
                ", ") +
           ", got '" + file.generation + "'";
  t.generation = known->generation;
  if (number < known->first || number > known->last)
    return "generation: " + file.generation + " is sm_" +
           std::to_string(known->first) + " to sm_" +
           std::to_string(known->last) + ", the architecture is " +
           t.architecture;

  StringRef version = file.ptxVersion;
  int major = 0, minor = 0;
  if (version.consumeInteger(10, major) || !version.consume_front(".") ||
      version.consumeInteger(10, minor) || !version.empty() || major > 99 ||
      minor > 9)
    return "ptx_version: expected a version such as 8.0, got '" +
           file.ptxVersion + "'";
  t.ptxVersion = 10 * major + minor;

  const InstructionRates &found = file.instructions;
  const std::tuple<const char *, bool, bool> families[] = {
      {"wgmma", found.rates.wgmma.has_value(),
       StringRef(known->accelerated) == "wgmma" && !suffix.empty()},
      {"tcgen05", found.rates.tcgen05.has_value(),
       StringRef(known->accelerated) == "tcgen05" && !suffix.empty()},
      {"tma", found.rates.tma.has_value(), known->tma},
      {"clusters", found.clusters.has_value(), known->tma}};
  for (auto [key, there, expected] : families)
    if (there != expected)
      return std::string("instructions: ") + t.architecture + " (" +
             known->name + ") has " + (expected ? "" : "no ") + key +
             (expected ? ", expected its rate" : "; remove the key");
  return "";
}

static std::string checkGpu(TargetFile &file) {
  GpuTarget &t = file.gpu;
  if (t.product.empty())
    return "product: expected the name of the product that these numbers are "
           "for";
  if (std::string error = checkSources(file); !error.empty())
    return error;
  for (const std::vector<Cited> *cited :
       {&file.cited, &file.instructions.cited})
    for (const Cited &value : *cited)
      if (!(value.value > 0) || !std::isfinite(value.value))
        return std::string(value.key) + ": expected more than 0, got " +
               formatv("{0}", value.value).str();
  if (std::string error = checkGeneration(file); !error.empty())
    return error;

  auto atMost = [](const char *key, int64_t value, const char *limitKey,
                   int64_t limit) -> std::string {
    if (value <= limit)
      return "";
    return formatv("{0}: expected at most {1}, {2}, got {3}", key, limit,
                   limitKey, value)
        .str();
  };
  for (std::string error :
       {atMost("threads_per_block", t.threadsPerBlock, "threads_per_sm",
               t.threadsPerMultiprocessor),
        atMost("shared_bytes_per_block", t.sharedBytesPerBlock,
               "shared_bytes_per_sm less the 1024 bytes that the driver keeps",
               t.sharedBytesPerMultiprocessor - kReservedShared),
        atMost("registers_per_thread", t.registersPerThread,
               "registers_per_sm / 32", t.registersPerMultiprocessor / kWarp)})
    if (!error.empty())
      return error;
  for (auto [key, threads] : {std::pair("threads_per_block", t.threadsPerBlock),
                              {"threads_per_sm", t.threadsPerMultiprocessor}})
    if (threads % kWarp)
      return std::string(key) + ": expected a multiple of 32, got " +
             std::to_string(threads);
  t.instructions = file.instructions.rates;
  if (file.instructions.clusters) {
    double blocks = *file.instructions.clusters;
    if (blocks != std::floor(blocks) || blocks < 2 || blocks > kLargestCluster)
      return formatv("clusters: expected 2 to {0} blocks, got {1}",
                     kLargestCluster, blocks)
          .str();
    t.instructions.largestCluster = static_cast<int64_t>(blocks);
  }
  return "";
}

template <> struct llvm::yaml::MappingTraits<TargetFile> {
  static void mapping(IO &io, TargetFile &file) {
    io.mapRequired("target", file.name);
    io.mapRequired("kind", file.kind);
    if (file.kind == "cpu")
      mapCpu(io, file.cpu);
    if (file.kind == "gpu")
      mapGpu(io, file);
  }
  static std::string validate(IO &, TargetFile &file) {
    file.cpu.name = file.gpu.name = file.name;
    if (file.kind == "cpu")
      return checkCpu(file.cpu);
    if (file.kind == "gpu")
      return checkGpu(file);
    return "kind: expected cpu or gpu, got '" + file.kind + "'";
  }
};

std::string GpuTarget::codeKey() const {
  return formatv("{0} ptx {1} shared {2} threads {3}", architecture, ptxVersion,
                 sharedBytesPerBlock, threadsPerBlock)
      .str();
}

Expected<Target> hamlet::schedule::parseTarget(StringRef yaml, StringRef path) {
  Expected<TargetFile> file = readYaml<TargetFile>(yaml, path);
  if (!file)
    return file.takeError();
  if (file->kind == "cpu")
    return Target(std::move(file->cpu));
  return Target(std::move(file->gpu));
}

/// Of a vector, const or not.
static auto *findNamed(auto &all, StringRef name) {
  auto found = find_if(all, [&](auto &t) { return t.name == name; });
  return found == all.end() ? nullptr : &*found;
}

template <typename T>
static std::vector<std::string> namesOf(const std::vector<T> &all) {
  std::vector<std::string> names;
  names.reserve(all.size());
  for (const T &target : all)
    names.push_back(target.name);
  return names;
}

/// Whether `name` can stand in a list of --target and name an image.
static bool isName(StringRef name) {
  return !name.empty() && name != "cpu" && all_of(name, [](char c) {
    return isAlnum(c) || c == '_' || c == '-' || c == '.';
  });
}

Error Targets::add(Target target, StringRef path) {
  auto fail = [&](const Twine &message) {
    return createStringError(path + ": target: " + message);
  };
  auto put = []<typename T>(std::vector<T> &all, T mine) {
    if (T *old = findNamed(all, mine.name))
      *old = std::move(mine);
    else
      all.push_back(std::move(mine));
  };
  const std::string &name =
      std::visit([](auto &t) -> const std::string & { return t.name; }, target);
  if (!isName(name))
    return fail("expected a name of letters, digits, '_', '-' and '.', and not "
                "'cpu', got '" +
                name + "'");
  if (auto *cpu = std::get_if<CpuTarget>(&target)) {
    if (findNamed(gpus, name))
      return fail("'" + name + "' is the name of a GPU");
    put(cpus, std::move(*cpu));
  } else {
    if (findNamed(cpus, name))
      return fail("'" + name + "' is the name of a CPU");
    // By this a container's reader knows an image for CPUs.
    if (StringRef(name).starts_with("x86-64-"))
      return fail("names that begin with x86-64- are those of CPUs, got '" +
                  name + "' for a GPU");
    put(gpus, std::move(std::get<GpuTarget>(target)));
  }
  return Error::success();
}

/// The descriptions in the files of a folder, in the order of their names.
static Expected<std::vector<std::pair<std::string, Target>>>
readFolder(const std::string &folder) {
  std::error_code code;
  std::vector<std::string> paths;
  for (sys::fs::directory_iterator file(folder, code), end;
       !code && file != end; file.increment(code))
    if (sys::path::extension(file->path()) == ".yaml")
      paths.push_back(file->path());
  if (code)
    return createStringError(code,
                             folder + ": cannot be read: " + code.message());
  if (paths.empty())
    return createStringError(folder + ": expected target descriptions, "
                                      "*.yaml, and found none");
  sort(paths);
  std::vector<std::pair<std::string, Target>> found;
  StringMap<std::string> pathOf;
  for (const std::string &path : paths) {
    auto buffer = MemoryBuffer::getFile(path);
    if (!buffer)
      return createStringError(
          buffer.getError(),
          path + ": cannot be read: " + buffer.getError().message());
    Expected<Target> target = parseTarget((*buffer)->getBuffer(), path);
    if (!target)
      return target.takeError();
    const std::string &name = std::visit(
        [](auto &t) -> const std::string & { return t.name; }, *target);
    auto [other, fresh] = pathOf.try_emplace(name, path);
    if (!fresh)
      return createStringError(Twine(path) + ": target: '" + name +
                               "' is described in " + other->second + " too");
    found.emplace_back(path, std::move(*target));
  }
  return found;
}

Expected<Targets> Targets::load(ArrayRef<std::string> folders) {
  Targets targets;
  for (const EmbeddedFile &file : builtinTargets()) {
    Expected<Target> target = parseTarget(file.text, file.name);
    if (!target)
      return target.takeError();
    if (Error error = targets.add(std::move(*target), file.name))
      return error;
  }
  for (const std::string &folder : folders) {
    auto found = readFolder(folder);
    if (!found)
      return found.takeError();
    for (auto &[path, target] : *found) {
      if (auto *cpu = std::get_if<CpuTarget>(&target);
          cpu && !targets.findCpu(cpu->name))
        return createStringError(
            path + ": target: there is code for the CPUs " +
            join(targets.cpuNames(), ", ") + ", got '" + cpu->name + "'");
      if (Error error = targets.add(std::move(target), path))
        return error;
    }
  }
  return targets;
}

const CpuTarget *Targets::findCpu(StringRef name) const {
  return findNamed(cpus, name);
}
const GpuTarget *Targets::findGpu(StringRef name) const {
  return findNamed(gpus, name);
}
std::vector<std::string> Targets::cpuNames() const { return namesOf(cpus); }
std::vector<std::string> Targets::gpuNames() const { return namesOf(gpus); }

static const Targets &builtins() {
  static const Targets targets = cantFail(Targets::load());
  return targets;
}

const CpuTarget &hamlet::schedule::builtinCpu(StringRef name) {
  const CpuTarget *target = builtins().findCpu(name);
  assert(target && "every level has a file in targets/");
  return *target;
}
const GpuTarget &hamlet::schedule::builtinGpu(StringRef name) {
  const GpuTarget *target = builtins().findGpu(name);
  assert(target && "not a GPU of targets/");
  return *target;
}
