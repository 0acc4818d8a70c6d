//===- thrust_sort.cu -----------------------------------------------------===//
//
// Part of Hamlet, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

// Thrust's and CUB's device algorithms, which are headers.
#include "check.h"

#include <algorithm>
#include <cub/device/device_scan.cuh>
#include <numeric>
#include <thrust/device_vector.h>
#include <thrust/functional.h>
#include <thrust/reduce.h>
#include <thrust/sort.h>
#include <thrust/transform.h>
#include <vector>

int main() {
  const int n = 3000;
  std::vector<unsigned> h(n), sorted;
  for (int i = 0; i < n; ++i)
    h[i] = i * 2654435761u;
  sorted = h;
  std::sort(sorted.begin(), sorted.end());
  thrust::device_vector<unsigned> d(h.begin(), h.end());
  thrust::sort(d.begin(), d.end());
  std::vector<unsigned> got(n);
  thrust::copy(d.begin(), d.end(), got.begin());
  EXPECT(got == sorted);

  thrust::device_vector<int> a(n, 3), b(n);
  thrust::sequence(b.begin(), b.end());
  thrust::transform(a.begin(), a.end(), b.begin(), a.begin(),
                    thrust::multiplies<int>());
  EXPECT(thrust::reduce(a.begin(), a.end()) == 3 * (n * (n - 1) / 2));

  size_t bytes = 0;
  thrust::device_vector<int> out(n);
  const int *from = thrust::raw_pointer_cast(b.data());
  int *to = thrust::raw_pointer_cast(out.data());
  CHECK(cub::DeviceScan::InclusiveSum(nullptr, bytes, from, to, n));
  thrust::device_vector<char> scratch(bytes);
  CHECK(cub::DeviceScan::InclusiveSum(thrust::raw_pointer_cast(scratch.data()),
                                      bytes, from, to, n));
  CHECK(cudaDeviceSynchronize());
  std::vector<int> sums(n);
  thrust::copy(out.begin(), out.end(), sums.begin());
  for (int i = 0, sum = 0; i < n; ++i)
    EXPECT(sums[i] == (sum += i));
  return done();
}
