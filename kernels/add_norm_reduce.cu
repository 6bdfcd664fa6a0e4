// Gradients of gamma and beta: dgamma [h] and dbeta [h] += sum over blocks of partial [blocks][2][h] (+=),
// each warp taking every so many of them, and then the warps as a tree. Moves 4 bytes an element of
// partial. launch: grid ceil(2h/32), block a multiple of 32 up to 1024.
#include "vector.cuh"

extern "C" __global__ void __launch_bounds__(1024) add_norm_reduce(float *dgamma, float *dbeta, const float *partial, int blocks, int h) {
  __shared__ float sums[32][33], result[32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32, c = blockIdx.x * 32 + lane;
  float sum = 0;
  if (c < 2 * h) {
#pragma unroll 8
    for (int b = warp; b < blocks; b += warps) sum += partial[(size_t)b * 2 * h + c];
  }
  sums[warp][lane] = sum;
  __syncthreads();
  for (int column = warp; column < 32; column += warps) {
    sum = warp_sum(lane < warps ? sums[lane][column] : 0);
    if (lane == 0) result[column] = sum;
  }
  __syncthreads();
  if (warp == 0 && c < 2 * h) (c < h ? dgamma : dbeta - h)[c] += result[lane];
}
