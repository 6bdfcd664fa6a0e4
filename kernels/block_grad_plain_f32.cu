// Growth scores, float32: scores [O/B, I/B] += L1 norms of the blocks of dy^T x, dy [T, O], x [T, I]. Any shape.
// launch: grid (ceil(I / 64), ceil(O / 64)), block 256; see block_grad.cuh.
// Moves dy once for each 64 columns of x, and x for each 64 of dy.
#include "block_grad.cuh"

extern "C" __global__ void __launch_bounds__(256) block_grad_plain_f32(float *scores, const float *dy, const float *x, int tokens, int in, int out,
                                                                  int block) {
  block_grad_plain(NormArgs{scores, tokens, in, out, block}, dy, x);
}
