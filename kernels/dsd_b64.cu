// Forward product, blocks of 64, bfloat16: y [T, O] = x [T, I] W^T + bias (=); with
// pre also pre = x W^T + bias and y = gelu(pre). Design and launch: input_stationary.cuh.
#include "input_stationary.cuh"

extern "C" __global__ void __launch_bounds__(512)
    dsd_b64(bf16 *y, bf16 *pre, const bf16 *x, const bf16 *weight, const int *row_ptr, const int *row_slot, const int *cols,
            const float *bias, int tokens, int in, int out, int tile) {
  input_stationary_product<64>({x, weight, row_ptr, row_slot, cols, tokens, in, out, tile}, DsdFinish{y, pre, bias, out});
}
