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
// one item at a time, all tokens of min(B, 32) outputs, and the next one from a
// counter when it is done, so that groups of different lengths even out.
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
  copy_wait<0>();
}

// Item is a warp's next work: all tokens of min(B, 32) outputs. Finding its
// blocks takes three loads that depend on each other (bounds, slots, inner
// indices), so they are issued while the items before it are computed.
struct Item {
  int i;             // which one; beyond the last: none
  int begin, end;    // entries of its group in the view
  int slot, column;  // of this lane's entry, begin + lane
};

// input_blocks adds up to 32 active blocks to acc; lane j knows slot and
// column of the j-th. half says which 32 outputs of the group.
template <int B, int MT>
__device__ inline void input_blocks(const StationaryArgs &a, unsigned at, unsigned stride, int slot, int column, int count, int half,
                                     float (&acc)[MT][B < 32 ? 2 : 4][4]) {
  constexpr int Q = B < 32 ? 1 : 2; // tiles of 16 outputs
  constexpr int steps = B / 16;
  // The next step's weights, of small blocks the next two steps', are under way
  // while one is used, as far as 128 registers go.
  constexpr int depth = Q == 1 ? 3 : 2;
  uint4 w[depth][Q];
  auto fetch = [&](uint4(&to)[Q], int step) {
    int s = __shfl_sync(~0u, slot, step / steps);
    const uint4 *from = reinterpret_cast<const uint4 *>(a.weight) + (size_t)s * (B * B / 8) + threadIdx.x % 32;
#pragma unroll
    for (int q = 0; q < Q; q++) to[q] = __ldg(from + ((2 * half + q) * steps + step % steps) * 32);
  };
  int last = count * steps;
#pragma unroll
  for (int d = 0; d < depth - 1; d++)
    if (d < last) fetch(w[d], d);
  for (int step = 0; step < last; step++) {
    if (step + depth - 1 < last) fetch(w[depth - 1], step + depth - 1);
    unsigned from = at + __shfl_sync(~0u, column, step / steps) * (2 * B) + step % steps * 32;
    // Of small blocks all fragments of the tokens are on their way at once.
    constexpr int batch = Q == 1 ? MT : 1;
#pragma unroll
    for (int m = 0; m < MT; m += batch) {
      unsigned x[batch][4];
#pragma unroll
      for (int i = 0; i < batch; i++) ldmatrix4(x[i], from + (m + i) * 16 * stride);
#pragma unroll
      for (int i = 0; i < batch; i++)
#pragma unroll
        for (int q = 0; q < Q; q++) {
          mma(acc[m + i][2 * q], x[i], w[0][q].x, w[0][q].y);
          mma(acc[m + i][2 * q + 1], x[i], w[0][q].z, w[0][q].w);
        }
    }
#pragma unroll
    for (int d = 0; d < depth - 1; d++)
#pragma unroll
      for (int q = 0; q < Q; q++) w[d][q] = w[d + 1][q];
  }
}

// input_tile runs all items of this block of threads with MT tiles of 16
// tokens. finish(token, n, v) takes the sums of outputs n to n + 3.
template <int B, int MT, class Finish>
__device__ inline void input_tile(const StationaryArgs &a, char *shared, int *next, Finish finish) {
  constexpr int out = B < 32 ? B : 32;
  int lane = threadIdx.x % 32, items = a.n / out;
  unsigned stride = 2 * a.k + 16;
  // The lane's row and column of ldmatrix: tokens 0-7, 8-15, then the same 8 columns on.
  unsigned at = shared_address(shared) + (lane % 16) * stride + lane / 16 * 16;
  auto claim = [&](Item &t) {
    int i = 0;
    if (lane == 0) i = atomicAdd(next, 1);
    t.i = __shfl_sync(~0u, i, 0) * gridDim.y + blockIdx.y;
    if (t.i < items) {
      t.begin = __ldg(a.ptr + t.i / (B / out));
      t.end = __ldg(a.ptr + t.i / (B / out) + 1);
    }
  };
  auto slots = [&](Item &t) {
    if (t.i < items && lane < t.end - t.begin) t.slot = __ldg(a.slots + t.begin + lane);
  };
  auto columns = [&](Item &t) {
    if (t.i < items && lane < t.end - t.begin) t.column = __ldg(a.inner + t.slot);
  };
  Item now{}, then{}, later{};
  claim(now);
  claim(then);
  slots(now);
  columns(now);
  while (now.i < items) {
    claim(later);
    slots(then);
    float acc[MT][out / 8][4];
#pragma unroll
    for (int m = 0; m < MT; m++)
#pragma unroll
      for (int q = 0; q < out / 8; q++)
#pragma unroll
        for (int r = 0; r < 4; r++) acc[m][q][r] = 0;
    int half = now.i % (B / out);
    input_blocks<B, MT>(a, at, stride, now.slot, now.column, min(32, now.end - now.begin), half, acc);
    for (int base = now.begin + 32; base < now.end; base += 32) {
      int slot = 0, column = 0, count = min(32, now.end - base);
      if (lane < count) {
        slot = __ldg(a.slots + base + lane);
        column = __ldg(a.inner + slot);
      }
      input_blocks<B, MT>(a, at, stride, slot, column, count, half, acc);
    }
    columns(then);
    unrolled<2 * MT>([&](auto tile) {
      constexpr int m = tile.value / 2, row = tile.value % 2;
      int token = blockIdx.x * a.tile + 8 * tile.value + lane / 4;
      if (token < a.tokens) {
#pragma unroll
        for (int q = 0; q < out / 16; q++) {
          float v[4] = {acc[m][2 * q][2 * row], acc[m][2 * q][2 * row + 1], acc[m][2 * q + 1][2 * row], acc[m][2 * q + 1][2 * row + 1]};
          finish(token, now.i * out + 16 * q + lane % 4 * 4, v);
        }
      }
    });
    now = then;
    then = later;
  }
}

// input_stationary_products is the whole kernel for S weights of equal shapes that
// share `in`, one after the other past the tile; a warp goes on to the next weight
// when no items are left of one. source(i) are the arguments of the i-th, finish(i)
// takes its sums.
template <int B, int S, class Source, class Finish>
__device__ inline void input_stationary_products(Source source, Finish finish) {
  extern __shared__ __align__(16) char shared[];
  __shared__ int next[S];
  if (threadIdx.x < S) next[threadIdx.x] = 0;
  load_tile(source(0), shared);
  __syncthreads();
  // A copy of the code for each weight: its pointers then need no registers.
  auto all = [&](auto tiles) {
    unrolled<S>([&](auto i) { input_tile<B, tiles.value>(source(i.value), shared, next + i.value, finish(i.value)); });
  };
  switch (source(0).tile) {
  case 64: all(index_constant<4>{}); break;
  case 32: all(index_constant<2>{}); break;
  default: all(index_constant<1>{}); break;
  }
}

// input_stationary_product is input_stationary_products of one weight.
template <int B, class Finish>
__device__ inline void input_stationary_product(const StationaryArgs &a, Finish finish) {
  input_stationary_products<B, 1>([&](int) { return a; }, [&](int) { return finish; });
}
