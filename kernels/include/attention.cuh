// What the kernels of attention share: shapes, lengths and dropout. The scores
// are never in global memory. The forward pass draws the mask of dropout, the
// backward reads it as bits (dropout.cuh): rows are queries, columns keys, and
// there are bits for keys below a sequence's length.
//
// q, k, v and ctx are [batch seq, heads head]; head a owns the columns from a
// head on. lse and delta are float32 [batch, heads, seq], delta being the sum of
// ctx dctx over a query's columns. Keys at or beyond a sequence's length have
// probability 0 and are not read.
#pragma once
#include "dropout.cuh"
#include "numbers.cuh"
#include "status.cuh"

// Heads is where one head of one sequence lies.
struct Heads {
  int seq, heads, head;

  __device__ size_t hidden() const { return (size_t)heads * head; }
  // first is the index of the head's element 0 in q, k, v and ctx.
  __device__ size_t first(int bh) const { return (size_t)(bh / heads) * seq * hidden() + (size_t)(bh % heads) * head; }
  // keys is the sequence's length. One that is out of range is reported, and clamped.
  __device__ int keys(const int *lengths, unsigned long long *slot, int bh) const {
    int b = bh / heads, n = lengths[b];
    if (n < 0 || n > seq) {
      if (threadIdx.x % 32 == 0) report(slot, b, n);
      n = n < 0 ? 0 : seq;
    }
    return n;
  }
};

__device__ inline float warp_sum(float v) {
#pragma unroll
  for (int d = 16; d; d /= 2) v += __shfl_xor_sync(~0u, v, d);
  return v;
}
__device__ inline float warp_max(float v) {
#pragma unroll
  for (int d = 16; d; d /= 2) v = fmaxf(v, __shfl_xor_sync(~0u, v, d));
  return v;
}
