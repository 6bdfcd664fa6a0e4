// Weight gradient, bfloat16, compute capability 9.0: grad += dy^T x on all elements of a
// dense weight (block 0, grad [O][I]) or on the active blocks of a block-sparse one (grad
// [nnzb][block][block]; the product is dense, and what is not active is dropped); with
// bias, bias [O] += column sums of dy. The maps are of dy [T, O] and x [T, I], in boxes of
// 64 x 64. With more than one range of tokens: partial [range][size] and partial_bias
// [range][O] (=), size elements a range. launch: grid (2 ceil(O/256) ceil(I/256), ranges),
// see dense_wgmma.cuh.
#include "dense_wgmma.cuh"

constexpr int wide_stride = wide_columns + 8; // of the sums in shared memory: rows 8 banks apart

extern "C" __global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(288, 1)
    sdd_dense_sm90a(const __grid_constant__ CUtensorMap dy_map, const __grid_constant__ CUtensorMap x_map, float *grad, float *bias,
                    float *partial, float *partial_bias, const int *row_ptr, const int *row_slot, const int *cols, int tokens, int in,
                    int out, int block, int size) {
  extern __shared__ __align__(1024) char ring[];
  Tile tile(out, in, tokens);
  wide_start(ring);
  if (threadIdx.x >= 256) {
    if (threadIdx.x == 256) wide_fetch<true, true>(shared_address(ring), dy_map, x_map, tile);
    __syncwarp();
    cluster_arrive();
    cluster_wait();
    return;
  }
  float c[128], total[4];
  bool summing = bias && tile.n == 0, add = gridDim.y == 1;
  if (summing) wide_multiply<true, true, true>(c, total, shared_address(ring), tile.steps());
  else wide_multiply<true, true, false>(c, total, shared_address(ring), tile.steps());
  cluster_arrive();
  int lane = threadIdx.x % 32, own = threadIdx.x / 32 * 16 + lane / 4; // row of the tile, and 8 on
  if (summing && lane % 4 == 0) {
#pragma unroll
    for (int r = 0; r < 2; r++) {
      int o = tile.m + own + 8 * r;
      if (o >= out) continue;
      float *p = (add ? bias : partial_bias + (size_t)blockIdx.y * out) + o;
      *p = (add ? *p : 0) + total[2 * r];
    }
  }
  float *to = add ? grad : partial + (size_t)blockIdx.y * size;
  if (!block) {
    wide_store(c, to, tile, out, in, add);
  } else {
    float *sums = reinterpret_cast<float *>(ring);
    named_barrier<1, 256>(); // both warpgroups are done with the ring
#pragma unroll
    for (int j = 0; j < 32; j++)
#pragma unroll
      for (int r = 0; r < 2; r++)
        *reinterpret_cast<float2 *>(sums + (own + 8 * r) * wide_stride + 8 * j + lane % 4 * 2) = make_float2(c[4 * j + 2 * r], c[4 * j + 2 * r + 1]);
    named_barrier<1, 256>();
    // A thread has half a row; its active blocks here stand together in the row view.
    int row = threadIdx.x % 128, first = threadIdx.x / 128 * 128;
    if (tile.m + row < out) {
      int r = (tile.m + row) / block, e = row_ptr[r], end = row_ptr[r + 1], beyond = end;
      while (e < beyond) {
        int middle = (e + beyond) / 2;
        if (cols[row_slot[middle]] * block < tile.n + first) e = middle + 1;
        else beyond = middle;
      }
      for (; e < end; e++) {
        int slot = row_slot[e], column = cols[slot] * block - tile.n;
        if (column >= first + 128) break;
        float *p = to + ((size_t)slot * block + (tile.m + row) % block) * block;
        for (int i = 0; i < block; i++) p[i] = (add ? p[i] : 0) + sums[row * wide_stride + column + i];
      }
    }
  }
  cluster_wait();
}
