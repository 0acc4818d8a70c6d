//===- CudaDeviceTest.cpp -------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The path of a GPU, over a driver that runs the toy's kernels on the host.
#include "runtime/cuda/CudaDevice.h"

#include "runtime/Executor.h"
#include "test/unit/runtime/ToyModel.h"

#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <gtest/gtest.h>

namespace {

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::test;

/// The toy with code for sm_80 and what a GPU needs to know.
hmlt::ContainerT gpuContainer() {
  hmlt::ContainerT file = toyContainer();
  addGpu(file, "sm_80", ".version 8.0");
  for (auto &kernel : file.kernels)
    if (kernel->name == "attend")
      kernel->realizations.back()->variants[0]->scratch_bytes = kHidden * 4;
  return file;
}

/// What the fake driver was told of streams and events.
std::string driverCalls(bool clear) {
  void *library = dlopen(HAMLET_FAKE_DRIVER, RTLD_NOW | RTLD_LOCAL);
  using Calls = const char *(*)(int);
  auto calls = reinterpret_cast<Calls>(dlsym(library, "fakeDriverCalls"));
  std::string text = calls(clear);
  dlclose(library);
  return text;
}

class CudaDevice : public testing::Test {
protected:
  void SetUp() override { setenv("HAMLET_EMULATOR", HAMLET_FAKE_DRIVER, 1); }
  void TearDown() override { unsetenv("HAMLET_EMULATOR"); }

  Result<std::unique_ptr<LoadedModel>> load(hmlt::ContainerT file) {
    std::string path = folder / "toy.hmlt";
    Status status = writeContainer(file, path);
    EXPECT_TRUE(status.ok()) << status.message();
    return loadModel(path, "emulated", 1);
  }
  TemporaryFolder folder;
};

TEST_F(CudaDevice, GivesTheToysLogits) {
  auto model = load(gpuContainer());
  ASSERT_TRUE(model.ok()) << model.message();
  EXPECT_EQ((*model)->device->describe(), "cuda, Fake, sm_80");
  ASSERT_TRUE(writeToyWeights(folder / "").ok());
  auto weights = loadWeights(*(*model)->file, folder / "", *(*model)->device,
                             *(*model)->pool, nullptr);
  ASSERT_TRUE(weights.ok()) << weights.message();
  (*model)->weights = std::move(*weights);
  ExecutorLimits limits;
  limits.sequences = 2;
  limits.context = 200;
  auto executor = Executor::make(**model, limits);
  ASSERT_TRUE(executor.ok()) << executor.message();
  std::vector<int32_t> ids;
  for (int32_t i = 0; i < 150; ++i)
    ids.push_back(i * 5 % 37);
  auto expected = toyLogits(ids);
  int a = *(*executor)->open(), b = *(*executor)->open();
  std::span<const int32_t> all = ids;
  auto check = [&](std::vector<Piece> pieces, size_t firstToken) {
    Status status = (*executor)->step(pieces);
    ASSERT_TRUE(status.ok()) << status.message();
    size_t count = pieces[0].tokens.size();
    std::vector<float> logits(count * kVocab);
    ASSERT_TRUE((*executor)
                    ->copyLogits(0, static_cast<int64_t>(count), logits.data())
                    .ok());
    EXPECT_EQ(std::memcmp(logits.data(), &expected[firstToken * kVocab],
                          logits.size() * 4),
              0);
  };
  check({{a, all.subspan(0, 100), OutputRows::all},
         {b, all.subspan(7, 30), OutputRows::none}},
        0);
  check({{a, all.subspan(100, 1), OutputRows::all}}, 100);
  check({{a, all.subspan(101), OutputRows::all},
         {b, all.subspan(0, 1), OutputRows::last}},
        101);
}

TEST_F(CudaDevice, StreamsWaitForEventsBeforeTheyZero) {
  hmlt::ContainerT file = gpuContainer();
  auto &launches = file.functions[0]->launches;
  launches[1]->signal = 3;
  launches[2]->stream = 1; // zeroes a buffer first
  launches[2]->waits = {3};
  launches[2]->signal = 0;
  launches[3]->waits = {0};
  auto model = load(std::move(file));
  ASSERT_TRUE(model.ok()) << model.message();
  ASSERT_TRUE(writeToyWeights(folder / "").ok());
  auto weights = loadWeights(*(*model)->file, folder / "", *(*model)->device,
                             *(*model)->pool, nullptr);
  ASSERT_TRUE(weights.ok()) << weights.message();
  (*model)->weights = std::move(*weights);
  auto executor = Executor::make(**model, {});
  ASSERT_TRUE(executor.ok()) << executor.message();
  std::vector<int32_t> ids{3, 1, 4, 1, 5};
  int sequence = *(*executor)->open();
  driverCalls(/*clear=*/true);
  ASSERT_TRUE((*executor)->step(std::vector<Piece>{{sequence, ids}}).ok());
  // e0 and e1 order the streams before and after a run, e2 and e5 are the
  // events 0 and 3. The new page is zeroed first. Nothing is launched for
  // sequences of one token.
  EXPECT_EQ(driverCalls(/*clear=*/false),
            "zero s0; record e0 s0; wait e0 s1; launch s0; launch s0; "
            "record e5 s0; wait e5 s1; zero s1; launch s1; record e2 s1; "
            "wait e2 s0; launch s0; launch s0; record e1 s1; wait e1 s0; ");
}

TEST_F(CudaDevice, ErrorsNameTheCall) {
  auto noCode = load(toyContainer());
  EXPECT_NE(noCode.message().find(
                "the file has no code for Fake (sm_90), it has x86-64-v3, "
                "x86-64-v4, x86-64-v4-bf16; compile with --target cpu,sm_90a"),
            std::string::npos)
      << noCode.message();

  hmlt::ContainerT file = gpuContainer();
  file.kernels[0]->realizations.back()->variants[1]->symbol = "absent";
  for (auto &image : file.images)
    if (image->target == "sm_80")
      image->bytes.push_back(' ');
  auto absent = load(std::move(file));
  EXPECT_NE(absent.message().find("kernel 'embed': 'absent': "
                                  "cuModuleGetFunction: CUDA_ERROR_NOT_FOUND "
                                  "(500)"),
            std::string::npos)
      << absent.message();

  file = gpuContainer();
  file.images.back()->bytes = {'?'};
  EXPECT_NE(load(std::move(file)).message().find("cuModuleLoadDataEx"),
            std::string::npos);

  setenv("HAMLET_EMULATOR", "/nonexistent/libcuda.so.1", 1);
  EXPECT_NE(load(gpuContainer()).message().find("cannot open the CUDA driver"),
            std::string::npos);
}

// A block that is too large is refused in the device's terms, before the driver
// says no more than "invalid value".
TEST_F(CudaDevice, BlocksHaveLimits) {
  hmlt::ContainerT file = gpuContainer();
  file.kernels[1]->realizations.back()->variants[0]->shared_bytes = 1000;
  setenv("FAKE_SHARED", "1000", 1);
  EXPECT_TRUE(load(std::move(file)).ok());
  file = gpuContainer();
  file.kernels[1]->realizations.back()->variants[0]->shared_bytes = 1001;
  auto shared = load(std::move(file));
  unsetenv("FAKE_SHARED");
  EXPECT_NE(
      shared.message().find("kernel 'scan': variant of 1 rows: its blocks "
                            "share 1001 bytes of memory, those of Fake "
                            "(sm_90) at most 1000; compile with --target "
                            "cpu,sm_90a"),
      std::string::npos)
      << shared.message();

  setenv("FAKE_THREADS", "31", 1);
  auto threads = load(gpuContainer());
  unsetenv("FAKE_THREADS");
  EXPECT_NE(threads.message().find("its blocks have 32 threads, those of Fake "
                                   "(sm_90) at most 31"),
            std::string::npos)
      << threads.message();
}

/// An image for `architecture`, which the PTX names.
void addImage(hmlt::ContainerT &file, std::string target,
              std::string architecture, bool cubin, bool ptx = true) {
  auto &image = file.images.emplace_back(std::make_unique<hmlt::ImageT>());
  image->target = std::move(target);
  std::string text = ".version 8.0\n.target " + architecture + "\n";
  if (ptx)
    image->bytes.assign(text.begin(), text.end());
  if (cubin)
    image->cubin = {1};
}

/// "sm_80 cubin", or "none".
std::string picked(const hmlt::ContainerT &file, int capability,
                   bool ptxOnly = false) {
  auto [image, cubin] = cuda::pickGpuImage(file, capability, ptxOnly);
  return image ? image->target + (cubin ? " cubin" : " ptx") : "none";
}

TEST(PickGpuImage, PtxRunsLaterCubinsTheirOwnMajor) {
  hmlt::ContainerT file;
  for (auto [target, cubin] : {std::pair("x86-64-v3", false),
                               {"sm_80", true},
                               {"sm_89", false},
                               {"sm_90a", true}}) {
    auto &image = file.images.emplace_back(std::make_unique<hmlt::ImageT>());
    image->target = target;
    image->bytes = {1};
    if (cubin)
      image->cubin = {1};
  }
  EXPECT_EQ(picked(file, 75), "none");
  EXPECT_EQ(picked(file, 80), "sm_80 cubin");
  EXPECT_EQ(picked(file, 86), "sm_80 cubin");
  EXPECT_EQ(picked(file, 89), "sm_89 ptx");
  EXPECT_EQ(picked(file, 90), "sm_90a cubin");
  EXPECT_EQ(picked(file, 120), "sm_89 ptx");
}

// Every set of the eight targets on every device, with cubins and without.
TEST(PickGpuImage, EverySetOnEveryDevice) {
  struct Gpu {
    std::string name;
    int capability;
    bool exact; // runs nowhere else
  };
  const std::vector<Gpu> gpus = {
      {"sm_80", 80, false},   {"sm_86", 86, false},   {"sm_89", 89, false},
      {"sm_90a", 90, true},   {"sm_100a", 100, true}, {"sm_103a", 103, true},
      {"sm_120a", 120, true}, {"sm_121a", 121, true}};
  for (unsigned set = 0; set < 256; ++set)
    for (bool cubins : {false, true}) {
      hmlt::ContainerT file;
      // The order in a file does not matter.
      for (size_t i = 0; i < gpus.size(); ++i) {
        size_t j = (3 * i + set) % gpus.size();
        if (set >> j & 1)
          addImage(file, gpus[j].name, gpus[j].name, cubins);
      }
      for (const Gpu &device : gpus) {
        std::string expected = "none";
        for (size_t i = 0; i < gpus.size(); ++i) {
          const Gpu &code = gpus[i];
          if (!(set >> i & 1) || code.capability > device.capability ||
              (code.exact && code.capability != device.capability))
            continue; // of what is left, the last is the newest
          bool runs = code.capability / 10 == device.capability / 10;
          expected = code.name + (cubins && runs ? " cubin" : " ptx");
        }
        EXPECT_EQ(picked(file, device.capability), expected)
            << set << " " << device.name;
        std::string ptx = expected.substr(0, expected.find(' '));
        EXPECT_EQ(picked(file, device.capability, true),
                  ptx == "none" ? ptx : ptx + " ptx");
      }
    }
}

TEST(PickGpuImage, ExactThenCubinThenNewest) {
  hmlt::ContainerT file;
  addImage(file, "sm_100", "sm_100", true);
  addImage(file, "sm_100f", "sm_100f", true);
  addImage(file, "sm_100a", "sm_100a", false);
  // The suffix a before a cubin without.
  EXPECT_EQ(picked(file, 100), "sm_100a ptx");
  // Of the family: the newest is the same, f has more instructions.
  EXPECT_EQ(picked(file, 103), "sm_100f cubin");
  EXPECT_EQ(picked(file, 120), "sm_100 ptx");

  file.images.clear();
  addImage(file, "sm_80", "sm_80", true);
  addImage(file, "sm_86", "sm_86", false);
  // A cubin needs no compiler, newer PTX does.
  EXPECT_EQ(picked(file, 89), "sm_80 cubin");
  EXPECT_EQ(picked(file, 89, true), "sm_86 ptx");
  EXPECT_EQ(picked(file, 90), "sm_86 ptx");
  // Cubins do not serve Tegra chips, PTX does.
  EXPECT_EQ(picked(file, 87), "sm_86 ptx");

  // Without PTX to compile there is nothing for a newer major version.
  file.images.clear();
  addImage(file, "sm_80", "sm_80", true, false);
  EXPECT_EQ(picked(file, 86), "sm_80 cubin");
  EXPECT_EQ(picked(file, 90), "none");
  EXPECT_EQ(picked(file, 86, true), "none");
}

// A target's name says nothing, its code does.
TEST(PickGpuImage, NamesAreNotArchitectures) {
  hmlt::ContainerT file;
  addImage(file, "sm_80", "sm_80", true);
  addImage(file, "h200", "sm_90a", true);
  addImage(file, "orin", "sm_87, debug", false);
  EXPECT_EQ(picked(file, 90), "h200 cubin");
  EXPECT_EQ(picked(file, 87), "orin ptx");
  EXPECT_EQ(picked(file, 100), "orin ptx");
}

} // namespace
