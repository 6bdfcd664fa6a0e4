// Weight gradient, blocks of 8, bfloat16: grad [nnzb][8][8] += dy^T x on the active
// blocks and, with bias, bias [O] += column sums of dy; dy [T, O], x [T, I]. ptr,
// slots and inner are the row view, or the column view with by_columns. With more
// than one range of tokens: partial and partial_bias (=). Design and launch:
// outer_pairs.cuh.
#include "outer_pairs.cuh"

extern "C" __global__ void __launch_bounds__(outer_warps * 32)
    sdd_b8(float *grad, float *bias, float *partial, float *partial_bias, const bf16 *dy, const bf16 *x, const int *ptr,
           const int *slots, const int *inner, int tokens, int in, int out, int nnzb, int by_columns, int bytes) {
  outer_pairs_product({grad, bias, partial, partial_bias, dy, x, ptr, slots, inner, tokens, in, out, nnzb, bytes, by_columns != 0});
}
