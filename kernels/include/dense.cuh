// Products of dense matrices on tensor cores, in bfloat16 with float32 sums:
// C [M, N] = A B. Either factor may lie in memory with the contraction along its
// rows (A [M, K], B [N, K]) or down its columns (A [K, M], B [K, N]).
//
// A block of four warps makes a tile of 128 x 128, 64 x 64 a warp, from stages of
// 32 along K in a ring of four. The chunks of 16 bytes of a stage are permuted
// within its rows, so that the 8 addresses of each ldmatrix lie in different
// banks. Rows that are not aligned to 16 bytes are copied 4 or 2 at a time.
// The sums go through shared memory, to be stored row by row.
//
//   launch: 128 threads, dense_shared bytes of dynamic shared memory.
#pragma once
#include "mma.cuh"
#include "numbers.cuh"

constexpr int dense_side = 128, dense_depth = 32, dense_stages = 4;
constexpr int dense_stage = dense_side * dense_depth * 2; // bytes of one factor
constexpr int dense_stride = dense_side + 8;              // of the sums: rows 8 banks apart
constexpr int dense_shared = dense_side * dense_stride * 4; // more than the ring

// Factor is a matrix in memory; rows are `pitch` elements apart.
struct Factor {
  const bf16 *p;
  int rows, columns, pitch;
};

// dense_piece copies 8 elements of a row, zeros beyond the matrix.
__device__ inline void dense_piece(unsigned to, const Factor &f, int row, int column) {
  const bf16 *from = f.p + (size_t)row * f.pitch + column;
  int there = row < f.rows ? min(max(f.columns - column, 0), 8) : 0;
  if (f.pitch % 8 == 0) {
    copy16(to, there ? from : f.p, there * 2);
  } else if (f.pitch % 2 == 0) {
#pragma unroll
    for (int i = 0; i < 8; i += 2) copy4(to + 2 * i, i < there ? from + i : f.p, i < there ? 4 : 0);
  } else {
    unsigned short v[8];
#pragma unroll
    for (int i = 0; i < 8; i++) v[i] = i < there ? __bfloat16_as_ushort(from[i]) : 0;
    asm volatile("st.shared.v4.u32 [%0], {%1,%2,%3,%4};" ::"r"(to), "r"(v[0] | v[1] << 16), "r"(v[2] | v[3] << 16), "r"(v[4] | v[5] << 16),
                 "r"(v[6] | v[7] << 16)
                 : "memory");
  }
}

// Place of chunk c of row r in a stage: rows of 64 bytes along K, or of 256.
template <bool DOWN>
__device__ inline unsigned dense_place(int r, int c) {
  return DOWN ? r * 256 + (c ^ r % 8) * 16 : r * 64 + (c ^ r / 2 % 4) * 16;
}

// dense_copy starts copying the stage at k of 128 rows, or columns, from `first` on.
template <bool DOWN>
__device__ inline void dense_copy(unsigned to, const Factor &f, int first, int k) {
#pragma unroll 4
  for (int i = threadIdx.x; i < dense_stage / 16; i += 128) {
    int r = DOWN ? i / 16 : i / 4, c = DOWN ? i % 16 : i % 4;
    dense_piece(to + dense_place<DOWN>(r, c), f, DOWN ? k + r : first + r, DOWN ? first + 8 * c : k + 8 * c);
  }
}

// dense_a and dense_b load the fragments of 16 rows (columns of C) from `at` on,
// 16 deep from k on.
template <bool DOWN>
__device__ inline void dense_a(unsigned (&d)[4], unsigned stage, int at, int k) {
  int lane = threadIdx.x % 32;
  if (DOWN) ldmatrix4_trans(d, stage + dense_place<DOWN>(k + lane % 8 + lane / 16 * 8, at / 8 + lane / 8 % 2));
  else ldmatrix4(d, stage + dense_place<DOWN>(at + lane % 16, k / 8 + lane / 16));
}
template <bool DOWN>
__device__ inline void dense_b(unsigned (&d)[4], unsigned stage, int at, int k) {
  int lane = threadIdx.x % 32;
  if (DOWN) ldmatrix4_trans(d, stage + dense_place<DOWN>(k + lane % 16, at / 8 + lane / 16));
  else ldmatrix4(d, stage + dense_place<DOWN>(at + lane % 8 + lane / 16 * 8, k / 8 + lane / 8 % 2));
}

// dense_product leaves the tile of C from (m, n) on in the first of shared
// memory, [128][dense_stride]; k runs from begin to end. With sums, [128], also
// the sums of A over k.
template <bool A_DOWN, bool B_DOWN>
__device__ inline void dense_product(char *shared, const Factor &a, const Factor &b, int m, int n, int begin, int end, float *sums) {
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32, rows = warp / 2 * 64, columns = warp % 2 * 64;
  unsigned ring = shared_address(shared);
  int steps = (end - begin + dense_depth - 1) / dense_depth;
  auto copy = [&](int step) {
    if (step < steps) {
      unsigned stage = ring + step % dense_stages * (2 * dense_stage);
      dense_copy<A_DOWN>(stage, a, m, begin + step * dense_depth);
      dense_copy<B_DOWN>(stage + dense_stage, b, n, begin + step * dense_depth);
    }
    copy_commit();
  };
  float acc[4][8][4], total[4][4];
#pragma unroll
  for (int i = 0; i < 4; i++) {
#pragma unroll
    for (int r = 0; r < 4; r++) total[i][r] = 0;
#pragma unroll
    for (int j = 0; j < 8; j++)
#pragma unroll
      for (int r = 0; r < 4; r++) acc[i][j][r] = 0;
  }
  bool summing = sums && columns == 0;
  for (int s = 0; s < dense_stages - 1; s++) copy(s);
  for (int step = 0; step < steps; step++) {
    copy_wait<dense_stages - 2>();
    __syncthreads();
    copy(step + dense_stages - 1);
    unsigned stage = ring + step % dense_stages * (2 * dense_stage);
#pragma unroll
    for (int k = 0; k < dense_depth; k += 16) {
      unsigned x[4][4];
#pragma unroll
      for (int i = 0; i < 4; i++) dense_a<A_DOWN>(x[i], stage, rows + 16 * i, k);
#pragma unroll
      for (int j = 0; j < 4; j++) {
        unsigned w[4];
        dense_b<B_DOWN>(w, stage + dense_stage, columns + 16 * j, k);
#pragma unroll
        for (int i = 0; i < 4; i++) {
          mma(acc[i][2 * j], x[i], w[0], w[1]);
          mma(acc[i][2 * j + 1], x[i], w[2], w[3]);
        }
      }
      if (summing) { // times ones
#pragma unroll
        for (int i = 0; i < 4; i++) mma(total[i], x[i], 0x3f803f80, 0x3f803f80);
      }
    }
  }
  copy_wait<0>();
  __syncthreads();
  float *c = reinterpret_cast<float *>(shared);
#pragma unroll
  for (int i = 0; i < 4; i++)
#pragma unroll
    for (int r = 0; r < 2; r++) {
      int row = rows + 16 * i + 8 * r + lane / 4;
      if (summing && lane % 4 == 0) sums[row] = total[i][2 * r];
#pragma unroll
      for (int j = 0; j < 8; j++)
        *reinterpret_cast<float2 *>(c + row * dense_stride + columns + 8 * j + lane % 4 * 2) = make_float2(acc[i][j][2 * r], acc[i][j][2 * r + 1]);
    }
  __syncthreads();
}

// dense_finish hands the tile at (m, n) of C [rows, columns], whose rows are pitch
// elements apart, to finish, four outputs at a time where the rows of C allow it. repair(row, column, v) may
// change a sum that is NaN.
template <class Finish, class Repair>
__device__ inline void dense_finish(const char *shared, int m, int n, int rows, int columns, int pitch, Finish finish, Repair repair) {
  const float *c = reinterpret_cast<const float *>(shared);
#pragma unroll 1
  for (int i = threadIdx.x; i < dense_side * dense_side / 4; i += 128) {
    int row = i / (dense_side / 4), column = i % (dense_side / 4) * 4;
    if (m + row >= rows || n + column >= columns) continue;
    float4 q = *reinterpret_cast<const float4 *>(c + row * dense_stride + column);
    float v[4] = {q.x, q.y, q.z, q.w};
    if (isnan(v[0] + v[1] + v[2] + v[3]))
      for (int j = 0; j < 4; j++)
        if (isnan(v[j]) && n + column + j < columns) v[j] = repair(m + row, n + column + j, v[j]);
    if (pitch % 4 == 0 && n + column + 4 <= columns) {
      finish(m + row, n + column, v);
    } else {
      for (int j = 0; j < 4; j++)
        if (n + column + j < columns) finish.one(m + row, n + column + j, v[j]);
    }
  }
}

// Mask is the view of an unstructured weight from its outputs; ptr is null for a
// dense one. The weight's working copy has zeros where it is inactive, and zero
// times an infinity or NaN of the input is NaN, which an inactive element must not
// bring about: such a sum is done again, of the active elements alone.
struct Mask {
  const float *values;
  const int *ptr, *slots, *inner;

  __device__ float operator()(const bf16 *row, int n, float v) const {
    if (!ptr) return v;
    v = 0;
    for (int e = ptr[n]; e < ptr[n + 1]; e++) v = fmaf(load(row + inner[slots[e]]), load(values + slots[e]), v);
    return v;
  }
};
