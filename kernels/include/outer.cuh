// The weight gradient of a block-sparse weight on tensor cores: for each active
// block (r, c) the sum over tokens of dy[:, block r]^T x[:, block c].
//
// A block of 12 warps keeps the sums of 192 pieces of 16 x 16 in registers, 16 a
// warp: 192, 48 or 12 active blocks of 16, 32 or 64. Its blocks are consecutive
// in the row view, so they share few rows; from dy and x it copies the columns
// that they need, each once, 16 tokens a stage, into a ring of shared memory,
// and multiplies them with ldmatrix.trans and mma. blockIdx.y takes one of
// gridDim.y ranges of the tokens. With one range the sums are added to grad;
// otherwise each range writes partial [range][nnzb B B] and partial_bias
// [range][O], and kernel sdd_reduce adds them up in order.
//
// The column sums of dy (the bias gradient) come from the same stages. A block
// row belongs to the thread block that has its first active block; rows without
// one belong to the thread block whose entries they fall into, and are summed
// straight from global memory.
//
//   launch: grid (ceil(nnzb/blocks), ranges) where each thread block takes
//   ceil(nnzb/gridDim.x) <= 192/(B/16)^2 blocks; 384 threads; `bytes` of dynamic
//   shared memory: the more, the more stages, the least is one stage of the
//   worst case (outer_bytes in gpu/products.go has the arithmetic).
#pragma once
#include "mma.cuh"
#include "numbers.cuh"

struct OuterArgs {
  float *grad, *bias;             // added to when there is one range of tokens
  float *partial, *partial_bias;  // otherwise assigned; bias sums only where bias is not null
  const bf16 *dy, *x;
  const int *row_ptr, *row_slot, *rows, *cols;
  int tokens, in, out, nnzb, bytes;
};

constexpr int outer_warps = 12, outer_pieces = 16; // pieces of 16 x 16 a warp

// outer_tables is what a thread block knows of its active blocks.
template <int B>
struct OuterTables {
  static constexpr int most = outer_warps * outer_pieces / ((B / 16) * (B / 16));
  int slot[most], row[most], col[most];
  int place[most];              // row rank << 16 | column rank
  int row_of[most], col_of[most]; // by rank
  int counts[2];                // different rows and columns
};

// outer_index fills the tables from the entries [first, first + n) of the row view.
template <int B>
__device__ inline void outer_index(const OuterArgs &a, OuterTables<B> &t, int first, int n) {
  int i = threadIdx.x;
  if (i < 2) t.counts[i] = 0;
  if (i < n) {
    int s = a.row_slot[first + i];
    t.slot[i] = s;
    t.row[i] = a.rows[s];
    t.col[i] = a.cols[s];
  }
  __syncthreads();
  // Ranks by counting: at most 192 entries, each compared with all.
  bool new_row = false, new_col = false;
  if (i < n) {
    new_row = i == 0 || t.row[i] != t.row[i - 1];
    new_col = true;
    for (int j = 0; j < i; j++) new_col = new_col && t.col[j] != t.col[i];
    if (new_row) atomicAdd(&t.counts[0], 1);
    if (new_col) atomicAdd(&t.counts[1], 1);
  }
  // place holds the marks of new rows and columns until the ranks are known.
  if (i < n) t.place[i] = new_row | new_col << 1;
  __syncthreads();
  int row_rank = -1, col_rank = 0;
  if (i < n) {
    for (int j = 0; j < n; j++) {
      int mark = t.place[j];
      if (j <= i) row_rank += mark & 1;
      if (mark >> 1 && t.col[j] < t.col[i]) col_rank++;
    }
    if (new_row) t.row_of[row_rank] = t.row[i];
    if (new_col) t.col_of[col_rank] = t.col[i];
  }
  __syncthreads();
  if (i < n) t.place[i] = row_rank << 16 | col_rank;
  __syncthreads();
}

// outer_stage starts copying 16 tokens from `token` on into a stage: per token
// the rows' columns of dy, then those of x, then 16 bytes that shift the banks.
template <int B>
__device__ inline void outer_stage(const OuterArgs &a, const OuterTables<B> &t, unsigned stage, int stride, int token, int end) {
  constexpr int chunks = B / 8; // 16 bytes each
  int nr = t.counts[0], all = (nr + t.counts[1]) * chunks;
  for (int row = threadIdx.x / 32; row < 16; row += outer_warps) {
    bool there = token + row < end;
    size_t at = there ? token + row : 0;
    for (int c = threadIdx.x % 32; c < all; c += 32) {
      int b = c / chunks;
      const bf16 *from = b < nr ? a.dy + at * a.out + t.row_of[b] * B : a.x + at * a.in + t.col_of[b - nr] * B;
      copy16(stage + row * stride + 16 * c, from + c % chunks * 8, there ? 16 : 0);
    }
  }
}

// outer_multiply adds a stage's products to a warp's sums: acc[u] is the piece u
// % (B/16)^2 of its active block u / (B/16)^2. mine is its first block, n their number.
template <int B>
__device__ inline void outer_multiply(const OuterTables<B> &t, unsigned stage, int stride, int mine, int n, float (&acc)[outer_pieces][2][4]) {
  constexpr int side = B / 16, blocks = outer_pieces / (side * side);
  constexpr int part = side < 2 ? side : 2; // pieces of dy in registers at a time
  int lane = threadIdx.x % 32, nr = t.counts[0];
  // dy: matrices by (outputs, then tokens), x: by (tokens, then inputs), as the
  // fragments of a and b want them.
  unsigned dy = stage + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 16;
  unsigned x = stage + (lane % 16) * stride + lane / 16 * 16 + nr * (2 * B);
  int before = -1;
  unsigned p[part][4];
  unrolled<blocks>([&](auto block) {
    constexpr int u = block.value;
    if (u >= n) return;
    int place = t.place[mine + u], row = place >> 16;
#pragma unroll
    for (int h = 0; h < side; h += part) {
      if (row != before || side > part) { // the blocks of a row follow each other
        before = row;
#pragma unroll
        for (int i = 0; i < part; i++) ldmatrix4_trans(p[i], dy + row * (2 * B) + (h + i) * 32);
      }
#pragma unroll
      for (int j = 0; j < side; j++) {
        unsigned q[4];
        ldmatrix4_trans(q, x + (place & 0xffff) * (2 * B) + j * 32);
#pragma unroll
        for (int i = 0; i < part; i++) {
          float(&c)[2][4] = acc[(u * side + h + i) * side + j];
          mma(c[0], p[i], q[0], q[1]);
          mma(c[1], p[i], q[2], q[3]);
        }
      }
    }
  });
}

// outer_column_sums adds a stage's columns of dy to sums [rows][B].
template <int B>
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

// outer_empty_rows sums the columns of the owned rows without active blocks.
template <int B>
__device__ inline void outer_empty_rows(const OuterArgs &a, float *to, bool add, int first, int n, int begin, int end) {
  for (int r = 0; r < a.out / B; r++) {
    int at = a.row_ptr[r], owner = min(at, a.nnzb - 1);
    if (at != a.row_ptr[r + 1] || owner < first || owner >= first + n) continue;
    for (int c = threadIdx.x; c < B; c += blockDim.x) {
      float sum = 0;
      for (int token = begin; token < end; token++) sum += load(a.dy + (size_t)token * a.out + r * B + c);
      float *p = to + r * B + c;
      *p = add ? *p + sum : sum;
    }
  }
}

// outer_store writes or adds a warp's sums.
template <int B>
__device__ inline void outer_store(const OuterTables<B> &t, float *to, bool add, int mine, int n, float (&acc)[outer_pieces][2][4]) {
  constexpr int side = B / 16;
  int lane = threadIdx.x % 32;
  unrolled<outer_pieces>([&](auto piece) {
    constexpr int u = piece.value / (side * side), i = piece.value / side % side, j = piece.value % side;
    if (u >= n) return;
    float *block = to + (size_t)t.slot[mine + u] * (B * B) + (16 * i + lane / 4) * B + 16 * j + lane % 4 * 2;
#pragma unroll
    for (int q = 0; q < 4; q++) {
      float2 *p = reinterpret_cast<float2 *>(block + q / 2 * 8 * B + q % 2 * 8);
      float2 v = make_float2(acc[piece.value][q % 2][q / 2 * 2], acc[piece.value][q % 2][q / 2 * 2 + 1]);
      if (add) {
        float2 old = *p;
        v.x += old.x;
        v.y += old.y;
      }
      *p = v;
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
__device__ inline void outer_product(const OuterArgs &a) {
  extern __shared__ __align__(16) char shared[];
  __shared__ OuterTables<B> t;
  int per = (a.nnzb + gridDim.x - 1) / gridDim.x, first = blockIdx.x * per, n = min(per, a.nnzb - first);
  if (n <= 0) return;
  int range = (((a.tokens + 15) / 16 + gridDim.y - 1) / gridDim.y) * 16;
  int begin = min((int)blockIdx.y * range, a.tokens), end = min(begin + range, a.tokens);
  outer_index<B>(a, t, first, n);

  int nr = t.counts[0], stride = (nr + t.counts[1]) * (2 * B) + 16;
  float *sums = reinterpret_cast<float *>(shared);
  int head = a.bias ? (nr * B * 4 + 127) / 128 * 128 : 0;
  int stages = min(4, (a.bytes - head) / (16 * stride)), steps = (end - begin + 15) / 16;
  char *ring = shared + head;
  if (a.bias)
    for (int c = threadIdx.x; c < nr * B; c += blockDim.x) sums[c] = 0;

  int share = (n + outer_warps - 1) / outer_warps, mine = min((int)threadIdx.x / 32 * share, n), count = min(share, n - mine);
  float acc[outer_pieces][2][4];
#pragma unroll
  for (int u = 0; u < outer_pieces; u++)
#pragma unroll
    for (int i = 0; i < 8; i++) acc[u][i / 4][i % 4] = 0;

  // A group is committed for every stage, of nothing past the end, so that
  // counting them says which have landed. With one stage nothing is under way
  // while it is used.
  int ahead = max(stages - 1, 1);
  for (int s = 0; s < ahead; s++) {
    if (s < steps) outer_stage<B>(a, t, shared_address(ring) + s * 16 * stride, stride, begin + 16 * s, end);
    copy_commit();
  }
  for (int s = 0; s < steps; s++) {
    outer_wait(stages);
    __syncthreads();
    if (stages > 1) {
      int next = s + ahead;
      if (next < steps) outer_stage<B>(a, t, shared_address(ring) + next % stages * 16 * stride, stride, begin + 16 * next, end);
      copy_commit();
    }
    char *stage = ring + s % stages * 16 * stride;
    outer_multiply<B>(t, shared_address(stage), stride, mine, count, acc);
    if (a.bias) outer_column_sums<B>(stage, stride, nr * B, sums);
    if (stages == 1) {
      __syncthreads();
      if (s + 1 < steps) outer_stage<B>(a, t, shared_address(ring), stride, begin + 16 * (s + 1), end);
      copy_commit();
    }
  }
  bool add = gridDim.y == 1;
  outer_store<B>(t, add ? a.grad : a.partial + (size_t)blockIdx.y * a.nnzb * (B * B), add, mine, count, acc);
  if (!a.bias) return;
  float *to = add ? a.bias : a.partial_bias + (size_t)blockIdx.y * a.out;
  __syncthreads();
  for (int c = threadIdx.x; c < nr * B; c += blockDim.x) {
    int r = t.row_of[c / B];
    if (a.row_ptr[r] < first) continue; // begins in the thread block before, which owns it
    float *p = to + r * B + c % B;
    *p = add ? *p + sums[c] : sums[c];
  }
  outer_empty_rows<B>(a, to, add, first, n, begin, end);
}
