// Input gradient, dense or unstructured weight, bfloat16, compute capability 9.0: r [T, I]
// = dy [T, O] W; mode 0: dx = r, 1: dx += r, 2: dx = r gelu'(pre); dx may be pre. The maps
// are of dy, in boxes of 64 x 128, and of W's copy of pack_copies, in boxes of 64 x 64; I
// is a multiple of 8; dy, dy_pitch, values and the column view only of an unstructured W.
// With more than one range of the outputs, of a dense W: partial [range][T][I] (=).
// launch: grid (2 ceil(T/256) ceil(I/256), ranges), see dense_wgmma.cuh.
#include "dense_wgmma.cuh"
#include "finish.cuh"

extern "C" __global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(288, 1)
    dds_dense_sm90a(const __grid_constant__ CUtensorMap dy_map, const __grid_constant__ CUtensorMap weight_map, bf16 *dx, const bf16 *dy,
                    const bf16 *pre, int mode, float *partial, const float *values, const int *col_ptr, const int *col_slot, const int *rows, int tokens,
                    int in, int out, int dy_pitch) {
  extern __shared__ __align__(1024) char ring[];
  Tile tile(tokens, in, out);
  wide_start(ring);
  if (threadIdx.x >= 256) {
    if (threadIdx.x == 256) wide_fetch<false, true>(shared_address(ring), dy_map, weight_map, tile);
    __syncwarp();
    cluster_arrive();
  } else {
    float c[128], total[4];
    wide_multiply<false, true, false>(c, total, shared_address(ring), tile.steps());
    cluster_arrive();
    if (gridDim.y > 1) {
      wide_store(c, partial + (size_t)blockIdx.y * tokens * in, tile, tokens, in, false);
      cluster_wait();
      return;
    }
    named_barrier<1, 256>();
    WideRows part(ring, tile, tokens, in);
    Mask mask{values, col_ptr, col_slot, rows};
    DdsFinish finish{dx, pre, mode, in};
    if (mode) {
      part.fetch(mode == 1 ? dx : pre, in);
      part.put(c, [&](int, float v0, float v1, const unsigned *old) { return pack(finish.change(v0, low(*old)), finish.change(v1, high(*old))); });
    } else {
      part.put(c, [&](int, float v0, float v1, const unsigned *) { return pack(v0, v1); });
    }
    if (col_ptr) part.store_but(dx, in, [&](int t, int i) { finish.one(t, i, mask(dy + (size_t)t * dy_pitch, i, 0)); });
    else part.store(dx, in);
  }
  cluster_wait();
}
