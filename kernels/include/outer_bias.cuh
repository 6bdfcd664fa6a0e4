// The bias gradient beside a weight gradient, the column sums of dy, by the thread
// blocks of outer.cuh.
#pragma once
#include "outer_index.cuh"
#include "vector.cuh"

// outer_bias_share deals block rows out. When dy is a, the one thread block along the
// active blocks that has a block row's first active block answers for it, and row r
// without any is that of thread block r mod gridDim.x. When dy is b, which nearly all
// have all of, each has a share of its rows.
template <int B, int N>
__device__ inline void outer_bias_share(const OuterArgs<N> &g, OuterTables<B> &t) {
  int from = 0, to = 0, i = threadIdx.x, begin = 0, end = 0;
  if (g.bias[0] && g.swapped) {
    int rows = g.smaller / B;
    begin = (int)blockIdx.x * rows / (int)gridDim.x;
    end = (int)(blockIdx.x + 1) * rows / (int)gridDim.x;
    from = __syncthreads_count(i < t.counts[1] && t.of_b[i] < begin);
    to = __syncthreads_count(i < t.counts[1] && t.of_b[i] < end);
  } else if (g.bias[0] && t.counts[0] > 0) {
    from = t.previous == t.of_a[0];
    to = t.counts[0];
  }
  if (i == 0) {
    t.bias_from = from, t.bias_to = to, t.row_from = begin, t.row_to = end;
    t.dy_at = ((g.swapped ? t.counts[0] : 0) + from) * (2 * B);
    t.columns = (to - from) * B;
  }
}

// outer_column_sums adds 16 D tokens of `columns` columns of a stage, a multiple of 16,
// to sums: products with ones, a warp 32 columns at a time. sums has room for a
// multiple of 32.
template <int D>
__device__ inline void outer_column_sums(unsigned stage, int stride, int columns, float *sums) {
  constexpr unsigned ones = 0x3f803f80;
  int thread = outer_thread(), lane = thread % 32;
  unsigned from = stage + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 16;
#pragma unroll 1
  for (int c = thread / 32 * 32; c < columns; c += outer_threads) {
    unsigned p[4], q[4];
    float lo[4] = {}, hi[4] = {};
    unsigned of_lo = from + 2 * c, of_hi = from + 2 * (c + 16 < columns ? c + 16 : c); // the same again has a place, too
#pragma unroll
    for (int d = 0; d < D; d++) {
      ldmatrix4_trans(p, of_lo + d * 16 * stride);
      ldmatrix4_trans(q, of_hi + d * 16 * stride);
      mma(lo, p, ones, ones);
      mma(hi, q, ones, ones);
    }
    // All four lanes of a row have its sum: each takes one of four rows.
    float both[2] = {lane % 2 ? lo[2] : lo[0], lane % 2 ? hi[2] : hi[0]};
    sums[c + lane % 4 / 2 * 16 + lane % 2 * 8 + lane / 4] += lane % 4 / 2 ? both[1] : both[0];
  }
}

// outer_missing_row sums the columns of a block row that is not in the stages, from
// global memory, with all threads: each takes 8 columns of every so many tokens; then
// lanes add up in a tree, and warps in order. scratch is outer_warps * B floats.
template <int B>
__device__ inline void outer_missing_row(const bf16 *dy, int width, int begin, int end, float *scratch, float *to, bool add) {
  constexpr int across = B / 8, step = outer_threads / across, at_once = 16; // loads under way
  int lane = threadIdx.x % 32, column = threadIdx.x % across * 8;
  float sum[8] = {};
#pragma unroll 1
  for (int token = begin + threadIdx.x / across; token < end; token += at_once * step) {
    uint4 v[at_once];
#pragma unroll
    for (int k = 0; k < at_once; k++) {
      int at = token + k * step;
      v[k] = load_if(at < end, reinterpret_cast<const uint4 *>(dy + (size_t)at * width + column));
    }
#pragma unroll
    for (int k = 0; k < at_once; k++) {
      unsigned w[4] = {v[k].x, v[k].y, v[k].z, v[k].w};
#pragma unroll
      for (int i = 0; i < 4; i++) {
        sum[2 * i] += low(w[i]);
        sum[2 * i + 1] += high(w[i]);
      }
    }
  }
#pragma unroll
  for (int i = 0; i < 8; i++)
#pragma unroll
    for (int d = 16; d >= across; d /= 2) sum[i] += __shfl_down_sync(~0u, sum[i], d);
  __syncthreads(); // scratch is free
  if (lane < across)
#pragma unroll
    for (int i = 0; i < 8; i++) scratch[threadIdx.x / 32 * B + column + i] = sum[i];
  __syncthreads();
  if (threadIdx.x < B) {
    float all = 0;
#pragma unroll
    for (int w = 0; w < outer_warps; w++) all += scratch[w * B + threadIdx.x];
    to[threadIdx.x] = add ? to[threadIdx.x] + all : all;
  }
}

// outer_bias writes or adds the sums of the block rows that this thread block answers
// for. sums holds those of its stages; scratch is outer_warps * B floats.
template <int B, int N>
__device__ inline void outer_bias(const OuterArgs<N> &g, OuterTables<B> &t, const float *sums, float *scratch) {
  constexpr int at_once = 192; // rows; source is that long at least
  bool add = gridDim.y == 1;
  int out = g.swapped ? g.smaller : g.larger, rows = out / B;
  const int *of = (g.swapped ? t.of_b : t.of_a) + t.bias_from;
  int known = t.bias_to - t.bias_from;
  auto target = [&](int r) { // of row r of all weights
    int w = N > 1 ? r / rows : 0;
    return add ? g.bias[w] + (r - w * rows) * B : g.partial_bias + (size_t)blockIdx.y * (N * out) + r * B;
  };
  for (int c = threadIdx.x; c < known * B; c += outer_threads) {
    float *p = target(of[c / B]) + c % B;
    *p = add ? *p + sums[c] : sums[c];
  }
  int from = g.swapped ? t.row_from : (int)blockIdx.x, step = g.swapped ? 1 : (int)gridDim.x, beyond = g.swapped ? t.row_to : N * rows;
  for (; from < beyond; from += step * at_once) {
    if (threadIdx.x == 0) t.missing = 0;
    __syncthreads();
    int r = from + threadIdx.x * step;
    if (threadIdx.x < at_once && r < beyond) {
      bool here = false;
      if (g.swapped) {
        for (int k = 0; k < known; k++) here = here || of[k] == r;
      } else {
        int w = N > 1 ? r / rows : 0;
        const int *ptr = g.ptr[w] + (r - w * rows);
        here = ptr[0] < ptr[1];
      }
      if (!here) t.source[atomicAdd(&t.missing, 1)] = r;
    }
    __syncthreads();
    for (int i = 0; i < t.missing; i++) {
      int row = t.source[i], w = N > 1 ? row / rows : 0;
      const bf16 *dy = (g.swapped ? g.b : g.a[w]) + (row - w * rows) * B;
      outer_missing_row<B>(dy, out, t.begin, t.end, scratch, target(row), add);
    }
    __syncthreads();
  }
}
