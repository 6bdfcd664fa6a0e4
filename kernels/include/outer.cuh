// The weight gradient of a block-sparse weight on tensor cores: for each active
// block (r, c) the sum over tokens of dy[:, block r]^T x[:, block c].
//
// A block of 12 warps keeps the sums of 192 tiles of 16 x 16 in registers, 16 a
// warp: 192, 48 or 12 active blocks of 16, 32 or 64. Its blocks are consecutive
// in the view of the larger operand (a: dy by rows, or x by columns when `swapped`),
// so they share few block columns of a, and a is read about once; the smaller
// operand, b, is read once by each of the thread blocks along x, the same tokens at
// about the same time, so mostly from L2. Of both it copies the columns that its
// blocks need, each once, 16 tokens a stage, into a ring of shared memory, and
// multiplies them with ldmatrix.trans and mma. blockIdx.y takes one of gridDim.y
// ranges of the tokens. With one range the sums are added to grad; otherwise each
// range writes partial [range][nnzb B B] and partial_bias [range][O], and kernel
// sdd_reduce adds them up in order.
//
// The column sums of dy (the bias gradient) come from the same stages. A block
// row is summed by one thread block of those along x: when dy is a, by the one that
// has its first active block; when dy is b, or without an active block, row r by
// thread block r mod gridDim.x. What is then not in its stages all its threads sum
// straight from global memory.
//
//   launch: grid (ceil(nnzb/blocks), ranges) where each thread block takes
//   ceil(nnzb/gridDim.x) <= 192/(B/16)^2 blocks; 384 threads; `bytes` of dynamic
//   shared memory: the more, the more stages, the least is one stage of the
//   worst case (internal/launch/gradient.go has the arithmetic).
#pragma once
#include "mma.cuh"
#include "numbers.cuh"

struct OuterArgs {
  float *grad, *bias;            // added to when there is one range of tokens
  float *partial, *partial_bias; // otherwise assigned; bias sums only where bias is not null
  const bf16 *a, *b;             // [tokens][larger], [tokens][smaller]: dy and x or, swapped, x and dy
  const int *ptr, *slots;        // the view of a's block columns
  const int *at_a, *at_b;        // [nnzb] block column of each slot in a and in b
  int tokens, larger, smaller, nnzb, bytes;
  bool swapped;
  int group, groups; // which of the thread blocks along the active blocks this is
};

constexpr int outer_warps = 12, outer_tiles = 16; // tiles of 16 x 16 a warp

// outer_tables is what a thread block knows of its active blocks.
template <int B>
struct OuterTables {
  static constexpr int most = outer_warps * outer_tiles / ((B / 16) * (B / 16));
  int slot[most], at_a[most], at_b[most];
  // By warp and block of it: rank in a << 16 | rank in b. A warp with fewer blocks
  // than it has room for multiplies those of ranks 0 and drops the sums: that costs
  // less than branches, past which nothing is loaded ahead.
  int place[most];
  int of_a[most], of_b[most]; // block columns by rank
  int counts[2];            // different ones in a and in b
  int missing;              // block rows whose bias is summed from global memory
  // Where each 16 bytes of a stage's row come from: the element of a's row or,
  // below 0, ~ that of b's.
  int source[2 * most * (B / 8)];
};

// outer_index fills the tables from the entries [first, first + n) of the view, of
// which each warp takes `share`.
template <int B>
__device__ inline void outer_index(const OuterArgs &g, OuterTables<B> &t, int first, int n, int share) {
  int i = threadIdx.x;
  if (i < 2) t.counts[i] = 0;
  if (i < n) {
    int s = g.slots[first + i];
    t.slot[i] = s;
    t.at_a[i] = g.at_a[s];
    t.at_b[i] = g.at_b[s];
  }
  __syncthreads();
  // Ranks by counting: at most 192 entries, each compared with all. place holds
  // the marks of new block columns until the ranks are known.
  bool new_a = false, new_b = false;
  if (i < n) {
    new_a = i == 0 || t.at_a[i] != t.at_a[i - 1];
    new_b = true;
    for (int j = 0; j < i; j++) new_b = new_b && t.at_b[j] != t.at_b[i];
    if (new_a) atomicAdd(&t.counts[0], 1);
    if (new_b) atomicAdd(&t.counts[1], 1);
    t.place[i] = new_a | new_b << 1;
  }
  __syncthreads();
  int rank_a = -1, rank_b = 0;
  if (i < n) {
    for (int j = 0; j < n; j++) {
      int mark = t.place[j];
      if (j <= i) rank_a += mark & 1;
      if (mark >> 1 && t.at_b[j] < t.at_b[i]) rank_b++;
    }
    if (new_a) t.of_a[rank_a] = t.at_a[i];
    if (new_b) t.of_b[rank_b] = t.at_b[i];
  }
  __syncthreads();
  constexpr int blocks = OuterTables<B>::most / outer_warps;
  if (i < OuterTables<B>::most) t.place[i] = 0;
  __syncthreads();
  if (i < n) t.place[i / share * blocks + i % share] = rank_a << 16 | rank_b;
  int na = t.counts[0];
  for (int c = i; c < (na + t.counts[1]) * (B / 8); c += blockDim.x) {
    int k = c / (B / 8), inside = c % (B / 8) * 8;
    t.source[c] = k < na ? t.of_a[k] * B + inside : ~(t.of_b[k - na] * B + inside);
  }
  __syncthreads();
}

// outer_stage starts copying 16 tokens from `token` on into a stage: per token
// the columns of a, then those of b, then 16 bytes that shift the banks.
template <int B>
__device__ inline void outer_stage(const OuterArgs &g, const OuterTables<B> &t, unsigned stage, int stride, int token, int end) {
  // A warp takes 32 x 16 bytes of four rows at a time.
  int all = (t.counts[0] + t.counts[1]) * (B / 8), tasks = (all + 31) / 32 * 4;
  for (int task = threadIdx.x / 32; task < tasks; task += outer_warps) {
    int c = task / 4 * 32 + threadIdx.x % 32, row = task % 4 * 4;
    if (c >= all) continue;
    int source = t.source[c], width = source < 0 ? g.smaller : g.larger;
    const bf16 *base = source < 0 ? g.b + ~source : g.a + source, *from = base + (size_t)(token + row) * width;
    unsigned to = stage + row * stride + 16 * c;
#pragma unroll
    for (int r = 0; r < 4; r++) {
      bool there = token + row + r < end;
      copy16(to, there ? from : base, there ? 16 : 0);
      from += width;
      to += stride;
    }
  }
}

// outer_multiply adds a stage's products to a warp's sums: acc[u] is the tile u
// % (B/16)^2 of its block u / (B/16)^2.
template <int B>
__device__ inline void outer_multiply(const OuterTables<B> &t, unsigned stage, int stride, float (&acc)[outer_tiles][2][4]) {
  constexpr int side = B / 16, blocks = outer_tiles / (side * side);
  constexpr int part = side < 2 ? side : 2; // tiles of a in registers at a time
  int lane = threadIdx.x % 32;
  // Matrices by (columns, then tokens) and by (tokens, then columns), as the
  // instruction wants its fragments.
  unsigned a = stage + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 16;
  unsigned b = stage + (lane % 16) * stride + lane / 16 * 16 + t.counts[0] * (2 * B);
  const int *places = t.place + threadIdx.x / 32 * blocks;
  // Of small blocks the next fragment of b is on its way while one is used.
  constexpr int ahead = side == 1 ? 2 : 1;
  auto fetch = [&](unsigned(&q)[4], int place, int j) { ldmatrix4_trans(q, b + (place & 0xffff) * (2 * B) + j * 32); };
  int before = -1;
  unsigned p[part][4], q[ahead][4];
  if (ahead > 1) fetch(q[0], places[0], 0);
  unrolled<blocks>([&](auto block) {
    constexpr int u = block.value;
    int place = places[u], column = place >> 16;
#pragma unroll
    for (int h = 0; h < side; h += part) {
      if (column != before || side > part) { // blocks that share it follow each other
        before = column;
#pragma unroll
        for (int i = 0; i < part; i++) ldmatrix4_trans(p[i], a + column * (2 * B) + (h + i) * 32);
      }
#pragma unroll
      for (int j = 0; j < side; j++) {
        if (ahead == 1) fetch(q[0], place, j);
        if (ahead > 1 && u + 1 < blocks) fetch(q[(u + 1) % ahead], places[u + 1], 0);
#pragma unroll
        for (int i = 0; i < part; i++) {
          float(&c)[2][4] = acc[(u * side + h + i) * side + j];
          mma(c[0], p[i], q[u % ahead][0], q[u % ahead][1]);
          mma(c[1], p[i], q[u % ahead][2], q[u % ahead][3]);
        }
      }
    }
  });
}

// outer_column_sums adds so many columns of a stage to sums.
__device__ inline void outer_column_sums(const char *stage, int stride, int columns, float *sums) {
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

// outer_missing_row sums the columns of a block row that is not in the stages, from
// global memory, with all threads: each takes 8 columns of every so many tokens; then
// lanes add up in a tree, and warps in order. scratch is outer_warps * B floats.
template <int B>
__device__ inline void outer_missing_row(const bf16 *dy, int out, int r, int begin, int end, float *scratch, float *to, bool add) {
  constexpr int across = B / 8, step = outer_warps * 32 / across;
  int lane = threadIdx.x % 32, column = threadIdx.x % across * 8;
  const bf16 *from = dy + (size_t)r * B + column;
  float sum[8] = {};
#pragma unroll 4
  for (int token = begin + threadIdx.x / across; token < end; token += step) {
    uint4 v = *reinterpret_cast<const uint4 *>(from + (size_t)token * out);
    unsigned w[4] = {v.x, v.y, v.z, v.w};
#pragma unroll
    for (int i = 0; i < 4; i++) {
      sum[2 * i] += low(w[i]);
      sum[2 * i + 1] += high(w[i]);
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
    float *p = to + r * B + threadIdx.x;
    *p = add ? *p + all : all;
  }
}

// outer_bias writes or adds the sums of the block rows that this thread block
// answers for. sums holds those of its stages, by rank; scratch is outer_warps * B floats.
template <int B>
__device__ inline void outer_bias(const OuterArgs &g, OuterTables<B> &t, const float *sums, float *scratch, int first, int begin, int end) {
  constexpr int at_once = 192; // rows; source is that long at least
  int *missing = t.source, &count = t.missing;
  bool add = gridDim.y == 1;
  int out = g.swapped ? g.smaller : g.larger;
  const bf16 *dy = g.swapped ? g.b : g.a;
  const int *of = g.swapped ? t.of_b : t.of_a;
  int known = t.counts[g.swapped];
  float *to = add ? g.bias : g.partial_bias + (size_t)blockIdx.y * out;
  // Of a row that the thread block before ends with, the first active block is there.
  int begun = !g.swapped && known > 0 && g.ptr[of[0]] < first;
  for (int c = threadIdx.x + begun * B; c < known * B; c += blockDim.x) {
    int r = of[c / B];
    if (g.swapped && r % g.groups != g.group) continue;
    float *p = to + r * B + c % B;
    *p = add ? *p + sums[c] : sums[c];
  }
  for (int base = g.group; base < out / B; base += g.groups * at_once) {
    if (threadIdx.x == 0) count = 0;
    __syncthreads();
    int r = base + threadIdx.x * g.groups;
    if (threadIdx.x < at_once && r < out / B) {
      bool here = false;
      if (g.swapped) {
        int at = 0, beyond = known;
        while (at < beyond) {
          int middle = (at + beyond) / 2;
          if (of[middle] < r) at = middle + 1;
          else beyond = middle;
        }
        here = at < known && of[at] == r;
      } else {
        here = g.ptr[r] < g.ptr[r + 1];
      }
      if (!here) missing[atomicAdd(&count, 1)] = r;
    }
    __syncthreads();
    for (int i = 0; i < count; i++) outer_missing_row<B>(dy, out, missing[i], begin, end, scratch, to, add);
    __syncthreads();
  }
}

// outer_store writes or adds a warp's sums.
template <int B>
__device__ inline void outer_store(const OuterArgs &g, const OuterTables<B> &t, int mine, int n, float (&acc)[outer_tiles][2][4]) {
  constexpr int side = B / 16;
  bool add = gridDim.y == 1;
  float *to = add ? g.grad : g.partial + (size_t)blockIdx.y * g.nnzb * (B * B);
  int lane = threadIdx.x % 32;
  // Element (i, j) of a tile is column i of a and j of b: row-major in grad or, swapped, its transpose.
  int step_i = g.swapped ? 1 : B, step_j = g.swapped ? B : 1;
  unrolled<outer_tiles>([&](auto tile) {
    constexpr int u = tile.value / (side * side), i = tile.value / side % side, j = tile.value % side;
    if (u >= n) return;
    float *block = to + (size_t)t.slot[mine + u] * (B * B) + (16 * i + lane / 4) * step_i + (16 * j + lane % 4 * 2) * step_j;
#pragma unroll
    for (int q = 0; q < 4; q++) {
      float *p = block + q / 2 * 8 * step_i + q % 2 * 8 * step_j;
      float2 v = make_float2(acc[tile.value][q % 2][q / 2 * 2], acc[tile.value][q % 2][q / 2 * 2 + 1]);
      // Either way 8 or 4 lanes fill a sector of 32 bytes with one instruction.
      if (g.swapped) {
        p[0] = add ? p[0] + v.x : v.x;
        p[B] = add ? p[B] + v.y : v.y;
      } else {
        float2 old = add ? *reinterpret_cast<float2 *>(p) : make_float2(0, 0);
        *reinterpret_cast<float2 *>(p) = make_float2(old.x + v.x, old.y + v.y);
      }
    }
  });
}

// outer_wait waits for the oldest of the stages under way.
__device__ inline void outer_wait(int stages) {
  switch (stages) {
  case 1:
  case 2: copy_wait<0>(); break;
  case 3: copy_wait<1>(); break;
  default: copy_wait<2>(); break;
  }
}

template <int B>
__device__ inline void outer_product(const OuterArgs &g) {
  extern __shared__ __align__(16) char shared[];
  __shared__ OuterTables<B> t;
  int per = (g.nnzb + g.groups - 1) / g.groups, first = g.group * per, n = min(per, g.nnzb - first);
  int range = (((g.tokens + 15) / 16 + gridDim.y - 1) / gridDim.y) * 16;
  int begin = min((int)blockIdx.y * range, g.tokens), end = min(begin + range, g.tokens);
  int share = max(1, (n + outer_warps - 1) / outer_warps);
  outer_index<B>(g, t, first, n, share);

  int na = t.counts[0], nb = t.counts[1], stride = (na + nb) * (2 * B) + 16;
  int columns = (g.swapped ? nb : na) * B, dy_at = g.swapped ? na * (2 * B) : 0;
  float *sums = reinterpret_cast<float *>(shared);
  int head = g.bias ? (columns * 4 + 127) / 128 * 128 : 0;
  int stages = min(4, (g.bytes - head) / (16 * stride)), steps = (end - begin + 15) / 16;
  char *ring = shared + head;
  if (g.bias)
    for (int c = threadIdx.x; c < columns; c += blockDim.x) sums[c] = 0;
  __syncthreads();

  int mine = min((int)threadIdx.x / 32 * share, max(n, 0)), count = min(share, n - mine);
  float acc[outer_tiles][2][4];
#pragma unroll
  for (int u = 0; u < outer_tiles; u++)
#pragma unroll
    for (int i = 0; i < 8; i++) acc[u][i / 4][i % 4] = 0;

  // A group is committed for every stage, of nothing past the end, so that
  // counting them says which have landed. With one stage nothing is under way
  // while it is used.
  int ahead = max(stages - 1, 1);
  for (int s = 0; s < ahead; s++) {
    if (s < steps) outer_stage<B>(g, t, shared_address(ring) + s * 16 * stride, stride, begin + 16 * s, end);
    copy_commit();
  }
  for (int s = 0; s < steps; s++) {
    outer_wait(stages);
    __syncthreads();
    if (stages > 1) {
      int next = s + ahead;
      if (next < steps) outer_stage<B>(g, t, shared_address(ring) + next % stages * 16 * stride, stride, begin + 16 * next, end);
      copy_commit();
    }
    char *stage = ring + s % stages * 16 * stride;
    if (count > 0) outer_multiply<B>(t, shared_address(stage), stride, acc);
    if (g.bias) outer_column_sums(stage + dy_at, stride, columns, sums);
    if (stages == 1) {
      __syncthreads();
      if (s + 1 < steps) outer_stage<B>(g, t, shared_address(ring), stride, begin + 16 * (s + 1), end);
      copy_commit();
    }
  }
  outer_store<B>(g, t, mine, count, acc);
  if (!g.bias) return;
  __syncthreads();
  outer_bias<B>(g, t, sums, reinterpret_cast<float *>(ring), first, begin, end);
}
