// Input gradient, blocks of 16, contraction larger than the outputs, bfloat16, on compute capability
// 9.0: r = dy [T, O] W; mode 0: dx [T, I] = r, 1: dx += r, 2: dx = r gelu'(pre), dx may be pre. stages
// is 3. Design and launch: output_clusters.cuh.
#include "output_clusters.cuh"

extern "C" __global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(384, 1)
    dds_os_b16_sm90a(bf16 *dx, const bf16 *dy, const bf16 *weight, const int *col_ptr, const int *col_slot, const int *rows,
            const bf16 *pre, int mode, int tokens, int in, int out, int stages) {
  output_pairs_product<16>({dy, weight, col_ptr, col_slot, rows, tokens, out, in, 0}, DdsFinish{dx, pre, mode, in});
}
