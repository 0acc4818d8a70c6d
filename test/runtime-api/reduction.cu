//===- reduction.cu -------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Cooperative groups: tiles, blocks, and the whole grid of a cooperative
// launch.
#include "check.h"

#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <vector>

namespace cg = cooperative_groups;

__global__ void sumBlocks(const int *in, long long *out, int n) {
  cg::thread_block block = cg::this_thread_block();
  cg::thread_block_tile<32> tile = cg::tiled_partition<32>(block);
  __shared__ int partial[32];
  int sum = 0;
  for (int i = block.group_index().x * block.size() + block.thread_rank();
       i < n; i += block.size() * gridDim.x)
    sum += in[i];
  sum = cg::reduce(tile, sum, cg::plus<int>());
  if (tile.thread_rank() == 0)
    partial[tile.meta_group_rank()] = sum;
  block.sync();
  if (tile.meta_group_rank() == 0) {
    int mine = tile.thread_rank() < tile.meta_group_size()
                   ? partial[tile.thread_rank()]
                   : 0;
    mine = cg::reduce(tile, mine, cg::plus<int>());
    if (tile.thread_rank() == 0)
      out[blockIdx.x] = mine;
  }
}
__global__ void sumGrid(const int *in, long long *partial, long long *total,
                        int n) {
  cg::grid_group grid = cg::this_grid();
  cg::thread_block block = cg::this_thread_block();
  __shared__ int sums[256];
  int sum = 0;
  for (int i = grid.thread_rank(); i < n; i += grid.size())
    sum += in[i];
  sums[block.thread_rank()] = sum;
  for (int half = block.size() / 2; half; half /= 2) {
    block.sync();
    if (block.thread_rank() < half)
      sums[block.thread_rank()] += sums[block.thread_rank() + half];
  }
  if (block.thread_rank() == 0)
    partial[blockIdx.x] = sums[0];
  grid.sync();
  if (grid.thread_rank() == 0) {
    long long all = 0;
    for (int i = 0; i < gridDim.x; ++i)
      all += partial[i];
    *total = all;
  }
}

int main() {
  const int n = 20000, blocks = 12;
  std::vector<int> h(n);
  long long wanted = 0;
  for (int i = 0; i < n; ++i)
    wanted += h[i] = i * 37 % 1000 - 400;
  int *in;
  long long *out, *total, parts[blocks], sum = 0;
  CHECK(cudaMalloc(&in, n * sizeof(int)));
  CHECK(cudaMalloc(&out, sizeof parts));
  CHECK(cudaMalloc(&total, sizeof sum));
  CHECK(cudaMemcpy(in, h.data(), n * sizeof(int), cudaMemcpyHostToDevice));
  sumBlocks<<<blocks, 192>>>(in, out, n);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(parts, out, sizeof parts, cudaMemcpyDeviceToHost));
  for (long long p : parts)
    sum += p;
  EXPECT(sum == wanted);

  int cooperative = 0, perMultiprocessor = 0, multiprocessors = 0;
  CHECK(cudaDeviceGetAttribute(&cooperative, cudaDevAttrCooperativeLaunch, 0));
  CHECK(cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount,
                               0));
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&perMultiprocessor,
                                                      sumGrid, 256, 0));
  EXPECT(cooperative == 1 && perMultiprocessor > 0);
  int count = n;
  void *arguments[] = {&in, &out, &total, &count};
  CHECK(cudaLaunchCooperativeKernel((void *)sumGrid, blocks, 256, arguments, 0,
                                    0));
  CHECK(cudaMemcpy(&sum, total, sizeof sum, cudaMemcpyDeviceToHost));
  EXPECT(sum == wanted);
  EXPECT_ERROR(cudaErrorCooperativeLaunchTooLarge,
               cudaLaunchCooperativeKernel(
                   (void *)sumGrid, multiprocessors * perMultiprocessor + 1,
                   256, arguments, 0, 0));
  CHECK(cudaFree(in));
  CHECK(cudaFree(out));
  CHECK(cudaFree(total));
  return done();
}
