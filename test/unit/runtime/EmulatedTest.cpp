// The GPU path on the emulated driver, with PTX written by hand.
#include "runtime/Call.h"
#include "test/unit/runtime/ToyModel.h"

#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>

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

TEST(EmulatedDevice, RunsPtxOfAContainer) {
  if (!std::getenv("HAMLET_EMULATOR") && !*HAMLET_EMULATED_DRIVER)
    GTEST_SKIP() << "the emulated driver is not part of this build";
  if (*HAMLET_EMULATED_DRIVER)
    setenv("HAMLET_EMULATOR", HAMLET_EMULATED_DRIVER, 1);
  hmlt::ContainerT file = toyContainer();
  file.functions.erase(file.functions.begin()); // step
  file.kernels.erase(file.kernels.begin(), file.kernels.end() - 1);
  file.functions[0]->launches[0]->kernel = 0;
  addGpu(file, "sm_80", kTwice);
  file.kernels[0]->realizations.back()->variants[0]->scratch_bytes = 16;
  file.weights.clear();
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

} // namespace
