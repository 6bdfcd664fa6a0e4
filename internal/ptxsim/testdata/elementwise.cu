// Elementwise functions as nvcc expands them: erff, expf, tanhf, logf, sqrtf,
// division, bfloat16 rounding, sine. out: [10][n] fp32.
#include <cuda_bf16.h>
extern "C" __global__ void elementwise(const float *x, float *out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float v = x[i];
  out[i] = erff(v);
  out[n + i] = expf(v);
  out[2 * n + i] = tanhf(v);
  out[3 * n + i] = logf(fabsf(v));
  out[4 * n + i] = sqrtf(fabsf(v));
  out[5 * n + i] = 1.f / v;
  out[6 * n + i] = __bfloat162float(__float2bfloat16(v));
  __nv_bfloat162 p = __floats2bfloat162_rn(v, 2 * v);
  out[7 * n + i] = __high2float(p);
  out[8 * n + i] = rsqrtf(fabsf(v));
  out[9 * n + i] = sinf(v);
}
