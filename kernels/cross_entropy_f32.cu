// Cross-entropy, float32: result [rows] = loss -log softmax(logits [rows][c])[label] and 1 or 0, whether the
// label has the largest logit, the first of several (=); with grad 1 the logits become scale (softmax -
// onehot), scale being the step's for loss 0 (MLM) or 1 (NSP). Rows of negative labels give zeros
// and no result; labels of c or more are reported. Moves 4 bytes a logit, with grad 8 and 4 more from L2.
// Rows are pitch elements apart.
// launch: grid any, block a multiple of 32; a block a row; see loss.cuh.
#include "loss.cuh"

extern "C" __global__ void __launch_bounds__(512) cross_entropy_f32(float2 *result, float *logits, const int *labels,
                                                                    const StepScalars *step, int loss, int rows, int c, int pitch, int grad,
                                                                    unsigned long long *bad) {
  cross_entropy(result, logits, labels, loss ? step->nsp_scale : step->mlm_scale, rows, c, pitch, grad != 0, bad);
}
