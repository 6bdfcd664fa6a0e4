// What a weight gradient left when its tokens were split into ranges (split-K), added
// up in the order of the ranges.
#pragma once
#include "vector.cuh"

constexpr int reduce_at_once = 16; // loads under way

__device__ inline float4 plus(float4 a, float4 b) { return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w); }
__device__ inline float plus(float a, float b) { return a + b; }

// reduce_ranges: *to += sum over range of from[range * stride].
template <class V>
__device__ inline void reduce_ranges(float *to, const float *from, size_t stride, int splits) {
  V sum = {};
  for (int base = 0; base < splits; base += reduce_at_once) {
    V v[reduce_at_once];
#pragma unroll
    for (int k = 0; k < reduce_at_once; k++) {
      v[k] = load_if(base + k < splits, reinterpret_cast<const V *>(from));
      from += stride;
    }
#pragma unroll
    for (int k = 0; k < reduce_at_once; k++) sum = plus(sum, v[k]); // + 0 beyond the last
  }
  V *p = reinterpret_cast<V *>(to);
  *p = plus(*p, sum);
}

// reduce_part takes `all` [splits][N n] and adds the sums to the N arrays to [n], of
// which this thread does number i of the units; it returns how many units there are.
template <int N>
__device__ inline int reduce_part(float *const (&to)[N], const float *all, int n, int splits, int i) {
  bool wide = n % 4 == 0 && (size_t)all % 16 == 0;
  int width = wide ? 4 : 1, units = N * n / width;
  if (i < 0 || i >= units) return units;
  int at = i * width, w = N > 1 ? at / n : 0;
  float *target = to[0];
#pragma unroll
  for (int k = 1; k < N; k++)
    if (w == k) target = to[k];
  target += at - w * n;
  if (wide)
    reduce_ranges<float4>(target, all + at, (size_t)N * n, splits);
  else
    reduce_ranges<float>(target, all + at, (size_t)N * n, splits);
  return units;
}

// reduce_gradients does both parts of a weight gradient, of which bias was left in
// bias_splits ranges; bias may be null.
template <int N>
__device__ inline void reduce_gradients(float *const (&grad)[N], float *const (&bias)[N], const float *partial, const float *partial_bias, int n, int m,
                                        int splits, int bias_splits) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, step = gridDim.x * blockDim.x;
  for (;; i += step) {
    int units = reduce_part<N>(grad, partial, n, splits, i), beyond = units;
    if (bias[0]) beyond += reduce_part<N>(bias, partial_bias, m, bias_splits, i - units);
    if (i >= beyond) return;
  }
}
