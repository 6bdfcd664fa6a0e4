// Residual, dropout and LayerNorm, float32: z [T][h] = residual + dropout(sub), y [T][h] = gamma (z
// - mean) rstd + beta, mean and rstd [T] of z, rstd = 1/sqrt(var + 1e-12) (all =). sub may be null,
// z may be residual or sub; kept gets what dropout keeps (dropout.cuh) where it is not null. Moves
// 16 bytes an element, 12 without sub: each tensor once for rows of up to 1024 whose width is a
// multiple of 8. launch: grid any, block a multiple of 32; a warp a row; see norm.cuh and
// norm_rows.cuh.
#include "norm_rows.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) add_norm_f32(float *y, float *z, float *mean, float *rstd, const float *residual,
                                                               const float *sub, const float *gamma, const float *beta, unsigned *kept,
                                                               const StepScalars *step, float rate, int site, int tokens, int h) {
  add_norm(Norm<float>{y, z, mean, rstd, residual, sub, gamma, beta, kept, tokens, h}, keep_of(step, rate, site));
}
