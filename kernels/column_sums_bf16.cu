// Bias gradient, bfloat16: sums [n] += column sums of x [T, n]. launch: any; see plain.cuh.
#include "plain.cuh"

extern "C" __global__ void column_sums_bf16(float *sums, const bf16 *x, int tokens, int n) { column_sums(sums, x, tokens, n); }
