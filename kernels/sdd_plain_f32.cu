// Weight gradient of any weight, float32: grad [count] += dy^T x on the active blocks. block 0: dense,
// rows and cols unused. launch: any; see plain.cuh.
#include "plain.cuh"

extern "C" __global__ void sdd_plain_f32(float *grad, const float *dy, const float *x, const int *rows, const int *cols, int tokens, int in,
                                       int out, int block, long long count) {
  sdd_plain(grad, dy, x, rows, cols, tokens, in, out, block, count);
}
