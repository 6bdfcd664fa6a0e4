// Gradients of all tensors = 0. launch: grid the number of chunks, block 256; see optimizer.cuh.
// Moves 4 bytes an element.
#include "optimizer.cuh"

extern "C" __global__ void __launch_bounds__(256) zero_grad(const Tensor *tensors, const int2 *chunks) {
  Chunk c(tensors, chunks);
#pragma unroll
  for (int i = 0; i < chunk_vectors; i++) store4(c.t->grad + c.at(i), make_float4(0, 0, 0, 0), c.left(i));
}
