// The weight gradient of a weight with blocks of 8 on tensor cores. As in
// outer.cuh a block of 12 warps keeps sums in registers while a ring of stages of
// 16 tokens goes by, and blockIdx.y takes a range of the tokens.
//
// Two blocks of a group of a view are a pair: m16n8k16 takes the group's 8
// columns as n and the two blocks' other columns as m. The view is by rows (n from
// dy, m from x) or by columns (the other way round); the groups that a thread
// block needs are few and stand together, so their columns are staged as one
// block, but of the other matrix all columns are: the larger one should have the
// groups. Group g of ptr begins at pair ptr[g]/2 + g, which leaves each group room
// enough whatever the topology, and at least one pair even if it is empty. So a
// thread block finds its groups by bisection, and knows which groups' bias it owns.
//
//   launch: grid (n = ceil(pairs/336), ranges), pairs = nnzb/2 + groups, where
//   thread blocks of ceil(pairs/n) leave none without any; 384 threads; `bytes` of
//   dynamic shared memory: the more, the more stages, the least is one stage of all
//   groups (internal/launch/gradient.go).
#pragma once
#include "outer.cuh"

constexpr int pairs_a_warp = 28, pairs_most = outer_warps * pairs_a_warp;

struct OuterPairsArgs {
  float *grad, *bias;            // added to when there is one range of tokens
  float *partial, *partial_bias; // otherwise assigned; bias sums only where bias is not null
  const bf16 *dy, *x;
  const int *ptr, *slots, *inner; // a view
  int tokens, in, out, nnzb, bytes;
  bool by_columns;
};

struct OuterPairs {
  int group[pairs_most];
  int column[2][pairs_most]; // block indices of the other matrix
  int slot[2][pairs_most];   // -1: none
};

// pairs_index fills the table with the n pairs from first on.
__device__ inline void pairs_index(const OuterPairsArgs &a, OuterPairs &t, int groups, int first, int n) {
  int i = threadIdx.x;
  if (i < n) {
    int pair = first + i, g = 0, beyond = groups;
    while (beyond - g > 1) {
      int middle = (g + beyond) / 2;
      if (a.ptr[middle] / 2 + middle <= pair) g = middle;
      else beyond = middle;
    }
    int begin = a.ptr[g], end = a.ptr[g + 1], e = begin + 2 * (pair - begin / 2 - g);
    t.group[i] = g;
    for (int j = 0; j < 2; j++) {
      int slot = e + j < end ? a.slots[e + j] : -1;
      t.slot[j][i] = slot;
      t.column[j][i] = slot < 0 ? (j ? t.column[0][i] : 0) : a.inner[slot];
    }
  }
  __syncthreads();
}

// PairsStage says how a token's row of a stage looks: the columns of the groups
// [lo, lo + groups) of one matrix, then all of the other, 16 bytes a block.
struct PairsStage {
  const bf16 *major, *minor;
  int lo, groups, all, stride; // blocks; bytes, an odd number of 16

  __device__ void copy(unsigned stage, int token, int end, int major_width, int minor_width) const {
#pragma unroll 1
    for (int row = threadIdx.x / 32; row < 16; row += outer_warps) {
      bool there = token + row < end;
      size_t at = there ? token + row : 0;
#pragma unroll 1
      for (int c = threadIdx.x % 32; c < all; c += 32) {
        const bf16 *from = c < groups ? major + at * major_width + (lo + c) * 8 : minor + at * minor_width + (c - groups) * 8;
        copy16(stage + row * stride + 16 * c, from, there ? 16 : 0);
      }
    }
  }
};

// PairsWarp is a warp's pairs, one bit or half a word each.
struct PairsWarp {
  unsigned live, fresh;               // not empty; of another group than the one before
  unsigned columns[pairs_a_warp / 2]; // of the matrix of m16n8k16's four whose rows this lane addresses
  unsigned group, other;              // where the lane reads in a stage

  __device__ PairsWarp(const OuterPairs &t, const PairsStage &s, int mine, int n) {
    int lane = threadIdx.x % 32, i = mine + lane;
    live = __ballot_sync(~0u, lane < n && t.slot[0][min(i, pairs_most - 1)] >= 0);
    fresh = __ballot_sync(~0u, lane > 0 && lane < n && t.group[min(i, pairs_most - 1)] != t.group[i - 1]);
    int second = lane / 8 % 2;
#pragma unroll
    for (int p = 0; p < pairs_a_warp / 2; p++) {
      columns[p] = 0;
      if (2 * p < n) columns[p] = t.column[second][mine + 2 * p];
      if (2 * p + 1 < n) columns[p] |= t.column[second][mine + 2 * p + 1] << 16;
    }
    group = lane % 16 * s.stride + (n > 0 ? t.group[mine] - s.lo : 0) * 16;
    other = (lane % 8 + lane / 16 * 8) * s.stride + s.groups * 16;
  }

  __device__ void multiply(unsigned stage, float (&acc)[pairs_a_warp][4]) const {
    if (!live) return;
    unsigned at = stage + group, b[2];
    ldmatrix2_trans(b, at);
    unrolled<pairs_a_warp>([&](auto pair) {
      constexpr int p = pair.value;
      if (fresh >> p & 1) {
        at += 16;
        ldmatrix2_trans(b, at);
      }
      if (live >> p & 1) {
        unsigned m[4];
        ldmatrix4_trans(m, stage + other + (p % 2 ? columns[p / 2] >> 16 : columns[p / 2] & 0xffff) * 16);
        mma(acc[p], m, b[0], b[1]);
      }
    });
  }
};

// pairs_column_sums adds so many columns of a stage to sums.
__device__ inline void pairs_column_sums(const char *stage, int stride, int columns, float *sums) {
  for (int c = 2 * threadIdx.x; c < columns; c += 2 * outer_warps * 32) {
    float lo = 0, hi = 0;
#pragma unroll
    for (int token = 0; token < 16; token++) {
      unsigned v = *reinterpret_cast<const unsigned *>(stage + token * stride + 2 * c);
      lo += low(v);
      hi += high(v);
    }
    sums[c] += lo;
    sums[c + 1] += hi;
  }
}

// pairs_store writes or adds a warp's sums.
__device__ inline void pairs_store(const OuterPairsArgs &a, const OuterPairs &t, int mine, int n, float (&acc)[pairs_a_warp][4]) {
  bool add = gridDim.y == 1;
  float *to = add ? a.grad : a.partial + (size_t)blockIdx.y * a.nnzb * 64;
  int lane = threadIdx.x % 32;
  unrolled<pairs_a_warp>([&](auto pair) {
    constexpr int p = pair.value;
    if (p >= n) return;
#pragma unroll
    for (int j = 0; j < 2; j++) {
      int slot = t.slot[j][mine + p];
      if (slot < 0) continue;
      float *block = to + (size_t)slot * 64, lo = acc[p][2 * j], hi = acc[p][2 * j + 1];
      // Either way an instruction fills whole sectors.
      if (a.by_columns) {
        float2 *q = reinterpret_cast<float2 *>(block) + lane;
        *q = add ? make_float2(q->x + lo, q->y + hi) : make_float2(lo, hi);
      } else {
        float *q = block + lane % 4 * 16 + lane / 4;
        q[0] = add ? q[0] + lo : lo;
        q[8] = add ? q[8] + hi : hi;
      }
    }
  });
}

// pairs_wait waits for the oldest of the stages under way, of a ring of so many.
__device__ inline void pairs_wait(int stages) {
  switch (stages) {
  case 1:
  case 2: copy_wait<0>(); break;
  case 3: copy_wait<1>(); break;
  default: copy_wait<2>(); break;
  }
}

__device__ inline void outer_pairs_product(const OuterPairsArgs &a) {
  extern __shared__ __align__(16) char shared[];
  __shared__ OuterPairs t;
  int major_width = a.by_columns ? a.in : a.out, minor_width = a.by_columns ? a.out : a.in, groups = major_width / 8;
  int pairs = a.nnzb / 2 + groups, per = (pairs + gridDim.x - 1) / gridDim.x, first = blockIdx.x * per, n = min(per, pairs - first);
  int range = (((a.tokens + 15) / 16 + gridDim.y - 1) / gridDim.y) * 16;
  int begin = min((int)blockIdx.y * range, a.tokens), end = min(begin + range, a.tokens);
  pairs_index(a, t, groups, first, n);

  PairsStage s;
  s.major = a.by_columns ? a.x : a.dy;
  s.minor = a.by_columns ? a.dy : a.x;
  s.lo = t.group[0];
  s.groups = t.group[n - 1] + 1 - s.lo;
  s.all = s.groups + minor_width / 8;
  s.stride = (s.all | 1) * 16;

  // The bias is summed for the groups that begin here, or, if dy is the matrix
  // that all have, for a share of its columns.
  int from = !a.by_columns && a.ptr[s.lo] / 2 + s.lo < first, blocks = s.groups - from, base = s.lo + from;
  if (a.by_columns) {
    int share = (a.out / 8 + gridDim.x - 1) / gridDim.x;
    base = min((int)blockIdx.x * share, a.out / 8);
    blocks = min(share, a.out / 8 - base);
    from = s.groups + base;
  }
  float *sums = reinterpret_cast<float *>(shared);
  int head = a.bias ? (blocks * 32 + 127) / 128 * 128 : 0;
  if (a.bias)
    for (int c = threadIdx.x; c < blocks * 8; c += blockDim.x) sums[c] = 0;
  int stages = min(4, (a.bytes - head) / (16 * s.stride)), steps = (end - begin + 15) / 16;

  int share = (n + outer_warps - 1) / outer_warps, mine = min((int)threadIdx.x / 32 * share, n), count = min(share, n - mine);
  PairsWarp warp(t, s, mine, count);
  float acc[pairs_a_warp][4];
#pragma unroll
  for (int p = 0; p < pairs_a_warp; p++)
#pragma unroll
    for (int i = 0; i < 4; i++) acc[p][i] = 0;

  // The ring works as in outer_product.
  auto stage = [&](int i) { return shared + (head + i % stages * 16 * s.stride); };
  auto copy = [&](int i) {
    if (i < steps) s.copy(shared_address(stage(i)), begin + 16 * i, end, major_width, minor_width);
    copy_commit();
  };
  int ahead = max(stages - 1, 1);
  for (int i = 0; i < ahead; i++) copy(i);
  for (int i = 0; i < steps; i++) {
    pairs_wait(stages);
    __syncthreads();
    if (stages > 1) copy(i + ahead);
    warp.multiply(shared_address(stage(i)), acc);
    if (a.bias) pairs_column_sums(stage(i) + from * 16, s.stride, blocks * 8, sums);
    if (stages == 1) {
      __syncthreads();
      copy(i + 1);
    }
  }
  pairs_store(a, t, mine, count, acc);
  if (!a.bias) return;
  bool add = gridDim.y == 1;
  float *to = (add ? a.bias : a.partial_bias + (size_t)blockIdx.y * a.out) + base * 8;
  __syncthreads();
  for (int c = threadIdx.x; c < blocks * 8; c += blockDim.x) to[c] = add ? to[c] + sums[c] : sums[c];
}
