// Forward product, blocks of 16, contraction larger than the outputs, bfloat16: y [T, O] = x [T, I] W^T + bias (=); with
// pre also pre = x W^T + bias and y = gelu(pre). Design and launch: output_stationary.cuh.
#include "output_stationary.cuh"

extern "C" __global__ void __launch_bounds__(384, 1)
    dsd_os_b16(bf16 *y, bf16 *pre, const bf16 *x, const bf16 *weight, const int *row_ptr, const int *row_slot, const int *cols,
            const float *bias, int tokens, int in, int out, int stages) {
  output_stationary_product<16>({x, weight, row_ptr, row_slot, cols, tokens, in, out, 0}, stages, DsdFinish{y, pre, bias, out});
}
