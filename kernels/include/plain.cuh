// The three products without matrix instructions, one thread an element, for any
// block size, dense weights and both dtypes: the float32 variants that are
// compared exactly, and what no faster kernel covers. The sum of an element runs
// in one chain of fused multiply-adds.
#pragma once
#include "numbers.cuh"

// Side is a weight seen from one side: group g of a view (ptr, slots) lists the
// active blocks of output block g, inner [nnzb] each slot's block index along
// the contraction. values are the masters, [nnzb][B][B] or, with block 0, dense
// [O][I]. `down` says that the contraction runs down the rows (W^T from the left: dds).
struct Side {
  const float *values;
  const int *ptr, *slots, *inner;
  int block, n, k; // outputs and contraction of the product
  bool down;
};

// dot sums row [k] times column n of the weight.
template <class T>
__device__ inline float dot(const Side &w, const T *row, int n) {
  float sum = 0;
  if (!w.block) {
    for (int k = 0; k < w.k; k++) sum = fmaf(load(row + k), w.down ? w.values[(size_t)k * w.n + n] : w.values[(size_t)n * w.k + k], sum);
    return sum;
  }
  int B = w.block, i = n % B;
  for (int e = w.ptr[n / B]; e < w.ptr[n / B + 1]; e++) {
    int slot = w.slots[e];
    const float *v = w.values + (size_t)slot * B * B + (w.down ? i : i * B);
    const T *x = row + w.inner[slot] * B;
    for (int k = 0; k < B; k++) sum = fmaf(load(x + k), v[w.down ? k * B : k], sum);
  }
  return sum;
}

// FOR_ELEMENTS is a loop over count elements, shared by all threads of the grid.
#define FOR_ELEMENTS(e, count) \
  for (long long e = blockIdx.x * (long long)blockDim.x + threadIdx.x; e < (count); e += (long long)gridDim.x * blockDim.x)

template <class T>
__device__ inline void dsd_plain(T *y, T *pre, const T *x, const Side &w, const float *bias, int tokens) {
  FOR_ELEMENTS(e, (long long)tokens * w.n) {
    int t = e / w.n, n = e % w.n;
    float v = dot(w, x + (size_t)t * w.k, n);
    if (bias) v += bias[n];
    if (pre) {
      store(pre + e, v);
      v = gelu(v);
    }
    if (y) store(y + e, v);
  }
}

template <class T>
__device__ inline void dds_plain(T *dx, const T *dy, const T *pre, int mode, const Side &w, int tokens) {
  FOR_ELEMENTS(e, (long long)tokens * w.n) {
    int t = e / w.n, n = e % w.n;
    float v = dot(w, dy + (size_t)t * w.k, n);
    if (mode == 1) v += load(dx + e);
    if (mode == 2) v *= gelu_slope(load(pre + e));
    store(dx + e, v);
  }
}

template <class T>
__device__ inline void sdd_plain(float *grad, const T *dy, const T *x, const int *rows, const int *cols, int tokens, int in, int out,
                                 int block, long long count) {
  FOR_ELEMENTS(e, count) {
    int o, i;
    if (block) {
      int slot = e / (block * block), inside = e % (block * block);
      o = rows[slot] * block + inside / block;
      i = cols[slot] * block + inside % block;
    } else {
      o = e / in;
      i = e % in;
    }
    float sum = 0;
    for (int t = 0; t < tokens; t++) sum = fmaf(load(dy + (size_t)t * out + o), load(x + (size_t)t * in + i), sum);
    grad[e] += sum;
  }
}

template <class T>
__device__ inline void column_sums(float *sums, const T *x, int tokens, int n) {
  FOR_ELEMENTS(c, n) {
    float sum = 0;
    for (int t = 0; t < tokens; t++) sum += load(x + (size_t)t * n + c);
    sums[c] += sum;
  }
}
