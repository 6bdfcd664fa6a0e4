// Forward product, dense or unstructured weight, bfloat16, compute capability 9.0: y
// [T, O] = x [T, I] W^T + bias (=); with pre also pre = x W^T + bias and y = gelu(pre).
// The maps are of x and of W's copy of pack_copies, in boxes of 64 x 128; rows of y and
// pre are y_pitch elements apart, a multiple of 8; x, values and the row view only of an
// unstructured W. launch: grid (2 ceil(T/256) ceil(O/256)), see dense_wgmma.cuh.
#include "dense_wgmma.cuh"
#include "finish.cuh"

extern "C" __global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(288, 1)
    dsd_dense_sm90a(const __grid_constant__ CUtensorMap x_map, const __grid_constant__ CUtensorMap weight_map, bf16 *y, bf16 *pre,
                    const bf16 *x, const float *bias, const float *values, const int *row_ptr, const int *row_slot, const int *cols,
                    int tokens, int in, int out, int y_pitch) {
  extern __shared__ __align__(1024) char ring[];
  Tile tile(tokens, out, in);
  wide_start(ring);
  if (threadIdx.x >= 256) {
    if (threadIdx.x == 256) wide_fetch<false, false>(shared_address(ring), x_map, weight_map, tile);
    __syncwarp();
    cluster_arrive();
  } else {
    float c[128], total[4], *tile_bias = reinterpret_cast<float *>(ring + wide_ones);
    float own = bias && tile.n + (int)threadIdx.x < out ? bias[tile.n + threadIdx.x] : 0;
    wide_multiply<false, false, false>(c, total, shared_address(ring), tile.steps());
    cluster_arrive();
    tile_bias[threadIdx.x] = own;
    named_barrier<1, 256>();
    WideRows part(ring, tile, tokens, out);
    Mask mask{values, row_ptr, row_slot, cols};
    DsdFinish finish{y, pre, bias, y_pitch};
    auto redo = [&](int t, int o) { finish.one(t, o, mask(x + (size_t)t * in, o, 0)); };
    auto with_bias = [&](int j, float &v0, float &v1) {
      float2 b = *reinterpret_cast<const float2 *>(tile_bias + 8 * j + part.lane % 4 * 2);
      v0 += b.x;
      v1 += b.y;
    };
    if (pre) {
      part.put(c, [&](int j, float v0, float v1, const unsigned *) {
        with_bias(j, v0, v1);
        return pack(v0, v1);
      });
      if (row_ptr) part.store_but(pre, y_pitch, redo);
      else part.store(pre, y_pitch);
      part.put(c, [&](int j, float v0, float v1, const unsigned *) {
        with_bias(j, v0, v1);
        return pack(fast_gelu(v0), fast_gelu(v1));
      });
    } else {
      part.put(c, [&](int j, float v0, float v1, const unsigned *) {
        with_bias(j, v0, v1);
        return pack(v0, v1);
      });
    }
    if (row_ptr) part.store_but(y, y_pitch, redo);
    else part.store(y, y_pitch);
  }
  cluster_wait();
}
