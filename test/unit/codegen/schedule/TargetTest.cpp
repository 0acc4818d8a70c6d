//===- TargetTest.cpp - what is read of target descriptions ---------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "codegen/schedule/Target.h"

#include "targets/GpuTable.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

#include <gtest/gtest.h>

using namespace hamlet::schedule;
using llvm::StringRef;

namespace {

std::string builtinText(StringRef name) {
  for (const EmbeddedFile &file : builtinTargets())
    if (llvm::sys::path::stem(file.name) == name)
      return file.text;
  ADD_FAILURE() << "no file of " << name.str();
  return "";
}

/// The error of a text, empty where there is none.
std::string errorOf(StringRef text) {
  llvm::Expected<Target> target = parseTarget(text, "t.yaml");
  return target ? "" : llvm::toString(target.takeError());
}

/// `text` with its one `from` replaced.
std::string with(std::string text, StringRef from, StringRef to) {
  size_t at = StringRef(text).find(from);
  EXPECT_NE(at, std::string::npos) << from.str();
  EXPECT_EQ(StringRef(text).count(from), 1u) << from.str();
  return text.replace(at, from.size(), to.str());
}

/// A folder of descriptions, gone afterwards.
class Folder {
public:
  Folder() {
    EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("targets", path));
  }
  ~Folder() { llvm::sys::fs::remove_directories(path); }
  void add(StringRef name, StringRef text) {
    std::error_code error;
    llvm::raw_fd_ostream(path.str().str() + "/" + name.str(), error) << text;
    EXPECT_FALSE(error);
  }
  std::string error() const {
    llvm::Expected<Targets> targets = Targets::load({path.str().str()});
    return targets ? "" : llvm::toString(targets.takeError());
  }
  Targets load() const {
    return llvm::cantFail(Targets::load({path.str().str()}));
  }

private:
  llvm::SmallString<128> path;
};

void expectContains(const std::string &text, const std::string &part) {
  EXPECT_NE(text.find(part), std::string::npos)
      << "expected: " << part << "\nfound: " << text;
}

} // namespace

TEST(Target, built_in_ones_are_named_for_their_files) {
  Targets targets = llvm::cantFail(Targets::load());
  std::vector<std::string> names = targets.cpuNames();
  EXPECT_EQ(names.size(), 3u);
  for (const std::string &name : targets.gpuNames()) {
    names.push_back(name);
    EXPECT_EQ(targets.findGpu(name)->architecture, name);
  }
  EXPECT_EQ(
      targets.gpuNames(),
      (std::vector<std::string>{"sm_80", "sm_86", "sm_89", "sm_90a", "sm_100a",
                                "sm_103a", "sm_120a", "sm_121a"}));
  std::vector<std::string> files;
  for (const EmbeddedFile &file : builtinTargets())
    files.push_back(llvm::sys::path::stem(file.name).str());
  EXPECT_EQ(names, files);
}

// Shared memory of a block, threads of a multiprocessor, families: CUDA C++
// Programming Guide, compute capabilities.
TEST(Target, gpus_differ) {
  for (auto [name, shared, threads, tma, wgmma, tcgen05] :
       {std::tuple("sm_80", 163, 2048, false, false, false),
        {"sm_86", 99, 1536, false, false, false},
        {"sm_89", 99, 1536, false, false, false},
        {"sm_90a", 227, 2048, true, true, false},
        {"sm_100a", 227, 2048, true, false, true},
        {"sm_103a", 227, 2048, true, false, true},
        {"sm_120a", 99, 1536, true, false, false},
        {"sm_121a", 99, 1536, true, false, false}}) {
    const GpuTarget &gpu = builtinGpu(name);
    EXPECT_EQ(gpu.sharedBytesPerBlock, shared * 1024) << name;
    EXPECT_EQ(gpu.threadsPerMultiprocessor, threads) << name;
    EXPECT_EQ(gpu.instructions.tma.has_value(), tma) << name;
    EXPECT_EQ(gpu.instructions.largestCluster, tma ? 8 : 1) << name;
    EXPECT_EQ(gpu.instructions.wgmma.has_value(), wgmma) << name;
    EXPECT_EQ(gpu.instructions.tcgen05.has_value(), tcgen05) << name;
  }
}

// The runtime and the stand-in driver have the same numbers from another
// reader of the files.
TEST(Target, the_table_agrees) {
  Targets targets = llvm::cantFail(Targets::load());
  std::vector<std::string> names;
  for (const hamlet::targets::GpuRow &row : hamlet::targets::kGpus) {
    names.push_back(row.name);
    const GpuTarget *gpu = targets.findGpu(row.name);
    ASSERT_TRUE(gpu) << row.name;
    EXPECT_EQ(row.architecture, gpu->architecture);
    EXPECT_EQ(StringRef(gpu->architecture).drop_front(3).rtrim("af"),
              std::to_string(row.capability));
    EXPECT_EQ(row.multiprocessors, gpu->multiprocessors);
    EXPECT_EQ(row.registersPerMultiprocessor, gpu->registersPerMultiprocessor);
    EXPECT_EQ(row.sharedBytesPerMultiprocessor,
              gpu->sharedBytesPerMultiprocessor);
    EXPECT_EQ(row.sharedBytesPerBlock, gpu->sharedBytesPerBlock);
    EXPECT_EQ(row.threadsPerMultiprocessor, gpu->threadsPerMultiprocessor);
    EXPECT_EQ(row.threadsPerBlock, gpu->threadsPerBlock);
    EXPECT_EQ(row.blocksPerMultiprocessor, gpu->blocksPerMultiprocessor);
    EXPECT_EQ(row.largestCluster, gpu->instructions.largestCluster);
    EXPECT_EQ(row.clockKhz, static_cast<int>(gpu->clockHz / 1000));
    EXPECT_EQ(row.memoryBusBits, gpu->memoryBusBits);
    // What programs work out of the driver's attributes.
    EXPECT_NEAR(2e3 * row.memoryClockKhz * row.memoryBusBits / 8,
                gpu->memoryBytesPerSecond, 1e-3 * gpu->memoryBytesPerSecond);
    EXPECT_EQ(row.l2Bytes, gpu->l2Bytes);
    EXPECT_EQ(row.memoryBytes, gpu->memoryBytes);
  }
  EXPECT_EQ(names, targets.gpuNames());
}

TEST(Target, mistakes_in_a_gpu_are_named) {
  const std::string good = builtinText("sm_90a");
  ASSERT_EQ(errorOf(good), "");
  for (auto [from, to, expected] :
       std::initializer_list<std::tuple<StringRef, StringRef, std::string>>{
           {"kind: gpu", "kind: tpu", "kind: expected cpu or gpu, got 'tpu'"},
           {"generation: hopper", "generation: kepler",
            "generation: expected one of ampere, ada, hopper, blackwell, "
            "rtx_blackwell, got 'kepler'"},
           {"generation: hopper", "generation: ada",
            "generation: ada is sm_89 to sm_89, the architecture is sm_90a"},
           {"architecture: sm_90a", "architecture: gfx942",
            "architecture: expected one such as sm_80 or sm_90a, got 'gfx942'"},
           {"architecture: sm_90a", "architecture: sm_90b", "got 'sm_90b'"},
           // Without the suffix there is no wgmma.
           {"architecture: sm_90a", "architecture: sm_90",
            "instructions: sm_90 (hopper) has no wgmma; remove the key"},
           {"  tma: {rate: 128, source: banks}\n", "",
            "instructions: sm_90a (hopper) has tma, expected its rate"},
           {"\n  wgmma:", "\n  tcgen05: {rate: 1, source: isa}\n  wgmma:",
            "has no tcgen05; remove the key"},
           {"\n  wgmma:", "\n  wgma:", "unknown key 'wgma'"},
           {"multiprocessors: {", "multiprocesors: {",
            "missing required key 'multiprocessors'"},
           {"l2_bytes:", "l3_bytes: 1\nl2_bytes:", "unknown key 'l3_bytes'"},
           {"  fma: {rate: 128, source: rates}\n", "",
            "missing required key 'fma'"},
           {"threads_per_block: {value: 1024, source: guide}",
            "threads_per_block: {value: 1024}",
            "missing required key 'source'"},
           {"threads_per_block: {value: 1024, source: guide}",
            "threads_per_block: 1024", "t.yaml:"},
           {"threads_per_block: {value: 1024, source: guide}",
            "threads_per_block: {value: many, source: guide}",
            "invalid number"},
           {"threads_per_block: {value: 1024, source: guide}",
            "threads_per_block: {value: 1024, source: hearsay}",
            "threads_per_block: expected one of the sources banks, cluster, "
            "datasheet, device, guide, isa, measured, rates, whitepaper, got "
            "'hearsay'"},
           {"threads_per_block: {value: 1024,",
            "threads_per_block: {value: 1000,",
            "threads_per_block: expected a multiple of 32, got 1000"},
           {"threads_per_block: {value: 1024,",
            "threads_per_block: {value: 4096,",
            "threads_per_block: expected at most 2048, threads_per_sm, got "
            "4096"},
           {"threads_per_block: {value: 1024,",
            "threads_per_block: {value: -32,",
            "threads_per_block: expected more than 0, got -32"},
           {"shared_bytes_per_block: {value: 232448,",
            "shared_bytes_per_block: {value: 233472,",
            "shared_bytes_per_block: expected at most 232448"},
           {"registers_per_thread: {value: 255,",
            "registers_per_thread: {value: 2049,",
            "registers_per_thread: expected at most 2048"},
           {"clock_hz: {value: 1.98e9,", "clock_hz: {value: nan,",
            "clock_hz: expected more than 0"},
           {"ptx_version: {value: 8.0,", "ptx_version: {value: 80,",
            "ptx_version: expected a version such as 8.0, got '80'"},
           {"clusters: {rate: 8,", "clusters: {rate: 17,",
            "clusters: expected 2 to 16 blocks, got 17"},
           {"sources:\n", "sources:\n  rumour: \"heard\"\n",
            "sources: no value cites 'rumour'; remove it or cite it"},
           {"product: NVIDIA H200 SXM", "product: \"\"",
            "product: expected"}}) {
    expectContains(errorOf(with(good, from, to)), expected);
  }
}

TEST(Target, mistakes_in_a_cpu_are_named) {
  const std::string good = builtinText("x86-64-v4");
  for (auto [from, to, expected] :
       std::initializer_list<std::tuple<StringRef, StringRef, std::string>>{
           {"vector_bits: 512", "vector_bits: 128",
            "vector_bits: expected 256 or 512, got 128"},
           {"l1_bytes: 32768", "l1_bytes: 0",
            "l1_bytes: expected more than 0, got 0"},
           {"vector_registers: 32", "vector_registers: 4",
            "vector_registers: expected 8 or more, got 4"},
           {"l1_bytes: 32768\n", "", "missing required key 'l1_bytes'"},
           // A GPU's keys are none of a CPU's.
           {"l1_bytes:", "multiprocessors: 3\nl1_bytes:",
            "unknown key 'multiprocessors'"}})
    expectContains(errorOf(with(good, from, to)), expected);
}

TEST(Target, a_folder_adds_and_replaces) {
  Folder folder;
  folder.add("h100.yaml",
             with(with(builtinText("sm_90a"), "target: sm_90a", "target: h100"),
                  "multiprocessors: {value: 132",
                  "multiprocessors: {value: 114"));
  folder.add("v4.yaml", with(builtinText("x86-64-v4"), "l2_bytes: 1048576",
                             "l2_bytes: 9"));
  Targets targets = folder.load();
  ASSERT_TRUE(targets.findGpu("h100"));
  EXPECT_EQ(targets.findGpu("h100")->multiprocessors, 114);
  EXPECT_EQ(targets.findGpu("h100")->architecture, "sm_90a");
  EXPECT_EQ(targets.findGpu("sm_90a")->multiprocessors, 132);
  EXPECT_EQ(targets.findCpu("x86-64-v4")->l2Bytes, 9);
  EXPECT_EQ(targets.gpuNames().back(), "h100");
  EXPECT_EQ(targets.cpuNames().size(), 3u);
  // Names are of a kind.
  EXPECT_FALSE(targets.findCpu("h100"));
  EXPECT_FALSE(targets.findGpu("x86-64-v4"));
}

TEST(Target, what_fits_nothing_is_an_error) {
  {
    Folder folder;
    expectContains(folder.error(), "expected target descriptions, *.yaml");
    folder.add("readme.txt", "");
    expectContains(folder.error(), "expected target descriptions, *.yaml");
  }
  auto errorOfOne = [](const std::string &text) {
    Folder folder;
    folder.add("one.yaml", text);
    return folder.error();
  };
  const std::string cpu = builtinText("x86-64-v4"), gpu = builtinText("sm_80");
  expectContains(errorOfOne(with(cpu, "target: x86-64-v4", "target: zen5")),
                 "one.yaml: target: there is code for the CPUs x86-64-v3, "
                 "x86-64-v4, x86-64-v4-bf16, got 'zen5'");
  expectContains(errorOfOne(with(gpu, "target: sm_80", "target: x86-64-v3")),
                 "'x86-64-v3' is the name of a CPU");
  expectContains(errorOfOne(with(gpu, "target: sm_80", "target: x86-64-v9")),
                 "x86-64-v9");
  expectContains(errorOfOne(with(cpu, "target: x86-64-v4", "target: sm_80")),
                 "'sm_80'");
  for (const char *name : {"cpu", "'a b'", "'a,b'", "''"})
    expectContains(
        errorOfOne(with(gpu, "target: sm_80", std::string("target: ") + name)),
        "one.yaml: target: expected a name of letters");
  Folder twice;
  twice.add("a.yaml", gpu);
  twice.add("b.yaml", gpu);
  expectContains(twice.error(), "b.yaml: target: 'sm_80' is described in ");
}

// What the code of a kernel depends on, and nothing else, is in its key.
TEST(Target, keys_of_code) {
  const GpuTarget &gpu = builtinGpu("sm_80");
  GpuTarget other = gpu;
  other.name = "mine";
  other.multiprocessors = 1;
  EXPECT_EQ(other.codeKey(), gpu.codeKey());
  for (auto change : std::initializer_list<void (*)(GpuTarget &)>{
           [](GpuTarget &g) { g.architecture = "sm_86"; },
           [](GpuTarget &g) { g.ptxVersion = 90; },
           [](GpuTarget &g) { g.sharedBytesPerBlock -= 1; }}) {
    other = gpu;
    change(other);
    EXPECT_NE(other.codeKey(), gpu.codeKey());
  }
}
