// The backward of attention on tensor cores; see attention_mma.cuh. With p the
// probabilities and r the factors of dropout: dp = r (dctx v^T), ds = p (dp -
// delta), dq = ds k scale, dk = ds^T q scale, dv = (p r)^T dctx. dq and delta
// come from one kernel, dk and dv from the next; each works the scores out again.
// attention_mma_whole.cuh has one kernel for short sequences.
#pragma once
#include "attention_mma.cuh"

// attn_delta is the sum of ctx dctx of row `row` + lane / 2 of a head, in both lanes.
__device__ inline float attn_delta(const bf16 *ctx, const bf16 *dctx, const Heads &h, int row) {
  int lane = threadIdx.x % 32;
  row += lane / 2;
  float sum = 0;
  if (row < h.seq)
    for (int c = lane % 2; c < h.head / 8; c += 2) {
      uint4 x = *reinterpret_cast<const uint4 *>(ctx + row * h.hidden() + 8 * c), y = *reinterpret_cast<const uint4 *>(dctx + row * h.hidden() + 8 * c);
      const unsigned xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
      for (int i = 0; i < 4; i++) sum = fmaf(low(xs[i]), low(ys[i]), fmaf(high(xs[i]), high(ys[i]), sum));
    }
  return sum + __shfl_xor_sync(~0u, sum, 1);
}

// attention_dq_mma: dq, and delta for attention_dkv_mma (=).
template <int D>
__device__ inline void attention_dq_mma(bf16 *dq, float *delta, const bf16 *dctx, const bf16 *q, const bf16 *k, const bf16 *v, const bf16 *ctx,
                                        const float *lse, const unsigned *kept, const int *lengths, unsigned long long *slot, const Heads &h,
                                        float scale, const Keep &keep) {
  extern __shared__ __align__(16) char shared[];
  constexpr int bytes = AttnTile<D>::bytes, steps = AttnTile<D>::steps;
  int groups = (h.seq + attn_rows - 1) / attn_rows, bh = blockIdx.x / groups, block = blockIdx.x % groups * attn_rows;
  int lane = threadIdx.x % 32, row = block + threadIdx.x / 32 * 16;
  size_t first = h.first(bh), rows = (size_t)bh * h.seq;
  int keys = h.keys(lengths, slot, bh);
  unsigned tiles = shared_address(shared); // k, v, k, v; q and dctx first stand in the second pair
  attn_load<D>(tiles + 2 * bytes, q + first, h, block, h.seq);
  attn_load<D>(tiles + 3 * bytes, dctx + first, h, block, h.seq);
  copy_commit();
  attn_load<D>(tiles, k + first, h, 0, keys);
  attn_load<D>(tiles + bytes, v + first, h, 0, keys);
  copy_commit();
  float mean = attn_delta(ctx + first, dctx + first, h, row);
  if (lane % 2 == 0 && row + lane / 2 < h.seq) delta[rows + row + lane / 2] = mean;
  float means[2] = {__shfl_sync(~0u, mean, lane / 4 * 2), __shfl_sync(~0u, mean, lane / 4 * 2 + 16)}, shift[2];
#pragma unroll
  for (int half = 0; half < 2; half++) {
    int r = row + lane / 4 + 8 * half;
    shift[half] = r < h.seq ? lse[rows + r] * log2e : 0;
  }
  copy_wait<1>();
  __syncthreads();
  unsigned left[steps][4], dleft[steps][4];
  attn_lefts<D>(left, attn_along<D>(tiles + 2 * bytes, row - block));
  attn_lefts<D>(dleft, attn_along<D>(tiles + 3 * bytes, row - block));
  __syncthreads();

  float sum[D / 8][4], c = scale * log2e;
  attn_clear(sum);
  unsigned across = attn_across<D>(tiles, 0), along = attn_along<D>(tiles, 0);
  for (int base = 0; base < keys; base += attn_rows) {
    unsigned stage = base / attn_rows % 2 * 2 * bytes;
    attn_next(base + attn_rows < keys, [&] {
      unsigned other = tiles + (base / attn_rows + 1) % 2 * 2 * bytes;
      attn_load<D>(other, k + first, h, base + attn_rows, keys);
      attn_load<D>(other + bytes, v + first, h, base + attn_rows, keys);
    });
    if (row < h.seq) {
      AttnMask mask;
      if (keep.on())
        mask.read(kept, h.seq, rows, row, base);
      else
        mask.all();
      unrolled<2>([&](auto half) { // 32 keys
        constexpr int part = half.value;
        float s[4][4], dp[4][4];
        attn_clear(s);
        attn_clear(dp);
        attn_scores<D, 32 * part>(s, left, across + stage);
        attn_scores<D, 32 * part>(dp, dleft, across + stage + bytes);
#pragma unroll
        for (int n = 0; n < 4; n++)
#pragma unroll
          for (int i = 0; i < 4; i++) {
            float p = exp2_fast(fmaf(s[n][i], c, -shift[i / 2])), d = masked(dp[n][i], mask.one(i, 4 * part + n));
            s[n][i] = base + 32 * part + 8 * n + lane % 4 * 2 + i % 2 < keys ? p * fmaf(d, keep.factor, -means[i / 2]) : 0;
          }
        attn_sum<D, 32 * part>(sum, s, along + stage);
      });
    }
    __syncthreads();
  }
  attn_store(dq + first, h, row, sum, scale, scale);
}

// attn_weights turns scores and dctx v^T, of 16 keys by 8 queries, into p r, but
// for the factor, and ds. shift and mean are those of the lane's two queries.
__device__ inline void attn_weights(float (&s)[4], float (&dp)[4], float2 shift, float2 mean, float c, float factor, const AttnColumns &mask) {
#pragma unroll
  for (int i = 0; i < 4; i++) {
    unsigned m = mask.one(i);
    float p = exp2_fast(fmaf(s[i], c, -(i % 2 ? shift.y : shift.x)));
    s[i] = masked(p, m);
    dp[i] = p * fmaf(masked(dp[i], m), factor, -(i % 2 ? mean.y : mean.x));
  }
}

// attention_dkv_mma: dk and dv (=). With one stage instead of two the copy of the
// next queries begins when these are done: for devices whose shared memory is short.
template <int D>
__device__ inline void attention_dkv_mma(bf16 *dk, bf16 *dv, const bf16 *dctx, const bf16 *q, const bf16 *k, const bf16 *v, const float *lse,
                                         const float *delta, const unsigned *kept, const int *lengths, unsigned long long *slot,
                                         const Heads &h, float scale, const Keep &keep, int stages) {
  extern __shared__ __align__(16) char shared[];
  constexpr int bytes = AttnTile<D>::bytes, steps = AttnTile<D>::steps;
  constexpr int octets = D > 64 ? 2 : 4; // of 8 queries at a time, as registers allow
  int groups = (h.seq + attn_rows - 1) / attn_rows, bh = blockIdx.x / groups, block = blockIdx.x % groups * attn_rows;
  int lane = threadIdx.x % 32, inside = threadIdx.x / 32 * 16, row = block + inside;
  size_t first = h.first(bh), rows = (size_t)bh * h.seq;
  int keys = h.keys(lengths, slot, bh);
  float sumk[D / 8][4], sumv[D / 8][4], c = scale * log2e;
  attn_clear(sumk);
  attn_clear(sumv);
  if (block < keys) {
    unsigned tiles = shared_address(shared); // k, v, then q, dctx of each stage
    float *numbers = reinterpret_cast<float *>(shared + (2 + 2 * stages) * bytes); // twice: lse log2(e) and delta of 64 queries
    // One thread in two reads the lse of a query, the other one its delta.
    auto number = [&](int query) {
      const float *from = threadIdx.x < attn_rows ? lse : delta;
      return query < h.seq ? from[rows + query] * (threadIdx.x < attn_rows ? log2e : 1) : 0;
    };
    attn_load<D>(tiles, k + first, h, block, keys);
    attn_load<D>(tiles + bytes, v + first, h, block, keys);
    attn_load<D>(tiles + 2 * bytes, q + first, h, 0, h.seq);
    attn_load<D>(tiles + 3 * bytes, dctx + first, h, 0, h.seq);
    copy_commit();
    numbers[threadIdx.x] = number(threadIdx.x % attn_rows);
    // The lane's bits of two queries; those of others come from other lanes.
    int words = kept_words(h.seq);
    auto bits = [&](int query) { return keep.on() && query < h.seq ? kept[(rows + query) * words + row / 32] >> row % 32 : ~0u; };
    unsigned left = attn_along<D>(tiles, inside), across = attn_across<D>(tiles + 2 * bytes, 0), along = attn_along<D>(tiles + 2 * bytes, 0);
    for (int base = 0; base < h.seq; base += attn_rows) {
      int turn = base / attn_rows % 2;
      unsigned stage = stages == 2 ? 2 * turn * bytes : 0;
      int coming = stages == 2 ? base + attn_rows : base;
      if (coming > 0 && coming < h.seq) {
        unsigned other = tiles + (stages == 2 ? 4 - 2 * turn : 2) * bytes;
        attn_load<D>(other, q + first, h, coming, h.seq);
        attn_load<D>(other + bytes, dctx + first, h, coming, h.seq);
      }
      copy_commit();
      if (stages == 2)
        copy_wait<1>();
      else
        copy_wait<0>();
      __syncthreads();
      float next = number(base + attn_rows + threadIdx.x % attn_rows);
      if (row < keys) {
        unsigned mine[2] = {bits(base + lane), bits(base + 32 + lane)};
        unrolled<8 / octets>([&](auto queries) {
          constexpr int part = queries.value, from = 8 * octets * part;
          float s[octets][4], dp[octets][4];
          attn_clear(s);
          attn_clear(dp);
          unrolled<steps>([&](auto k) {
            unsigned a[4], b[4];
            attn_left<D, k.value>(a, left);
            unrolled<octets / 2>([&](auto n) {
              attn_right<D, from + 16 * n.value, k.value>(b, across + stage);
              mma(s[2 * n.value], a, b[0], b[1]);
              mma(s[2 * n.value + 1], a, b[2], b[3]);
            });
            attn_left<D, k.value>(a, left + bytes);
            unrolled<octets / 2>([&](auto n) {
              attn_right<D, from + 16 * n.value, k.value>(b, across + stage + bytes);
              mma(dp[2 * n.value], a, b[0], b[1]);
              mma(dp[2 * n.value + 1], a, b[2], b[3]);
            });
          });
#pragma unroll
          for (int n = 0; n < octets; n++) {
            const float *at = numbers + 2 * attn_rows * turn + from + 8 * n + lane % 4 * 2;
            float2 shift = *reinterpret_cast<const float2 *>(at), mean = *reinterpret_cast<const float2 *>(at + attn_rows);
            int octet = octets * part + n, source = octet % 4 * 8 + lane % 4 * 2;
            AttnColumns mask(__shfl_sync(~0u, mine[octet / 4], source), __shfl_sync(~0u, mine[octet / 4], source + 1));
            attn_weights(s[n], dp[n], shift, mean, c, keep.factor, mask);
          }
          attn_sum<D, from>(sumv, s, along + stage + bytes);
          attn_sum<D, from>(sumk, dp, along + stage);
        });
      }
      numbers[2 * attn_rows * (1 - turn) + threadIdx.x] = next;
      __syncthreads();
    }
  }
  // Rows beyond the length are sums of nothing, or of what belongs to no key.
  int r = row + lane / 4;
#pragma unroll
  for (int n = 0; n < D / 8; n++)
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (r + i / 2 * 8 >= keys) sumk[n][i] = sumv[n][i] = 0;
  attn_store(dk + first, h, row, sumk, scale, scale);
  attn_store(dv + first, h, row, sumv, keep.factor, keep.factor);
}
