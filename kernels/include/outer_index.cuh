// What a thread block of outer.cuh knows of its active blocks: tables in shared
// memory, made once.
#pragma once
#include "mma.cuh"
#include "numbers.cuh"

constexpr int outer_warps = 12, outer_tiles = 16; // tiles of 16 x 16 a warp
constexpr int outer_threads = 32 * outer_warps;

// PerWeight is one thing for each of N weights. Indexing an array at run time would put it in memory.
template <class T, int N>
struct PerWeight {
  T of[N];
  __device__ T operator[](int i) const {
    T v = of[0];
#pragma unroll
    for (int k = 1; k < N; k++)
      if (i == k) v = of[k];
    return v;
  }
};

// OuterArgs are those of the weight gradients of N alike weights with one x. Their
// active blocks, the block columns of a, and their biases are counted through, those
// of the second weight after those of the first.
template <int N>
struct OuterArgs {
  PerWeight<float *, N> grad, bias; // added to when there is one range of tokens
  float *partial, *partial_bias;    // otherwise assigned: [range][N nnzb B B], [range][N O]; bias sums only where bias is not null
  PerWeight<const bf16 *, N> a;     // [tokens][larger]: dy or, swapped, x
  const bf16 *b;                    // [tokens][smaller]: x or, swapped, dy
  PerWeight<const int *, N> ptr, slots; // the view of a's block columns
  PerWeight<const int *, N> at_a, at_b; // [nnzb] block column of each slot in a and in b
  int tokens, larger, smaller, nnzb, bytes;
  bool swapped; // N = 1 only
};

// outer_source_shift: the upper bits of a source of a say of which weight.
constexpr int outer_source_shift = 28;

// outer_thread is threadIdx.x as the compiler has not known it before: what is made of it
// once and kept would take registers.
__device__ inline int outer_thread() {
  int v;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(v));
  return v;
}

template <int B>
struct OuterTables {
  static constexpr int most = outer_warps * outer_tiles / ((B / 16) * (B / 16));
  static constexpr int words = 64; // of marks: 2048 block columns of b at a time
  // By warp and block of it, where the block's columns of a and of b begin in a row of
  // a stage, in bytes. A warp with fewer blocks than it has room for multiplies its last again
  // and drops the sums: that costs less than branches, past which nothing is loaded
  // ahead.
  int2 place[most];
  int slot[most];
  int of_a[most], of_b[most]; // block columns by rank
  int counts[2];              // different ones in a and in b
  int previous;               // block column of a of the block before the first, -1: there is none
  int missing;                // block rows whose bias is summed from global memory
  // What has no room in registers: the thread block's range of tokens, its active
  // blocks and how many a warp has, and of the bias (outer_bias.cuh) the ranks of the
  // block columns that are summed from the stages, where they begin there, in bytes,
  // how many columns these are, and block rows; of the copies (OuterCopy) how many
  // threads share the tokens of a column, and the bytes between a thread's tokens, in a
  // stage and in a and b; and where the last stage is.
  int begin, end, n, share, bias_from, bias_to, dy_at, columns, row_from, row_to, rows, step, width[2];
  unsigned last;
  unsigned mark[words];
  int before[words + 1], warps[outer_warps];
  // Where each 16 bytes of a stage's row come from: the element of a's row or,
  // below 0, ~ that of b's.
  int source[2 * most * (B / 8)];
};

// outer_rank_b ranks the block columns of b of the block's entries, one a thread,
// none below 0: marks in bitmaps, one a warp, then counted.
template <int B>
__device__ inline int outer_rank_b(OuterTables<B> &t, int column, int columns) {
  constexpr int words = OuterTables<B>::words, holders = (OuterTables<B>::most + 31) / 32; // warps with entries
  unsigned *marks = reinterpret_cast<unsigned *>(t.source + OuterTables<B>::most); // [holders][words], before there are sources
  int i = threadIdx.x, warp = i / 32, lane = i % 32, rank = 0, total = 0;
#pragma unroll 1
  for (int from = 0; from < columns; from += 32 * words) {
    int at = column - from, used = min((columns - from + 31) / 32, words);
    bool here = column >= 0 && at >= 0 && at < 32 * words;
    if (warp < holders)
      for (int w = 0; w < used; w++) {
        unsigned bits = __reduce_or_sync(~0u, here && at / 32 == w ? 1u << at % 32 : 0);
        if (lane == 0) marks[warp * words + w] = bits;
      }
    __syncthreads();
    if (i < words) {
      unsigned bits = 0;
#pragma unroll
      for (int h = 0; h < holders; h++) bits |= i < used ? marks[h * words + i] : 0;
      t.mark[i] = bits;
    }
    __syncthreads();
    if (i < 32) {
      int n0 = __popc(t.mark[2 * i]), n1 = __popc(t.mark[2 * i + 1]), sum = n0 + n1;
#pragma unroll
      for (int d = 1; d < 32; d *= 2) {
        int v = __shfl_up_sync(~0u, sum, d);
        if (i >= d) sum += v;
      }
      t.before[2 * i] = total + sum - n0 - n1;
      t.before[2 * i + 1] = total + sum - n1;
      if (i == 31) t.before[words] = total + sum;
    }
    __syncthreads();
    auto rank_of = [&](int c) { return t.before[c / 32] + __popc(t.mark[c / 32] & (1u << c % 32) - 1); };
    if (here) rank = rank_of(at);
    for (int c = i; c < 32 * used; c += outer_threads)
      if (t.mark[c / 32] >> c % 32 & 1) t.of_b[rank_of(c)] = from + c;
    total = t.before[words];
    __syncthreads();
  }
  if (i == 0) t.counts[1] = total;
  return rank;
}

// outer_index fills the tables from the entries [first, first + n) of the views, of
// which each warp takes `share`.
template <int B, int N>
__device__ inline void outer_index(const OuterArgs<N> &g, OuterTables<B> &t, int first, int n, int share) {
  constexpr int most = OuterTables<B>::most, blocks = most / outer_warps;
  int i = threadIdx.x, lane = i % 32, at_a = -1, at_b = -1;
  if (i < n) {
    int w = N > 1 ? (first + i) / g.nnzb : 0, s = g.slots[w][first + i - w * g.nnzb];
    t.slot[i] = w * g.nnzb + s;
    at_a = g.at_a[w][s] + w * (g.larger / B);
    at_b = g.at_b[w][s];
    t.source[i] = at_a; // until they have their ranks
  }
  if (i == outer_threads - 1 && first > 0 && n > 0) { // which has no block of its own
    int e = first - 1, w = N > 1 ? e / g.nnzb : 0;
    t.previous = g.at_a[w][g.slots[w][e - w * g.nnzb]] + w * (g.larger / B);
  }
  if (i == 0 && first == 0) t.previous = -1;
  __syncthreads();
  // Block columns of a ascend: the rank is the number of new ones up to here.
  bool fresh = i < n && (i == 0 || t.source[i - 1] != at_a);
  unsigned votes = __ballot_sync(~0u, fresh);
  if (lane == 0) t.warps[i / 32] = __popc(votes);
  int rank_b = outer_rank_b<B>(t, at_b, g.smaller / B); // waits for the threads
  int rank_a = __popc(votes & (2u << lane) - 1) - 1, na = 0;
#pragma unroll
  for (int w = 0; w < outer_warps; w++) {
    if (w < i / 32) rank_a += t.warps[w];
    na += t.warps[w];
  }
  if (i == 0) t.counts[0] = na;
  if (fresh) t.of_a[rank_a] = at_a;
  if (i < n) {
    t.source[i] = rank_a * (2 * B); // until they have their places
    t.source[most + i] = (na + rank_b) * (2 * B);
  }
  __syncthreads();
  if (i < most) {
    int warp = i / blocks, begin = warp * share, entry = min(begin + i % blocks, min(begin + share, n) - 1);
    bool there = begin < n;
    t.place[i] = there ? make_int2(t.source[entry], t.source[most + entry]) : make_int2(0, 0);
  }
  __syncthreads();
  for (int c = i; c < (na + t.counts[1]) * (B / 8); c += outer_threads) {
    int k = c / (B / 8), inside = c % (B / 8) * 8;
    if (k < na) {
      int column = t.of_a[k], w = N > 1 ? column / (g.larger / B) : 0;
      t.source[c] = w << outer_source_shift | (column - w * (g.larger / B)) * B + inside;
    } else {
      t.source[c] = ~(t.of_b[k - na] * B + inside);
    }
  }
  __syncthreads();
}

constexpr unsigned outer_all = 1 << 16, outer_any = 1 << 17, outer_ahead = 1 << 18, outer_second = 1 << 20;

// outer_by_four says of which of a warp's blocks of 16 the columns of a are those of
// the last of its four, and not of the first, a bit each; outer_all whether there are
// no others; outer_any whether the warp has a block.
template <int B>
__device__ inline unsigned outer_by_four(const OuterTables<B> &t) {
  int warp = threadIdx.x / 32, u = threadIdx.x % outer_tiles;
  unsigned r = warp * t.share < t.n ? outer_any : 0;
  if (B > 16) return r;
  int mine = t.place[warp * outer_tiles + u].x;
  bool of_first = mine == __shfl_sync(~0u, mine, u & ~3), of_last = mine == __shfl_sync(~0u, mine, u | 3);
  if (__all_sync(~0u, of_first || of_last)) r |= outer_all;
  return r | (__ballot_sync(~0u, !of_first) & 0xffff);
}
