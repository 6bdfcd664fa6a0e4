// Weight gradient of any weight, bfloat16: grad [count] += dy^T x on the active blocks. block 0: dense,
// rows and cols unused. launch: any; see plain.cuh.
#include "plain.cuh"

extern "C" __global__ void sdd_plain_bf16(float *grad, const bf16 *dy, const bf16 *x, const int *rows, const int *cols, int tokens, int in,
                                       int out, int block, long long count) {
  sdd_plain(grad, dy, x, rows, cols, tokens, in, out, block, count);
}
