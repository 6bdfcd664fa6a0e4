// Forward product of any weight, float32: y [T, O] = x [T, I] W^T + bias (=); with pre also pre = x
// W^T + bias and y = gelu(pre). block 0: dense values, no view. launch: any; see plain.cuh.
#include "plain.cuh"

extern "C" __global__ void dsd_plain_f32(float *y, float *pre, const float *x, const float *values, const int *row_ptr, const int *row_slot,
                                       const int *cols, const float *bias, int tokens, int in, int out, int block) {
  dsd_plain(y, pre, x, {values, row_ptr, row_slot, cols, block, out, in, false}, bias, tokens);
}
