// The copies of block-sparse weights that gather.cuh reads, one for each view. A
// view's group g has the entries ptr[g] to ptr[g+1]; its steps of four blocks
// begin at Gather::start(ptr[g], g), which leaves every group room enough whatever
// the topology, so that no sum over groups is needed; counts [groups] is four
// times its steps, less what the last one has too few. A place without a block
// has zero weights and the column of a block of its group: the zeros then
// multiply only what the group's outputs depend on anyway, and no NaN spreads.
//
//   launch: grid any, block a multiple of 32; a warp takes a group at a time.
#pragma once
#include "numbers.cuh"

struct PackArgs {
  bf16 *weight;
  int *columns, *counts;
  const float *values; // [nnzb][B][B]
  const int *ptr, *slots, *inner;
  int groups;
  bool down; // the contraction runs down the rows (dds)
};

template <class F>
__device__ inline void pack_groups(const PackArgs &a, F pack_group) {
  for (int g = (blockIdx.x * blockDim.x + threadIdx.x) / 32; g < a.groups; g += gridDim.x * blockDim.x / 32)
    pack_group(g, a.ptr[g], a.ptr[g + 1], (int)threadIdx.x % 32);
}

// pack_pairs: see Pairs. Lane 4n + k/2 holds the elements k, k + 1 of output n.
__device__ inline void pack_pairs(const PackArgs &a) {
  pack_groups(a, [&](int g, int begin, int end, int lane) {
    if (lane == 0) a.counts[g] = end - begin;
    int n = lane / 4, k = lane % 4 * 2, first = begin / 4 + g;
    for (int e = begin; e < end; e += 4) {
      size_t step = first + (e - begin) / 4;
      unsigned w[4];
#pragma unroll
      for (int j = 0; j < 4; j++) {
        int slot = a.slots[min(e + j, end - 1)];
        const float *v = a.values + (size_t)slot * 64;
        float lo = v[a.down ? k * 8 + n : n * 8 + k], hi = v[a.down ? k * 8 + 8 + n : n * 8 + k + 1];
        w[j] = e + j < end ? pack(lo, hi) : 0;
        if (lane == j) a.columns[step * 4 + j % 2 * 2 + j / 2] = a.inner[slot] * 16;
      }
      reinterpret_cast<uint4 *>(a.weight)[step * 32 + lane] = make_uint4(w[0], w[1], w[2], w[3]);
    }
  });
}

// pack_quads: see Quads. The blocks in even columns go to places 0 and 1 of the
// steps in turn, those in odd ones to places 2 and 3.
__device__ inline void pack_quads(const PackArgs &a) {
  pack_groups(a, [&](int g, int begin, int end, int lane) {
    unsigned before = (1u << lane) - 1;
    uint2 *weight = reinterpret_cast<uint2 *>(a.weight);
    int first = begin / 2 + g, seen[2] = {0, 0}, some[2] = {-1, -1};
    for (int base = begin; base < end; base += 32) {
      int e = base + lane, slot = 0, column = 0;
      if (e < end) {
        slot = a.slots[e];
        column = a.inner[slot];
      }
      int odd = column % 2, rank = 0;
#pragma unroll
      for (int p = 0; p < 2; p++) {
        unsigned all = __ballot_sync(~0u, e < end && odd == p);
        if (odd == p) rank = seen[p] + __popc(all & before);
        if (some[p] < 0 && all) some[p] = __shfl_sync(~0u, column, __ffs(all) - 1);
        seen[p] += __popc(all);
      }
      if (e < end) {
        size_t step = first + rank / 2;
        int t = 2 * odd + rank % 2;
        a.columns[step * 4 + t] = column;
        const float4 *from = reinterpret_cast<const float4 *>(a.values + (size_t)slot * 16);
        float v[16];
#pragma unroll
        for (int i = 0; i < 4; i++) {
          float4 q = from[i];
          v[4 * i] = q.x;
          v[4 * i + 1] = q.y;
          v[4 * i + 2] = q.z;
          v[4 * i + 3] = q.w;
        }
#pragma unroll
        for (int n = 0; n < 4; n++) {
          float x[4];
#pragma unroll
          for (int k = 0; k < 4; k++) x[k] = a.down ? v[k * 4 + n] : v[n * 4 + k];
          weight[step * 16 + n * 4 + t] = make_uint2(pack(x[0], x[1]), pack(x[2], x[3]));
        }
      }
    }
    int steps = (max(seen[0], seen[1]) + 1) / 2;
    if (lane == 0) a.counts[g] = 4 * steps;
    // What is left. A column of the other parity costs a bank conflict, no more.
#pragma unroll
    for (int p = 0; p < 2; p++)
      for (int rank = seen[p] + lane; rank < 2 * steps; rank += 32) {
        size_t step = first + rank / 2;
        int t = 2 * p + rank % 2;
        a.columns[step * 4 + t] = some[p] < 0 ? some[1 - p] : some[p];
#pragma unroll
        for (int n = 0; n < 4; n++) weight[step * 16 + n * 4 + t] = make_uint2(0, 0);
      }
  });
}
