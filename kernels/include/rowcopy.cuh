// Copies of whole rows, a warp a row.
#pragma once
#include "status.cuh"
#include "vector.cuh"

// FOR_ROWS is a loop over n rows, one for each warp of the grid in turn.
#define FOR_ROWS(row, n) \
  for (int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; row < (n); row += gridDim.x * (blockDim.x / 32))

template <int W, class T>
__device__ inline void gather_w(T *dst, const T *src, const int *index, int n, int h, int rows, unsigned long long *bad) {
  int lane = threadIdx.x % 32;
  FOR_ROWS(i, n) {
    int from = index[i];
    bool there = from >= 0 && from < rows;
    if (from >= rows && lane == 0) report(bad, i, from);
    for (int c = lane * W; c < h; c += 32 * W) {
      float v[W] = {};
      if (there) load_n(v, src + (size_t)from * h + c);
      store_n(dst + (size_t)i * h + c, v);
    }
  }
}

template <class T>
__device__ inline void gather(T *dst, const T *src, const int *index, int n, int h, int rows, unsigned long long *bad) {
  if (h % 8)
    gather_w<1>(dst, src, index, n, h, rows, bad);
  else
    gather_w<8>(dst, src, index, n, h, rows, bad);
}

// embed: z = word[ids] + pos[t mod seq] + typ[segments]. A lane has 4 columns, so that a
// warp's loads of float32 are whole sectors next to each other.
struct Tables {
  const float *word, *pos, *typ;
  int words, types; // rows
};
template <int W, class T>
__device__ inline void embed_w(T *z, const int *ids, const int *segments, const Tables &from, int tokens, int seq, int h,
                               unsigned long long *bad_id, unsigned long long *bad_segment) {
  int lane = threadIdx.x % 32;
  FOR_ROWS(t, tokens) {
    int id = ids[t], segment = segments[t];
    bool good = (unsigned)id < (unsigned)from.words && (unsigned)segment < (unsigned)from.types;
    if (!good) {
      if (lane == 0) {
        within(bad_id, t, id, 0, from.words);
        within(bad_segment, t, segment, 0, from.types);
      }
      continue;
    }
    for (int c = lane * W; c < h; c += 32 * W) {
      float v[W], p[W], s[W];
      load_n(v, from.word + (size_t)id * h + c);
      load_n(p, from.pos + (size_t)(t % seq) * h + c);
      load_n(s, from.typ + (size_t)segment * h + c);
#pragma unroll
      for (int i = 0; i < W; i++) v[i] = v[i] + p[i] + s[i];
      store_n(z + (size_t)t * h + c, v);
    }
  }
}

template <class T>
__device__ inline void embed(T *z, const int *ids, const int *segments, const Tables &from, int tokens, int seq, int h,
                             unsigned long long *bad_id, unsigned long long *bad_segment) {
  if (h % 4)
    embed_w<1>(z, ids, segments, from, tokens, seq, h, bad_id, bad_segment);
  else
    embed_w<4>(z, ids, segments, from, tokens, seq, h, bad_id, bad_segment);
}
