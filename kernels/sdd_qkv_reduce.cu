// Adds up what sdd_qkv_b* left, of three weights and their biases at once: gradi [n]
// and biasi [m] += sum over range of partial [3][range][n], then [range][m] (+=), in
// the order of the ranges. The biases are all null or none.
// launch: grid (any, 3), block any; each thread takes every so many elements.
#include "qkv.cuh"

extern "C" __global__ void sdd_qkv_reduce(float *grad0, float *grad1, float *grad2, float *bias0, float *bias1, float *bias2,
                                            const float *partial, int n, int m, int splits) {
  int w = blockIdx.y;
  float *grad = Floats{grad0, grad1, grad2}[w], *bias = Floats{bias0, bias1, bias2}[w];
  partial += (size_t)w * splits * (n + m);
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n + (bias ? m : 0); i += gridDim.x * blockDim.x) {
    bool of_bias = i >= n;
    const float *from = of_bias ? partial + (size_t)splits * n + (i - n) : partial + i;
    float sum = 0;
    for (int r = 0; r < splits; r++) sum += from[(size_t)r * (of_bias ? m : n)];
    float *to = of_bias ? bias + (i - n) : grad + i;
    *to += sum;
  }
}
