// Blocks of 4 for gather.cuh: four active blocks of a group, one for each lane of
// a quad, fill the 16 inputs of m16n8k16. The order of the inputs within an
// instruction is free as long as both factors agree: lane t has the 4 inputs of
// block t, 8 bytes of the tile a token. Only 4 of the 8 outputs are used; the
// lanes of the others have the same weights, so their sums are copies.
//
// The tile is stored by block columns, 8 bytes of each of its tokens one after
// another. 16 lanes read together, those of 4 tokens with 4 columns that can be
// any, so the place of a token is chosen to keep them in different banks: the
// tokens are four interleaved classes of four, and the class of a token is xored
// with its column's lower bits. A step has two blocks in even columns (lanes 0
// and 1 of a quad) and two in odd ones, which sets bit 1 of the class apart. Bit
// 0 the lanes set apart themselves: lane t reads the two halves of 16 tokens in
// the order t % 2 and exchanges its registers accordingly. A tile of 8 tokens has two
// classes, which only the second bit of a column and the lanes set apart.
#pragma once
#include "gather.cuh"

__device__ inline uint2 shared8(unsigned at) {
  uint2 v;
  asm volatile("ld.shared.v2.u32 {%0,%1}, [%2];" : "=r"(v.x), "=r"(v.y) : "r"(at) : "memory");
  return v;
}

template <int round, int rows>
struct Quads {
  static constexpr int block = 4, groups = 4;

  const uint2 *weight; // [steps][output][t]: the four inputs of block t
  const int *columns;  // [steps][t]
  unsigned at;
  unsigned t;
  uint2 w[round];
  unsigned c[round];

  __device__ static int start(int entry, int group) { return entry / 2 + group; }

  // A warp copies 4 columns of 8 tokens at a time: whole sectors, and all banks.
  __device__ static void load(const GatherArgs &a, char *tile) {
    int lane = threadIdx.x % 32, first = blockIdx.x * a.tile + lane / 4, columns = a.k / 4;
    for (int c = threadIdx.x / 32 * 4 + lane % 4; c < columns; c += blockDim.x / 32 * 4) {
      int place = lane / 4 ^ c / 2 % 2 * 4 ^ (rows == 16 ? c % 2 * 8 : 0);
      unsigned to = shared_address(tile) + (c * a.tile + place) * 8;
      const bf16 *from = a.in + (size_t)first * a.k + 4 * c;
      for (int i = 0; i < a.tile / 8; i++, from += 8 * a.k) {
        bool there = first + 8 * i < a.tokens;
        copy8((to ^ i % 2 * 64) + i / 2 * 128, there ? from : a.in, there ? 8 : 0);
      }
    }
  }

  __device__ Quads(const GatherArgs &a, unsigned tile, int lane, int MT)
      : weight(reinterpret_cast<const uint2 *>(a.weight) + lane % 16), columns(a.columns + lane % 4), t(lane % 4) {
    at = tile + lane / 4 % 4 * 8 + t % 2 * 32;
    if (rows == 16) at += lane / 16 * (MT == 1 ? 64 : 128);
  }

  __device__ void fetch(int step) {
#pragma unroll
    for (int i = 0; i < round; i++) {
      w[i] = __ldg(weight + (step + i) * 16);
      c[i] = __ldg(columns + (step + i) * 4);
    }
  }

  template <int MT>
  __device__ void multiply(int left, float (&acc)[MT][4]) const {
#pragma unroll
    for (int i = 0; i < round; i++) {
      if (left <= 4 * i) return;
      unsigned from = rows == 16 ? (at ^ c[i] % 2 * 64) + c[i] * (128 * MT) : at + c[i] * 64;
      bool swap = (t ^ c[i] / 2) % 2;
#pragma unroll
      for (int m = 0; m < MT; m++) {
        uint2 x = shared8((from ^ m % 2 * 64) + m / 2 * 256), y = shared8((from ^ (m % 2 * 64 + 32)) + m / 2 * 256);
        unsigned both[4] = {swap ? y.x : x.x, swap ? x.x : y.x, swap ? y.y : x.y, swap ? x.y : y.y};
        mma(acc[m], both, w[i].x, w[i].y);
      }
    }
  }

  // Lane t keeps the sums of group t, two its own and two its neighbor's.
  __device__ static int output(int lane) { return lane % 4 * 4; }
  template <int MT>
  __device__ static int token(int m, int row, int lane) {
    int low = lane / 4 % 4 + 4 * row, high = lane / 16;
    return MT == 1 ? low + 8 * high : low + 8 * (m % 2) + 16 * high + 32 * (m / 2);
  }
  template <int MT, int m, int row>
  __device__ static void outputs(float (&acc)[groups][MT][4], int lane, float (&v)[4]) {
    bool odd = lane % 2, upper = lane % 4 / 2;
#pragma unroll
    for (int i = 0; i < 2; i++) {
      float a = upper ? acc[2][m][2 * row + i] : acc[0][m][2 * row + i];
      float b = upper ? acc[3][m][2 * row + i] : acc[1][m][2 * row + i];
      float other = __shfl_xor_sync(~0u, odd ? a : b, 1);
      v[i] = odd ? other : a;
      v[2 + i] = odd ? b : other;
    }
  }
};
