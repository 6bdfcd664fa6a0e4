// What the products do with their sums: they come four outputs of one token at a
// time (operator(), n and the row length are multiples of 4) or one by one.
#pragma once
#include "numbers.cuh"

// DsdFinish ends a forward product: y [T, width] = sums + bias; with pre: pre = sums + bias, y = gelu(pre).
// bias, y and pre may be null.
struct DsdFinish {
  bf16 *y, *pre;
  const float *bias;
  int width;

  __device__ void operator()(int token, int n, float (&v)[4]) const {
    if (bias) {
      float4 b = *reinterpret_cast<const float4 *>(bias + n);
      v[0] += b.x;
      v[1] += b.y;
      v[2] += b.z;
      v[3] += b.w;
    }
    size_t at = (size_t)token * width + n;
    if (pre) {
      *reinterpret_cast<uint2 *>(pre + at) = make_uint2(pack(v[0], v[1]), pack(v[2], v[3]));
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] = fast_gelu(v[i]);
    }
    if (y) *reinterpret_cast<uint2 *>(y + at) = make_uint2(pack(v[0], v[1]), pack(v[2], v[3]));
  }

  __device__ void one(int token, int n, float v) const {
    if (bias) v += bias[n];
    size_t at = (size_t)token * width + n;
    if (pre) {
      store(pre + at, v);
      v = fast_gelu(v);
    }
    if (y) store(y + at, v);
  }
};

// DdsFinish ends an input gradient: mode 0: dx [T, width] = sums; 1: dx += sums; 2: dx = sums gelu'(pre).
// dx may be pre.
struct DdsFinish {
  bf16 *dx;
  const bf16 *pre;
  int mode, width;

  __device__ float change(float v, float old) const { return mode == 1 ? v + old : v * fast_gelu_slope(old); }

  __device__ void operator()(int token, int n, float (&v)[4]) const {
    size_t at = (size_t)token * width + n;
    if (mode) {
      uint2 old = *reinterpret_cast<const uint2 *>((mode == 1 ? dx : pre) + at);
      float o[4] = {low(old.x), high(old.x), low(old.y), high(old.y)};
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] = change(v[i], o[i]);
    }
    *reinterpret_cast<uint2 *>(dx + at) = make_uint2(pack(v[0], v[1]), pack(v[2], v[3]));
  }

  __device__ void one(int token, int n, float v) const {
    size_t at = (size_t)token * width + n;
    if (mode) v = change(v, load((mode == 1 ? dx : pre) + at));
    store(dx + at, v);
  }
};
