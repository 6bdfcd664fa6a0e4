// Adds up the partial sums of the ranges of outputs of an input gradient, in their order,
// bfloat16: r [T, I] = sum over range of partial [range][T][I]; mode 0: dx = r, 1: dx += r,
// 2: dx = r gelu'(pre); dx may be pre; I is a multiple of 4.
// launch: grid any, block any; each thread takes 4 elements, every so many.
#include "finish.cuh"

extern "C" __global__ void dds_reduce(bf16 *dx, const float *partial, const bf16 *pre, int mode, int tokens, int in, int splits) {
  DdsFinish finish{dx, pre, mode, in};
  size_t all = (size_t)tokens * in;
  for (size_t i = blockIdx.x * blockDim.x + threadIdx.x; i < all / 4; i += (size_t)gridDim.x * blockDim.x) {
    float v[4] = {0, 0, 0, 0};
    for (int r = 0; r < splits; r++) {
      float4 p = *reinterpret_cast<const float4 *>(partial + r * all + 4 * i);
      v[0] += p.x;
      v[1] += p.y;
      v[2] += p.z;
      v[3] += p.w;
    }
    finish(4 * i / in, 4 * i % in, v);
  }
}
