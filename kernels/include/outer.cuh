// The weight gradient of a block-sparse weight on tensor cores: for each active
// block (r, c) the sum over tokens of dy[:, block r]^T x[:, block c].
//
// A block of 12 warps keeps the sums of 192 tiles of 16 x 16 in registers, 16 a
// warp: 192, 48 or 12 active blocks of 16, 32 or 64. Its blocks are consecutive
// in the view of the larger operand (a: dy by rows, or x by columns when `swapped`),
// so they share few block columns of a, and a is read about once; the smaller
// operand, b, is read once by each of the thread blocks along x, the same tokens at
// about the same time, so mostly from L2. Of both it copies the columns that its
// blocks need, each once, 16 tokens a stage, into a ring of shared memory, and
// multiplies them with ldmatrix.trans and mma. blockIdx.y takes one of gridDim.y
// ranges of the tokens. With one range the sums are added to grad; otherwise each
// range writes partial [range][nnzb B B] and partial_bias [range][O], and kernel
// sdd_reduce adds them up in order.
//
// The column sums of dy (the bias gradient) come from the same stages. A block
// row is summed by one thread block of those along x: when dy is a, by the one that
// has its first active block; when dy is b, by the one whose share of the rows it is
// in; without an active block, row r by thread block r mod gridDim.x. What is then not
// in its stages all its threads sum straight from global memory (outer_bias.cuh).
//
// Several alike weights with one x are one list of active blocks (OuterArgs).
//
//   launch: grid (ceil(nnzb/blocks), ranges), an even number of them with PAIRS, where each thread block takes
//   ceil(nnzb/gridDim.x) <= 192/(B/16)^2 blocks; 384 threads; `bytes` of dynamic
//   shared memory: the more, the more stages, the least is one stage of the
//   worst case (internal/launch/gradient.go has the arithmetic).
//
// On compute capability 9.0 a cluster of two thread blocks has two neighboring ranges of
// the same active blocks. Each gives the other half of its sums, so that a pair leaves one
// partial result: PAIRS. Bias sums stay one a range.
#pragma once
#include "hopper.cuh"
#include "outer_bias.cuh"

// outer_source is where 16 bytes of a token come from, and the bytes of a token there.
template <int B, int N>
__device__ inline const char *outer_source(const OuterArgs<N> &g, const OuterTables<B> &t, int chunk, int token, int &width) {
  int source = t.source[chunk];
  width = 2 * (source < 0 ? g.smaller : g.larger);
  const bf16 *from = source < 0 ? g.b + ~source : g.a[source >> outer_source_shift] + (source & (1 << outer_source_shift) - 1);
  return reinterpret_cast<const char *>(from) + (size_t)token * width;
}

// OuterCopy is the part of a stage that a thread copies: 16 bytes of every so many
// tokens, from where it has come to.
struct OuterCopy {
  const char *from;
  unsigned to; // in a stage, a multiple of 16; below it 1: it is of b; -1: the thread copies nothing

  // all: 16 bytes each, of a token. Threads beyond the columns share the tokens, so
  // that all have about as much to do.
  template <int B, int N>
  __device__ OuterCopy(const OuterArgs<N> &g, OuterTables<B> &t, int all, int stride, int token) : to(~0u) {
    int rows = all <= outer_threads / 4 ? 4 : all <= outer_threads / 2 ? 2 : 1, across = outer_threads / rows;
    int row = (int)threadIdx.x >= across ? threadIdx.x / across : 0, chunk = threadIdx.x - row * across;
    if (threadIdx.x == 0) t.rows = rows, t.step = rows * stride, t.width[0] = 2 * g.larger * rows, t.width[1] = 2 * g.smaller * rows;
    if (chunk >= all) return;
    int width;
    from = outer_source(g, t, chunk, token + row, width);
    to = row * stride + 16 * chunk + (t.source[chunk] < 0);
  }

  // start starts the copies of 16 D tokens into a stage and goes on to the next. Of
  // the tokens from `left` on there are zeros, and nothing is read.
  template <int D, int B>
  __device__ void start(const OuterTables<B> &t, unsigned stage, int left, int stride, const bf16 *anything) {
    if (to == ~0u) return;
    unsigned mine = to;
    asm volatile("" : "+r"(mine)); // its parts made beforehand would take registers
    int rows = t.rows, step = t.step, width = t.width[mine & 1];
    stage += mine & ~15u;
    if (left >= 16 * D) {
      fours<D>(stage, step, width);
      if (rows < 4) fours<D>(stage, step, width);
      if (rows == 1) fours<2 * D>(stage, step, width);
      return;
    }
#pragma unroll 1
    for (int r = to / stride; r < 16 * D; r += rows) {
      bool there = r < left;
      copy16(stage, there ? from : reinterpret_cast<const char *>(anything), there ? 16 : 0);
      from += width;
      stage += step;
    }
  }
  template <int N>
  __device__ void fours(unsigned &stage, int step, int width) {
#pragma unroll
    for (int k = 0; k < 4 * N; k++) {
      copy16(stage, from, 16);
      from += width;
      stage += step;
      asm volatile("" : "+l"(from), "+r"(stage)); // multiples of width made beforehand would take registers
    }
  }
};

// outer_start starts the copies of 16 D tokens, of which `left` are there, into a stage.
template <int D, int B, int N>
__device__ inline void outer_start(const OuterArgs<N> &g, const OuterTables<B> &t, OuterCopy &copy, unsigned stage, int left, int stride) {
  if (left > 0) {
    copy.start<D>(t, stage, left, stride, g.b);
    int all = stride / 16 - 1;
#pragma unroll 1
    for (int chunk = threadIdx.x + outer_threads; chunk < all; chunk += outer_threads) { // of wide stages
      int width;
      const char *from = outer_source(g, t, chunk, t.end - left, width);
#pragma unroll 1
      for (int r = 0; r < 16 * D; r++) copy16(stage + r * stride + 16 * chunk, from + (r < left ? (size_t)r * width : 0), r < left ? 16 : 0);
    }
  }
  copy_commit();
}

// outer_multiply adds a stage's products to a warp's sums: acc[u] is the tile u
// % (B/16)^2 of its block u / (B/16)^2.
//
// Of blocks of 16 four at a time have, as a rule, the columns of a of the first or of
// the last of them: two fragments serve four blocks. `by_four`, of outer_by_four, says
// so. Otherwise each block loads its own.
template <int D, int B>
__device__ inline void outer_multiply(const OuterTables<B> &t, unsigned by_four, unsigned stage, int stride, float (&acc)[outer_tiles][2][4]) {
  constexpr int side = B / 16, blocks = outer_tiles / (side * side);
  int thread = outer_thread(), lane = thread % 32;
  // Matrices by (columns, then tokens) and by (tokens, then columns), as the
  // instruction wants its fragments.
  unsigned a = stage + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 16;
  unsigned b = stage + (lane % 16) * stride + lane / 16 * 16;
  const int2 *place = t.place + thread / 32 * blocks;
  auto twice = [&](float(&c)[2][4], const unsigned(&p)[4], const unsigned(&q)[4]) {
    mma(c[0], p, q[0], q[1]);
    mma(c[1], p, q[2], q[3]);
  };
  if constexpr (side == 1 && D == 2) {
    if (by_four & outer_all) {
      asm volatile("" : "+r"(by_four)); // predicates made of it before the loop over stages would take registers
      unrolled<blocks / 4>([&](auto four) {
        constexpr int u = four.value * 4;
        int2 ends[2] = {place[u], place[u + 3]};
        int middle[2] = {place[u + 1].y, place[u + 2].y};
        unrolled<D>([&](auto half) {
          unsigned p[4], other[4], q[4], deep = half.value * 16 * stride;
          ldmatrix4_trans(p, a + deep + ends[0].x);
          ldmatrix4_trans(other, a + deep + ends[1].x);
          unrolled<4>([&](auto block) {
            constexpr int k = block.value;
            if (k > 0)
#pragma unroll
              for (int i = 0; i < 4; i++) p[i] = k == 3 || by_four >> (u + k) & 1 ? other[i] : p[i];
            ldmatrix4_trans(q, b + deep + (k % 3 ? middle[k - 1] : ends[k / 3].y));
            twice(acc[u + k], p, q);
          });
        });
      });
      return;
    }
  }
  constexpr int part = side < 2 ? side : 2; // tiles of a in registers at a time
  unrolled<blocks>([&](auto block) {
    constexpr int u = block.value;
    int2 at = place[u];
    unrolled<D>([&](auto half) {
      unsigned from_a = a + at.x + half.value * 16 * stride, from_b = b + at.y + half.value * 16 * stride;
      unrolled<side / part>([&](auto some) {
        constexpr int h = some.value * part;
        unsigned p[part][4];
        unrolled<part>([&](auto tile) { ldmatrix4_trans_at<(h + tile.value) * 32>(p[tile.value], from_a); });
        unrolled<side>([&](auto next) {
          constexpr int j = next.value;
          unsigned q[4];
          ldmatrix4_trans_at<j * 32>(q, from_b);
#pragma unroll
          for (int i = 0; i < part; i++) twice(acc[(u * side + h + i) * side + j], p[i], q);
        });
      });
    });
  });
}

// outer_store writes or adds a warp's sums of the tiles FROM to FROM + TILES - 1: as
// partial result number `range`.
template <int FROM, int TILES, int B, int N>
__device__ inline void outer_store(const OuterArgs<N> &g, const OuterTables<B> &t, int range, int mine, int n, float (&acc)[outer_tiles][2][4]) {
  constexpr int side = B / 16;
  bool add = gridDim.y == 1;
  float *to = g.partial + (size_t)range * (N * g.nnzb) * (B * B);
  int lane = threadIdx.x % 32;
  // Element (i, j) of a tile is column i of a and j of b: row-major in grad or, swapped, its transpose.
  int step_i = g.swapped ? 1 : B, step_j = g.swapped ? B : 1;
  unrolled<TILES>([&](auto number) {
    constexpr int tile = FROM + number.value, u = tile / (side * side), i = tile / side % side, j = tile % side;
    if (u >= n) return;
    int slot = t.slot[mine + u], w = N > 1 ? slot / g.nnzb : 0;
    float *block = (add ? g.grad[w] + (size_t)(slot - w * g.nnzb) * (B * B) : to + (size_t)slot * (B * B)) + (16 * i + lane / 4) * step_i + (16 * j + lane % 4 * 2) * step_j;
#pragma unroll
    for (int q = 0; q < 4; q++) {
      float *p = block + q / 2 * 8 * step_i + q % 2 * 8 * step_j;
      float2 v = make_float2(acc[tile][q % 2][q / 2 * 2], acc[tile][q % 2][q / 2 * 2 + 1]);
      // Either way 8 or 4 lanes fill a sector of 32 bytes with one instruction.
      if (g.swapped) {
        p[0] = add ? p[0] + v.x : v.x;
        p[B] = add ? p[B] + v.y : v.y;
      } else {
        float2 old = add ? *reinterpret_cast<float2 *>(p) : make_float2(0, 0);
        *reinterpret_cast<float2 *>(p) = make_float2(old.x + v.x, old.y + v.y);
      }
    }
  });
}

// outer_exchange gives the other thread block of the cluster the sums of its half of the
// tiles, and adds what that one gives to those from FROM on. buffer is
// outer_exchanged bytes of shared memory, which no copy is under way to.
constexpr int outer_exchanged = outer_threads * outer_tiles / 2 * 32;
template <int FROM>
__device__ inline void outer_exchange(unsigned buffer, float (&acc)[outer_tiles][2][4]) {
  constexpr int half = outer_tiles / 2, give = half - FROM;
  unsigned mine = buffer + threadIdx.x / 32 * (half * 1024) + threadIdx.x % 32 * 16, there = cluster_address(mine, FROM == 0);
  cluster_arrive(); // the other one may still multiply what is in its buffer
  cluster_wait();
  unrolled<2 * half>([&](auto piece) {
    constexpr int i = piece.value;
    store_cluster4<512 * i>(there, acc[give + i / 2][i % 2]);
  });
  cluster_arrive();
  cluster_wait();
  unrolled<2 * half>([&](auto piece) {
    constexpr int i = piece.value;
    uint4 v = load_shared4<512 * i>(mine);
    float(&sum)[4] = acc[FROM + i / 2][i % 2];
    sum[0] += __uint_as_float(v.x);
    sum[1] += __uint_as_float(v.y);
    sum[2] += __uint_as_float(v.z);
    sum[3] += __uint_as_float(v.w);
  });
}

// outer_wait waits for the oldest of so many stages under way.
__device__ inline void outer_wait(int ahead) {
  if (ahead == 2)
    copy_wait<1>();
  else
    copy_wait<0>();
}

// outer_deep multiplies 32 tokens at a time, where two times as many fit: while they are
// used the others are under way. Fewer waits and tables are read half as often.
template <int B, int N>
__device__ inline void outer_deep(const OuterArgs<N> &g, OuterTables<B> &t, OuterCopy &copy, unsigned at, int left, int stride, unsigned blocks,
                                  float *sums, float (&acc)[outer_tiles][2][4]) {
  unsigned both = 2 * at + 32 * stride; // the other pair's place is both - at
  __syncthreads();
  outer_start<2>(g, t, copy, at, left, stride);
  asm volatile("" : "+r"(blocks), "+r"(both));
  for (; left > 0; left -= 32) {
    copy_wait<0>();
    __syncthreads();
    outer_start<2>(g, t, copy, both - at, left - 32, stride);
    outer_column_sums<2>(at + t.dy_at, stride, t.columns, sums);
    if (blocks & outer_any) outer_multiply<2, B>(t, blocks, at, stride, acc);
    at = both - at;
  }
}

// outer_shallow multiplies 16 tokens at a time, from a ring of one to three stages of
// which all but one are under way. A group is committed for every stage, of nothing
// past the end, so that counting them says which have landed. With one stage nothing is
// under way while it is used.
template <int B, int N>
__device__ inline void outer_shallow(const OuterArgs<N> &g, OuterTables<B> &t, OuterCopy &copy, unsigned ring, int stages, int left, int stride,
                                     unsigned blocks, float *sums, float (&acc)[outer_tiles][2][4]) {
  unsigned at = ring;
  if (threadIdx.x == 0) t.last = ring + (stages - 1) * 16 * stride;
  __syncthreads();
  for (int s = 0; s < stages - 1; s++) outer_start<1>(g, t, copy, ring + s * 16 * stride, left - 16 * s, stride);
  // Registers are short: one has all that is known of the warp's blocks, and the number of stages under way.
  blocks |= (stages - 1) * outer_ahead;
  asm volatile("" : "+r"(blocks));
  for (; left > 0; left -= 16) {
    int ahead = blocks / outer_ahead;
    unsigned to = at == ring ? t.last : at - 16 * stride;
    outer_wait(ahead);
    __syncthreads();
    outer_start<1>(g, t, copy, to, left - 16 * ahead, stride);
    if (ahead == 0) {
      copy_wait<0>();
      __syncthreads();
    }
    outer_column_sums<1>(at + t.dy_at, stride, t.columns, sums);
    if (blocks & outer_any) outer_multiply<1, B>(t, blocks, at, stride, acc);
    at = at == t.last ? ring : at + 16 * stride;
  }
}

template <int B, bool PAIRS = false, int N>
__device__ inline void outer_product(const OuterArgs<N> &g) {
  extern __shared__ __align__(16) char shared[];
  __shared__ OuterTables<B> t;
  {
    int per = (N * g.nnzb + gridDim.x - 1) / gridDim.x, first = blockIdx.x * per, n = min(per, N * g.nnzb - first);
    int share = max(1, (n + outer_warps - 1) / outer_warps);
    outer_index<B>(g, t, first, n, share);
    outer_bias_share<B>(g, t);
    if (threadIdx.x == 0) {
      int range = (((g.tokens + 15) / 16 + gridDim.y - 1) / gridDim.y) * 16;
      t.begin = min((int)blockIdx.y * range, g.tokens);
      t.end = min(t.begin + range, g.tokens);
      t.n = n;
      t.share = share;
    }
    __syncthreads();
  }
  int na = t.counts[0], stride = (na + t.counts[1]) * (2 * B) + 16;
  float *sums = reinterpret_cast<float *>(shared);
  int head = (t.columns + 31) / 32 * 128, stages = min(4, (g.bytes - head) / (16 * stride));
  for (int c = threadIdx.x; c < head / 4; c += outer_threads) sums[c] = 0;
  __syncthreads();

  float acc[outer_tiles][2][4];
#pragma unroll
  for (int u = 0; u < outer_tiles; u++)
#pragma unroll
    for (int i = 0; i < 8; i++) acc[u][i / 4][i % 4] = 0;

  int left = t.end - t.begin; // tokens to be multiplied
  OuterCopy copy(g, t, stride / 16 - 1, stride, t.begin);
  unsigned at = shared_address(shared + head), blocks = outer_by_four<B>(t);
  if (stages == 4)
    outer_deep<B>(g, t, copy, at, left, stride, blocks, sums, acc);
  else
    outer_shallow<B>(g, t, copy, at, stages, left, stride, blocks, sums, acc);
  int mine = threadIdx.x / 32 * t.share, n = min(t.share, t.n - mine);
  if constexpr (!PAIRS) {
    outer_store<0, outer_tiles>(g, t, blockIdx.y, mine, n, acc);
  } else if (blockIdx.y % 2 == 0) { // its rank in the cluster
    outer_exchange<0>(shared_address(shared + head), acc);
    outer_store<0, outer_tiles / 2>(g, t, blockIdx.y / 2, mine, n, acc);
  } else {
    outer_exchange<outer_tiles / 2>(shared_address(shared + head), acc);
    outer_store<outer_tiles / 2, outer_tiles / 2>(g, t, blockIdx.y / 2, mine, n, acc);
  }
  if (!g.bias[0]) return;
  __syncthreads();
  outer_bias<B>(g, t, sums, reinterpret_cast<float *>(shared + head));
}
