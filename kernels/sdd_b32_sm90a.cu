// Weight gradient, blocks of 32, bfloat16: grad [nnzb][32][32] += dy^T x on the active blocks, bias
// [O] += column sums of dy, in gridDim.y ranges of tokens, an even number, on compute capability 9.0:
// partial of each two ranges and partial_bias of each (=). bias null: not wanted. The larger of dy and x is
// a, the other b; swapped says that a is x. Design and launch: outer.cuh.
#include "outer.cuh"

extern "C" __global__ void __cluster_dims__(1, 2, 1) __launch_bounds__(384, 1)
    sdd_b32_sm90a(float *grad, float *bias, float *partial, float *partial_bias, const bf16 *a, const bf16 *b, const int *ptr,
            const int *slots, const int *at_a, const int *at_b, int tokens, int larger, int smaller, int nnzb, int bytes, bool swapped) {
  outer_product<32, true>(OuterArgs<1>{{grad}, {bias}, partial, partial_bias, {a}, b, {ptr}, {slots}, {at_a}, {at_b}, tokens, larger, smaller, nnzb, bytes, swapped});
}
