// Sums of rows by index: to[row(i)] += from[i] for i = 0 to n-1, in that order and
// without atomics, as the gradients of embedding tables and ScatterAdd need it.
//
//   sort_rows  sorts the pairs (row(i), i): a counting sort, 8 bits at a time, in
//              one thread block a list;
//   add_rows   adds up the rows of CHUNK neighboring pairs, one warp for 32 W
//              columns of them. A target row whose pairs are all in one chunk is
//              finished there; the others leave the sum of this chunk, as "head"
//              where the row begins in an earlier one and as "tail" otherwise;
//   join_rows  adds up those of each row, in the order of the chunks.
//
// So the time depends neither on the number of target rows nor on how often one
// repeats. Up to three lists are done at once, by blockIdx.y: the list, the
// segments, and the positions i mod seq.
#pragma once
#include "status.cuh"
#include "vector.cuh"

// RowPair is an element of a sorted list.
struct __align__(8) RowPair {
  int row, from; // row is the number of target rows where the element is skipped
};

const int CHUNK = 64;
const int SORT_DEPTH = 8; // loads of a lane under way

// PerList is one thing for each list. Indexing an array at run time would put it in memory.
template <class V>
struct PerList {
  V a, b, c;
  __device__ V operator[](int i) const { return i == 0 ? a : i == 1 ? b : c; }
};

// RowLists says which row belongs to element i of list 0, 1, 2.
struct RowLists {
  const int *index, *segments;
  PerList<int> rows; // of the targets
  int n, seq;
  bool skip; // negative indices are allowed
  unsigned long long *bad_index, *bad_segment;

  // word is what element i of a list says, key the row that follows from it.
  __device__ int word(int list, int i) const { return list == 2 ? i % seq : (list ? segments : index)[i]; }
  __device__ int key(int list, int i, int v) const {
    if (list == 2 || v >= 0 && v < rows[list]) return v;
    if (v >= 0 || !skip) report(list ? bad_segment : bad_index, i, v);
    return rows[list];
  }
};

// sort_rows sorts list blockIdx.x into pairs + 2 n blockIdx.x, [n]; the next n
// are scratch. A pass moves the pairs to the places that their next 8 bits ask for:
// each warp has a range of them, counts it, and after a scan over all counts
// places it, 32 at a time. Block: 1024 threads.
__device__ inline void sort_rows(RowPair *pairs, const RowLists &lists) {
  const int warps = 32;
  __shared__ int count[warps][256];
  __shared__ int total[8];
  int list = blockIdx.x, n = lists.n, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  pairs += (size_t)list * 2 * n;
  int range = (n + 32 * warps - 1) / (32 * warps) * 32, begin = min(n, warp * range), end = min(n, begin + range);
  int passes = (39 - __clz(max(lists.rows[list], 1))) / 8; // 8-bit digits of the largest key
  const RowPair *from = nullptr;                   // the first pass makes the pairs
  for (int pass = 0; pass < passes; pass++) {
    RowPair *to = pairs + (passes - 1 - pass) % 2 * (size_t)n;
    // each calls f(pair, there) for the pairs of the warp's range, 32 at a time, of which SORT_DEPTH times as many are
    // asked for at once.
    auto each = [&](auto f) {
      for (int base = begin; base < end; base += 32 * SORT_DEPTH) {
        RowPair p[SORT_DEPTH];
#pragma unroll
        for (int d = 0; d < SORT_DEPTH; d++) {
          int i = min(base + 32 * d + lane, end - 1);
          if (base + 32 * d < end) p[d] = from ? from[i] : RowPair{lists.word(list, i), i};
        }
#pragma unroll
        for (int d = 0; d < SORT_DEPTH; d++) {
          int i = base + 32 * d + lane;
          if (i - lane >= end) break;
          if (!from && i < end) p[d].row = lists.key(list, i, p[d].row);
          f(p[d], i < end);
        }
      }
    };
    for (int i = lane; i < 256; i += 32) count[warp][i] = 0;
    __syncwarp();
    each([&](const RowPair &p, bool there) {
      if (there) atomicAdd(&count[warp][p.row >> 8 * pass & 255], 1);
    });
    __syncthreads();
    // Counts become places: for each digit, in the order of the warps.
    int digit = threadIdx.x, sum = 0, before = 0;
    if (digit < 256) {
      for (int w = 0; w < warps; w++) sum += count[w][digit];
      before = sum;
      for (int d = 1; d < 32; d *= 2) {
        int v = __shfl_up_sync(~0u, before, d);
        if (lane >= d) before += v;
      }
      if (lane == 31) total[warp] = before;
      before -= sum;
    }
    __syncthreads();
    if (digit < 256) {
      for (int w = 0; w < warp; w++) before += total[w];
      for (int w = 0; w < warps; w++) {
        int c = count[w][digit];
        count[w][digit] = before;
        before += c;
      }
    }
    __syncthreads();
    each([&](const RowPair &p, bool there) {
      unsigned active = __ballot_sync(~0u, there);
      if (there) {
        int d = p.row >> 8 * pass & 255;
        unsigned same = __match_any_sync(active, d);
        int rank = __popc(same & ((1u << lane) - 1)), at = count[warp][d];
        __syncwarp(active);
        if (rank == 0) count[warp][d] = at + __popc(same);
        to[at + rank] = p;
      }
      __syncwarp();
    });
    from = to;
    __syncthreads();
  }
}

// Sums are the targets of the three lists, and what chunks leave for join_rows:
// edges [list][chunk][head, tail][h].
template <class D>
struct Sums {
  PerList<D *> to;
  PerList<int> rows;
  const RowPair *pairs;
  float *edges;
  int n, h;

  __device__ int chunks() const { return (n + CHUNK - 1) / CHUNK; }
  __device__ const RowPair *list() const { return pairs + (size_t)blockIdx.y * 2 * n; }
  __device__ float *edge(int chunk, int tail) const { return edges + (((size_t)blockIdx.y * chunks() + chunk) * 2 + tail) * h; }
};

// add_to: to += v, for W columns.
template <class D, int W>
__device__ inline void add_to(D *to, const float (&v)[W]) {
  float old[W];
  load_n(old, to);
#pragma unroll
  for (int i = 0; i < W; i++) old[i] += v[i];
  store_n(to, old);
}

// Target is what a target row had, which is asked for with the row's first element, long
// before the sum is complete, where that takes few registers (bfloat16). In float32 it is
// read at the end.
template <class D, int W>
struct Target {
  static constexpr bool early = sizeof(D) == 2 && W == 8;
  Raw<D, W> old;
  __device__ void finish(D *to, const float (&sum)[W]) const {
    if constexpr (early) {
      float v[W];
      old.get(v);
#pragma unroll
      for (int i = 0; i < W; i++) v[i] += sum[i];
      store_n(to, v);
    } else {
      add_to(to, sum);
    }
  }
};

// FOR_SLABS gives each warp of the grid, in turn, a chunk and a slab of 32 W columns.
#define FOR_SLABS(s, item, slabs) \
  for (int slabs = ((s).h + 32 * W - 1) / (32 * W), item = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32; item < (s).chunks() * slabs; \
       item += gridDim.x * (blockDim.x / 32))

template <int W, class D, class T>
__device__ inline void add_rows_w(const Sums<D> &s, const T *from) {
  const int depth = W == 8 ? 16 / sizeof(T) : 8; // rows under way
  static_assert(CHUNK == 64 && CHUNK % depth == 0, "a lane has two pairs of a chunk");
  int lane = threadIdx.x % 32, skipped = s.rows[blockIdx.y];
  D *to = s.to[blockIdx.y];
  const RowPair *list = s.list();
  FOR_SLABS(s, item, slabs) {
    int chunk = item / slabs, c = (item % slabs * 32 + lane) * W, first = chunk * CHUNK, last = min(s.n, first + CHUNK);
    RowPair lower = list[min(first + lane, last - 1)], upper = list[min(first + 32 + lane, last - 1)];
    int before = first > 0 ? list[first - 1].row : -1, after = last < s.n ? list[last].row : -1;
    int row = __shfl_sync(~0u, lower.row, 0);
    bool head = before == row;
    float sum[W] = {};
    Target<D, W> target, next[Target<D, W>::early ? depth : 1];
    if (target.early && row < skipped && c < s.h) target.old.load(to + (size_t)row * s.h + c);
    for (int base = 0; base < last - first; base += depth) {
      Raw<T, W> raw[depth];
      int rows[depth];
#pragma unroll
      for (int d = 0; d < depth; d++) {
        rows[d] = __shfl_sync(~0u, base < 32 ? lower.row : upper.row, base % 32 + d);
        int i = __shfl_sync(~0u, base < 32 ? lower.from : upper.from, base % 32 + d);
        if (first + base + d < last && rows[d] < skipped && c < s.h) {
          raw[d].load(from + (size_t)i * s.h + c);
          if (target.early && rows[d] != (d ? rows[d - 1] : row)) next[d].old.load(to + (size_t)rows[d] * s.h + c);
        }
      }
#pragma unroll
      for (int d = 0; d < depth; d++) {
        if (first + base + d >= last || rows[d] >= skipped) break; // what is skipped stands at the end
        if (rows[d] != row) {
          if (c < s.h) {
            if (head)
              store_n(s.edge(chunk, 0) + c, sum);
            else
              target.finish(to + (size_t)row * s.h + c, sum);
          }
          head = false;
          row = rows[d];
          if (target.early) target = next[d];
#pragma unroll
          for (int i = 0; i < W; i++) sum[i] = 0;
        }
        if (c < s.h) {
          float v[W];
          raw[d].get(v);
#pragma unroll
          for (int i = 0; i < W; i++) sum[i] += v[i];
        }
      }
    }
    if (row >= skipped || c >= s.h) continue;
    bool tail = after == row;
    if (head || tail)
      store_n(s.edge(chunk, !head) + c, sum);
    else
      target.finish(to + (size_t)row * s.h + c, sum);
  }
}

template <int W, class D>
__device__ inline void join_rows_w(const Sums<D> &s) {
  int lane = threadIdx.x % 32;
  D *to = s.to[blockIdx.y];
  const RowPair *list = s.list();
  FOR_SLABS(s, item, slabs) {
    int chunk = item / slabs, c = (item % slabs * 32 + lane) * W, last = (chunk + 1) * CHUNK;
    // Only the chunk in which a row begins that goes on beyond it.
    if (last >= s.n) continue;
    int row = list[last].row;
    if (row >= s.rows[blockIdx.y] || list[last - 1].row != row) continue;
    if (chunk > 0 && list[last - CHUNK].row == row && list[last - CHUNK - 1].row == row) continue;
    float sum[W] = {}, v[W];
    if (c < s.h) load_n(sum, s.edge(chunk, 1) + c);
    for (int base = chunk + 1;; base += 32) {
      int at = (base + lane) * CHUNK;
      int count = __popc(__ballot_sync(~0u, at < s.n && list[at].row == row));
      if (c < s.h) {
#pragma unroll 8
        for (int k = 0; k < count; k++) {
          load_n(v, s.edge(base + k, 0) + c);
#pragma unroll
          for (int i = 0; i < W; i++) sum[i] += v[i];
        }
      }
      if (count < 32) break;
    }
    if (c < s.h) add_to(to + (size_t)row * s.h + c, sum);
  }
}

template <class D, class T>
__device__ inline void add_rows(const Sums<D> &s, const T *from) {
  if (s.h % 8)
    add_rows_w<1>(s, from);
  else
    add_rows_w<8>(s, from);
}

template <class D>
__device__ inline void join_rows(const Sums<D> &s) {
  if (s.h % 8)
    join_rows_w<1>(s);
  else
    join_rows_w<8>(s);
}
