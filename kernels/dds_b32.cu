// Input gradient, blocks of 32, bfloat16: r = dy [T, O] W; mode 0: dx [T, I] = r, 1: dx += r,
// 2: dx = r gelu'(pre), dx may be pre. Design and launch: input_stationary.cuh.
#include "input_stationary.cuh"

extern "C" __global__ void __launch_bounds__(512)
    dds_b32(bf16 *dx, const bf16 *dy, const bf16 *weight, const int *col_ptr, const int *col_slot, const int *rows,
            const bf16 *pre, int mode, int tokens, int in, int out, int tile) {
  input_stationary_product<32>({dy, weight, col_ptr, col_slot, rows, tokens, out, in, tile}, DdsFinish{dx, pre, mode, in});
}
