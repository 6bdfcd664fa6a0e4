// The forward product and the input gradient of a block-sparse weight on tensor
// cores, input-stationary: out [T, N] = in [T, K] M, in bfloat16 with float32 sums.
//
// M is the weight seen from one side. Its output blocks are the groups of a
// view: ptr [N/B + 1] bounds group g in slots, which lists the active blocks of
// the group; inner [nnzb] is each slot's block index along K. weight holds each
// slot's B x B values as fragments of the matrix instruction (fragment_index).
//
// A block of threads keeps `tile` tokens (16, 32 or 64) of `in` in shared
// memory, all K columns of them, so that each is read once; the active blocks
// stream past, 16 bytes a lane, straight from L2 into registers. A warp takes
// one item at a time, all tokens of 16 outputs, of which it has the first eight
// steps' weights in registers before it begins: as a step's have been used, those
// of the item after it are asked for.
//
//   launch: grid (ceil(T/tile), any), block a multiple of 32 up to 512,
//   dynamic shared memory tile (2K + 16) bytes. Rows of 2K + 16 bytes start in
//   different banks, since K is a multiple of 16.
#pragma once
#include "finish.cuh"
#include "mma.cuh"

// fragment_index is where element (n, k) of a block stands in its slot's
// fragments; n counts outputs, k inputs of the product. 16 x 16 tiles are
// stored one after another, outputs outermost; in a tile lane 4g + t holds 8
// elements: for both n-tiles j of the instruction k = 2t, 2t+1, 2t+8, 2t+9. The
// outputs of a tile are permuted so that lane t of the sums holds the outputs
// 4t to 4t + 3: column c of tile j is output 4 (c/2) + 2j + c%2.
__host__ __device__ inline int fragment_index(int B, int n, int k) {
  int tile = (n / 16) * (B / 16) + k / 16;
  n %= 16;
  k %= 16;
  int lane = 4 * (2 * (n / 4) + n % 2) + k % 8 / 2;
  return (tile * 32 + lane) * 8 + (n / 2 % 2) * 4 + k / 8 * 2 + k % 2;
}

// fragment_element is the first of the elements that a lane holds of a tile: the
// others are (n, k+1), (n, k+8), (n, k+9) and the same four of n + 2.
__host__ __device__ inline void fragment_element(int lane, int &n, int &k) {
  n = lane / 8 * 4 + lane / 4 % 2;
  k = lane % 4 * 2;
}

struct StationaryArgs {
  const bf16 *in, *weight;
  const int *ptr, *slots, *inner;
  int tokens, k, n, tile;
};

// load_tile copies the rows of this block of threads to shared memory, zeros
// beyond the last token.
__device__ inline void load_tile(const StationaryArgs &a, char *tile) {
  int stride = 2 * a.k + 16, first = blockIdx.x * a.tile;
  for (int row = threadIdx.x / 32; row < a.tile; row += blockDim.x / 32) {
    bool there = first + row < a.tokens;
    const bf16 *from = a.in + (there ? (size_t)(first + row) * a.k : 0);
    unsigned to = shared_address(tile + row * stride);
    for (int c = threadIdx.x % 32; c < a.k / 8; c += 32) copy16(to + 16 * c, from + (there ? 8 * c : 0), there ? 16 : 0);
  }
  copy_commit();
}

// Piece is the steps of an item whose weights a warp has in registers at once: all, or
// those that are left. Finding them takes loads that depend on each other (bounds,
// slots, inner indices), so each is issued a piece before what needs it.
struct Piece {
  int of, part; // number of the weight, and which 16 outputs of their group
  int steps;    // 0 of an item without an active block
  bool last;    // of its item
  int slot;     // of this lane's active block
};

// fetch loads a lane's part of a tile of weights where step < steps.
__device__ inline void fetch(uint4 &w, const uint4 *from, int step, int steps) {
  asm volatile("{.reg .pred p; setp.lt.s32 p, %5, %6; @p ld.global.nc.v4.u32 {%0, %1, %2, %3}, [%4];}"
               : "+r"(w.x), "+r"(w.y), "+r"(w.z), "+r"(w.w) : "l"(from), "r"(step), "r"(steps));
}

// fetch is the same for one number.
__device__ inline void fetch(int &v, const int *from, int step, int steps) {
  asm volatile("{.reg .pred p; setp.lt.s32 p, %2, %3; @p ld.global.nc.u32 %0, [%1];}" : "+r"(v) : "l"(from), "r"(step), "r"(steps));
}

// offset returns from + n units of so many bytes: one instruction.
__device__ inline const char *offset(const void *from, unsigned n, unsigned bytes) {
  const char *to;
  asm("mad.wide.u32 %0, %1, %2, %3;" : "=l"(to) : "r"(n), "r"(bytes), "l"(from));
  return to;
}

// input_tile runs all items of this thread block with MT tiles of 16 tokens. The items
// of S weights follow each other, and a warp takes one in as many as there are warps.
// source(i) are the arguments of weight i, finish(i) takes its sums.
template <int B, int MT, int S, class Source, class Finish>
__device__ inline void input_tile(Source source, Finish finish, const char *shared) {
  constexpr int parts = B / 16; // items of a group, and steps of an active block
  constexpr int ahead = 8;      // steps of a piece, at most
  const StationaryArgs a = source(0);
  int lane = threadIdx.x % 32, warps = blockDim.x / 32, units = gridDim.y * warps;
  int each = a.n / 16, items = S * each, item = blockIdx.y * warps + threadIdx.x / 32;
  unsigned stride = 2 * a.k + 16;
  // The lane's row and column of ldmatrix: tokens 0-7, 8-15, then the same 8 columns on.
  unsigned at = shared_address(shared) + (lane % 16) * stride + lane / 16 * 16;
  auto weight_of = [&](int i) {
    int of = 0;
#pragma unroll
    for (int s = 1; s < S; s++) of += i >= s * each;
    return of;
  };

  // The bounds of the next 32 items, one a lane; the next one is number `nth` of them, of which
  // so many steps are in a piece already.
  int begin = 0, end = 0, nth = 32, next = item, taken = 0;
  auto piece = [&] {
    if (nth == 32) {
      nth = begin = end = 0;
      int i = next + lane * units, of = weight_of(i);
      if (i < items) {
        const int *ptr = source(of).ptr + (i - of * each) / parts;
        begin = __ldg(ptr);
        end = __ldg(ptr + 1);
      }
    }
    Piece p{};
    int first = __shfl_sync(~0u, begin, nth) + taken / parts, steps = __shfl_sync(~0u, end - begin, nth) * parts - taken;
    p.of = weight_of(next);
    p.part = (next - p.of * each) % parts;
    p.steps = min(steps, ahead);
    p.last = steps <= ahead;
    fetch(p.slot, source(p.of).slots + first + lane, lane * parts, p.steps);
    taken = p.last ? 0 : taken + ahead;
    next += p.last ? units : 0;
    nth += p.last;
    return p;
  };
  auto columns = [&](const Piece &p) {
    int column = 0;
    fetch(column, source(p.of).inner + p.slot, lane * parts, p.steps);
    return column;
  };
  auto weights = [&](const Piece &p, int slot) { // of an active block of the piece
    const bf16 *w = source(p.of).weight + (p.part * parts * 32 + lane) * 8;
    return reinterpret_cast<const uint4 *>(offset(w, slot, B * B * sizeof(bf16)));
  };
  int token = blockIdx.x * a.tile + lane / 4;
  auto output = [&](int i) { return (i - weight_of(i) * each) * 16 + lane % 4 * 4; };

  uint4 w[ahead] = {};
  float acc[MT][2][4] = {};
  auto needs = finish(weight_of(item)).template before<MT>(token, a.tokens, output(item), item < items);
  Piece now = piece(), then = piece();
  int column = columns(now);
#pragma unroll
  for (int e = 0; e < ahead / parts; e++) {
    const uint4 *from = weights(now, __shfl_sync(~0u, now.slot, e));
#pragma unroll
    for (int j = 0; j < parts; j++) fetch(w[e * parts + j], from + 32 * j, e * parts, now.steps);
  }
  copy_wait<0>();
  __syncthreads();
  while (item < items) {
    Piece later = piece();
    int following = columns(then);
    unsigned from = at + __shfl_sync(~0u, column, 0) * (2 * B);
    int slot = __shfl_sync(~0u, then.slot, 0);
    unrolled<ahead / parts>([&](auto block) {
      constexpr int e = block.value;
      unsigned x_at = from;
      const uint4 *tiles = weights(then, slot);
      if (e + 1 < ahead / parts) {
        from = at + __shfl_sync(~0u, column, e + 1) * (2 * B);
        slot = __shfl_sync(~0u, then.slot, e + 1);
      }
      if (e * parts < now.steps) {
#pragma unroll
        for (int j = 0; j < parts; j++) {
          constexpr int batch = MT < 2 ? MT : 2;
#pragma unroll
          for (int m = 0; m < MT; m += batch) {
            unsigned x[batch][4];
#pragma unroll
            for (int i = 0; i < batch; i++) ldmatrix4(x[i], x_at + 32 * j + (m + i) * 16 * stride);
#pragma unroll
            for (int i = 0; i < batch; i++) {
              mma(acc[m + i][0], x[i], w[e * parts + j].x, w[e * parts + j].y);
              mma(acc[m + i][1], x[i], w[e * parts + j].z, w[e * parts + j].w);
            }
          }
        }
      }
#pragma unroll
      for (int j = 0; j < parts; j++) fetch(w[e * parts + j], tiles + 32 * j, e * parts, then.steps);
    });
    if (now.last) {
      int n = output(item), of = now.of;
      item += units;
      // What the next item's end needs is loaded as this one's is used up.
      finish(of).template after<MT>(needs, acc, token, a.tokens, n, finish(weight_of(item)), output(item), item < items);
#pragma unroll
      for (int m = 0; m < MT; m++)
#pragma unroll
        for (int j = 0; j < 2; j++)
#pragma unroll
          for (int r = 0; r < 4; r++) acc[m][j][r] = 0;
    }
    column = following;
    now = then;
    then = later;
  }
}

// input_stationary_products is the whole kernel for S weights of equal shapes that
// share `in`. source(i) are the arguments of the i-th, finish(i) takes its sums
// (finish.cuh).
template <int B, int S, class Source, class Finish>
__device__ inline void input_stationary_products(Source source, Finish finish) {
  extern __shared__ __align__(16) char shared[];
  load_tile(source(0), shared);
  switch (source(0).tile) {
  case 64: input_tile<B, 4, S>(source, finish, shared); break;
  case 32: input_tile<B, 2, S>(source, finish, shared); break;
  default: input_tile<B, 1, S>(source, finish, shared); break;
  }
}

// input_stationary_product is input_stationary_products of one weight.
template <int B, class Finish>
__device__ inline void input_stationary_product(const StationaryArgs &a, Finish finish) {
  input_stationary_products<B, 1>([&](int) { return a; }, [&](int) { return finish; });
}
