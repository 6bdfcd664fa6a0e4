// Input gradient, dense or unstructured weight, bfloat16: r [T, I] = dy [T, O] W; mode
// 0: dx = r, 1: dx += r, 2: dx = r gelu'(pre); dx may be pre. weight is the copy of
// pack_copies [O][pitch]; rows of dy are dy_pitch elements apart; values and the column
// view only of an unstructured W.
// launch: grid (ceil(I/128), ceil(T/128)), see dense.cuh.
#include "dense.cuh"
#include "finish.cuh"

extern "C" __global__ void __launch_bounds__(128, 2)
    dds_dense(bf16 *dx, const bf16 *dy, const bf16 *weight, const bf16 *pre, int mode, const float *values, const int *col_ptr,
              const int *col_slot, const int *rows, int tokens, int in, int out, int pitch, int dy_pitch) {
  extern __shared__ __align__(128) char shared[];
  int m = blockIdx.y * dense_side, n = blockIdx.x * dense_side;
  dense_product<false, true>(shared, {dy, tokens, out, dy_pitch}, {weight, out, pitch, pitch}, m, n, 0, out, nullptr);
  Mask mask{values, col_ptr, col_slot, rows};
  dense_finish(shared, m, n, tokens, in, in, DdsFinish{dx, pre, mode, in},
               [&](int t, int i, float v) { return mask(dy + (size_t)t * dy_pitch, i, v); });
}
