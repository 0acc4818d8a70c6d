//===- device_query.cu ----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// What the toolkit's deviceQuery prints, for the test to compare.
#include "check.h"

#include <cstring>

int main() {
  int devices = 0, driver = 0, runtime = 0;
  CHECK(cudaGetDeviceCount(&devices));
  CHECK(cudaDriverGetVersion(&driver));
  CHECK(cudaRuntimeGetVersion(&runtime));
  EXPECT(devices == 2 && runtime == CUDART_VERSION && driver >= runtime);
  for (int d = 0; d < devices; ++d) {
    CHECK(cudaSetDevice(d));
    cudaDeviceProp p;
    CHECK(cudaGetDeviceProperties(&p, d));
    EXPECT(std::strlen(p.name) > 0 && p.warpSize == 32);
    EXPECT(p.maxThreadsDim[2] == 64 && p.maxGridSize[0] == 2147483647);
    EXPECT(p.totalConstMem == 65536 && p.sharedMemPerBlock == 49152);
    EXPECT(p.unifiedAddressing && p.managedMemory && p.canMapHostMemory);
    EXPECT(p.pciBusID == d + 1);
    int value = 0;
    CHECK(cudaDeviceGetAttribute(&value, cudaDevAttrMultiProcessorCount, d));
    EXPECT(value == p.multiProcessorCount);
    CHECK(cudaDeviceGetAttribute(&value, cudaDevAttrClockRate, d));
    size_t available, total;
    CHECK(cudaMemGetInfo(&available, &total));
    EXPECT(total == p.totalGlobalMem && available <= total);
    char bus[32];
    int found = -1;
    CHECK(cudaDeviceGetPCIBusId(bus, sizeof bus, d));
    CHECK(cudaDeviceGetByPCIBusId(&found, bus));
    EXPECT(found == d);
    std::printf("capability=%d%d multiprocessors=%d threads_per_sm=%d "
                "threads_per_block=%d registers_per_sm=%d "
                "shared_bytes_per_sm=%zu shared_bytes_per_block=%zu "
                "blocks_per_sm=%d l2_bytes=%d memory_bus_bits=%d "
                "memory_bytes=%zu clock_hz=%lld\n",
                p.major, p.minor, p.multiProcessorCount,
                p.maxThreadsPerMultiProcessor, p.maxThreadsPerBlock,
                p.regsPerMultiprocessor, p.sharedMemPerMultiprocessor,
                p.sharedMemPerBlockOptin, p.maxBlocksPerMultiProcessor,
                p.l2CacheSize, p.memoryBusWidth, p.totalGlobalMem,
                value * 1000ll);
  }
  return done();
}
