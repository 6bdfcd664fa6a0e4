// Products of dense matrices for compute capability 9.0, in bfloat16 with float32 sums:
// C [M, N] = A B, as in dense.cuh, with factors brought by tensor maps.
//
// A thread block makes a tile of 128 x 256: two warpgroups of 64 x 256 each, whose sums
// stay in registers, and one more warp that keeps a ring of four stages of 64 along the
// contraction filled. The two thread blocks of a cluster have tiles one above the other
// and share their columns of B: each fetches one half and sends it to both, so that a
// pair reads as much as a tile of 256 x 256. What lies beyond a matrix comes as zeros.
//
// The tensor maps have boxes of 64 columns, 128 bytes with the swizzle of 128 bytes, and
// 128 rows of a factor whose rows lie along the contraction, or 64 of one whose rows lie
// across it (DOWN).
//
// Clusters take tiles in groups of 8 pairs along M, so that those that run at one time
// share both factors in L2.
//
//   launch: grid (2 ceil(M/256) ceil(N/256), ranges), 288 threads, wide_shared bytes.
#pragma once
#include "dense.cuh"
#include "hopper.cuh"

constexpr int wide_rows = 128, wide_columns = 256, wide_depth = 64, wide_stages = 4, wide_threads = 288;
constexpr int wide_half = 128 * wide_depth * 2;  // bytes of 128 rows or columns of a stage
constexpr int wide_stage = 3 * wide_half;        // A, and B in two halves
constexpr int wide_ones = wide_stages * wide_stage; // 8 columns of ones, or what a kernel keeps there
constexpr int wide_barriers = wide_ones + 1024;
constexpr int wide_shared = wide_barriers + 16 * wide_stages;
constexpr int wide_group = 8; // pairs of tiles along M

// Tile is where a thread block works: the tile at (m, n) of C and the part of the
// contraction from begin to end, a multiple of wide_depth unless it is the last.
struct Tile {
  int m, n, begin, end;

  __device__ Tile(int rows, int columns, int depth) {
    int pairs = (rows + 2 * wide_rows - 1) / (2 * wide_rows), across = (columns + wide_columns - 1) / wide_columns;
    int cluster = blockIdx.x / 2, group = cluster / (wide_group * across), in = cluster % (wide_group * across);
    int high = min(wide_group, pairs - group * wide_group);
    m = ((group * wide_group + in % high) * 2 + cluster_rank()) * wide_rows;
    n = in / high * wide_columns;
    int range = ((depth + wide_depth - 1) / wide_depth + gridDim.y - 1) / gridDim.y * wide_depth;
    begin = min((int)blockIdx.y * range, depth);
    end = min(begin + range, depth);
  }
  __device__ int steps() const { return (end - begin + wide_depth - 1) / wide_depth; }
};

__device__ inline unsigned wide_full(unsigned shared, int stage) { return shared + wide_barriers + 8 * stage; }
__device__ inline unsigned wide_empty(unsigned shared, int stage) { return shared + wide_barriers + 8 * (wide_stages + stage); }

// wide_start prepares the mbarriers, and the ones for sums of A.
__device__ inline void wide_start(char *shared) {
  unsigned base = shared_address(shared);
  if (threadIdx.x == 0) {
    for (int s = 0; s < wide_stages; s++) {
      mbarrier_init(wide_full(base, s), 1);
      mbarrier_init(wide_empty(base, s), 2 * 8); // the warps of both thread blocks that multiply
    }
    mbarriers_ready();
  }
  if (threadIdx.x < 256) reinterpret_cast<unsigned *>(shared + wide_ones)[threadIdx.x] = 0x3f803f80;
  fence_async();
  __syncthreads();
  cluster_arrive();
  cluster_wait();
}

// wide_fetch is what the last warp does, with one lane: it fills the stages of both
// thread blocks.
template <bool A_DOWN, bool B_DOWN>
__device__ inline void wide_fetch(unsigned shared, const CUtensorMap &a, const CUtensorMap &b, const Tile &t) {
  int rank = cluster_rank(), steps = t.steps();
#pragma unroll 1
  for (int i = 0; i < steps; i++) {
    int stage = i % wide_stages, k = t.begin + i * wide_depth, columns = t.n + 128 * rank;
    unsigned full = wide_full(shared, stage), to_a = shared + stage * wide_stage, to_b = to_a + (1 + rank) * wide_half;
    if (i >= wide_stages) mbarrier_wait(wide_empty(shared, stage), i / wide_stages - 1 & 1);
    mbarrier_expect(full, wide_stage);
    if (A_DOWN) {
      tensor_copy(to_a, a, t.m, k, full);
      tensor_copy(to_a + wide_half / 2, a, t.m + 64, k, full);
    } else {
      tensor_copy(to_a, a, k, t.m, full);
    }
    if (B_DOWN) {
      tensor_copy_both(to_b, b, columns, k, full);
      tensor_copy_both(to_b + wide_half / 2, b, columns + 64, k, full);
    } else {
      tensor_copy_both(to_b, b, k, columns, full);
    }
  }
}

// wide_multiply is what the two warpgroups do: c gets a warpgroup's sums as wgmma256
// gives them; with SUMMING total gets, in its columns, the sums of A.
template <bool A_DOWN, bool B_DOWN, bool SUMMING>
__device__ inline void wide_multiply(float (&c)[128], float (&total)[4], unsigned shared, int steps) {
  int lane = threadIdx.x % 32, group = threadIdx.x / 128;
#pragma unroll
  for (int i = 0; i < 128; i++) c[i] = 0;
#pragma unroll
  for (int i = 0; i < 4; i++) total[i] = 0;
  unsigned long long ones = matrix_at(shared + wide_ones, 0);
#pragma unroll 1
  for (int i = 0; i < steps; i++) {
    int stage = i % wide_stages;
    mbarrier_wait(wide_full(shared, stage), i / wide_stages & 1);
    unsigned at = shared + stage * wide_stage;
    unsigned long long a = matrix_at(at + group * (wide_half / 2), 0), b = matrix_at(at + wide_half, wide_half / 2);
    wgmma_fence();
#pragma unroll
    for (int k = 0; k < wide_depth; k += 16) { // in units of 16 bytes: 16 rows, or 32 bytes of each
      unsigned long long da = a + (A_DOWN ? k * 8 : k / 8), db = b + (B_DOWN ? k * 8 : k / 8);
      wgmma256<A_DOWN, B_DOWN>(c, da, db);
      if (SUMMING) wgmma8<A_DOWN>(total, da, ones);
    }
    wgmma_commit();
    wgmma_wait<1>(); // the stage before has been read
    if (i > 0 && lane < 2) mbarrier_arrive(wide_empty(shared, (i - 1) % wide_stages), lane);
  }
  wgmma_wait<0>();
}

// wide_store writes the sums to C [rows, columns] in float32, or adds them.
__device__ inline void wide_store(const float (&c)[128], float *to, const Tile &t, int rows, int columns, bool add) {
  int lane = threadIdx.x % 32, n = t.n + lane % 4 * 2;
  bool whole = t.n + wide_columns <= columns;
#pragma unroll
  for (int r = 0; r < 2; r++) {
    int m = t.m + threadIdx.x / 32 * 16 + lane / 4 + 8 * r;
    if (m >= rows) continue;
    float *p = to + (size_t)m * columns + n;
#pragma unroll
    for (int first = 0; first < 32; first += 8) { // as many at a time as there are registers for
      float2 old[8];
#pragma unroll
      for (int j = 0; j < 8; j++) {
        old[j] = make_float2(0, 0);
        if (add && (whole || n + 8 * (first + j) < columns)) old[j] = *reinterpret_cast<const float2 *>(p + 8 * (first + j));
      }
#pragma unroll
      for (int j = 0; j < 8; j++) {
        const float *v = c + 4 * (first + j) + 2 * r;
        if (whole || n + 8 * (first + j) < columns) *reinterpret_cast<float2 *>(p + 8 * (first + j)) = make_float2(old[j].x + v[0], old[j].y + v[1]);
      }
    }
  }
}

// WideRows is a warp's part of the epilogue for outputs in bfloat16: its 16 rows of 256
// pass through shared memory, in the ring, where all warps are done with it.
struct WideRows {
  static constexpr int stride = 2 * wide_columns + 16; // rows 4 banks apart
  char *own;
  int row, column;   // of C, where the warp's rows begin
  int rows, columns; // of C
  int lane;

  __device__ WideRows(char *shared, const Tile &t, int rows, int columns)
      : own(shared + threadIdx.x / 32 * 16 * stride), row(t.m + threadIdx.x / 32 * 16), column(t.n), rows(rows), columns(columns), lane(threadIdx.x % 32) {}

  // fetch brings the rows of p, zeros beyond them.
  __device__ void fetch(const bf16 *p, int pitch) const {
    int n = column + 8 * lane;
#pragma unroll 4
    for (int i = 0; i < 16; i++) {
      bool there = row + i < rows && n < columns;
      copy16(shared_address(own) + i * stride + 16 * lane, there ? p + (size_t)(row + i) * pitch + n : p, there ? 16 : 0);
    }
    copy_commit();
    copy_wait<0>();
    __syncwarp();
  }

  // put hands pairs of sums to f(j, v0, v1, what was fetched there), 8 j + lane % 4 * 2
  // being their column, and keeps what it returns.
  template <class F>
  __device__ void put(const float (&c)[128], F f) const {
#pragma unroll
    for (int j = 0; j < 32; j++) {
      if (j % 8 == 0) asm volatile("" ::: "memory"); // what is loaded ahead takes registers
#pragma unroll
      for (int r = 0; r < 2; r++) {
        unsigned *p = reinterpret_cast<unsigned *>(own + (lane / 4 + 8 * r) * stride + 16 * j + lane % 4 * 4);
        *p = f(j, c[4 * j + 2 * r], c[4 * j + 2 * r + 1], p);
      }
    }
    __syncwarp();
  }

  // store writes the rows to p, up to a multiple of 8 columns.
  __device__ void store(bf16 *p, int pitch) const {
    int n = column + 8 * lane;
    bf16 *to = p + (size_t)row * pitch + n;
#pragma unroll 4
    for (int i = 0; i < 16; i++) {
      uint4 v = *reinterpret_cast<const uint4 *>(own + i * stride + 16 * lane);
      if (row + i < rows && n < columns) *reinterpret_cast<uint4 *>(to + (size_t)i * pitch) = v;
    }
    __syncwarp();
  }

  // store_but is store, but leaves an element that is NaN to redo(row, column).
  template <class Redo>
  __device__ void store_but(bf16 *p, int pitch, Redo redo) const {
#pragma unroll 1
    for (int i = 0; i < 16; i++) {
      if (row + i >= rows) break;
      const bf16 *e = reinterpret_cast<const bf16 *>(own + i * stride);
#pragma unroll 1
      for (int j = lane; j < min(wide_columns, columns - column); j += 32) {
        if (isnan(load(e + j))) redo(row + i, column + j);
        else p[(size_t)(row + i) * pitch + column + j] = e[j];
      }
    }
    __syncwarp();
  }
};
