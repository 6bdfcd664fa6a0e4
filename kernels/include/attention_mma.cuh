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
//   launch: grid count ceil(seq / 64), block 128, dynamic shared memory 4 tiles forward and for dq,
//   2 and 2 a stage, and 1 KiB, for dk and dv; a tile is 64 (2D + 16) bytes.
#pragma once
#include "attention_kept.cuh"
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

// attn_load starts the copy of ROWS rows of one head from `row` on by THREADS threads, zeros from row `end` on.
template <int D, int ROWS = attn_rows, int THREADS = 128>
__device__ inline void attn_load(unsigned tile, const bf16 *from, const Heads &h, int row, int end) {
  constexpr int pass = THREADS / (D / 8); // rows at a time
  int r = threadIdx.x / (D / 8), c = threadIdx.x % (D / 8);
  const bf16 *at = from + (row + r) * h.hidden() + 8 * c;
  size_t step = pass * h.hidden();
  unsigned to = tile + r * AttnTile<D>::stride + 16 * c;
  if (h.head == D && row + ROWS <= end) {
#pragma unroll
    for (int i = 0; i < ROWS; i += pass, at += step) copy16(to + i * AttnTile<D>::stride, at, 16);
    return;
  }
  int rows = 8 * c < h.head ? end - row - r : 0; // from this thread's first row on; others are not read
#pragma unroll
  for (int i = 0; i < ROWS; i += pass, at += step) copy16(to + i * AttnTile<D>::stride, at, i < rows ? 16 : 0);
}

// The fragments of a tile's rows: attn_left is 16 rows as the left operand,
// attn_right 16 rows as the columns of the right one, each 16 elements of the
// head; attn_down is 16 rows, as the contraction, by 16 columns. An address is the
// lane's in the first of them: attn_along for left and down, attn_across for
// right. Rows and columns after those are constants, R and 16 K.
template <int D>
__device__ inline unsigned attn_along(unsigned tile, int row) {
  int lane = threadIdx.x % 32;
  return tile + (row + lane % 16) * AttnTile<D>::stride + lane / 16 * 16;
}
template <int D>
__device__ inline unsigned attn_across(unsigned tile, int row) {
  int lane = threadIdx.x % 32;
  return tile + (row + lane % 8 + lane / 16 * 8) * AttnTile<D>::stride + lane / 8 % 2 * 16;
}
template <int D, int K>
__device__ inline void attn_left(unsigned (&a)[4], unsigned along) { ldmatrix4_at<32 * K>(a, along); }
template <int D, int R, int K>
__device__ inline void attn_right(unsigned (&b)[4], unsigned across) { ldmatrix4_at<R * AttnTile<D>::stride + 32 * K>(b, across); }
template <int D, int R, int K>
__device__ inline void attn_down(unsigned (&b)[4], unsigned along) { ldmatrix4_trans_at<R * AttnTile<D>::stride + 32 * K>(b, along); }

// attn_lefts has all of the head.
template <int D>
__device__ inline void attn_lefts(unsigned (&left)[AttnTile<D>::steps][4], unsigned along) {
  unrolled<AttnTile<D>::steps>([&](auto k) { attn_left<D, k.value>(left[k.value], along); });
}

template <int N>
__device__ inline void attn_clear(float (&x)[N][4]) {
#pragma unroll
  for (int i = 0; i < N; i++)
#pragma unroll
    for (int j = 0; j < 4; j++) x[i][j] = 0;
}

// attn_scores adds left (fragments of 16 rows) times 8N rows of a tile from R on.
template <int D, int R, int N>
__device__ inline void attn_scores(float (&s)[N][4], const unsigned (&left)[AttnTile<D>::steps][4], unsigned across) {
  unrolled<AttnTile<D>::steps>([&](auto k) {
    unrolled<N / 2>([&](auto n) {
      unsigned b[4];
      attn_right<D, R + 16 * n.value, k.value>(b, across);
      mma(s[2 * n.value], left[k.value], b[0], b[1]);
      mma(s[2 * n.value + 1], left[k.value], b[2], b[3]);
    });
  });
}

// attn_pack rounds weights (16 rows by 16 partners) to a left operand.
__device__ inline void attn_pack(unsigned (&a)[4], const float (&w0)[4], const float (&w1)[4]) {
  a[0] = pack(w0[0], w0[1]);
  a[1] = pack(w0[2], w0[3]);
  a[2] = pack(w1[0], w1[1]);
  a[3] = pack(w1[2], w1[3]);
}

// attn_add adds a left operand times 16 rows of a tile from R on, 8N columns of them.
template <int D, int R, int N>
__device__ inline void attn_add(float (&sum)[N][4], const unsigned (&a)[4], unsigned along) {
  unrolled<N / 2>([&](auto n) {
    unsigned b[4];
    attn_down<D, R, n.value>(b, along);
    mma(sum[2 * n.value], a, b[0], b[1]);
    mma(sum[2 * n.value + 1], a, b[2], b[3]);
  });
}

// attn_sum adds weights (16 rows by 8N partners) times the partners' rows of a tile, from R on.
template <int D, int R, int N>
__device__ inline void attn_sum(float (&sum)[D / 8][4], const float (&w)[N][4], unsigned along) {
  unrolled<N / 2>([&](auto k) {
    unsigned a[4];
    attn_pack(a, w[2 * k.value], w[2 * k.value + 1]);
    attn_add<D, R + 16 * k.value>(sum, a, along);
  });
}

// attn_store writes a warp's 16 rows from `row` on, times lo in its rows 0 to 7
// and hi in the others: 8N columns from `column` on. Neighboring lanes swap halves,
// so that a row gets 32 bytes at a time.
template <int N>
__device__ inline void attn_store(bf16 *to, const Heads &h, int row, const float (&v)[N][4], float lo, float hi, int column = 0) {
  int lane = threadIdx.x % 32, odd = lane % 2, r = row + lane / 4;
  bf16 *p = to + r * h.hidden() + column, *q = p + 8 * h.hidden();
  auto put = [&](bf16 *at, bool there, int n, unsigned first, unsigned second) {
    if (column + 8 * n + 8 >= h.head) { // the last octet has no neighbor
      if (there) *reinterpret_cast<unsigned *>(at + 8 * n + lane % 4 * 2) = first;
      return;
    }
    unsigned other = __shfl_xor_sync(~0u, odd ? first : second, 1);
    if (there) *reinterpret_cast<uint2 *>(at + 8 * n + 8 * odd + lane % 4 / 2 * 4) = odd ? make_uint2(other, second) : make_uint2(first, other);
  };
#pragma unroll
  for (int n = 0; n < N; n += 2) {
    if (column + 8 * n >= h.head) break;
    put(p, r < h.seq, n, pack(v[n][0] * lo, v[n][1] * lo), pack(v[n + 1][0] * lo, v[n + 1][1] * lo));
    put(q, r + 8 < h.seq, n, pack(v[n][2] * hi, v[n][3] * hi), pack(v[n + 1][2] * hi, v[n + 1][3] * hi));
  }
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

// attention_mma: ctx = dropout(softmax(q k^T scale)) v and lse (=), and the bits
// that dropout kept where kept is not null.
template <int D>
__device__ inline void attention_mma(bf16 *ctx, float *lse, unsigned *kept, const bf16 *q, const bf16 *k, const bf16 *v, const int *lengths,
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
  attn_lefts<D>(left, attn_along<D>(tiles + 2 * bytes, row - block));
  __syncthreads();

  float out[D / 8][4], top[2] = {-INFINITY, -INFINITY}, sum[2] = {0, 0}, c = scale * log2e;
  attn_clear(out);
  unsigned across = attn_across<D>(tiles, 0), along = attn_along<D>(tiles + bytes, 0);
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
        mask.draw(keep, kept, h.seq, (unsigned long long)bh * h.seq, row, base, keys);
      else
        mask.all();
      float s[8][4];
      attn_clear(s);
      attn_scores<D, 0>(s, left, across + stage);
      if (keys - base < attn_rows)
#pragma unroll
        for (int n = 0; n < 8; n++)
#pragma unroll
          for (int i = 0; i < 4; i++)
            if (base + 8 * n + lane % 4 * 2 + i % 2 >= keys) s[n][i] = -INFINITY;
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
      unrolled<4>([&](auto k) {
        unsigned a[4];
        attn_pack(a, s[2 * k.value], s[2 * k.value + 1]);
#pragma unroll
        for (int i = 0; i < 4; i++) a[i] &= mask.pair(i % 2, 2 * k.value + i / 2);
        attn_add<D, 16 * k.value>(out, a, along + stage);
      });
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
  attn_store(ctx + first, h, row, out, keys ? keep.factor / sum[0] : 0, keys ? keep.factor / sum[1] : 0);
}
