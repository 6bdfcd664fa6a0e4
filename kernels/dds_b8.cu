// Input gradient, blocks of 8, bfloat16: r [T, I] = dy [T, O] W; mode 0: dx = r, 1: dx
// += r, 2: dx = r gelu'(pre); dx may be pre. weight, columns and counts come from
// pack_copies of the column view. Design and launch: gather.cuh, pairs.cuh.
#include "finish.cuh"
#include "pairs.cuh"

extern "C" __global__ void __launch_bounds__(512)
    dds_b8(bf16 *dx, const bf16 *dy, const bf16 *weight, const int *columns, const int *col_ptr, const int *counts,
           const bf16 *pre, int mode, int tokens, int in, int out, int tile) {
  gather_product<Pairs>({dy, weight, columns, col_ptr, counts, tokens, out, in, tile}, DdsFinish{dx, pre, mode, in});
}
