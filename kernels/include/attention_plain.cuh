// Attention in float32 arithmetic for any head size and both dtypes: what is
// compared exactly, and what no faster kernel covers. A warp takes one row, a
// query or, for dk and dv, a key; its lanes take 32 partners at a time for the
// scores, and 4 x 32 columns of the head for the sums. blockIdx.y counts the
// groups of 128 columns; each works the scores out for itself.
//
//   launch: grid (ceil(batch heads seq / 4), ceil(head / 128)), block 128.
#pragma once
#include "attention.cuh"

constexpr int plain_columns = 4; // of a lane

// PlainRow is the row of this warp.
struct PlainRow {
  int bh, row, lane, column; // column: the lane's first one
  bool there;
};

__device__ inline PlainRow plain_row(const Heads &h, int count) {
  PlainRow r;
  r.lane = threadIdx.x % 32;
  int i = blockIdx.x * 4 + threadIdx.x / 32;
  r.there = i < count * h.seq;
  r.bh = i / h.seq;
  r.row = i % h.seq;
  r.column = blockIdx.y * (32 * plain_columns) + r.lane;
  return r;
}

template <class T>
__device__ inline float row_dot(const T *a, const T *b, int n) {
  float sum = 0;
  for (int i = 0; i < n; i++) sum = fmaf(load(a + i), load(b + i), sum);
  return sum;
}

// plain_add adds to acc, for each of n partners, its lane's weight times its row of from.
template <class T>
__device__ inline void plain_add(float (&acc)[plain_columns], float weight, const T *from, size_t stride, int n, const PlainRow &r, int head) {
  for (int j = 0; j < n; j++) {
    float w = __shfl_sync(~0u, weight, j);
#pragma unroll
    for (int c = 0; c < plain_columns; c++)
      if (r.column + 32 * c < head) acc[c] = fmaf(w, load(from + j * stride + r.column + 32 * c), acc[c]);
  }
}

template <class T>
__device__ inline void plain_store(T *to, const float (&acc)[plain_columns], float factor, const PlainRow &r, int head) {
#pragma unroll
  for (int c = 0; c < plain_columns; c++)
    if (r.column + 32 * c < head) store(to + r.column + 32 * c, acc[c] * factor);
}

// kept_one is bit `column` of a row of bits that dropout kept (dropout.cuh).
__device__ inline bool kept_one(const unsigned *kept, size_t row, int columns, int column) {
  return kept[row * kept_words(columns) + column / 32] >> column % 32 & 1;
}

// attention_plain: ctx = dropout(softmax(q k^T scale)) v and lse (=), and the bits
// that dropout kept where kept is not null.
template <class T>
__device__ inline void attention_plain(T *ctx, float *lse, unsigned *kept, const T *q, const T *k, const T *v, const int *lengths,
                                       unsigned long long *slot, const Heads &h, int count, float scale, const Keep &keep) {
  PlainRow r = plain_row(h, count);
  if (!r.there) return;
  size_t hidden = h.hidden(), first = h.first(r.bh), row = (size_t)r.bh * h.seq + r.row;
  int keys = h.keys(lengths, slot, r.bh);
  const T *query = q + first + r.row * hidden;
  float top = -INFINITY, sum = 0, acc[plain_columns] = {};
  for (int base = 0; base < keys; base += 32) {
    int key = base + r.lane;
    float s = key < keys ? row_dot(query, k + first + key * hidden, h.head) * scale : -INFINITY;
    float before = top;
    top = fmaxf(top, warp_max(s));
    // A NaN is in no maximum, but makes its own term NaN.
    float p = key < keys ? expf(s - top) : 0, shrink = base ? expf(before - top) : 0;
    sum = sum * shrink + warp_sum(p);
    if (keep.on()) {
      bool one = keep.one(row * h.seq + key);
      unsigned word = __ballot_sync(~0u, one);
      if (kept && blockIdx.y == 0 && r.lane == 0) kept[row * kept_words(h.seq) + base / 32] = word;
      if (!one) p = 0;
    }
#pragma unroll
    for (int c = 0; c < plain_columns; c++) acc[c] *= shrink;
    plain_add(acc, p, v + first + base * hidden, hidden, min(32, keys - base), r, h.head);
  }
  plain_store(ctx + first + r.row * hidden, acc, keys ? keep.factor / sum : 0, r, h.head);
  if (blockIdx.y == 0 && r.lane == 0) lse[row] = keys ? top + logf(sum) : -INFINITY;
}

// attention_dq_plain: dq, and delta for attention_dkv_plain (=).
template <class T>
__device__ inline void attention_dq_plain(T *dq, float *delta, const T *dctx, const T *q, const T *k, const T *v, const T *ctx,
                                          const float *lse, const unsigned *kept, const int *lengths, unsigned long long *slot, const Heads &h,
                                          int count, float scale, const Keep &keep) {
  PlainRow r = plain_row(h, count);
  if (!r.there) return;
  size_t hidden = h.hidden(), first = h.first(r.bh), at = first + r.row * hidden, row = (size_t)r.bh * h.seq + r.row;
  int keys = h.keys(lengths, slot, r.bh);
  float mean = 0;
  for (int d = r.lane; d < h.head; d += 32) mean = fmaf(load(ctx + at + d), load(dctx + at + d), mean);
  mean = warp_sum(mean);
  if (blockIdx.y == 0 && r.lane == 0) delta[row] = mean;
  float shift = lse[row], acc[plain_columns] = {};
  for (int base = 0; base < keys; base += 32) {
    int key = base + r.lane;
    float ds = 0;
    if (key < keys) {
      size_t there = first + key * hidden;
      float p = expf(row_dot(q + at, k + there, h.head) * scale - shift), dp = row_dot(dctx + at, v + there, h.head) * keep.factor;
      if (keep.on() && !kept_one(kept, row, h.seq, key)) dp = 0;
      ds = p * (dp - mean);
    }
    plain_add(acc, ds, k + first + base * hidden, hidden, min(32, keys - base), r, h.head);
  }
  plain_store(dq + at, acc, scale, r, h.head);
}

// attention_dkv_plain: dk and dv (=), 0 in rows at or beyond the length.
template <class T>
__device__ inline void attention_dkv_plain(T *dk, T *dv, const T *dctx, const T *q, const T *k, const T *v, const float *lse,
                                           const float *delta, const unsigned *kept, const int *lengths, unsigned long long *slot,
                                           const Heads &h, int count, float scale, const Keep &keep) {
  PlainRow r = plain_row(h, count);
  if (!r.there) return;
  size_t hidden = h.hidden(), first = h.first(r.bh), at = first + r.row * hidden;
  float acck[plain_columns] = {}, accv[plain_columns] = {};
  if (r.row < h.keys(lengths, slot, r.bh)) {
    for (int base = 0; base < h.seq; base += 32) {
      int query = base + r.lane;
      float ds = 0, p = 0;
      if (query < h.seq) {
        size_t there = first + query * hidden, row = (size_t)r.bh * h.seq + query;
        p = expf(row_dot(q + there, k + at, h.head) * scale - lse[row]);
        float dp = row_dot(dctx + there, v + at, h.head) * keep.factor, all = p;
        if (keep.on() && !kept_one(kept, row, h.seq, r.row)) p = dp = 0;
        ds = all * (dp - delta[row]);
      }
      size_t from = first + base * hidden;
      int n = min(32, h.seq - base);
      plain_add(accv, p, dctx + from, hidden, n, r, h.head);
      plain_add(acck, ds, q + from, hidden, n, r, h.head);
    }
  }
  plain_store(dk + at, acck, scale, r, h.head);
  plain_store(dv + at, accv, keep.factor, r, h.head);
}
