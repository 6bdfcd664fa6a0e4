// sums [k] = the sum of v[i]^2 for spans[k][0] <= i < spans[k][1], in float64 (=). The order of a sum follows from its length.
// launch: grid the number of sums, block 256. Moves 4 bytes an element.
#include "optimizer.cuh"

extern "C" __global__ void __launch_bounds__(256) chunk_squares(double *sums, const float *v, const long long *spans) {
  const float *x = v + spans[2 * blockIdx.x];
  int n = (int)(spans[2 * blockIdx.x + 1] - spans[2 * blockIdx.x]);
  double sum = 0;
#pragma unroll 8
  for (int i = threadIdx.x; i < n; i += 256) {
    double a = x[i];
    sum = fma(a, a, sum);
  }
  sum = block_sum<256>(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}
