// Causal attention forward in the flash manner for sm_80: bf16 in, f32 out,
// heads of
// 64. A CTA takes 64 rows of one head (blockIdx.y), 16 a warp; blocks of 32
// keys come through a ring of two stages with cp.async; online softmax in
// registers.
#include <cstdint>
#include <cuda_bf16.h>

namespace {
constexpr int kD = 64, kRows = 64, kKeys = 32, kPitch = kD + 8;

__device__ uint32_t sharedAddress(const void *p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}
__device__ void copy16(void *to, const void *from, int bytes) {
  asm volatile(
      "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(sharedAddress(to)),
      "l"(from), "r"(bytes)
      : "memory");
}
__device__ void mma(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                    uint32_t b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
               "{%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
               "{%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
__device__ uint32_t pack(float low, float high) {
  __nv_bfloat162 v = __floats2bfloat162_rn(low, high);
  return *reinterpret_cast<uint32_t *>(&v);
}

struct Stage {
  __nv_bfloat16 k[kKeys][kPitch], v[kKeys][kPitch];
};

__device__ void load(Stage &s, const __nv_bfloat16 *k, const __nv_bfloat16 *v,
                     int first, int length) {
  for (int i = threadIdx.x; i < kKeys * kD / 8; i += blockDim.x) {
    int row = i / (kD / 8), column = i % (kD / 8) * 8, at = first + row;
    bool inside = at < length;
    size_t from = inside ? size_t(at) * kD + column : 0;
    copy16(&s.k[row][column], k + from, inside ? 16 : 0);
    copy16(&s.v[row][column], v + from, inside ? 16 : 0);
  }
}
} // namespace

extern "C" __global__ void __launch_bounds__(128)
    attention(const __nv_bfloat16 *q, const __nv_bfloat16 *k,
              const __nv_bfloat16 *v, float *o, int length, float scale) {
  __shared__ __align__(16) Stage stages[2];
  size_t head = size_t(blockIdx.y) * length * kD;
  q += head, k += head, v += head, o += head;
  int lane = threadIdx.x % 32, pair = lane % 4 * 2;
  int top =
      blockIdx.x * kRows + threadIdx.x / 32 * 16 + lane / 4; // and top + 8
  uint32_t a[kD / 16][4];
  for (int i = 0; i < kD / 16; ++i)
    for (int j = 0; j < 4; ++j) {
      int row = top + j % 2 * 8, column = i * 16 + pair + j / 2 * 8;
      a[i][j] = row < length ? *reinterpret_cast<const uint32_t *>(
                                   q + size_t(row) * kD + column)
                             : 0;
    }
  float sum[kD / 8][4] = {}, largest[2] = {-INFINITY, -INFINITY}, total[2] = {};
  int end = min(length, (int(blockIdx.x) + 1) * kRows),
      blocks = (end + kKeys - 1) / kKeys;
  load(stages[0], k, v, 0, length);
  asm volatile("cp.async.commit_group;" ::: "memory");
  for (int block = 0; block < blocks; ++block) {
    Stage &s = stages[block % 2];
    if (block + 1 < blocks) {
      load(stages[(block + 1) % 2], k, v, (block + 1) * kKeys, length);
      asm volatile("cp.async.commit_group;" ::: "memory");
      asm volatile("cp.async.wait_group 1;" ::: "memory");
    } else {
      asm volatile("cp.async.wait_group 0;" ::: "memory");
    }
    __syncthreads();
    float p[kKeys / 8][4] = {};
    for (int n = 0; n < kKeys / 8; ++n)
      for (int i = 0; i < kD / 16; ++i) {
        const __nv_bfloat16 *b = &s.k[n * 8 + lane / 4][i * 16 + pair];
        mma(p[n], a[i], *reinterpret_cast<const uint32_t *>(b),
            *reinterpret_cast<const uint32_t *>(b + 8));
      }
    for (int half = 0; half < 2; ++half) {
      float most = largest[half];
      for (int n = 0; n < kKeys / 8; ++n)
        for (int e = 0; e < 2; ++e) {
          int key = block * kKeys + n * 8 + pair + e;
          float &x = p[n][half * 2 + e];
          x = key <= top + half * 8 && key < length ? x * scale : -INFINITY;
          most = fmaxf(most, x);
        }
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
      // A row beyond the end has no key at all in its last blocks.
      float shift = most == -INFINITY ? 0 : most,
            keep = __expf(largest[half] - shift), part = 0;
      for (int n = 0; n < kKeys / 8; ++n)
        for (int e = 0; e < 2; ++e) {
          float &x = p[n][half * 2 + e];
          x = __expf(x - shift);
          part += x;
        }
      part += __shfl_xor_sync(~0u, part, 1);
      part += __shfl_xor_sync(~0u, part, 2);
      total[half] = total[half] * keep + part;
      largest[half] = most;
      for (int n = 0; n < kD / 8; ++n) {
        sum[n][half * 2] *= keep;
        sum[n][half * 2 + 1] *= keep;
      }
    }
    for (int t = 0; t < kKeys / 16; ++t) {
      uint32_t w[4] = {pack(p[2 * t][0], p[2 * t][1]),
                       pack(p[2 * t][2], p[2 * t][3]),
                       pack(p[2 * t + 1][0], p[2 * t + 1][1]),
                       pack(p[2 * t + 1][2], p[2 * t + 1][3])};
      for (int n = 0; n < kD / 8; ++n) {
        uint32_t b0, b1;
        asm volatile(
            "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];"
            : "=r"(b0), "=r"(b1)
            : "r"(sharedAddress(&s.v[t * 16 + lane % 16][n * 8]))
            : "memory");
        mma(sum[n], w, b0, b1);
      }
    }
    __syncthreads();
  }
  for (int half = 0; half < 2; ++half) {
    int row = top + half * 8;
    if (row >= length)
      continue;
    for (int n = 0; n < kD / 8; ++n) {
      float2 r{sum[n][half * 2] / total[half],
               sum[n][half * 2 + 1] / total[half]};
      *reinterpret_cast<float2 *>(o + size_t(row) * kD + n * 8 + pair) = r;
    }
  }
}
