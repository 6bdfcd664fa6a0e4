// Input gradient of any weight, bfloat16: r = dy [T, O] W; mode 0: dx [T, I] = r, 1: dx += r, 2: dx = r
// gelu'(pre), dx may be pre. block 0: dense values, no view. launch: any; see plain.cuh.
#include "plain.cuh"

extern "C" __global__ void dds_plain_bf16(bf16 *dx, const bf16 *dy, const float *values, const int *col_ptr, const int *col_slot,
                                       const int *rows, const bf16 *pre, int mode, int tokens, int in, int out, int block) {
  dds_plain(dx, dy, pre, mode, {values, col_ptr, col_slot, rows, block, in, out, true}, tokens);
}
