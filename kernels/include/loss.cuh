// Cross-entropy of rows of logits, a thread block a row: one pass for the largest
// logit and the sum of exponentials, and one for the gradient, in place.
#pragma once
#include "status.cuh"
#include "step.cuh"
#include "vector.cuh"

// for_row shares the n elements of a row among the threads of the block, in
// groups of 8 from the first address on that is a multiple of 16: f(first,
// width_constant). Each element always goes to the same thread.
template <class T, class F>
__device__ inline void for_row(const T *row, int n, F f) {
  int head = min(n, (int)((16 - ((size_t)row & 15)) & 15) / (int)sizeof(T)), groups = (n - head) / 8;
  for (int i = threadIdx.x; i < head; i += blockDim.x) f(i, width<1>{});
  for (int g = threadIdx.x; g < groups; g += blockDim.x) f(head + 8 * g, width<8>{});
  for (int i = head + 8 * groups + threadIdx.x; i < n; i += blockDim.x) f(i, width<1>{});
}

// Softmax is what a thread, a warp or the block knows of a row.
struct Softmax {
  float top, sum; // largest logit, sum of exp(v - top)
  bool beaten;    // some logit comes before the label's
};

// join makes the warps' numbers those of the block, in the order of the warps.
__device__ inline Softmax join(Softmax s) {
  __shared__ Softmax warps[32];
  float top = s.top;
#pragma unroll
  for (int d = 16; d; d /= 2) top = fmaxf(top, __shfl_xor_sync(~0u, top, d));
  s.sum = warp_sum(s.top == top ? s.sum : s.sum * expf(s.top - top));
  s.beaten = __any_sync(~0u, s.beaten);
  s.top = top;
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = s;
  __syncthreads();
  Softmax all = warps[0];
  int n = blockDim.x / 32;
  for (int w = 1; w < n; w++) all.top = fmaxf(all.top, warps[w].top);
  all.sum = 0;
  for (int w = 0; w < n; w++) {
    all.sum += warps[w].top == all.top ? warps[w].sum : warps[w].sum * expf(warps[w].top - all.top);
    all.beaten |= warps[w].beaten;
  }
  __syncthreads(); // before the next row
  return all;
}

// Exponential makes exp(v - shift): of bfloat16 by one multiply-add and ex2, which is good
// to some 2^-18 where logits are below 100.
template <class T>
struct Exponential {
  float shift;
  __device__ explicit Exponential(float shift) : shift(shift) {}
  __device__ float operator()(float v) const { return expf(v - shift); }
};
template <>
struct Exponential<bf16> {
  static constexpr float log2e = 1.44269504f;
  float down;
  __device__ explicit Exponential(float shift) : down(-log2e * shift) {}
  __device__ float operator()(float v) const {
    float e;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(fmaf(v, log2e, down)));
    return e;
  }
};

// larger is the larger of two, or NaN where one is.
__device__ inline float larger(float a, float b) {
  float v;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(v) : "f"(a), "f"(b));
  return v;
}

// softmax reads a row. A NaN makes the sum NaN and beats the label.
template <class T>
__device__ inline Softmax softmax(const T *row, int c, int label, float at) {
  Softmax s = {-INFINITY, 0, false};
  for_row(row, c, [&](int i, auto w) {
    float v[w.value], top;
    load_n(v, row + i);
    top = v[0];
#pragma unroll
    for (int j = 1; j < w.value; j++) top = larger(top, v[j]);
    s.beaten |= !(top <= at);
    if (top == at && i < label)
#pragma unroll
      for (int j = 0; j < w.value; j++) s.beaten |= v[j] == at && i + j < label;
    if (top > s.top) {
      s.sum *= expf(s.top - top);
      s.top = top;
    }
    Exponential<T> part(s.top == -INFINITY ? 0 : s.top); // -Inf adds 0
#pragma unroll
    for (int j = 0; j < w.value; j++) s.sum += part(v[j]);
  });
  return join(s);
}

// cross_entropy leaves loss and hit (1: the label has the largest logit, the
// first of several) of each row in result, and with grad replaces the logits by
// scale (softmax - onehot).
template <class T>
__device__ inline void cross_entropy(float2 *result, T *logits, const int *labels, float scale, int rows, int c, int pitch, bool grad,
                                     unsigned long long *bad) {
  for (int r = blockIdx.x; r < rows; r += gridDim.x) {
    T *row = logits + (size_t)r * pitch;
    int label = labels[r];
    if (label < 0 || label >= c) {
      if (label >= c && threadIdx.x == 0) report(bad, r, label);
      if (grad)
        for_row(row, c, [=](int i, auto w) {
          float zero[w.value] = {};
          store_n(row + i, zero);
        });
      continue;
    }
    float at = load(row + label);
    Softmax s = softmax(row, c, label, at);
    if (threadIdx.x == 0) result[r] = make_float2(logf(s.sum) + (s.top - at), s.beaten ? 0.0f : 1.0f);
    if (!grad) continue;
    float factor = scale / s.sum;
    Exponential<T> part(s.top);
    for_row(row, c, [=](int i, auto w) {
      float v[w.value];
      load_n(v, row + i);
#pragma unroll
      for (int j = 0; j < w.value; j++) v[j] = part(v[j]) * factor;
      if (i <= label && label < i + w.value)
#pragma unroll
        for (int j = 0; j < w.value; j++) v[j] -= i + j == label ? scale : 0.0f;
      store_n(row + i, v);
    });
  }
}
