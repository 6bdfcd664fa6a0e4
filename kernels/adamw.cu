// One step of AdamW over all tensors, unless norm [1] is not finite. With g the gradient times min(1, max_norm/norm):
//   m = beta1 m + (1-beta1) g,  v = beta2 v + (1-beta2) g^2,
//   W -= lr ( (m/(1-beta1^a)) / (sqrt(v/(1-beta2^a)) + eps) + weight_decay W ),
// a = step + 1, less the birth of the block in a block-sparse tensor unless global_clock is set. There lr is multiplied by sparse_rate,
// and the blocks then shrink by lasso = lambda wstd:
//   W -= lr lasso B W / sqrt(sum W^2 + 1e-6).
// Values, m and v are read and assigned, the gradient is read, the bfloat16 working copies are assigned (=).
// launch: grid the number of chunks, block 256; see optimizer.cuh and adamw.cuh.
// Moves 28 bytes an element, 32 with working copies.
#include "adamw.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) adamw(const Tensor *tensors, const int2 *chunks, const float *norm, const StepScalars *step,
                                                       double log_beta1, double log_beta2, float beta1, float beta2, float eps,
                                                       float weight_decay, float lasso, float max_norm, float sparse_rate, int global_clock) {
  adamw_chunk(tensors, chunks, norm, step, {log_beta1, log_beta2, beta1, beta2, eps, weight_decay, lasso, max_norm, sparse_rate, global_clock});
}
