// The L1 norms of all blocks of a weight's dense gradient dy^T x, active or not,
// without storing the gradient: a block of threads works out 64 x 64 of it, keeps
// the absolute values in shared memory and adds up the blocks in it, B x B each.
//
//   launch: grid (ceil(I / 64), ceil(O / 64)).
#pragma once
#include "mma.cuh"
#include "numbers.cuh"

constexpr int norm_side = 64, norm_stride = norm_side + 1;

struct NormArgs {
  float *scores; // [O/B][I/B], added to
  int tokens, in, out, block;
};

// add_norms adds up the blocks of tile [64][norm_stride]: first along the rows,
// for blocks that would keep few threads busy. sums is [64][4].
__device__ inline void add_norms(const NormArgs &a, const float *tile, float *sums) {
  int B = a.block, side = norm_side / B;
  __syncthreads();
  if (B >= 16) {
    for (int i = threadIdx.x; i < norm_side * side; i += blockDim.x) {
      const float *from = tile + i / side * norm_stride + i % side * B;
      float sum = 0;
      for (int k = 0; k < B; k++) sum += from[k];
      sums[i] = sum;
    }
    __syncthreads();
  }
  for (int i = threadIdx.x; i < side * side; i += blockDim.x) {
    int r = i / side, c = i % side, row = blockIdx.y * side + r, col = blockIdx.x * side + c;
    if (row >= a.out / B || col >= a.in / B) continue;
    float sum = 0;
    for (int y = 0; y < B; y++) {
      if (B >= 16) {
        sum += sums[(r * B + y) * side + c];
      } else {
        for (int x = 0; x < B; x++) sum += tile[(r * B + y) * norm_stride + c * B + x];
      }
    }
    a.scores[(size_t)row * (a.in / B) + col] += sum;
  }
}

// block_grad_plain: any shape and dtype, float32 arithmetic. 256 threads, 4 x 4 each.
template <class T>
__device__ inline void block_grad_plain(const NormArgs &a, const T *dy, const T *x) {
  constexpr int depth = 16; // tokens at a time
  __shared__ __align__(16) float rows[depth][norm_side], cols[depth][norm_side]; // read four at a time
  __shared__ float tile[norm_side * norm_stride], sums[norm_side * 4];
  int first_row = blockIdx.y * norm_side, first_col = blockIdx.x * norm_side, r = threadIdx.x / 16 * 4, c = threadIdx.x % 16 * 4;
  float acc[4][4] = {};
  for (int token = 0; token < a.tokens; token += depth) {
    for (int i = threadIdx.x; i < depth * norm_side; i += 256) {
      int t = i / norm_side, o = i % norm_side;
      bool there = token + t < a.tokens;
      rows[t][o] = there && first_row + o < a.out ? load(dy + (size_t)(token + t) * a.out + first_row + o) : 0;
      cols[t][o] = there && first_col + o < a.in ? load(x + (size_t)(token + t) * a.in + first_col + o) : 0;
    }
    __syncthreads();
    // Threads beyond a small weight have nothing to add.
#pragma unroll 4
    for (int t = 0; t < depth && first_row + r < a.out && first_col + c < a.in; t++) {
      float4 p = *reinterpret_cast<const float4 *>(&rows[t][r]), q = *reinterpret_cast<const float4 *>(&cols[t][c]);
      float ps[4] = {p.x, p.y, p.z, p.w}, qs[4] = {q.x, q.y, q.z, q.w};
#pragma unroll
      for (int i = 0; i < 4; i++)
#pragma unroll
        for (int j = 0; j < 4; j++) acc[i][j] = fmaf(ps[i], qs[j], acc[i][j]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) tile[(r + i) * norm_stride + c + j] = fabsf(acc[i][j]);
  add_norms(a, tile, sums);
}

// block_grad_mma: tensor cores, in and out multiples of 8. 128 threads: each of 4
// warps has 32 x 32; 32 tokens a stage, three stages under way.
__device__ inline void block_grad_mma(const NormArgs &a, const bf16 *dy, const bf16 *x) {
  constexpr int depth = 32, stride = 4 * norm_side + 16, stage_bytes = depth * stride, stages = 3; // a token's row: dy, x, 16 bytes
  __shared__ __align__(16) char ring[stages * stage_bytes];
  __shared__ float sums[norm_side * 4];
  static_assert(stages * stage_bytes >= norm_side * norm_stride * 4, "the tile takes the ring's place");
  int first_row = blockIdx.y * norm_side, first_col = blockIdx.x * norm_side, lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  unsigned base = shared_address(ring);
  auto start = [&](int token) {
    unsigned to = base + token / depth % stages * stage_bytes;
    for (int i = threadIdx.x; i < depth * (norm_side / 4); i += 128) {
      int t = token + i / (norm_side / 4), c = i % (norm_side / 4);
      bool is_x = c >= norm_side / 8;
      int col = (is_x ? first_col : first_row) + c % (norm_side / 8) * 8, width = is_x ? a.in : a.out;
      bool there = t < a.tokens && col < width;
      copy16(to + i / (norm_side / 4) * stride + 16 * c, (is_x ? x : dy) + (there ? (size_t)t * width + col : 0), there ? 16 : 0);
    }
  };
  float acc[2][4][4] = {};
  for (int s = 0; s < stages - 1; s++) {
    if (s * depth < a.tokens) start(s * depth);
    copy_commit();
  }
  for (int token = 0; token < a.tokens; token += depth) {
    copy_wait<stages - 2>();
    __syncthreads();
    if (token + (stages - 1) * depth < a.tokens) start(token + (stages - 1) * depth);
    copy_commit();
    unsigned stage = base + token / depth % stages * stage_bytes;
#pragma unroll
    for (int k = 0; k < depth; k += 16) {
      unsigned p[2][4];
#pragma unroll
      for (int i = 0; i < 2; i++)
        ldmatrix4_trans(p[i], stage + (k + lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 16 + warp / 2 * 64 + 32 * i);
#pragma unroll
      for (int j = 0; j < 2; j++) {
        unsigned q[4];
        ldmatrix4_trans(q, stage + (k + lane % 16) * stride + lane / 16 * 16 + 2 * norm_side + warp % 2 * 64 + 32 * j);
#pragma unroll
        for (int i = 0; i < 2; i++) {
          mma(acc[i][2 * j], p[i], q[0], q[1]);
          mma(acc[i][2 * j + 1], p[i], q[2], q[3]);
        }
      }
    }
  }
  copy_wait<0>();
  __syncthreads();
  float *tile = reinterpret_cast<float *>(ring);
#pragma unroll
  for (int i = 0; i < 2; i++)
#pragma unroll
    for (int j = 0; j < 4; j++)
#pragma unroll
      for (int e = 0; e < 4; e++)
        tile[(warp / 2 * 32 + 16 * i + lane / 4 + e / 2 * 8) * norm_stride + warp % 2 * 32 + 8 * j + lane % 4 * 2 + e % 2] = fabsf(acc[i][j][e]);
  add_norms(a, tile, sums);
}
