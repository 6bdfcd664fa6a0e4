// The same products as input_stationary.cuh, output-stationary: for contractions
// longer than the outputs (K > N), of which shared memory would hold few tokens.
// Here the sums stay and the inputs stream. out [T, N] = in [T, K] M, M as there.
//
// A warp keeps the sums of 64 tokens and 64 outputs in 128 registers. A block of
// threads has all outputs, or blockIdx.y says which part of them; 256 columns of
// `in` at a time come into a ring of stages in shared memory, each read once. A
// warp's active blocks are ordered by stage once, into a list in shared memory,
// so that their weights are always under way two tiles ahead.
//
//   launch: grid (ceil(T/64), ceil(N/(64 warps))), block 32 warps <= 384 threads,
//   dynamic shared memory output_stages stages of 64 rows of 2 * 256 + 16 bytes,
//   then 8 bytes for each of `list` active blocks, the most that one thread
//   block's outputs can have.
#pragma once
#include "input_stationary.cuh"

constexpr int output_tile = 64, output_columns = 256, output_stages = 3;
constexpr int output_stride = 2 * output_columns + 16; // an odd number of 16 bytes: rows start in different banks
constexpr int output_stage = output_tile * output_stride;

// Several weights, whose products add up, follow each other along the contraction:
// the stages of `in` of the first, then those of the second, with inner indices
// counted through (output_stationary_sum). The upper bits of a slot say of which
// weight it is.
constexpr int output_source_shift = 29;

// output_list writes a warp's active blocks, those of groups [g0, g1), ordered by
// stage: their slot and, in the second word, their inner index << 2 | group - g0.
// source is the number of the weight, before the inner indices of those before it.
template <int B>
__device__ inline void output_list(const StationaryArgs &a, int2 *list, int g0, int g1, int source, int before) {
  constexpr int groups = 64 / B;
  int lane = threadIdx.x % 32, at = 0;
  int next[groups] = {}, end[groups] = {}, slot[groups] = {}, inner[groups], done[groups] = {};
  auto load = [&](int q) { // this lane's entry of the next 32
    inner[q] = 1 << 24;
    if (next[q] + lane < end[q]) {
      slot[q] = a.slots[next[q] + lane];
      inner[q] = a.inner[slot[q]];
    }
  };
#pragma unroll
  for (int q = 0; q < groups; q++) {
    if (g0 + q < g1) {
      next[q] = a.ptr[g0 + q];
      end[q] = a.ptr[g0 + q + 1];
    }
    load(q);
  }
  for (int stop = output_columns / B; stop < a.k / B + output_columns / B; stop += output_columns / B)
#pragma unroll
    for (int q = 0; q < groups; q++)
      for (;;) {
        // The entries of a group ascend, so those of this stage follow the done ones.
        bool here = lane >= done[q] && inner[q] < stop;
        int count = __popc(__ballot_sync(~0u, here));
        if (here) list[at + lane - done[q]] = make_int2(slot[q] | source << output_source_shift, (before + inner[q]) << 2 | q);
        at += count;
        done[q] += count;
        if (done[q] < 32) break;
        next[q] += 32;
        done[q] = 0;
        load(q);
      }
  __syncwarp();
}

// output_load starts copying stage s of the ring: 256 columns of 64 tokens from
// column first on, zeros beyond the last token, nothing beyond the last column.
__device__ inline void output_load(const StationaryArgs &a, const bf16 *in, unsigned ring, int s, int first) {
  unsigned to = ring + s % output_stages * output_stage;
  int token = blockIdx.x * output_tile, chunks = min(output_columns, a.k - first) / 8;
  for (int row = threadIdx.x / 32; row < output_tile; row += blockDim.x / 32) {
    bool there = token + row < a.tokens;
    const bf16 *from = in + (there ? (size_t)(token + row) * a.k + first : 0);
    int c = threadIdx.x % 32;
    if (c < chunks) copy16(to + row * output_stride + 16 * c, from + (there ? 8 * c : 0), there ? 16 : 0);
  }
}

// output_stationary_sum is the whole kernel, for the sum of S products of equal shapes.
// source(i) are the arguments of the i-th, finish(token, n, v) takes the sums of
// outputs n to n + 3.
template <int B, int S, class Source, class Finish>
__device__ inline void output_stationary_sum(Source source, Finish finish) {
  constexpr int P = B < 32 ? 1 : 2;            // tiles of 16 outputs a step
  constexpr int parts = 4 / P;                 // steps differ in which tiles of the warp they add to
  constexpr int halves = B == 64 ? 2 : 1;      // of a block's outputs
  constexpr int steps = B / 16 * halves;       // of a block
  constexpr int depth = P == 1 ? 3 : 2;        // steps of weights in registers
  extern __shared__ __align__(16) char shared[];
  const StationaryArgs a = source(0);
  int lane = threadIdx.x % 32, warps = blockDim.x / 32;
  int n0 = (blockIdx.y * warps + threadIdx.x / 32) * 64, out = min(64, a.n - n0);
  unsigned ring = shared_address(shared);
  int each = (a.k + output_columns - 1) / output_columns, last = S * each; // stages
  auto start = [&](int s) {
    int i = S == 1 ? 0 : s / each;
    if (s < last) output_load(a, source(i).in, ring, s, (s - i * each) * output_columns);
    copy_commit();
  };
#pragma unroll
  for (int s = 0; s < output_stages - 1; s++) start(s);
  int g0 = n0 / B, g1 = g0 + max(out, 0) / B, count = 0;
  int2 *list = reinterpret_cast<int2 *>(shared + output_stages * output_stage);
  if (out > 0) {
#pragma unroll
    for (int i = 0; i < S; i++) list += source(i).ptr[g0] - source(i).ptr[blockIdx.y * warps * (64 / B)];
#pragma unroll
    for (int i = 0; i < S; i++) {
      output_list<B>(source(i), list + count, g0, g1, i, i * each * (output_columns / B));
      count += source(i).ptr[g1] - source(i).ptr[g0];
    }
    count *= steps;
  }

  float acc[4][8][4];
#pragma unroll
  for (int m = 0; m < 4; m++)
#pragma unroll
    for (int q = 0; q < 8; q++)
#pragma unroll
      for (int r = 0; r < 4; r++) acc[m][q][r] = 0;

  uint4 w[depth][P];
  auto fetch = [&](uint4(&to)[P], int step) {
    unsigned slot = list[step / steps].x;
    const bf16 *weight = S == 1 ? a.weight : source(slot >> output_source_shift).weight;
    if (S > 1) slot &= (1u << output_source_shift) - 1;
    const uint4 *from = reinterpret_cast<const uint4 *>(weight) + (size_t)slot * (B * B / 8) + lane;
#pragma unroll
    for (int p = 0; p < P; p++) to[p] = __ldg(from + ((P * (step % halves) + p) * (B / 16) + step % steps / halves) * 32);
  };
#pragma unroll
  for (int d = 0; d < depth - 1; d++)
    if (d < count) fetch(w[d], d);

  unsigned at = ring + (lane % 16) * output_stride + lane / 16 * 16;
  int step = 0;
  for (int s = 0; s < last; s++) {
    copy_wait<output_stages - 2>();
    __syncthreads();
    start(s + output_stages - 1);
    unsigned stage = at + s % output_stages * output_stage;
    for (; step < count; step++) {
      int entry = list[step / steps].y, column = (entry >> 2) * B + step % steps / halves * 16;
      if (column >= (s + 1) * output_columns) break;
      if (step + depth - 1 < count) fetch(w[depth - 1], step + depth - 1);
      unsigned from = stage + (column - s * output_columns) * 2;
      int part = halves > 1 ? step % halves : entry & 3;
      unrolled<parts>([&](auto which) {
        if (part != which.value) return;
#pragma unroll
        for (int m = 0; m < 4; m++) {
          unsigned x[4];
          ldmatrix4(x, from + m * 16 * output_stride);
#pragma unroll
          for (int p = 0; p < P; p++) {
            mma(acc[m][2 * (P * which.value + p)], x, w[0][p].x, w[0][p].y);
            mma(acc[m][2 * (P * which.value + p) + 1], x, w[0][p].z, w[0][p].w);
          }
        }
      });
#pragma unroll
      for (int d = 0; d < depth - 1; d++)
#pragma unroll
        for (int p = 0; p < P; p++) w[d][p] = w[d + 1][p];
    }
  }
  unrolled<8>([&](auto tile) {
    constexpr int m = tile.value / 2, row = tile.value % 2;
    int token = blockIdx.x * output_tile + 8 * tile.value + lane / 4;
    if (token < a.tokens) {
#pragma unroll
      for (int q = 0; q < 4; q++) {
        float v[4] = {acc[m][2 * q][2 * row], acc[m][2 * q][2 * row + 1], acc[m][2 * q + 1][2 * row], acc[m][2 * q + 1][2 * row + 1]};
        if (16 * q < out) finish(token, n0 + 16 * q + lane % 4 * 4, v);
      }
    }
  });
}

// output_stationary_product is output_stationary_sum of one weight.
template <int B, class Finish>
__device__ inline void output_stationary_product(const StationaryArgs &a, Finish finish) {
  output_stationary_sum<B, 1>([&](int) { return a; }, finish);
}
