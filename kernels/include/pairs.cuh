// Blocks of 8 for gather.cuh: two active blocks of a group side by side fill the
// 16 inputs of m16n8k16, the group's 8 outputs its n. ldmatrix takes each lane's
// own address, so the first 16 lanes point at one block's columns of the tile and
// the others at the second's. A step is two such pairs.
#pragma once
#include "gather.cuh"

template <int round, int rows>
struct Pairs {
  static constexpr int block = 8, groups = 2;

  const uint4 *weight; // [steps][lane]: the lane's two elements of four blocks
  const int2 *columns; // [steps][half of the warp]: byte offsets of blocks 0 and 2, or 1 and 3
  unsigned at, stride;
  uint4 w[round];
  int2 c[round];

  // The tile has rows of an odd number of 16 bytes, which start in different banks.
  __device__ static unsigned row_bytes(int k) { return (k / 8 | 1) * 16; }

  __device__ static int start(int entry, int group) { return entry / 4 + group; }

  __device__ static void load(const GatherArgs &a, char *tile) {
    int stride = row_bytes(a.k), first = blockIdx.x * a.tile;
    for (int row = threadIdx.x / 32; row < a.tile; row += blockDim.x / 32) {
      bool there = first + row < a.tokens;
      const bf16 *from = a.in + (there ? (size_t)(first + row) * a.k : 0);
      unsigned to = shared_address(tile + row * stride);
      for (int c = threadIdx.x % 32; c < a.k / 8; c += 32) copy16(to + 16 * c, from + 8 * c, there ? 16 : 0);
    }
  }

  __device__ Pairs(const GatherArgs &a, unsigned tile, int lane, int)
      : weight(reinterpret_cast<const uint4 *>(a.weight) + lane), columns(reinterpret_cast<const int2 *>(a.columns) + lane / 16),
        stride(row_bytes(a.k)) {
    at = tile + lane % rows * stride;
  }

  __device__ void fetch(int step) {
#pragma unroll
    for (int i = 0; i < round; i++) {
      w[i] = __ldg(weight + (step + i) * 32);
      c[i] = __ldg(columns + (step + i) * 2);
    }
  }

  template <int MT>
  __device__ void multiply(int left, float (&acc)[MT][4]) const {
#pragma unroll
    for (int i = 0; i < round; i++) {
      if (left > 4 * i) pair<MT>(c[i].x, w[i].x, w[i].y, acc);
      if (left > 4 * i + 2) pair<MT>(c[i].y, w[i].z, w[i].w, acc);
    }
  }

  template <int MT>
  __device__ void pair(int column, unsigned b0, unsigned b1, float (&acc)[MT][4]) const {
#pragma unroll
    for (int m = 0; m < MT; m++) {
      unsigned x[4];
      ldmatrix4(x, at + column + m * 16 * stride);
      mma(acc[m], x, b0, b1);
    }
  }

  // Lanes with an even number keep the first group's sums, four outputs after an
  // exchange with their neighbor, the others the second group's.
  __device__ static int output(int lane) { return lane % 2 * 8 + lane % 4 / 2 * 4; }
  template <int MT>
  __device__ static int token(int m, int row, int lane) { return 16 * m + 8 * row + lane / 4; }
  template <int MT, int m, int row>
  __device__ static void outputs(float (&acc)[groups][MT][4], int lane, float (&v)[4]) {
    bool odd = lane % 2;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float a = acc[0][m][2 * row + i], b = acc[1][m][2 * row + i];
      float other = __shfl_xor_sync(~0u, odd ? a : b, 1);
      v[i] = odd ? other : a;
      v[2 + i] = odd ? b : other;
    }
  }
};
