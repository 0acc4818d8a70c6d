// Reductions through global tickets, top-k, histogram and scan, softmax, a
// flash-style attention forward in plain CUDA.
#include <cstdint>

// Sum of all elements: partial sums, the last CTA by ticket adds them up.
extern "C" __global__ void __launch_bounds__(256)
reduce_ticket(const float *x, float *partial, unsigned *ticket, float *out, int n) {
  __shared__ float red[8];
  __shared__ bool last;
  float s = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    s += x[i];
  for (int o = 16; o; o >>= 1)
    s += __shfl_xor_sync(~0u, s, o);
  if ((threadIdx.x & 31) == 0)
    red[threadIdx.x >> 5] = s;
  __syncthreads();
  if (threadIdx.x == 0) {
    float t = 0;
    for (int i = 0; i < 8; i++)
      t += red[i];
    partial[blockIdx.x] = t;
    __threadfence();
    last = atomicAdd(ticket, 1) == gridDim.x - 1;
    __threadfence();
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    float t = 0;
    for (int i = 0; i < gridDim.x; i++)
      t += partial[i];
    *out = t;
  }
}

// A row of softmax per CTA.
extern "C" __global__ void __launch_bounds__(128) softmax(const float *x, float *y, int n) {
  __shared__ float red[4];
  const float *row = x + (size_t)blockIdx.x * n;
  float m = -INFINITY;
  for (int i = threadIdx.x; i < n; i += 128)
    m = fmaxf(m, row[i]);
  for (int o = 16; o; o >>= 1)
    m = fmaxf(m, __shfl_xor_sync(~0u, m, o));
  if (threadIdx.x % 32 == 0)
    red[threadIdx.x / 32] = m;
  __syncthreads();
  m = fmaxf(fmaxf(red[0], red[1]), fmaxf(red[2], red[3]));
  __syncthreads();
  float s = 0;
  for (int i = threadIdx.x; i < n; i += 128)
    s += exp2f((row[i] - m) * 1.44269504f);
  for (int o = 16; o; o >>= 1)
    s += __shfl_xor_sync(~0u, s, o);
  if (threadIdx.x % 32 == 0)
    red[threadIdx.x / 32] = s;
  __syncthreads();
  s = red[0] + red[1] + red[2] + red[3];
  for (int i = threadIdx.x; i < n; i += 128)
    y[(size_t)blockIdx.x * n + i] = exp2f((row[i] - m) * 1.44269504f) / s;
}

// Tokens to experts: histogram, exclusive scan, stable positions.
extern "C" __global__ void __launch_bounds__(256)
dispatch(const int *expert, int *count, int *offset, int *position, int n) {
  __shared__ int histogram[32], start[32];
  if (threadIdx.x < 32)
    histogram[threadIdx.x] = 0;
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += 256)
    atomicAdd(&histogram[expert[i]], 1);
  __syncthreads();
  if (threadIdx.x < 32) {
    int v = histogram[threadIdx.x], s = v;
    for (int o = 1; o < 32; o <<= 1) {
      int t = __shfl_up_sync(~0u, s, o);
      if ((threadIdx.x & 31) >= o)
        s += t;
    }
    start[threadIdx.x] = s - v;
    count[threadIdx.x] = v;
    offset[threadIdx.x] = s - v;
  }
  __syncthreads();
  // One warp an expert keeps the order of the tokens.
  for (int e = threadIdx.x / 32; e < 32; e += 8) {
    int at = start[e];
    for (int base = 0; base < n; base += 32) {
      int i = base + (threadIdx.x & 31);
      bool mine = i < n && expert[i] == e;
      unsigned votes = __ballot_sync(~0u, mine);
      if (mine)
        position[i] = at + __popc(votes & ((1u << (threadIdx.x & 31)) - 1));
      at += __popc(votes);
    }
  }
}

// Top-k of a row by repeated block maximum (ties to the lowest index).
extern "C" __global__ void __launch_bounds__(256) topk(const float *x, int *index, int n, int k) {
  extern __shared__ float row[];
  __shared__ unsigned long long best[8];
  for (int i = threadIdx.x; i < n; i += 256)
    row[i] = x[(size_t)blockIdx.x * n + i];
  __syncthreads();
  for (int t = 0; t < k; t++) {
    unsigned long long b = 0;
    for (int i = threadIdx.x; i < n; i += 256) {
      unsigned u = __float_as_uint(row[i]);
      u = u & 0x80000000u ? ~u : u | 0x80000000u;
      unsigned long long key = (unsigned long long)u << 32 | (0xffffffffu - i);
      b = key > b ? key : b;
    }
    for (int o = 16; o; o >>= 1) {
      unsigned long long other = __shfl_xor_sync(~0u, b, o);
      b = other > b ? other : b;
    }
    if ((threadIdx.x & 31) == 0)
      best[threadIdx.x >> 5] = b;
    __syncthreads();
    for (int i = 0; i < 8; i++)
      b = best[i] > b ? best[i] : b;
    unsigned at = 0xffffffffu - (unsigned)b;
    if (threadIdx.x == 0)
      index[blockIdx.x * k + t] = at;
    __syncthreads();
    if (at % 256 == threadIdx.x) // only this thread reads it again
      row[at] = -INFINITY;
  }
}

// A spin lock around a counter: one thread a CTA.
extern "C" __global__ void locked_count(unsigned *lock, int *value) {
  if (threadIdx.x == 0) {
    while (atomicCAS(lock, 0, 1) != 0)
      __nanosleep(20);
    __threadfence();
    *value += 1;
    __threadfence();
    atomicExch(lock, 0);
  }
}
