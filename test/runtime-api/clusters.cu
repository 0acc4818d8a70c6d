//===- clusters.cu --------------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Clusters by launch attributes, shared memory of another block.
#include "check.h"

#include <cooperative_groups.h>

namespace cg = cooperative_groups;

__global__ void exchange(int *out) {
  __shared__ int mine;
  cg::cluster_group cluster = cg::this_cluster();
  unsigned rank = cluster.block_rank(), size = cluster.num_blocks();
  if (threadIdx.x == 0)
    mine = 100 * (blockIdx.x + 1);
  cluster.sync();
  if (threadIdx.x == 0)
    out[blockIdx.x] = *cluster.map_shared_rank(&mine, (rank + 1) % size);
  cluster.sync();
}
__global__ void __cluster_dims__(2, 1, 1) fixedSize(int *out) {
  if (threadIdx.x == 0)
    out[blockIdx.x] = cg::this_cluster().num_blocks();
}

int main() {
  int h[8], *p;
  CHECK(cudaMalloc(&p, sizeof h));
  cudaLaunchConfig_t c = {};
  c.gridDim = dim3(8);
  c.blockDim = dim3(64);
  cudaLaunchAttribute a[1];
  a[0].id = cudaLaunchAttributeClusterDimension;
  a[0].val.clusterDim.x = 4;
  a[0].val.clusterDim.y = a[0].val.clusterDim.z = 1;
  c.attrs = a;
  c.numAttrs = 1;
  CHECK(cudaLaunchKernelEx(&c, exchange, p));
  CHECK(cudaMemcpy(h, p, sizeof h, cudaMemcpyDeviceToHost));
  for (int i = 0; i < 8; ++i)
    EXPECT(h[i] == 100 * (i / 4 * 4 + (i + 1) % 4 + 1));
  int clusters = 0;
  CHECK(cudaOccupancyMaxActiveClusters(&clusters, exchange, &c));
  EXPECT(clusters > 0);
  fixedSize<<<8, 32>>>(p);
  CHECK_LAUNCH();
  CHECK(cudaMemcpy(h, p, sizeof h, cudaMemcpyDeviceToHost));
  EXPECT(h[7] == 2);
  a[0].val.clusterDim.x = 3; // does not divide the grid
  EXPECT_ERROR(cudaErrorInvalidClusterSize,
               cudaLaunchKernelEx(&c, exchange, p));
  cudaFuncAttributes f;
  CHECK(cudaFuncGetAttributes(&f, fixedSize));
  EXPECT(f.requiredClusterWidth == 2);
  CHECK(cudaFree(p));
  return done();
}
