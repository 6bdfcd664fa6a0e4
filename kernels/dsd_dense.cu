// Forward product, dense or unstructured weight, bfloat16: y [T, O] = x [T, I] W^T +
// bias (=); with pre also pre = x W^T + bias and y = gelu(pre). weight is the copy
// of pack_copies [O][pitch]; rows of y and pre are y_pitch elements apart; values and
// the row view only of an unstructured W.
// launch: grid (ceil(O/128), ceil(T/128)), see dense.cuh.
#include "dense.cuh"
#include "finish.cuh"

extern "C" __global__ void __launch_bounds__(128, 2)
    dsd_dense(bf16 *y, bf16 *pre, const bf16 *x, const bf16 *weight, const float *bias, const float *values, const int *row_ptr,
              const int *row_slot, const int *cols, int tokens, int in, int out, int pitch, int y_pitch) {
  extern __shared__ __align__(128) char shared[];
  int m = blockIdx.y * dense_side, n = blockIdx.x * dense_side;
  dense_product<false, false>(shared, {x, tokens, in, in}, {weight, out, pitch, pitch}, m, n, 0, in, nullptr);
  Mask mask{values, row_ptr, row_slot, cols};
  dense_finish(shared, m, n, tokens, out, y_pitch, DsdFinish{y, pre, bias, y_pitch},
               [&](int t, int o, float v) { return mask(x + (size_t)t * in, o, v); });
}
