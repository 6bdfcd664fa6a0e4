// The norm of all gradients: norm [1] = sqrt of the sum of partial [n], which grad_squares made (=).
// launch: grid 1, block 512.
#include "optimizer.cuh"

extern "C" __global__ void __launch_bounds__(512) grad_norm(float *norm, const double *partial, int n) {
  double sum = 0;
  for (int i = threadIdx.x; i < n; i += 512) sum += partial[i];
  sum = block_sum<512>(sum);
  if (threadIdx.x == 0) *norm = (float)sqrt(sum);
}
