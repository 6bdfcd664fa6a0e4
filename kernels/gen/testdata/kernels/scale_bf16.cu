// y [n] = factor x, bfloat16.
#include "shapes.cuh"
extern "C" __global__ void scale_bf16(bf16 *y, const bf16 *x, const float *factor, int n) {}
