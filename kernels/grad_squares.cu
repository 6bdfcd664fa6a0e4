// The sum of squared gradients of each chunk, in float64: partial [chunks] (=), for grad_norm.
// launch: grid the number of chunks, block 256; see optimizer.cuh. Moves 4 bytes an element.
#include "optimizer.cuh"

extern "C" __global__ void __launch_bounds__(256) grad_squares(double *partial, const Tensor *tensors, const int2 *chunks) {
  Chunk c(tensors, chunks);
  double sum = 0;
  float4 g[chunk_vectors];
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++) g[i] = load4(c.t->grad + c.at(i), c.left(i));
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++) {
    double x = g[i].x, y = g[i].y, z = g[i].z, w = g[i].w;
    sum = fma(x, x, fma(y, y, fma(z, z, fma(w, w, sum))));
  }
  sum = block_sum<256>(sum);
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}
