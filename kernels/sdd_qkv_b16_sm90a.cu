// Weight gradients of three weights with one input, blocks of 16, bfloat16: gradi [nnzb][16][16] += dyi^T x
// on the active blocks and biasi [O] += column sums of dyi, i = 0, 1, 2, on compute capability 9.0, in
// gridDim.y ranges of tokens, an even number: partial [two ranges][3 nnzb 16 16] and partial_bias [range][3 O] (=). The
// biases are all null or none. ptr, slots: the row views; x is no larger than dyi. The
// active blocks of the three follow each other. Design and launch: outer.cuh.
#include "outer.cuh"

extern "C" __global__ void __cluster_dims__(1, 2, 1) __launch_bounds__(384, 1)
    sdd_qkv_b16_sm90a(float *grad0, float *grad1, float *grad2, float *bias0, float *bias1, float *bias2, float *partial, float *partial_bias, const bf16 *dy0,
                  const bf16 *dy1, const bf16 *dy2, const bf16 *x, const int *ptr0, const int *ptr1, const int *ptr2, const int *slots0,
                  const int *slots1, const int *slots2, const int *rows0, const int *rows1, const int *rows2, const int *cols0,
                  const int *cols1, const int *cols2, int tokens, int in, int out, int nnzb, int bytes) {
  outer_product<16, true>(OuterArgs<3>{{grad0, grad1, grad2}, {bias0, bias1, bias2}, partial, partial_bias, {dy0, dy1, dy2}, x, {ptr0, ptr1, ptr2},
                                  {slots0, slots1, slots2}, {rows0, rows1, rows2}, {cols0, cols1, cols2}, tokens, out, in, nnzb, bytes, false});
}
