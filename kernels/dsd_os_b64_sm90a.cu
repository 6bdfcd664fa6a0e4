// Forward product, blocks of 64, contraction larger than the outputs, bfloat16, on compute capability
// 9.0: y [T, O] = x [T, I] W^T + bias (=); with pre also pre = x W^T + bias and y = gelu(pre). stages
// is 3. Design and launch: output_clusters.cuh.
#include "output_clusters.cuh"

extern "C" __global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(384, 1)
    dsd_os_b64_sm90a(bf16 *y, bf16 *pre, const bf16 *x, const bf16 *weight, const int *row_ptr, const int *row_slot, const int *cols,
            const float *bias, int tokens, int in, int out, int stages) {
  output_pairs_product<64>({x, weight, row_ptr, row_slot, cols, tokens, in, out, 0}, DsdFinish{y, pre, bias, out});
}
