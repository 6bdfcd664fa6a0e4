// Weight gradient, blocks of 32, bfloat16: grad [nnzb][32][32] += dy^T x on the active blocks, bias
// [O] += column sums of dy; or, with gridDim.y ranges of tokens, partial and
// partial_bias of each range (=). bias null: not wanted. Design and launch: outer.cuh.
#include "outer.cuh"

extern "C" __global__ void __launch_bounds__(384, 1)
    sdd_b32(float *grad, float *bias, float *partial, float *partial_bias, const bf16 *dy, const bf16 *x, const int *row_ptr,
            const int *row_slot, const int *rows, const int *cols, int tokens, int in, int out, int nnzb, int bytes) {
  outer_product<32>({grad, bias, partial, partial_bias, dy, x, row_ptr, row_slot, rows, cols, tokens, in, out, nnzb, bytes});
}
