// The forward product and the input gradient of a weight with blocks of 8 or 4
// on tensor cores: out [T, N] = in [T, K] M, in bfloat16 with float32 sums. As in
// input_stationary.cuh a tile of tokens stays in shared memory and the active blocks stream
// past; but a step of the matrix instruction, 16 inputs deep, is filled with
// several active blocks of one group, whose columns are gathered from the tile.
//
// The weight is a copy in the order of the view (pack.cuh): steps of up to four
// blocks, each group's from GATHER_START on. A warp takes `groups` neighboring
// groups, 16 outputs, at a time, so that it stores whole sectors, from a counter.
//
// What differs between the block sizes is a Gather: pairs.cuh and quads.cuh.
//
// A tile of 8 tokens, where 16 do not fit shared memory, is half of the matrix
// instruction's 16 rows: lanes of the other half read the same, and their sums are
// dropped.
//
//   launch: grid (ceil(T/tile), any), block a multiple of 32; tile 64, 32, 16 or 8;
//   dynamic shared memory tile (2K + 16) bytes.
#pragma once
#include "mma.cuh"
#include "numbers.cuh"

struct GatherArgs {
  const bf16 *in, *weight;
  const int *columns, *ptr, *counts;
  int tokens, k, n, tile;
};

// Run is the work of one item: lane j knows the first step and the count of its
// group j. The loads are issued two items ahead.
struct Run {
  int i, start, count;
};

// gather_tile runs all items with MT tiles of 16 tokens, or one of 8 rows. The weights
// of a round are under way while those of the one before are used; a round is one
// step, or two of a small tile, to cover the latency of L2.
template <template <int, int> class Gather, int MT, int rows, class Finish>
__device__ inline void gather_tile(const GatherArgs &a, char *shared, int *next, Finish finish) {
  constexpr int round = MT == 4 ? 1 : 2;
  using G = Gather<round, rows>;
  int lane = threadIdx.x % 32, groups = a.n / G::block, items = (groups + G::groups - 1) / G::groups;
  G gather(a, shared_address(shared), lane, MT);
  auto claim = [&](Run &r) {
    int i = 0;
    if (lane == 0) i = atomicAdd(next, 1);
    r.i = __shfl_sync(~0u, i, 0) * gridDim.y + blockIdx.y;
    r.start = r.count = 0;
    int g = r.i * G::groups + lane;
    if (r.i < items && lane < G::groups && g < groups) {
      r.start = G::start(__ldg(a.ptr + g), g);
      r.count = __ldg(a.counts + g);
    }
  };
  Run now, then, later;
  claim(now);
  claim(then);
  gather.fetch(__shfl_sync(~0u, now.start, 0));
  while (now.i < items) {
    claim(later);
    float acc[G::groups][MT][4];
    unrolled<G::groups>([&](auto group) {
      constexpr int u = group.value;
#pragma unroll
      for (int m = 0; m < MT; m++)
#pragma unroll
        for (int r = 0; r < 4; r++) acc[u][m][r] = 0;
      int step = __shfl_sync(~0u, now.start, u), left = __shfl_sync(~0u, now.count, u);
      int following = u + 1 < G::groups ? __shfl_sync(~0u, now.start, u + 1) : __shfl_sync(~0u, then.start, 0);
      if (left <= 0) gather.fetch(following);
      for (; left > 0; left -= 4 * round) {
        G current = gather;
        step += round;
        gather.fetch(left > 4 * round ? step : following);
        current.template multiply<MT>(left, acc[u]);
      }
    });
    // The lane's four outputs and the row of the tile of tokens that holds part r of its sums.
    int n = now.i * 16 + G::output(lane);
    unrolled<2 * MT>([&](auto tile) {
      constexpr int m = tile.value / 2, row = tile.value % 2;
      float v[4];
      G::template outputs<MT, m, row>(acc, lane, v);
      int at = G::template token<MT>(m, row, lane), token = blockIdx.x * a.tile + at;
      if ((rows == 16 || at < rows) && token < a.tokens && n < a.n) finish(token, n, v);
    });
    now = then;
    then = later;
  }
}

// gather_product is the whole kernel.
template <template <int, int> class Gather, class Finish>
__device__ inline void gather_product(const GatherArgs &a, Finish finish) {
  extern __shared__ __align__(128) char shared[];
  __shared__ int next;
  if (threadIdx.x == 0) next = 0;
  if (a.tile == 8)
    Gather<1, 8>::load(a, shared);
  else
    Gather<1, 16>::load(a, shared);
  copy_commit();
  copy_wait<0>();
  __syncthreads();
  switch (a.tile) {
  case 64: gather_tile<Gather, 4, 16>(a, shared, &next, finish); break;
  case 32: gather_tile<Gather, 2, 16>(a, shared, &next, finish); break;
  case 16: gather_tile<Gather, 1, 16>(a, shared, &next, finish); break;
  default: gather_tile<Gather, 1, 8>(a, shared, &next, finish); break;
  }
}
