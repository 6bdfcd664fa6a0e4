// The working copies in bfloat16 of weights, which their products read: all copies of
// many weights in one launch. A thread block takes a part of one copy; tables in device
// memory say which (gpu/copies.go), so launches can be recorded. Kinds of copies:
//
// rows: [O][pitch] as dense.cuh reads it, zeros beyond column I and, of an unstructured
// weight, where it is inactive. values are [O][I], or [nnzb] with the row view; ptr null
// means dense. A unit is a row.
//
// fragments: of W for dsd and of W^T for dds in the order of fragment_index, each
// [nnzb][B][B] as the values are. A unit is 1024 elements.
//
// pairs and quads, blocks of 8 and 4: what gather.cuh reads, one for each view. A
// view's group g has the entries ptr[g] to ptr[g+1]; its steps of four blocks
// begin at Gather::start(ptr[g], g), which leaves every group room enough whatever
// the topology, so that no sum over groups is needed; counts [groups] is four
// times its steps, less what the last one has too few. A place without a block
// has zero weights and the column of a block of its group: the zeros then
// multiply only what the group's outputs depend on anyway, and no NaN spreads. A
// unit is a group.
//
//   launch: grid the number of parts, block 128: a warp takes a unit.
#pragma once
#include "input_stationary.cuh"

// CopyKind says in what order a copy is.
enum CopyKind { COPY_ROWS, COPY_FRAGMENTS, COPY_PAIRS, COPY_QUADS };

// WorkingCopy is a copy and the weight that it is made of.
struct alignas(16) WorkingCopy {
  bf16 *weight, *transposed; // transposed: of fragments, W^T
  int *columns, *counts;     // of pairs and quads
  const float *values;
  const int *ptr, *slots, *inner;
  int kind, block;
  int units, down;             // down = 1: the contraction runs down the rows (dds)
  int n, pitch;                // of rows: I, elements from one to the next; of fragments: elements
};
static_assert(sizeof(WorkingCopy) == 96, "as gpu/copies.go packs it");

constexpr int fragment_unit = 1024;

// copy_row makes a row of a copy of rows, four elements a lane: loads of 16 bytes.
__device__ inline void copy_row(const WorkingCopy &c, int r, int lane) {
  bf16 *row = c.weight + (size_t)r * c.pitch;
  const float *from = c.values + (size_t)r * c.n;
  bool dense = !c.ptr, aligned = c.n % 4 == 0;
#pragma unroll 4
  for (int i = 4 * lane; i < c.pitch; i += 128) {
    float4 v = {0, 0, 0, 0};
    if (dense && aligned && i < c.n) {
      v = *reinterpret_cast<const float4 *>(from + i);
    } else if (dense && i < c.n) {
      v = {from[i], i + 1 < c.n ? from[i + 1] : 0, i + 2 < c.n ? from[i + 2] : 0, i + 3 < c.n ? from[i + 3] : 0};
    }
    *reinterpret_cast<uint2 *>(row + i) = make_uint2(pack(v.x, v.y), pack(v.z, v.w));
  }
  if (dense) return;
  __syncwarp(); // the zeros come first
  int end = c.ptr[r + 1];
  for (int e = c.ptr[r] + lane; e < end; e += 128) {
    int slot[4], at[4];
    float v[4];
#pragma unroll
    for (int j = 0; j < 4; j++) slot[j] = c.slots[min(e + 32 * j, end - 1)];
#pragma unroll
    for (int j = 0; j < 4; j++) at[j] = c.inner[slot[j]], v[j] = c.values[slot[j]];
#pragma unroll
    for (int j = 0; j < 4; j++)
      if (e + 32 * j < end) store(row + at[j], v[j]);
  }
}

// copy_fragments makes a unit of both copies of fragments.
__device__ inline void copy_fragments(const WorkingCopy &c, int unit, int lane) {
  int size = c.block * c.block;
#pragma unroll 4
  for (int j = 0; j < fragment_unit; j += 32) {
    int i = unit * fragment_unit + j + lane;
    if (i >= c.n) return;
    int slot = i / size, row = i % size / c.block, col = i % c.block;
    bf16 v = __float2bfloat16_rn(c.values[i]);
    c.weight[(size_t)slot * size + fragment_index(c.block, row, col)] = v;
    c.transposed[(size_t)slot * size + fragment_index(c.block, col, row)] = v;
  }
}

// copy_pairs: see Pairs. Lane 4n + k/2 holds the elements k, k + 1 of output n. All
// loads of two steps are asked for together.
__device__ inline void copy_pairs(const WorkingCopy &a, int g, int lane) {
  int begin = a.ptr[g], end = a.ptr[g + 1];
  if (lane == 0) a.counts[g] = end - begin;
  int n = lane / 4, k = lane % 4 * 2, first = begin / 4 + g;
  int low = a.down ? k * 8 + n : n * 8 + k, next = a.down ? 8 : 1;
  for (int e = begin; e < end; e += 8) {
    int slot = a.slots[min(e + lane % 8, end - 1)], column = a.inner[slot] * 16;
    unsigned w[8];
#pragma unroll
    for (int j = 0; j < 8; j++) {
      const float *v = a.values + (size_t)__shfl_sync(~0u, slot, j) * 64 + low;
      w[j] = e + j < end ? pack(v[0], v[next]) : 0;
    }
    uint4 *to = reinterpret_cast<uint4 *>(a.weight) + (size_t)(first + (e - begin) / 4) * 32 + lane;
    to[0] = make_uint4(w[0], w[1], w[2], w[3]);
    bool second = e + 4 < end;
    if (second) to[32] = make_uint4(w[4], w[5], w[6], w[7]);
    int *columns = a.columns + (size_t)(first + (e - begin) / 4) * 4;
    if (lane < (second ? 8 : 4)) columns[lane / 4 * 4 + lane % 2 * 2 + lane % 4 / 2] = column;
  }
}

// copy_quads: see Quads. The blocks in even columns go to places 0 and 1 of the
// steps in turn, those in odd ones to places 2 and 3.
__device__ inline void copy_quads(const WorkingCopy &a, int g, int lane) {
  int begin = a.ptr[g], end = a.ptr[g + 1];
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
}
