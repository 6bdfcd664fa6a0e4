// Attention on tensor cores: bfloat16, head sizes that are a multiple of 8 up to
// D, 64 or 128; smaller heads are filled up with zeros. Scores, softmax and sums
// are float32; probabilities and score gradients are rounded to bfloat16 where
// they enter a product.
//
// A block of 4 warps owns 64 rows, 16 a warp: queries forward and for dq, keys
// for dk and dv, so that each output has one writer and its sum one order. 64
// partners at a time pass through shared memory, two stages deep. A row of a
// tile takes 2D + 16 bytes: eight rows start in different banks.
//
//   launch: grid count ceil(seq / 64), block 128, dynamic shared memory 4 tiles
//   forward and for dq, 6 tiles and 1 KiB for dk and dv; a tile is 64 (2D + 16) bytes.
#pragma once
#include "attention.cuh"
#include "mma.cuh"

constexpr int attn_rows = 64;
constexpr float log2e = 1.44269504088896341f;

template <int D>
struct AttnTile {
  static constexpr int stride = 2 * D + 16, bytes = attn_rows * stride, steps = D / 16;
};

// exp2_fast is 2^x, 0 below 2^-126.
__device__ inline float exp2_fast(float x) {
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
}

// attn_load starts the copy of 64 rows of one head from `row` on, zeros from row `end` on.
template <int D>
__device__ inline void attn_load(unsigned tile, const bf16 *from, const Heads &h, int row, int end) {
  constexpr int pass = 128 / (D / 8); // rows at a time
  int r = threadIdx.x / (D / 8), c = threadIdx.x % (D / 8);
  // A head's rows span less than 2^31 elements, or gpu/attention.go takes other kernels.
  unsigned step = pass * h.heads * h.head, offset = (row + r) * h.heads * h.head + 8 * c;
  unsigned to = tile + r * AttnTile<D>::stride + 16 * c;
  bool wide = 8 * c < h.head;
#pragma unroll
  for (int i = 0; i < attn_rows; i += pass) {
    bool there = wide && row + r + i < end;
    copy16(to + i * AttnTile<D>::stride, from + (there ? offset : 0), there ? 16 : 0);
    offset += step;
  }
}

// The fragments of a tile's rows: attn_left is 16 rows as the left operand,
// attn_right 16 rows as the columns of the right one, each 16 elements of the
// head from 16k on; attn_down is 16 rows, as the contraction, by 16 columns.
template <int D>
__device__ inline void attn_left(unsigned (&a)[4], unsigned tile, int row, int k) {
  int lane = threadIdx.x % 32;
  ldmatrix4(a, tile + (row + lane % 16) * AttnTile<D>::stride + lane / 16 * 16 + 32 * k);
}
template <int D>
__device__ inline void attn_right(unsigned (&b)[4], unsigned tile, int row, int k) {
  int lane = threadIdx.x % 32;
  ldmatrix4(b, tile + (row + lane % 8 + lane / 16 * 8) * AttnTile<D>::stride + lane / 8 % 2 * 16 + 32 * k);
}
template <int D>
__device__ inline void attn_down(unsigned (&b)[4], unsigned tile, int row, int k) {
  int lane = threadIdx.x % 32;
  ldmatrix4_trans(b, tile + (row + lane % 16) * AttnTile<D>::stride + lane / 16 * 16 + 32 * k);
}

template <int N>
__device__ inline void attn_clear(float (&x)[N][4]) {
#pragma unroll
  for (int i = 0; i < N; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) x[i][j] = 0;
}

// attn_scores adds left (fragments of 16 rows) times 8N rows of a tile.
template <int D, int N>
__device__ inline void attn_scores(float (&s)[N][4], const unsigned (&left)[AttnTile<D>::steps][4], unsigned tile, int row) {
#pragma unroll
  for (int k = 0; k < AttnTile<D>::steps; k++)
#pragma unroll
    for (int n = 0; n < N / 2; n++) {
      unsigned b[4];
      attn_right<D>(b, tile, row + 16 * n, k);
      mma(s[2 * n], left[k], b[0], b[1]);
      mma(s[2 * n + 1], left[k], b[2], b[3]);
    }
}

// attn_sum adds weights (16 rows by 8N partners) times the partners' rows of a tile.
template <int D, int N>
__device__ inline void attn_sum(float (&sum)[D / 8][4], const float (&w)[N][4], unsigned tile, int row) {
#pragma unroll
  for (int k = 0; k < N / 2; k++) {
    unsigned a[4] = {pack(w[2 * k][0], w[2 * k][1]), pack(w[2 * k][2], w[2 * k][3]), pack(w[2 * k + 1][0], w[2 * k + 1][1]),
                     pack(w[2 * k + 1][2], w[2 * k + 1][3])};
#pragma unroll
    for (int n = 0; n < AttnTile<D>::steps; n++) {
      unsigned b[4];
      attn_down<D>(b, tile, row + 16 * k, n);
      mma(sum[2 * n], a, b[0], b[1]);
      mma(sum[2 * n + 1], a, b[2], b[3]);
    }
  }
}

// attn_store writes a warp's 16 rows from `row` on, times lo in its rows 0 to 7
// and hi in the others.
template <int D>
__device__ inline void attn_store(bf16 *to, const Heads &h, int row, const float (&v)[D / 8][4], float lo, float hi) {
  int lane = threadIdx.x % 32, r = row + lane / 4;
  bf16 *p = to + r * h.hidden() + lane % 4 * 2;
#pragma unroll
  for (int n = 0; n < D / 8; n++) {
    if (8 * n >= h.head) break;
    if (r < h.seq) *reinterpret_cast<unsigned *>(p + 8 * n) = pack(v[n][0] * lo, v[n][1] * lo);
    if (r + 8 < h.seq) *reinterpret_cast<unsigned *>(p + 8 * h.hidden() + 8 * n) = pack(v[n][2] * hi, v[n][3] * hi);
  }
}

// Survivors of dropout among 16 rows by 64 partners: bit 4j of bits[c] belongs to
// element c of the sums' tile j. Four keys in a row share a draw when seq is a
// multiple of 4; then each lane draws for its neighbors too, and they swap.
//
// attn_keep_keys: rows are queries from `query` on, partners keys; row0 is the
// element index of the lane's first row at key `key`, a multiple of 4 for every row.
__device__ inline void attn_keep_keys(unsigned (&bits)[4], const Keep &keep, int seq, unsigned long long row0, int tiles) {
  int t = threadIdx.x % 4, odd = t % 2;
  unsigned long long row8 = row0 + 8ull * seq;
  if (seq % 4 == 0) {
    unsigned mine = 0, a = (unsigned)((odd ? row8 : row0) / 4) + t / 2;
#pragma unroll 2
    for (int j = 0; j < tiles; j++) mine |= keep.draw(a + 2 * j) << 4 * j;
    unsigned other = __shfl_xor_sync(~0u, mine, 1);
    unsigned lo = (odd ? other : mine) >> 2 * odd, hi = (odd ? mine : other) >> 2 * odd;
    bits[0] = lo;
    bits[1] = lo >> 1;
    bits[2] = hi;
    bits[3] = hi >> 1;
    return;
  }
  bits[0] = bits[1] = bits[2] = bits[3] = 0;
#pragma unroll 1
  for (int j = 0; j < tiles; j++)
#pragma unroll
    for (int c = 0; c < 4; c++) bits[c] |= keep.one((c / 2 ? row8 : row0) + 8 * j + 2 * t + c % 2) << 4 * j;
}

// attn_keep_queries: rows are keys from `key` on, a multiple of 16, partners
// queries; row0 is the element index of the first query at key 0.
__device__ inline void attn_keep_queries(unsigned (&bits)[4], const Keep &keep, int seq, unsigned long long row0, int key, int tiles) {
  int lane = threadIdx.x % 32, t = lane % 4, g = lane / 4;
  if (seq % 4 == 0) {
    // Of the four lanes that share keys and queries, this one draws for half
    // g/2%2 of the rows and for query g%2.
    unsigned mine = 0, a = (unsigned)((row0 + (unsigned long long)(2 * t + g % 2) * seq) / 4) + key / 4 + g / 2 % 2 * 2 + g / 4;
#pragma unroll 2
    for (int j = 0; j < tiles; j++) mine |= keep.draw(a + (unsigned)j * 2 * seq) << 4 * j;
#pragma unroll
    for (int c = 0; c < 4; c++) bits[c] = __shfl_sync(~0u, mine, (lane & 0x13) | c << 2) >> g % 4;
    return;
  }
  bits[0] = bits[1] = bits[2] = bits[3] = 0;
#pragma unroll 1
  for (int j = 0; j < tiles; j++)
#pragma unroll
    for (int c = 0; c < 4; c++)
      bits[c] |= keep.one(row0 + (unsigned long long)(8 * j + 2 * t + c % 2) * seq + key + g + c / 2 * 8) << 4 * j;
}

// attn_next starts the copies of the stage after the one that is used, if there
// is one, and waits for the latter.
template <class Start>
__device__ inline void attn_next(bool more, Start start) {
  if (more) start();
  copy_commit();
  copy_wait<1>();
  __syncthreads();
}

// attention_mma: ctx = dropout(softmax(q k^T scale)) v and lse (=).
template <int D>
__device__ inline void attention_mma(bf16 *ctx, float *lse, const bf16 *q, const bf16 *k, const bf16 *v, const int *lengths,
                                     unsigned long long *slot, const Heads &h, float scale, const Keep &keep) {
  extern __shared__ __align__(16) char shared[];
  constexpr int bytes = AttnTile<D>::bytes, steps = AttnTile<D>::steps;
  int groups = (h.seq + attn_rows - 1) / attn_rows, bh = blockIdx.x / groups, block = blockIdx.x % groups * attn_rows;
  int lane = threadIdx.x % 32, row = block + threadIdx.x / 32 * 16;
  size_t first = h.first(bh);
  int keys = h.keys(lengths, slot, bh);
  unsigned tiles = shared_address(shared); // k, v, k, v; q first stands in the second k
  attn_load<D>(tiles + 2 * bytes, q + first, h, block, h.seq);
  copy_commit();
  attn_load<D>(tiles, k + first, h, 0, keys);
  attn_load<D>(tiles + bytes, v + first, h, 0, keys);
  copy_commit();
  copy_wait<1>();
  __syncthreads();
  unsigned left[steps][4];
#pragma unroll
  for (int i = 0; i < steps; i++) attn_left<D>(left[i], tiles + 2 * bytes, row - block, i);
  __syncthreads();

  float out[D / 8][4], top[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0}, c = scale * log2e;
  attn_clear(out);
  unsigned long long element = ((unsigned long long)bh * h.seq + row + lane / 4) * h.seq;
  for (int base = 0; base < keys; base += attn_rows) {
    unsigned stage = tiles + base / attn_rows % 2 * 2 * bytes;
    attn_next(base + attn_rows < keys, [&] {
      unsigned other = tiles + (base / attn_rows + 1) % 2 * 2 * bytes;
      attn_load<D>(other, k + first, h, base + attn_rows, keys);
      attn_load<D>(other + bytes, v + first, h, base + attn_rows, keys);
    });
    if (row < h.seq) {
      float s[8][4];
      attn_clear(s);
      attn_scores<D>(s, left, stage, 0);
      if (keys - base < attn_rows)
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
          for (int i = 0; i < 4; i++)
            if (base + 8 * n + lane % 4 * 2 + i % 2 >= keys) s[n][i] = -INFINITY;
      unsigned bits[4];
      if (keep.on()) attn_keep_keys(bits, keep, h.seq, element + base, min(8, (keys - base + 7) / 8));
#pragma unroll
      for (int half = 0; half < 2; half++) {
        // A NaN is in no maximum, but makes its own term NaN.
        float m = top[half];
#pragma unroll
        for (int n = 0; n < 8; n++) m = fmaxf(m, fmaxf(s[n][2 * half], s[n][2 * half + 1]));
        m = fmaxf(m, __shfl_xor_sync(~0u, m, 1));
        m = fmaxf(m, __shfl_xor_sync(~0u, m, 2));
        float shrink = base ? exp2_fast((top[half] - m) * c) : 0, shift = -m * c;
        top[half] = m;
        sum[half] *= shrink;
#pragma unroll
        for (int n = 0; n < D / 8; n++) {
          out[n][2 * half] *= shrink;
          out[n][2 * half + 1] *= shrink;
        }
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
          for (int i = 2 * half; i < 2 * half + 2; i++) {
            float p = exp2_fast(fmaf(s[n][i], c, shift));
            sum[half] += p;
            s[n][i] = p;
          }
      }
      if (keep.on())
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
          for (int i = 0; i < 4; i++)
            if (!(bits[i] >> 4 * n & 1)) s[n][i] = 0;
      attn_sum<D>(out, s, stage + bytes, 0);
    }
    __syncthreads();
  }
  float *to = lse + (size_t)bh * h.seq + row + lane / 4;
#pragma unroll
  for (int half = 0; half < 2; half++) {
    sum[half] += __shfl_xor_sync(~0u, sum[half], 1);
    sum[half] += __shfl_xor_sync(~0u, sum[half], 2);
    if (lane % 4 == 0 && row + lane / 4 + 8 * half < h.seq) to[8 * half] = keys ? top[half] * scale + logf(sum[half]) : -INFINITY;
  }
  attn_store<D>(ctx + first, h, row, out, keys ? keep.factor / sum[0] : 0, keys ? keep.factor / sum[1] : 0);
}
