// The same products as stream.cuh for contractions wider than the outputs (K > N),
// of which shared memory would hold few tokens: here the sums stay and the inputs
// stream. out [T, N] = in [T, K] M, M as in stream.cuh.
//
// A warp keeps the sums of 64 tokens and 64 outputs in 128 registers. A block of
// threads has all outputs, or blockIdx.y says which part of them; 256 columns of
// `in` at a time come into a ring of stages in shared memory, each read once. A
// warp's active blocks are ordered by stage once, into a list in shared memory,
// so that their weights are always under way two pieces ahead.
//
//   launch: grid (ceil(T/64), ceil(N/(64 warps))), block 32 warps <= 384 threads,
//   dynamic shared memory wide_stages stages of 64 rows of 2 * 256 + 16 bytes,
//   then 8 bytes for each of `list` active blocks, the most that one thread
//   block's outputs can have.
#pragma once
#include "stream.cuh"

constexpr int wide_tile = 64, wide_columns = 256, wide_stages = 3;
constexpr int wide_stride = 2 * wide_columns + 16; // an odd number of 16 bytes: rows start in different banks
constexpr int wide_stage = wide_tile * wide_stride;

// Several weights, whose products add up, follow each other along the contraction:
// the stages of `in` of the first, then those of the second, with inner indices
// counted through (wide_sum). The upper bits of a slot say of which weight it is.
constexpr int wide_source_shift = 29;

// wide_list writes a warp's active blocks, those of groups [g0, g1), ordered by
// stage: their slot and, in the second word, their inner index << 2 | group - g0.
// source is the number of the weight, before the inner indices of those before it.
template <int B>
__device__ inline void wide_list(const StreamArgs &a, int2 *list, int g0, int g1, int source, int before) {
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
  for (int stop = wide_columns / B; stop < a.k / B + wide_columns / B; stop += wide_columns / B)
#pragma unroll
    for (int q = 0; q < groups; q++)
      for (;;) {
        // The entries of a group ascend, so those of this stage follow the done ones.
        bool here = lane >= done[q] && inner[q] < stop;
        int count = __popc(__ballot_sync(~0u, here));
        if (here) list[at + lane - done[q]] = make_int2(slot[q] | source << wide_source_shift, (before + inner[q]) << 2 | q);
        at += count;
        done[q] += count;
        if (done[q] < 32) break;
        next[q] += 32;
        done[q] = 0;
        load(q);
      }
  __syncwarp();
}

// wide_load starts copying stage s of the ring: 256 columns of 64 tokens from
// column first on, zeros beyond the last token, nothing beyond the last column.
__device__ inline void wide_load(const StreamArgs &a, const bf16 *in, unsigned ring, int s, int first) {
  unsigned to = ring + s % wide_stages * wide_stage;
  int token = blockIdx.x * wide_tile, chunks = min(wide_columns, a.k - first) / 8;
  for (int row = threadIdx.x / 32; row < wide_tile; row += blockDim.x / 32) {
    bool there = token + row < a.tokens;
    const bf16 *from = in + (there ? (size_t)(token + row) * a.k + first : 0);
    int c = threadIdx.x % 32;
    if (c < chunks) copy16(to + row * wide_stride + 16 * c, from + (there ? 8 * c : 0), there ? 16 : 0);
  }
}

// wide_sum is the whole kernel, for the sum of S products of equal shapes.
// source(i) are the arguments of the i-th, finish(token, n, v) takes the sums of
// outputs n to n + 3.
template <int B, int S, class Source, class Finish>
__device__ inline void wide_sum(Source source, Finish finish) {
  constexpr int P = B < 32 ? 1 : 2;            // pieces of 16 outputs a step
  constexpr int parts = 4 / P;                 // steps differ in which pieces of the warp they add to
  constexpr int halves = B == 64 ? 2 : 1;      // of a block's outputs
  constexpr int steps = B / 16 * halves;       // of a block
  constexpr int depth = P == 1 ? 3 : 2;        // steps of weights in registers
  extern __shared__ __align__(16) char shared[];
  const StreamArgs a = source(0);
  int lane = threadIdx.x % 32, warps = blockDim.x / 32;
  int n0 = (blockIdx.y * warps + threadIdx.x / 32) * 64, out = min(64, a.n - n0);
  unsigned ring = shared_address(shared);
  int each = (a.k + wide_columns - 1) / wide_columns, last = S * each; // stages
  auto start = [&](int s) {
    int i = S == 1 ? 0 : s / each;
    if (s < last) wide_load(a, source(i).in, ring, s, (s - i * each) * wide_columns);
    copy_commit();
  };
#pragma unroll
  for (int s = 0; s < wide_stages - 1; s++) start(s);
  int g0 = n0 / B, g1 = g0 + max(out, 0) / B, count = 0;
  int2 *list = reinterpret_cast<int2 *>(shared + wide_stages * wide_stage);
  if (out > 0) {
#pragma unroll
    for (int i = 0; i < S; i++) list += source(i).ptr[g0] - source(i).ptr[blockIdx.y * warps * (64 / B)];
#pragma unroll
    for (int i = 0; i < S; i++) {
      wide_list<B>(source(i), list + count, g0, g1, i, i * each * (wide_columns / B));
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
    const bf16 *weight = S == 1 ? a.weight : source(slot >> wide_source_shift).weight;
    if (S > 1) slot &= (1u << wide_source_shift) - 1;
    const uint4 *from = reinterpret_cast<const uint4 *>(weight) + (size_t)slot * (B * B / 8) + lane;
#pragma unroll
    for (int p = 0; p < P; p++) to[p] = __ldg(from + ((P * (step % halves) + p) * (B / 16) + step % steps / halves) * 32);
  };
#pragma unroll
  for (int d = 0; d < depth - 1; d++)
    if (d < count) fetch(w[d], d);

  unsigned at = ring + (lane % 16) * wide_stride + lane / 16 * 16;
  int step = 0;
  for (int s = 0; s < last; s++) {
    copy_wait<wide_stages - 2>();
    __syncthreads();
    start(s + wide_stages - 1);
    unsigned stage = at + s % wide_stages * wide_stage;
    for (; step < count; step++) {
      int entry = list[step / steps].y, column = (entry >> 2) * B + step % steps / halves * 16;
      if (column >= (s + 1) * wide_columns) break;
      if (step + depth - 1 < count) fetch(w[depth - 1], step + depth - 1);
      unsigned from = stage + (column - s * wide_columns) * 2;
      int part = halves > 1 ? step % halves : entry & 3;
      unrolled<parts>([&](auto which) {
        if (part != which.value) return;
#pragma unroll
        for (int m = 0; m < 4; m++) {
          unsigned x[4];
          ldmatrix4(x, from + m * 16 * wide_stride);
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
  unrolled<8>([&](auto piece) {
    constexpr int m = piece.value / 2, row = piece.value % 2;
    int token = blockIdx.x * wide_tile + 8 * piece.value + lane / 4;
    if (token < a.tokens) {
#pragma unroll
      for (int q = 0; q < 4; q++) {
        float v[4] = {acc[m][2 * q][2 * row], acc[m][2 * q][2 * row + 1], acc[m][2 * q + 1][2 * row], acc[m][2 * q + 1][2 * row + 1]};
        if (16 * q < out) finish(token, n0 + 16 * q + lane % 4 * 4, v);
      }
    }
  });
}

// wide_product is wide_sum of one weight.
template <int B, class Finish>
__device__ inline void wide_product(const StreamArgs &a, Finish finish) {
  wide_sum<B, 1>([&](int) { return a; }, finish);
}
