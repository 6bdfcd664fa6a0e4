// Backward of GELU, float32: dx [n] = dy gelu'(pre) (=), dx may be dy or pre.
// Moves 12 bytes an element. launch: any, best a thread for 8 elements; see pointwise.cuh.
#include "pointwise.cuh"

extern "C" __global__ void gelu_grad_f32(float *dx, const float *dy, const float *pre, long long n) {
  map2(dx, dy, pre, n, [](float d, float a) { return d * gelu_slope(a); });
}
