// Growth scores on tensor cores, bfloat16: scores [O/B, I/B] += L1 norms of the blocks of dy^T x, dy [T, O], x [T, I];
// O and I are multiples of 8. launch: grid (ceil(I / 64), ceil(O / 64)), block 128; see block_grad.cuh.
// Moves dy once for each 64 columns of x, and x for each 64 of dy.
#include "block_grad.cuh"

extern "C" __global__ void __launch_bounds__(128) block_grad(float *scores, const bf16 *dy, const bf16 *x, int tokens, int in, int out, int block) {
  block_grad_mma(NormArgs{scores, tokens, in, out, block}, dy, x);
}
