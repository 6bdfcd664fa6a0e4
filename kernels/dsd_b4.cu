// Forward product, blocks of 4, bfloat16: y [T, O] = x [T, I] W^T + bias (=); with
// pre also pre = x W^T + bias and y = gelu(pre). weight, columns and counts come
// from pack_copies of the row view. Design and launch: gather.cuh, quads.cuh.
#include "finish.cuh"
#include "quads.cuh"

extern "C" __global__ void __launch_bounds__(512)
    dsd_b4(bf16 *y, bf16 *pre, const bf16 *x, const bf16 *weight, const int *columns, const int *row_ptr, const int *counts,
           const float *bias, int tokens, int in, int out, int tile) {
  gather_product<Quads>({x, weight, columns, row_ptr, counts, tokens, in, out, tile}, DsdFinish{y, pre, bias, out});
}
