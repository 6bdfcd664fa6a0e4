// The backward of attention for sequences of up to 128 tokens in one kernel, so that
// scores and their gradients are made once: dq, dk and dv with the formulas of
// attention_mma_grad.cuh.
//
// A block of 8 warps owns a head of a sequence. Each warp makes scores and their
// gradients for its 16 keys, 16 queries at a time, and keeps dk and dv. The
// gradients of the scores of 64 queries pass through shared memory, where v was
// (its fragments stay in registers), to the warps that own 16 of those queries and
// half of the columns of dq. Each sum has one order.
//
//   launch: grid count, block 256, dynamic shared memory 4 tiles of 128 rows and 3 KiB.
#pragma once
#include "attention_mma_grad.cuh"

constexpr int whole_rows = 128, whole_threads = 256;

// put_shared stores a word OFFSET bytes behind an address of shared memory.
template <int OFFSET>
__device__ inline void put_shared(unsigned at, unsigned v) {
  asm volatile("st.shared.u32 [%0+%1], %2;" ::"r"(at), "n"(OFFSET), "r"(v) : "memory");
}

// whole_delta is the sum of ctx dctx of row `row` + lane / 2 of a head, in both
// lanes; dctx is in a tile.
template <int D>
__device__ inline float whole_delta(const uint4 (&ctx)[D / 16], const char *dctx, int row) {
  int lane = threadIdx.x % 32;
  float sum = 0;
#pragma unroll
  for (int c = 0; c < D / 16; c++) {
    uint4 x = ctx[c], y = *reinterpret_cast<const uint4 *>(dctx + (row + lane / 2) * AttnTile<D>::stride + 32 * c + lane % 2 * 16);
    const unsigned xs[4] = {x.x, x.y, x.z, x.w}, ys[4] = {y.x, y.y, y.z, y.w};
#pragma unroll
    for (int i = 0; i < 4; i++) sum = fmaf(low(xs[i]), low(ys[i]), fmaf(high(xs[i]), high(ys[i]), sum));
  }
  return sum + __shfl_xor_sync(~0u, sum, 1);
}

// attention_whole_mma: dq, dk and dv (=).
template <int D>
__device__ inline void attention_whole_mma(bf16 *dq, bf16 *dk, bf16 *dv, const bf16 *dctx, const bf16 *q, const bf16 *k, const bf16 *v,
                                           const bf16 *ctx, const float *lse, const unsigned *kept, const int *lengths,
                                           unsigned long long *slot, const Heads &h, float scale, const Keep &keep) {
  extern __shared__ __align__(16) char shared[];
  constexpr int stride = AttnTile<D>::stride, bytes = whole_rows * stride, steps = AttnTile<D>::steps;
  int bh = blockIdx.x, lane = threadIdx.x % 32, warp = threadIdx.x / 32, row = 16 * warp; // of keys, and of delta's queries
  size_t first = h.first(bh), rows = (size_t)bh * h.seq;
  int keys = h.keys(lengths, slot, bh), words = kept_words(h.seq);
  unsigned qs = shared_address(shared), ds = qs + bytes, ks = ds + bytes, vs = ks + bytes, scores = vs;
  float *numbers = reinterpret_cast<float *>(shared + 4 * bytes); // lse log2(e) and delta of all queries
  unsigned *bits = reinterpret_cast<unsigned *>(numbers + 2 * whole_rows);
  attn_load<D, whole_rows, whole_threads>(qs, q + first, h, 0, h.seq);
  attn_load<D, whole_rows, whole_threads>(ks, k + first, h, 0, keys);
  attn_load<D, whole_rows, whole_threads>(ds, dctx + first, h, 0, h.seq);
  attn_load<D, whole_rows, whole_threads>(vs, v + first, h, 0, keys);
  for (int i = threadIdx.x; i < whole_rows * words; i += whole_threads) {
    if (keep.on() && i < h.seq * words)
      copy4(shared_address(bits + i), kept + rows * words + i, 4);
    else
      bits[i] = ~0u;
  }
  copy_commit();
  uint4 out[D / 16];
#pragma unroll
  for (int c = 0; c < D / 16; c++) {
    bool there = row + lane / 2 < h.seq && 16 * c + lane % 2 * 8 < h.head;
    out[c] = there ? *reinterpret_cast<const uint4 *>(ctx + first + (row + lane / 2) * h.hidden() + 16 * c + lane % 2 * 8) : uint4{};
  }
  if (threadIdx.x < whole_rows) numbers[threadIdx.x] = threadIdx.x < h.seq ? lse[rows + threadIdx.x] * log2e : 0;
  copy_wait<0>();
  __syncthreads();
  float mean = whole_delta<D>(out, shared + bytes, row);
  if (lane % 2 == 0) numbers[whole_rows + row + lane / 2] = mean;
  unsigned vleft[steps][4];
  attn_lefts<D>(vleft, attn_along<D>(vs, row));
  __syncthreads();

  float sumk[D / 8][4], sumv[D / 8][4], c = scale * log2e;
  attn_clear(sumk);
  attn_clear(sumv);
  for (int base = 0; base < h.seq; base += attn_rows) {
    int queries = min(attn_rows, h.seq - base);
    if (row < keys) {
      unsigned left = attn_along<D>(ks, row), across = attn_across<D>(qs, base), along = attn_along<D>(qs, base);
      unsigned to = scores + (row + lane / 4) * stride + lane % 4 * 4;
      const float *number = numbers + base + lane % 4 * 2;
      const unsigned short *bit = reinterpret_cast<const unsigned short *>(bits) + 2 * (base + lane % 4 * 2) * words + warp;
#pragma unroll 1
      for (int part = 0; part < queries; part += 16) {
        float s[2][4], dp[2][4];
        attn_clear(s);
        attn_clear(dp);
        unrolled<steps>([&](auto k) {
          unsigned a[4], b[4];
          attn_left<D, k.value>(a, left);
          attn_right<D, 0, k.value>(b, across);
          mma(s[0], a, b[0], b[1]);
          mma(s[1], a, b[2], b[3]);
          attn_right<D, whole_rows, k.value>(b, across);
          mma(dp[0], vleft[k.value], b[0], b[1]);
          mma(dp[1], vleft[k.value], b[2], b[3]);
        });
#pragma unroll
        for (int n = 0; n < 2; n++) {
          float2 shift = *reinterpret_cast<const float2 *>(number + 8 * n), mean = *reinterpret_cast<const float2 *>(number + whole_rows + 8 * n);
          attn_weights(s[n], dp[n], shift, mean, c, keep.factor, AttnColumns(bit[16 * n * words], bit[16 * n * words + 2 * words]));
        }
        unsigned w[4], g[4];
        attn_pack(w, s[0], s[1]);
        attn_pack(g, dp[0], dp[1]);
        if (row + 16 > keys) // rows beyond the length belong to no key
#pragma unroll
          for (int i = 0; i < 4; i++)
            if (row + lane / 4 + i % 2 * 8 >= keys) w[i] = g[i] = 0;
        attn_add<D, whole_rows>(sumv, w, along);
        attn_add<D, 0>(sumk, g, along);
        put_shared<0>(to, g[0]); // a row is a key, 16 bytes are 8 queries
        put_shared<8 * stride>(to, g[1]);
        put_shared<16>(to, g[2]);
        put_shared<8 * stride + 16>(to, g[3]);
        across += 16 * stride;
        along += 16 * stride;
        to += 32;
        number += 16;
        bit += 32 * words;
      }
    }
    __syncthreads();
    int mine = warp % 4 * 16, side = warp / 4;
    if (mine < queries) {
      float sum[D / 16][4];
      attn_clear(sum);
      // Keys by rows, queries by columns: transposed, a left operand.
      unsigned from = scores + (lane % 8 + lane / 16 * 8) * stride + 2 * mine + lane / 8 % 2 * 16;
      unsigned along = attn_along<D>(ks, 0) + side * D;
#pragma unroll 2
      for (int key = 0; key < keys; key += 16) {
        unsigned a[4];
        ldmatrix4_trans(a, from);
        attn_add<D, 0>(sum, a, along);
        from += 16 * stride;
        along += 16 * stride;
      }
      attn_store(dq + first, h, base + mine, sum, scale, scale, side * (D / 2));
    }
    __syncthreads();
  }
  attn_store(dk + first, h, row, sumk, scale, scale);
  attn_store(dv + first, h, row, sumv, keep.factor, keep.factor);
}
