// The optimizer's kernels run over all elements of many tensors in one launch: a
// thread block takes one chunk, 4096 elements of one tensor at most, which are
// whole blocks where the tensor is block-sparse. Tables in device memory say
// which (gpu/optimizer.go), so launches can be recorded.
//
//   launch: grid the number of chunks, block 256: 4 times 4 elements a thread.
#pragma once
#include "numbers.cuh"

struct Tensor {
  float *values, *grad, *m, *v;
  bf16 *forward, *backward; // null: no working copies
  const int *born;          // [nnzb]; null: dense
  unsigned long long *bad;  // where a birth after the step is reported
  int n;                    // elements
  int block, shift;         // block size, and log2 of its square; 0 and 12 when dense
  int decay;                // 1: decoupled weight decay applies
};
static_assert(sizeof(Tensor) == 80, "as gpu/optimizer.go packs it");

constexpr int chunk_threads = 256, chunk_vectors = 4, chunk_elements = 16 * chunk_threads;

// Chunk is the part of a tensor that this block of threads has.
struct Chunk {
  const Tensor *t;
  int first;

  __device__ Chunk(const Tensor *tensors, const int2 *chunks) {
    int2 c = chunks[blockIdx.x];
    t = tensors + c.x;
    first = c.y;
  }
  // inside counts the elements of the chunk before this thread's vector i, which
  // begins at element `at`; `left` elements are there from it on, 0 or less past the end.
  __device__ int inside(int i) const { return (i * chunk_threads + (int)threadIdx.x) * 4; }
  __device__ int at(int i) const { return first + inside(i); }
  __device__ int left(int i) const { return t->n - first - inside(i); }
};

// load4 loads up to four elements, zeros beyond; store4 stores as many.
__device__ inline float4 load4(const float *p, int left) {
  if (left >= 4) return *reinterpret_cast<const float4 *>(p);
  return make_float4(left > 0 ? p[0] : 0, left > 1 ? p[1] : 0, left > 2 ? p[2] : 0, 0);
}
__device__ inline void store4(float *p, float4 v, int left) {
  if (left >= 4) {
    *reinterpret_cast<float4 *>(p) = v;
    return;
  }
  if (left > 0) p[0] = v.x;
  if (left > 1) p[1] = v.y;
  if (left > 2) p[2] = v.z;
}

// block_sum adds up one number of each thread, in an order that is always the
// same; the result is thread 0's.
template <int threads>
__device__ inline double block_sum(double v) {
  __shared__ double sums[threads / 32];
#pragma unroll
  for (int d = 16; d; d /= 2) v += __shfl_xor_sync(~0u, v, d);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = v;
  __syncthreads();
  if (threadIdx.x == 0)
    for (int w = 1; w < threads / 32; w++) v += sums[w];
  return v;
}
