// The same products as input_stationary.cuh, output-stationary: for contractions
// longer than the outputs (K > N), of which shared memory would hold few tokens.
// Here the sums stay and the inputs stream. out [T, N] = in [T, K] M, M as there.
//
// A warp keeps the sums of 64 tokens and four times 16 outputs in 128 registers. A
// block of threads has all outputs, or blockIdx.y says which part of them; 256
// columns of `in` at a time come into a ring of stages in shared memory, each read
// once. Of 16 outputs each, a warp has every so manieth, as many as there are warps:
// so the active blocks of a stage are spread over warps, and a block of 64 over four.
//
// A warp takes its active blocks in the order of the stages, from a list in shared
// memory that it makes once. The weights of the next ones are always under way to a
// ring of the warp's own: a lane copies there what it reads itself.
//
//   launch: grid (ceil(T/64), ceil(N/(64 warps))), block 32 warps <= 384 threads,
//   dynamic shared memory: `stages` (2 or 3) of 64 rows of 2 * 256 + 16 bytes; then for
//   each warp output_ahead(B, stages) pieces of 32 B bytes; then entries of 8 bytes, as
//   many pieces again and B/16 for each active block that a thread block's outputs can
//   have.
#pragma once
#include "input_stationary.cuh"

constexpr int output_tile = 64, output_columns = 256;
constexpr int output_stride = 2 * output_columns + 16; // an odd number of 16 bytes: rows start in different banks
constexpr int output_stage = output_tile * output_stride;
constexpr int output_parts = 4; // of a warp's outputs, 16 each

// How many blocks' weights a warp has in its ring: enough to cover the latency of L2, and
// few where shared memory is short.
__host__ __device__ constexpr int output_ahead(int B, int stages) {
  return stages == 2 ? (B == 16 ? 4 : 2) : B == 16 ? 12 : B == 32 ? 8 : 4;
}

// Several weights, whose products add up, follow each other along the contraction:
// the stages of `in` of the first, then those of the second (output_stationary_sum).
//
// An entry of a list is, in the first word, where the weights of a warp's part of a
// block are, in pieces of 32 B bytes, with the number of the weight in the upper
// bits; in the second the column of `in` in bytes, counted through all weights, and
// below it which of the warp's parts it is of. Behind the last come as many as the ring
// has pieces, with a column beyond all.
constexpr int output_source_shift = 29;
constexpr int output_none = 1 << 30;

// store_entry stores two words in shared memory where there is what to store.
__device__ inline void store_entry(bool there, unsigned to, int x, int y) {
  asm volatile("{.reg .pred p; setp.ne.s32 p, %0, 0; @p st.shared.v2.u32 [%1], {%2, %3};}" ::"r"((int)there), "r"(to), "r"(x), "r"(y) : "memory");
}

// OutputGroups are a warp's groups of a view: of part p entries next[p] to end[p], of
// which a lane knows number `lane` of the next 32. Its loads depend on each other, so
// each kind is asked for at once, of all weights.
struct OutputGroups {
  int next[output_parts], end[output_parts], slot[output_parts], inner[output_parts];

  __device__ void load_slot(const StationaryArgs &a, int p) {
    slot[p] = next[p] + threadIdx.x % 32 < end[p] ? __ldg(a.slots + next[p] + threadIdx.x % 32) : 0;
  }
  __device__ void load_inner(const StationaryArgs &a, int p) {
    inner[p] = next[p] + threadIdx.x % 32 < end[p] ? __ldg(a.inner + slot[p]) : output_none;
  }
};

// output_list appends a warp's active blocks to list, ordered by stage. source is the
// number of the weight, `before` the columns of those before it. It returns the length.
template <int B, class Unit>
__device__ inline int output_list(const StationaryArgs &a, unsigned list, int at, OutputGroups &g, Unit unit, int source, int before) {
  int lane = threadIdx.x % 32, done[output_parts] = {};
  list += lane * 8;
  for (int stop = output_columns / B; stop < a.k / B + output_columns / B; stop += output_columns / B)
    for (bool again = true; again;) {
      again = false;
      // The entries of a group ascend, so those of this stage follow the done ones.
#pragma unroll
      for (int p = 0; p < output_parts; p++) {
        bool here = lane >= done[p] && g.inner[p] < stop;
        int count = __popc(__ballot_sync(~0u, here));
        store_entry(here, list + 8 * (at - done[p]), (g.slot[p] * (B / 16) + unit(p) % (B / 16)) | source << output_source_shift,
                    (before + g.inner[p] * B) * 8 | p);
        at += count;
        done[p] += count;
        again |= done[p] == 32;
      }
      if (again) {
#pragma unroll
        for (int p = 0; p < output_parts; p++)
          if (done[p] == 32) {
            g.next[p] += 32, done[p] = 0;
            g.load_slot(a, p);
            g.load_inner(a, p);
          }
      }
    }
  return at;
}

// pinned keeps the compiler from working v out again where it is used.
__device__ inline unsigned pinned(unsigned v) {
  asm volatile("" : "+r"(v));
  return v;
}
template <class T>
__device__ inline T *pinned(T *v) {
  asm volatile("" : "+l"(v));
  return v;
}

// thread_number is threadIdx.x as the compiler has not known it before.
__device__ inline int thread_number() {
  int v;
  asm volatile("mov.u32 %0, %%tid.x;" : "=r"(v));
  return v;
}

// chosen calls f with i, of 0 to N - 1, as a compile-time constant.
template <int N, int I = 0, class F>
__device__ __forceinline__ void chosen(int i, F f) {
  if constexpr (N == 1)
    f(index_constant<I>{});
  else if (i < I + N / 2)
    chosen<N / 2, I>(i, f);
  else
    chosen<N - N / 2, I + N / 2>(i, f);
}

// copy_row is copy16 where row < output_tile: of a row that is there, else zeros.
__device__ inline void copy_row(unsigned to, const void *from, int row, int rows) {
  asm volatile("{.reg .pred p; setp.lt.s32 p, %3, %4; @p cp.async.cg.shared.global [%0], [%1], 16, %2;}" ::"r"(to), "l"(from),
               "r"(row < rows ? 16 : 0), "r"(row), "n"(output_tile) : "memory");
}

// output_load starts copying a stage to ring: 256 columns of 64 tokens from
// column first on, zeros beyond the last token, nothing beyond the last column.
__device__ inline void output_load(const StationaryArgs &a, const bf16 *in, unsigned ring, int first) {
  int row = threadIdx.x / 32, c = threadIdx.x % 32, rows = a.tokens - blockIdx.x * output_tile, step = blockDim.x / 32;
  if (8 * c >= a.k - first) return;
  unsigned to = ring + row * output_stride + 16 * c, below = pinned(step * output_stride);
  const char *from = offset(in + first + 8 * c, blockIdx.x * output_tile + row, 2 * a.k);
  unsigned next = pinned(step * 2 * a.k);
  while (row < output_tile)
#pragma unroll
    for (int i = 0; i < 6; i++, row += step, to += below, from += next) copy_row(to, row < rows ? from : (const char *)in, row, rows);
}

// OutputList is where a warp's list is, and how many active blocks it has.
struct OutputList {
  unsigned at;
  int count;
};

// output_lists makes a warp's list in the space behind `lists`. used is 0 in shared memory when the
// thread block next meets, which it does here. unit(p) says which 16 outputs part p has; `ahead`
// entries without a block follow the last.
template <int B, int S, class Source, class Unit>
__device__ __forceinline__ OutputList output_lists(Source source, unsigned lists, int *used, int ahead, Unit unit) {
  const StationaryArgs a = source(0);
  int lane = threadIdx.x % 32, each = (a.k + output_columns - 1) / output_columns;
  OutputGroups groups[S];
  int count = 0;
#pragma unroll
  for (int i = 0; i < S; i++)
#pragma unroll
    for (int p = 0; p < output_parts; p++) {
      int group = min(unit(p), a.n / 16 - 1) / (B / 16);
      groups[i].next[p] = __ldg(source(i).ptr + group);
      groups[i].end[p] = __ldg(source(i).ptr + group + 1);
    }
#pragma unroll
  for (int i = 0; i < S; i++)
#pragma unroll
    for (int p = 0; p < output_parts; p++) {
      if (16 * unit(p) >= a.n) groups[i].end[p] = groups[i].next[p];
      count += groups[i].end[p] - groups[i].next[p];
      groups[i].load_slot(source(i), p);
    }
#pragma unroll
  for (int i = 0; i < S; i++)
#pragma unroll
    for (int p = 0; p < output_parts; p++) groups[i].load_inner(source(i), p);
  __syncthreads();
  int first = 0;
  if (lane == 0) first = atomicAdd(used, count + ahead);
  unsigned at = lists + 8 * __shfl_sync(~0u, first, 0);
  int made = 0;
#pragma unroll
  for (int i = 0; i < S; i++) made = output_list<B>(source(i), at, made, groups[i], unit, i, i * each * output_columns);
  store_entry(lane < ahead, at + 8 * (made + lane), 0, output_none);
  __syncwarp();
  return {at, made};
}

// OutputStep is one active block: what is known before it is decided which sums it is for.
template <int B, int early>
struct OutputStep {
  uint4 w;
  unsigned x[4][4];

  // load begins with the weights at `weights` and the inputs at `from`, as far as there are registers.
  __device__ __forceinline__ void load(unsigned weights, unsigned from) {
    w = load_shared4(weights);
    unrolled<early>([&](auto m) { ldmatrix4_at<m.value * 16 * output_stride>(x[m.value], from); });
  }

  // multiply adds the products to the sums of a part.
  __device__ __forceinline__ void multiply(WarpSums<4> (&acc)[output_parts], int part, unsigned weights, unsigned from) {
    chosen<output_parts>(part, [&](auto which) {
      unrolled<B / 16>([&](auto j) {
        if (j.value > 0) w = load_shared4<j.value * 512>(weights);
        unrolled<4>([&](auto m) {
          if (j.value > 0 || m.value >= early) ldmatrix4_at<32 * j.value + m.value * 16 * output_stride>(x[m.value], from);
        });
#pragma unroll
        for (int m = 0; m < 4; m++) {
          mma(acc[which.value][m][0], x[m], w.x, w.y);
          mma(acc[which.value][m][1], x[m], w.z, w.w);
        }
      });
    });
  }
};

// output_finish hands a warp's sums to finish. What it makes of its number is made anew, so that nothing of
// it takes registers till here.
template <class Finish>
__device__ __forceinline__ void output_finish(const WarpSums<4> (&acc)[output_parts], const StationaryArgs &a, Finish finish, int warps) {
  int thread = thread_number(), token = blockIdx.x * output_tile + thread % 32 / 4;
  auto first_output = [&](int p) { return 16 * ((blockIdx.y * output_parts + p) * warps + thread / 32); };
  auto outputs = [&](int p) { return first_output(p) + thread % 4 * 4; };
  auto needs = finish.template before<4>(token, a.tokens, outputs(0), first_output(0) < a.n);
  unrolled<output_parts>([&](auto part) {
    constexpr int p = part.value;
    bool more = p + 1 < output_parts && first_output(p + 1) < a.n;
    if (first_output(p) < a.n) finish.template after<4>(needs, acc[p], token, a.tokens, outputs(p), finish, outputs(p + 1), more);
  });
}

// output_tiles is output_stationary_sum with a number of stages that is known.
template <int B, int S, int stages, class Source, class Finish>
__device__ inline void output_tiles(Source source, Finish finish) {
  constexpr int steps = B / 16, ahead = output_ahead(B, stages), piece = 32 * B;
  extern __shared__ __align__(16) char shared[];
  __shared__ int used; // of the lists
  const StationaryArgs a = source(0);
  int me = thread_number(), lane = me % 32, warp = me / 32, warps = blockDim.x / 32;
  int each = (a.k + output_columns - 1) / output_columns, last = S * each; // stages
  unsigned ring = shared_address(shared);
  auto start = [&](int s) {
    int i = S == 1 ? 0 : s / each;
    if (s < last) output_load(a, source(i).in, ring + s % stages * output_stage, (s - i * each) * output_columns);
  };
  if (threadIdx.x == 0) used = 0;
  for (int s = 0; s < stages - 1; s++) {
    start(s);
    copy_commit();
  }

  // Part p has the outputs 16 unit(p) and the next.
  auto unit = [&](int p) { return (blockIdx.y * output_parts + p) * warps + warp; };
  unsigned at = output_lists<B, S>(source, ring + stages * output_stage + warps * ahead * piece, &used, ahead, unit).at; // of the next block in the list

  // The weights of block i of the list go to piece i % ahead of the warp's ring: the lane's part of them.
  unsigned mine = pinned(ring + stages * output_stage + warp * ahead * piece + lane * 16), place = 0;
  const bf16 *weight = a.weight + lane * 8;
  if (S == 1) weight = pinned(weight);
  auto fetch = [&](int2 entry, unsigned to) {
    const bf16 *all = S == 1 ? weight : source((unsigned)entry.x >> output_source_shift).weight + lane * 8;
    const char *from = offset(all, S == 1 ? entry.x : entry.x & ((1u << output_source_shift) - 1), piece);
#pragma unroll
    for (int j = 0; j < steps; j++) copy16(to + j * 512, from + 512 * j, entry.y < output_none ? 16 : 0);
  };
  unrolled<ahead - 1>([&](auto i) {
    fetch(load_shared2<8 * i.value>(at), mine + i.value * piece);
    copy_commit();
  });
  at = pinned(at);
  int entry = load_shared1<4>(at), next_entry = load_shared1<12>(at);
  int2 following = load_shared2<8 * (ahead - 1)>(at); // the block whose weights are copied next

  WarpSums<4> acc[output_parts] = {};
  unsigned row = ring + (lane % 16) * output_stride + lane / 16 * 16;
  // A stage's inputs are of one group of copies with the weights that are copied next. Where in the list that
  // was for this stage and for the one after it says how many groups there were since, at least.
  unsigned these = at - 8 * ahead, those = these;
  for (int s = 0; s < last; s++) {
    if (at - these >= 8 * (ahead - 1))
      copy_wait<ahead - 2>();
    else if (ahead > 4 && at - these >= 8 * (ahead / 2 + 1))
      copy_wait<ahead / 2>();
    else
      copy_wait<0>();
    __syncthreads();
    start(s + stages - 1);
    these = stages == 3 ? those : at, those = at;
    unsigned stage = row + s % stages * output_stage - s * output_columns * 2;
    int stop = (s + 1) * output_columns * 8;
    unsigned from = stage + (entry >> 2);
    if (entry >= stop) copy_commit();
    while (entry < stop) {
      copy_wait<ahead - 2>();
      constexpr int early = stages == 2 ? 2 : B == 16 ? 4 : 3; // before it is known which sums they are for, as far as there are registers
      OutputStep<B, early> step;
      step.load(mine + place, from);
      fetch(following, mine + (place == 0 ? ahead * piece : place) - piece);
      copy_commit();
      following = load_shared2<8 * ahead>(at);
      int later = load_shared1<20>(at);
      step.multiply(acc, entry & 3, mine + place, from);
      at += 8;
      place = place == (ahead - 1) * piece ? 0 : place + piece;
      entry = next_entry, next_entry = later;
      from = stage + (entry >> 2);
    }
  }
  output_finish(acc, a, finish, warps);
}

// output_stationary_sum is the whole kernel, for the sum of S products of equal shapes.
// source(i) are the arguments of the i-th, finish takes the sums.
template <int B, int S, class Source, class Finish>
__device__ inline void output_stationary_sum(Source source, int stages, Finish finish) {
  if (stages == 3)
    output_tiles<B, S, 3>(source, finish);
  else
    output_tiles<B, S, 2>(source, finish);
}

// output_stationary_product is output_stationary_sum of one weight.
template <int B, class Finish>
__device__ inline void output_stationary_product(const StationaryArgs &a, int stages, Finish finish) {
  output_stationary_sum<B, 1>([&](int) { return a; }, stages, finish);
}
