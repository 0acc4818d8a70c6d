//===- driver_attributes.c ------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

/* Every attribute of a function against what its PTX says, what may be set, and
 * launches that ask for more than there is. */
#include "driver_check.h"

static const char text[] =
    ".version 8.0\n.target sm_80\n.address_size 64\n"
    ".const .align 4 .b8 small[12];\n"
    ".const .align 16 .b8 large[100];\n"
    ".visible .entry plain(.param .u32 a, .param .u64 b) { ret; }\n"
    ".visible .entry bounded() .maxntid 256, 1, 1 .minnctapersm 4\n"
    "{ .shared .align 8 .b8 s[4096]; .reg .b32 %r;\n"
    "  mov.u32 %r, s; ret; }\n"
    ".visible .entry exact() .reqntid 8, 4, 2 { ret; }\n"
    ".visible .entry registers() .maxnreg 128\n"
    "{ .local .align 8 .b8 depot[40]; ret; }\n";
static const char clusters[] =
    ".version 8.0\n.target sm_90\n.address_size 64\n"
    ".visible .entry pair() .explicitcluster .reqnctapercluster 2, 1, 1\n"
    "{ ret; }\n"
    ".visible .entry any() .explicitcluster { ret; }\n"
    ".visible .entry free() { ret; }\n";

static int attribute(CUfunction f, CUfunction_attribute id) {
  int value = -12345;
  CHECK(cuFuncGetAttribute(&value, id, f));
  return value;
}

static void wantAttributes(CUfunction f, const char *name, const int *wanted) {
  static const int ids[] = {
      CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK,
      CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES,
      CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES,
      CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES,
      CU_FUNC_ATTRIBUTE_NUM_REGS,
      CU_FUNC_ATTRIBUTE_PTX_VERSION,
      CU_FUNC_ATTRIBUTE_BINARY_VERSION,
      CU_FUNC_ATTRIBUTE_CACHE_MODE_CA,
      CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
      CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
      CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET,
      CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH,
      CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT,
      CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH,
      CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED,
      CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE};
  for (int i = 0; i < (int)(sizeof ids / sizeof *ids); i++) {
    int value = attribute(f, ids[i]);
    if (value != wanted[i]) {
      printf("%s: attribute %d is %d, expected %d\n", name, ids[i], value,
             wanted[i]);
      failures++;
    }
  }
}

static CUresult grid(CUfunction f, unsigned gx, unsigned gy, unsigned gz,
                     unsigned bx, unsigned by, unsigned bz, unsigned shared) {
  return cuLaunchKernel(f, gx, gy, gz, bx, by, bz, shared, 0, 0, 0);
}

static CUresult clustered(CUfunction f, unsigned gx, unsigned cx) {
  CUlaunchAttribute a = {.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION};
  a.value.clusterDim.x = cx;
  a.value.clusterDim.y = a.value.clusterDim.z = 1;
  CUlaunchConfig c = {.gridDimX = gx,
                      .gridDimY = 1,
                      .gridDimZ = 1,
                      .blockDimX = 32,
                      .blockDimY = 1,
                      .blockDimZ = 1,
                      .attrs = &a,
                      .numAttrs = 1};
  return cuLaunchKernelEx(&c, f, 0, 0);
}

int main(void) {
  CUdevice device;
  CUmodule module, hopper;
  openDevice(&device);
  CHECK(cuModuleLoadData(&module, text));
  CHECK(cuModuleLoadData(&hopper, clusters));
  CUfunction plain = kernelOf(module, "plain"),
             bounded = kernelOf(module, "bounded"),
             exact = kernelOf(module, "exact"),
             registers = kernelOf(module, "registers"),
             pair = kernelOf(hopper, "pair"), any = kernelOf(hopper, "any"),
             free = kernelOf(hopper, "free");
  /* Constants are of the module: 12, then 100 from the next 16 on. Without
   * .maxnreg there are 65536 registers for threads * blocks, at most 64. */
  wantAttributes(
      plain, "plain",
      (int[]){1024, 0, 116, 0, 64, 80, 90, 0, 49152, -1, 0, 0, 0, 0, 0, 0});
  wantAttributes(bounded, "bounded",
                 (int[]){256, 4096, 116, 0, 64, 80, 90, 0, 49152 - 4096, -1, 0,
                         0, 0, 0, 0, 0});
  wantAttributes(
      exact, "exact",
      (int[]){64, 0, 116, 0, 64, 80, 90, 0, 49152, -1, 0, 0, 0, 0, 0, 0});
  wantAttributes(
      registers, "registers",
      (int[]){512, 0, 116, 40, 128, 80, 90, 0, 49152, -1, 0, 0, 0, 0, 0, 0});
  wantAttributes(
      pair, "pair",
      (int[]){1024, 0, 0, 0, 64, 90, 90, 0, 49152, -1, 1, 2, 1, 1, 0, 0});
  int value;
  WANT(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX, plain),
       CUDA_ERROR_INVALID_VALUE);
  /* What can be set, within its bounds. */
  struct {
    CUfunction f;
    int id, value, result;
  } sets[] = {
      {plain, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 232448, 0},
      {plain, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 232449, 1},
      {bounded, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 232448 - 4096,
       0},
      {bounded, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 232448 - 4095,
       1},
      {plain, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, -1, 1},
      {plain, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 100, 0},
      {plain, CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, 101, 1},
      {free, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH, 4, 0},
      {free, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT, 1, 0},
      {free, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH, 1, 0},
      {pair, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH, 4,
       CUDA_ERROR_NOT_PERMITTED},
      {free, CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE, 2, 0},
      {plain, CU_FUNC_ATTRIBUTE_NUM_REGS, 32, 1},
      {plain, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, 32, 1},
  };
  for (int i = 0; i < (int)(sizeof sets / sizeof *sets); i++) {
    CUresult r = cuFuncSetAttribute(sets[i].f, sets[i].id, sets[i].value);
    if ((int)r != sets[i].result) {
      printf("setting attribute %d to %d: %d, expected %d\n", sets[i].id,
             sets[i].value, r, sets[i].result);
      failures++;
    }
    if (!r)
      WANT(attribute(sets[i].f, sets[i].id), sets[i].value);
  }
  /* Launches within and beyond the limits. */
  int n = 0;
  unsigned long long m = 0;
  void *arguments[] = {&n, &m};
  WANT(cuLaunchKernel(plain, 1, 1, 1, 1024, 1, 1, 232448, 0, arguments, 0), 0);
  WANT(cuLaunchKernel(plain, 1, 1, 1, 32, 1, 1, 232449, 0, arguments, 0), 1);
  WANT(cuLaunchKernel(plain, 1, 1, 1, 32, 1, 1, 0, 0, 0, 0), 1);
  WANT(grid(bounded, 1, 1, 1, 256, 1, 1, 0), 0);
  WANT(grid(bounded, 1, 1, 1, 257, 1, 1, 0), 1);
  WANT(grid(exact, 1, 1, 1, 8, 4, 2, 49152), 0);
  WANT(grid(exact, 1, 1, 1, 8, 4, 2, 49153), 1);
  WANT(grid(exact, 1, 1, 1, 64, 1, 1, 0), 1);
  WANT(grid(registers, 1, 1, 1, 512, 1, 1, 0), 0);
  WANT(grid(registers, 1, 1, 1, 513, 1, 1, 0),
       CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES);
  WANT(grid(free, 0, 1, 1, 32, 1, 1, 0), 1);
  WANT(grid(registers, 0, 1, 1, 32, 1, 1, 0), 1);
  WANT(grid(registers, 1, 65536, 1, 32, 1, 1, 0), 1);
  WANT(grid(registers, 1, 1, 65536, 32, 1, 1, 0), 1);
  WANT(grid(registers, 1, 1, 1, 0, 1, 1, 0), 1);
  WANT(grid(registers, 1, 1, 1, 1025, 1, 1, 0), 1);
  WANT(grid(registers, 1, 1, 1, 1, 1, 65, 0), 1);
  WANT(grid(registers, 1, 1, 1, 32, 33, 1, 0), 1);
  WANT(grid(pair, 4, 1, 1, 32, 1, 1, 0), 0);
  WANT(grid(pair, 3, 1, 1, 32, 1, 1, 0), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  WANT(clustered(pair, 4, 4), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  WANT(grid(any, 4, 1, 1, 32, 1, 1, 0), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  WANT(clustered(any, 4, 4), 0);
  WANT(grid(free, 8, 1, 1, 32, 1, 1, 0), 0);
  WANT(grid(free, 6, 1, 1, 32, 1, 1, 0), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  WANT(clustered(any, 16, 16), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  CHECK(cuFuncSetAttribute(
      any, CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED, 1));
  WANT(clustered(any, 16, 16), 0);
  WANT(cuLaunchCooperativeKernel(registers, 132 * 4, 1, 1, 128, 1, 1, 0, 0, 0),
       0);
  WANT(cuLaunchCooperativeKernel(registers, 132 * 4 + 1, 1, 1, 128, 1, 1, 0, 0,
                                 0),
       CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  CHECK(cuCtxSynchronize());
  size_t offset, bytes;
  CHECK(cuFuncGetParamInfo(plain, 1, &offset, &bytes));
  WANT(offset, 8);
  WANT(bytes, 8);
  WANT(cuFuncGetParamInfo(plain, 2, &offset, &bytes), 1);
  return finish();
}
