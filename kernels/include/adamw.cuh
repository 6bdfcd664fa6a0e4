// One step of AdamW over a chunk of a tensor; the formula is in adamw.cu.
#pragma once
#include "optimizer.cuh"
#include "status.cuh"
#include "step.cuh"
#include "input_stationary.cuh"

struct AdamArgs {
  double log_beta1, log_beta2; // natural logarithms
  float beta1, beta2, eps, weight_decay, lasso, max_norm, sparse_rate;
  int global_clock; // the ages of all blocks are those of the run
};

// adam_correction is 1/(1-beta1^age) and 1/(1-beta2^age), which float32 could not
// work out: 1 - 0.999 would keep four digits. It depends on the element's block.
__device__ inline float2 adam_correction(const AdamArgs &a, const Tensor &t, long long step, int slot) {
  long long age = step + 1;
  if (t.born) {
    int born = t.born[slot];
    if (age <= born) {
      report(t.bad, slot, born);
      age = born + 1;
    }
    if (!a.global_clock) age -= born;
  }
  return make_float2((float)(-1.0 / expm1((double)age * a.log_beta1)), (float)(-1.0 / expm1((double)age * a.log_beta2)));
}

__device__ inline void adam_element(const AdamArgs &a, float &w, float g, float &m, float &v, float2 correction, float lr, float decay) {
  m = a.beta1 * m + (1 - a.beta1) * g;
  v = a.beta2 * v + (1 - a.beta2) * g * g;
  w -= lr * (m * correction.x / (sqrtf(v * correction.y) + a.eps) + decay * w);
}

// adam_lasso shrinks this thread's new weights by the norm of each one's block.
// A block of 16 or more spans warps: sums holds the squares of each 128 elements.
__device__ inline void adam_lasso(const Tensor &t, float lambda, float4 (&w)[chunk_vectors]) {
  __shared__ float sums[chunk_elements / 128];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  float shrink = lambda * (float)t.block;
  float squares[chunk_vectors];
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++) {
    float4 &x = w[i];
    if (t.shift == 0) {
      x.x -= shrink / sqrtf(x.x * x.x + 1e-6f) * x.x;
      x.y -= shrink / sqrtf(x.y * x.y + 1e-6f) * x.y;
      x.z -= shrink / sqrtf(x.z * x.z + 1e-6f) * x.z;
      x.w -= shrink / sqrtf(x.w * x.w + 1e-6f) * x.w;
      continue;
    }
    float s = x.x * x.x + x.y * x.y + x.z * x.z + x.w * x.w;
    for (int d = 1; d < 32 && 4 * d < 1 << t.shift; d *= 2) s += __shfl_xor_sync(~0u, s, d);
    squares[i] = s;
    if (t.shift >= 8 && lane == 0) sums[8 * i + warp] = s;
  }
  if (t.shift == 0) return;
  if (t.shift >= 8) __syncthreads();
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++) {
    if (t.shift >= 8) {
      int parts = 1 << (t.shift - 7), from = (8 * i + warp) & -parts;
      float s = 0;
      for (int p = 0; p < parts; p++) s += sums[from + p];
      squares[i] = s;
    }
    float f = shrink / sqrtf(squares[i] + 1e-6f);
    w[i].x -= f * w[i].x;
    w[i].y -= f * w[i].y;
    w[i].z -= f * w[i].z;
    w[i].w -= f * w[i].w;
  }
}

// adam_copies writes the working copies of a chunk, 16 bytes at a time, from the
// new weights in memory order.
__device__ inline void adam_copies(const Tensor &t, int first, const float4 (&w)[chunk_vectors]) {
  __shared__ __align__(16) bf16 plain[chunk_elements];
  int B = t.block, side = B / 16;
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++)
    *reinterpret_cast<uint2 *>(plain + (i * chunk_threads + threadIdx.x) * 4) = make_uint2(pack(w[i].x, w[i].y), pack(w[i].z, w[i].w));
  __syncthreads();
  for (int i = threadIdx.x; i < chunk_elements / 8 && first + 8 * i < t.n; i += chunk_threads) {
    int inside = 8 * i & ((1 << t.shift) - 1), tile = inside / 256, n, k;
    fragment_element(inside / 8 % 32, n, k);
    const bf16 *block = plain + (8 * i - inside);
    // Of the four pairs of a lane, the first two are of output n, the others of n + 2.
    const bf16 *from = block + (tile / side * 16 + n) * B + tile % side * 16 + k;
    const unsigned *upper = reinterpret_cast<const unsigned *>(from), *lower = reinterpret_cast<const unsigned *>(from + 2 * B);
    *reinterpret_cast<uint4 *>(t.forward + first + 8 * i) = make_uint4(upper[0], upper[4], lower[0], lower[4]);
    // Of W^T, the outputs are columns and the contraction runs down the rows.
    from = block + (tile % side * 16 + k) * B + tile / side * 16 + n;
    auto pair = [&](int k, int n) {
      const unsigned short *p = reinterpret_cast<const unsigned short *>(from + k * B + n);
      return p[0] | (unsigned)p[B] << 16;
    };
    *reinterpret_cast<uint4 *>(t.backward + first + 8 * i) = make_uint4(pair(0, 0), pair(8, 0), pair(0, 2), pair(8, 2));
  }
}

__device__ inline void adamw_chunk(const Tensor *tensors, const int2 *chunks, const float *norm, const StepScalars *step, const AdamArgs &a) {
  __shared__ float2 corrections[chunk_elements / 16]; // of blocks of 4 or more
  float size = *norm;
  if (!isfinite(size)) return;
  Chunk c(tensors, chunks);
  const Tensor t = *c.t;
  float clip = a.max_norm > 0 && size > a.max_norm ? a.max_norm / size : 1;
  float lr = t.block ? step->lr * a.sparse_rate : step->lr, decay = t.decay ? a.weight_decay : 0;
  float4 w[chunk_vectors], g[chunk_vectors], m[chunk_vectors], v[chunk_vectors];
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++) {
    w[i] = load4(t.values + c.at(i), c.left(i));
    g[i] = load4(t.grad + c.at(i), c.left(i));
    m[i] = load4(t.m + c.at(i), c.left(i));
    v[i] = load4(t.v + c.at(i), c.left(i));
  }
  if (t.shift) {
    int local = threadIdx.x << t.shift;
    if (local < chunk_elements && c.first + local < t.n) corrections[threadIdx.x] = adam_correction(a, t, step->step, (c.first + local) >> t.shift);
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++) {
    int left = c.left(i);
    if (left <= 0) continue;
    float2 k[4];
    if (t.shift) {
      k[0] = k[1] = k[2] = k[3] = corrections[c.inside(i) >> t.shift];
    } else {
#pragma unroll
      for (int j = 0; j < 4; j++) k[j] = adam_correction(a, t, step->step, c.at(i) + min(j, left - 1));
    }
    adam_element(a, w[i].x, clip * g[i].x, m[i].x, v[i].x, k[0], lr, decay);
    adam_element(a, w[i].y, clip * g[i].y, m[i].y, v[i].y, k[1], lr, decay);
    adam_element(a, w[i].z, clip * g[i].z, m[i].z, v[i].z, k[2], lr, decay);
    adam_element(a, w[i].w, clip * g[i].w, m[i].w, v[i].w, k[3], lr, decay);
    store4(t.m + c.at(i), m[i], left);
    store4(t.v + c.at(i), v[i], left);
  }
  if (t.block && a.lasso != 0) adam_lasso(t, lr * a.lasso, w);
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++) store4(t.values + c.at(i), w[i], c.left(i));
  if (t.forward) adam_copies(t, c.first, w);
}
