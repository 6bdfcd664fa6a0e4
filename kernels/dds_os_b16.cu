// Input gradient, blocks of 16, contraction larger than the outputs, bfloat16: r = dy [T, O] W; mode 0: dx [T, I] = r, 1: dx += r,
// 2: dx = r gelu'(pre), dx may be pre. Design and launch: output_stationary.cuh.
#include "output_stationary.cuh"

extern "C" __global__ void __launch_bounds__(384, 1)
    dds_os_b16(bf16 *dx, const bf16 *dy, const bf16 *weight, const int *col_ptr, const int *col_slot, const int *rows,
            const bf16 *pre, int mode, int tokens, int in, int out, int stages) {
  output_stationary_product<16>({dy, weight, col_ptr, col_slot, rows, tokens, out, in, 0}, stages, DdsFinish{dx, pre, mode, in});
}
