//===- EmulatedTest.cpp ---------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// The GPU path on the emulated driver, with PTX written by hand.
#include "emulator/driver/Api.h"
#include "runtime/Call.h"
#include "test/unit/runtime/ToyModel.h"

#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <thread>

namespace {

using namespace hamlet;
using namespace hamlet::runtime;
using namespace hamlet::test;

// out[x] = 2 * (f32)in[x] + constant[0], through block x's 16 bytes of scratch.
constexpr char kTwice[] = R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry twice(.param .u64 in, .param .u64 out, .param .u64 n,
                      .param .u64 constant, .param .u64 scratch)
{
  .reg .pred %p;
  .reg .b16 %h;
  .reg .b32 %r<4>;
  .reg .f32 %f<4>;
  .reg .b64 %d<12>;
  mov.u32 %r0, %tid.x;
  setp.ne.u32 %p, %r0, 0;
  @%p ret;
  ld.param.u64 %d0, [in];
  ld.param.u64 %d1, [out];
  ld.param.u64 %d2, [constant];
  ld.param.u64 %d3, [scratch];
  mov.u32 %r1, %ctaid.x;
  mul.wide.u32 %d4, %r1, 2;
  add.u64 %d5, %d0, %d4;
  ld.global.b16 %h, [%d5];
  mov.b32 %r2, {0, %h};
  mov.b32 %f0, %r2;
  ld.global.f32 %f1, [%d2];
  mul.wide.u32 %d6, %r1, 16;
  add.u64 %d7, %d3, %d6;
  st.global.f32 [%d7], %f0;
  ld.global.f32 %f2, [%d7];
  fma.rn.f32 %f3, %f2, 0f40000000, %f1;
  mul.wide.u32 %d8, %r1, 4;
  add.u64 %d9, %d1, %d8;
  st.global.f32 [%d9], %f3;
  ret;
}
)";

/// Whether there is a stand-in driver, which is then the one in use.
bool useEmulator() {
  if (*HAMLET_EMULATED_DRIVER)
    setenv("HAMLET_EMULATOR", HAMLET_EMULATED_DRIVER, 1);
  return std::getenv("HAMLET_EMULATOR");
}

/// The toy's function `twice` alone, without an image for a GPU.
hmlt::ContainerT twiceContainer() {
  hmlt::ContainerT file = toyContainer();
  file.functions.erase(file.functions.begin()); // step
  file.kernels.erase(file.kernels.begin(), file.kernels.end() - 1);
  file.functions[0]->launches[0]->kernel = 0;
  file.weights.clear();
  return file;
}

/// With scratch of a block.
void addImage(hmlt::ContainerT &file, const std::string &target,
              const std::string &ptx) {
  addGpu(file, target, ptx);
  file.kernels[0]->realizations.back()->variants[0]->scratch_bytes = 16;
}

TEST(EmulatedDevice, RunsPtxOfAContainer) {
  if (!useEmulator())
    GTEST_SKIP() << "the emulated driver is not part of this build";
  hmlt::ContainerT file = twiceContainer();
  addImage(file, "sm_80", kTwice);
  TemporaryFolder folder;
  std::string path = folder / "twice.hmlt";
  Status status = writeContainer(file, path);
  ASSERT_TRUE(status.ok()) << status.message();

  auto model = loadModel(path, "emulated", 1);
  ASSERT_TRUE(model.ok()) << model.message();
  auto weights = loadWeights(*(*model)->file, "", *(*model)->device,
                             *(*model)->pool, nullptr);
  ASSERT_TRUE(weights.ok()) << weights.message();
  (*model)->weights = std::move(*weights);
  NpyArray in;
  in.shape = {70};
  for (int i = 0; i < 70; ++i) {
    float value = float(i) - 20;
    auto *bytes = reinterpret_cast<const uint8_t *>(&value);
    in.bytes.insert(in.bytes.end(), bytes, bytes + 4);
  }
  auto results = callFunction(**model, "twice", {in});
  ASSERT_TRUE(results.ok()) << results.message();
  for (int i = 0; i < 70; ++i) {
    float value;
    std::memcpy(&value, (*results)[0].bytes.data() + 4 * i, 4);
    EXPECT_EQ(value, 2 * (float(i) - 20) + 7);
  }
}

/// kTwice for an architecture; it multiplies by `factor` instead of 2.
std::string timesFor(const std::string &architecture, float factor) {
  std::string text = kTwice;
  auto replace = [&](const std::string &from, const std::string &to) {
    text.replace(text.find(from), from.size(), to);
  };
  char bits[16];
  std::snprintf(bits, sizeof bits, "0f%08X", std::bit_cast<uint32_t>(factor));
  replace(".version 8.0", ".version 8.8");
  replace("sm_80", architecture);
  replace("0f40000000", bits);
  return text;
}

/// Ends the process: which factor the image has that the stand-in for `sm`
/// executes, or the error, on stderr.
[[noreturn]] void runOn(int sm, hmlt::ContainerT file) {
  setenv("EMU_SM", std::to_string(sm).c_str(), 1);
  TemporaryFolder folder;
  std::string path = folder / "times.hmlt";
  auto give = [&](const std::string &text, int status) {
    std::fprintf(stderr, "%s\n", text.c_str());
    std::filesystem::remove_all(folder / "");
    std::_Exit(status);
  };
  if (Status status = writeContainer(file, path); status.failed())
    give(status.message(), 1);
  auto model = loadModel(path, "emulated", 1);
  if (model.failed())
    give(model.message(), 1);
  auto weights = loadWeights(*(*model)->file, "", *(*model)->device,
                             *(*model)->pool, nullptr);
  if (weights.failed())
    give(weights.message(), 1);
  (*model)->weights = std::move(*weights);
  NpyArray in;
  in.shape = {1};
  float one = 1, out = 0;
  in.bytes.assign(reinterpret_cast<uint8_t *>(&one),
                  reinterpret_cast<uint8_t *>(&one) + 4);
  auto results = callFunction(**model, "twice", {in});
  if (results.failed())
    give(results.message(), 1);
  std::memcpy(&out, (*results)[0].bytes.data(), 4);
  give("factor " + std::to_string(static_cast<int>(out - 7)), 0);
  __builtin_unreachable();
}

// The driver reads EMU_SM once, so every device is a process.
TEST(EmulatedDeviceDeathTest, EveryDeviceTakesItsImage) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (!useEmulator())
    GTEST_SKIP() << "the emulated driver is not part of this build";
  struct Gpu {
    const char *name;
    int capability;
  };
  const std::vector<Gpu> all = {
      {"sm_80", 80},    {"sm_86", 86},    {"sm_89", 89},    {"sm_90a", 90},
      {"sm_100a", 100}, {"sm_103a", 103}, {"sm_120a", 120}, {"sm_121a", 121}};
  auto of = [&](auto fits) {
    hmlt::ContainerT file = twiceContainer();
    for (const Gpu &gpu : all)
      if (fits(gpu))
        addImage(file, gpu.name,
                 timesFor(gpu.name, static_cast<float>(gpu.capability)));
    return file;
  };
  auto ran = testing::ExitedWithCode(0);
  for (const Gpu &gpu : all) {
    std::string own = "factor " + std::to_string(gpu.capability) + "\n";
    EXPECT_EXIT(runOn(gpu.capability, of([](Gpu) { return true; })), ran, own);
    // Without its own: the newest that is not for one GPU only, or nothing.
    auto others = [&](Gpu g) { return g.capability != gpu.capability; };
    if (gpu.capability == 80)
      EXPECT_EXIT(runOn(80, of(others)), testing::ExitedWithCode(1),
                  "the file has no code for Hamlet emulated sm_80 .sm_80., it "
                  "has .*sm_86 .PTX., .*; compile with --target cpu,sm_80");
    else
      EXPECT_EXIT(runOn(gpu.capability, of(others)), ran,
                  gpu.capability == 86   ? "factor 80\n"
                  : gpu.capability == 89 ? "factor 86\n"
                                         : "factor 89\n");
    // Another's with the suffix does not do.
    auto exact = [&](Gpu g) { return others(g) && g.capability >= 90; };
    EXPECT_EXIT(runOn(gpu.capability, of(exact)), testing::ExitedWithCode(1),
                std::string("compile with --target cpu,") + gpu.name);
  }
}

// The limits of a block are those of targets/.
TEST(EmulatedDeviceDeathTest, DevicesHaveTheirLimits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  if (!useEmulator())
    GTEST_SKIP() << "the emulated driver is not part of this build";
  auto with = [](int kib) {
    hmlt::ContainerT file = twiceContainer();
    addImage(file, "sm_80", timesFor("sm_80", 80));
    file.kernels[0]->realizations.back()->variants[0]->shared_bytes = kib << 10;
    return file;
  };
  for (auto [sm, kib] : {std::pair(80, 163),
                         {86, 99},
                         {89, 99},
                         {90, 227},
                         {100, 227},
                         {103, 227},
                         {120, 99},
                         {121, 99}}) {
    EXPECT_EXIT(runOn(sm, with(kib)), testing::ExitedWithCode(0),
                "factor 80\n");
    EXPECT_EXIT(runOn(sm, with(kib + 1)), testing::ExitedWithCode(1),
                "kernel 'twice': variant of 1 rows: its blocks share " +
                    std::to_string((kib + 1) << 10) +
                    " bytes of memory, those of Hamlet emulated sm_" +
                    std::to_string(sm) + " .* at most " +
                    std::to_string(kib << 10));
  }
}

// *p = 3 * *p + n, as often as threads and streams see fit to ask.
constexpr char kStep[] = R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry step(.param .u64 p, .param .u32 n)
{
  .reg .b32 %r<3>;
  .reg .b64 %d;
  ld.param.u64 %d, [p];
  ld.param.u32 %r1, [n];
  ld.global.u32 %r2, [%d];
  mad.lo.u32 %r2, %r2, 3, %r1;
  st.global.u32 [%d], %r2;
  ret;
}
)";

/// A function of the stand-in driver.
template <class... A> struct Entry {
  explicit Entry(void *library, const char *name)
      : call(reinterpret_cast<int (*)(A...)>(dlsym(library, name))) {}
  int operator()(A... a) const { return call(a...); }
  int (*call)(A...);
};

TEST(EmulatedDriver, ThreadsWithStreamsOfTheirOwn) {
  if (!*HAMLET_EMULATED_DRIVER)
    GTEST_SKIP() << "the emulated driver is not part of this build";
  void *library = dlopen(HAMLET_EMULATED_DRIVER, RTLD_NOW | RTLD_LOCAL);
  ASSERT_NE(library, nullptr) << dlerror();
  const Entry<unsigned> init(library, "cuInit");
  const Entry<CUcontext *, int> retain(library, "cuDevicePrimaryCtxRetain");
  const Entry<int> letGo(library, "cuDevicePrimaryCtxRelease_v2");
  const Entry<CUcontext> setCurrent(library, "cuCtxSetCurrent");
  const Entry<CUmodule *, const void *> load(library, "cuModuleLoadData");
  const Entry<CUmodule> unload(library, "cuModuleUnload");
  const Entry<CUfunction *, CUmodule, const char *> function(
      library, "cuModuleGetFunction");
  const Entry<CUdeviceptr *, size_t> allocate(library, "cuMemAlloc_v2");
  const Entry<CUdeviceptr> release(library, "cuMemFree_v2");
  const Entry<CUstream *, unsigned> newStream(library, "cuStreamCreate");
  const Entry<CUstream> endStream(library, "cuStreamDestroy_v2");
  const Entry<CUstream> wait(library, "cuStreamSynchronize");
  const Entry<CUstream, CUevent, unsigned> waitFor(library,
                                                   "cuStreamWaitEvent");
  const Entry<CUevent *, unsigned> newEvent(library, "cuEventCreate");
  const Entry<CUevent, CUstream> record(library, "cuEventRecord");
  const Entry<CUevent> endEvent(library, "cuEventDestroy_v2");
  const Entry<CUdeviceptr, unsigned, size_t, CUstream> fill(library,
                                                            "cuMemsetD32Async");
  const Entry<void *, CUdeviceptr, size_t, CUstream> copyOut(
      library, "cuMemcpyDtoHAsync_v2");
  const Entry<CUstream, CUhostFn, void *> callHost(library, "cuLaunchHostFunc");
  const Entry<CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned,
              unsigned, unsigned, CUstream, void **, void **>
      launch(library, "cuLaunchKernel");
  CUcontext context = nullptr;
  CUmodule module = nullptr;
  CUfunction step = nullptr;
  ASSERT_EQ(init(0), 0);
  ASSERT_EQ(retain(&context, 0), 0);
  ASSERT_EQ(setCurrent(context), 0);
  ASSERT_EQ(load(&module, kStep), 0);
  ASSERT_EQ(function(&step, module, "step"), 0);

  // Each thread's kernels alternate between two streams, ordered by events.
  auto work = [&](uint32_t seed) {
    CUdeviceptr memory = 0;
    CUstream streams[2] = {};
    CUevent event = nullptr;
    uint32_t expected = seed, found = 0, calls = 0;
    EXPECT_EQ(setCurrent(context), 0);
    EXPECT_EQ(allocate(&memory, 4), 0);
    EXPECT_EQ(newEvent(&event, 0), 0);
    for (CUstream &s : streams)
      EXPECT_EQ(newStream(&s, 1), 0);
    EXPECT_EQ(fill(memory, seed, 1, streams[1]), 0);
    for (uint32_t i = 0; i < 40; ++i) {
      CUstream now = streams[i & 1];
      void *arguments[] = {&memory, &i};
      EXPECT_EQ(record(event, streams[~i & 1]), 0);
      EXPECT_EQ(waitFor(now, event, 0), 0);
      EXPECT_EQ(launch(step, 1, 1, 1, 1, 1, 1, 0, now, arguments, nullptr), 0);
      EXPECT_EQ(
          callHost(
              now, [](void *p) { ++*static_cast<uint32_t *>(p); }, &calls),
          0);
      expected = 3 * expected + i;
    }
    EXPECT_EQ(copyOut(&found, memory, 4, streams[1]), 0);
    EXPECT_EQ(found, expected);
    EXPECT_EQ(wait(streams[1]), 0);
    EXPECT_EQ(calls, 40u);
    EXPECT_EQ(endEvent(event), 0);
    for (CUstream s : streams)
      EXPECT_EQ(endStream(s), 0);
    EXPECT_EQ(release(memory), 0);
    EXPECT_EQ(setCurrent(nullptr), 0);
  };
  std::vector<std::thread> threads;
  for (uint32_t i = 1; i <= 4; ++i)
    threads.emplace_back(work, i);
  for (std::thread &t : threads)
    t.join();
  EXPECT_EQ(unload(module), 0);
  EXPECT_EQ(letGo(0), 0);
}

} // namespace
