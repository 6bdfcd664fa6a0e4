// Dropout, float32: y [n] = dropout(x) (=), y may be x. It is its own backward.
// Moves 8 bytes an element. launch: any, best a thread for 8 elements; see pointwise.cuh.
#include "pointwise.cuh"

extern "C" __global__ void dropout_apply_f32(float *y, const float *x, const StepScalars *step, float rate, int site, long long n) {
  dropout_apply(y, x, keep_of(step, rate, site), n);
}
