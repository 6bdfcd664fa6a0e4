// Residual, dropout and LayerNorm, bfloat16: z [T][h] = residual + dropout(sub), y [T][h] = gamma
// (z - mean) rstd + beta, mean and rstd [T] of z, rstd = 1/sqrt(var + 1e-12) (all =). sub may be
// null, z may be residual or sub; kept gets what dropout keeps (dropout.cuh) where it is not null.
// Moves 8 bytes an element, 6 without sub: each tensor once for rows of up to 1024 whose width is a
// multiple of 8. launch: grid any, block a multiple of 32; a warp a row; see norm.cuh and
// norm_rows.cuh.
#include "norm_rows.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) add_norm_bf16(bf16 *y, bf16 *z, float *mean, float *rstd, const bf16 *residual,
                                                                const bf16 *sub, const float *gamma, const float *beta, unsigned *kept,
                                                                const StepScalars *step, float rate, int site, int tokens, int h) {
  add_norm(Norm<bf16>{y, z, mean, rstd, residual, sub, gamma, beta, kept, tokens, h}, keep_of(step, rate, site));
}
