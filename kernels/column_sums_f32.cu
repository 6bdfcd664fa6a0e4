// Bias gradient, float32: sums [n] += column sums of x [T, n]. launch: any; see plain.cuh.
#include "plain.cuh"

extern "C" __global__ void column_sums_f32(float *sums, const float *x, int tokens, int n) { column_sums(sums, x, tokens, n); }
