// Backward of add_norm, float32: dresidual [T][h] = dz, dsub [T][h] = dropout(dz) (=), and partial
// [blocks][dgamma, dbeta][h] (=) sums of each thread block's rows, which add_norm_reduce adds up.
// dsub may be null, dresidual may be dy. kept: what dropout kept (dropout.cuh). Moves 16 bytes an
// element, 12 without dsub: each tensor once for rows of up to 1024 whose width is a multiple of 8.
// launch: grid any, block a multiple of 32, dynamic shared memory 8 h bytes a warp; see norm.cuh
// and norm_rows.cuh.
#include "norm_rows.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) add_norm_grad_f32(float *dresidual, float *dsub, const float *dy, const float *z,
                                                                       const float *mean, const float *rstd, const float *gamma, const unsigned *kept,
                                                                       float *partial, const StepScalars *step, float rate, int tokens,
                                                                        int h) {
  add_norm_grad(NormGrad<float>{dresidual, dsub, dy, z, mean, rstd, gamma, kept, partial, tokens, h}, keep_of(step, rate, 0));
}
