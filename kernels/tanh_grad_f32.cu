// Backward of tanh, float32: dx [n] = dy (1 - y^2) (=), dx may be dy or y.
// Moves 12 bytes an element. launch: any, best a thread for 8 elements; see pointwise.cuh.
#include "pointwise.cuh"

extern "C" __global__ void tanh_grad_f32(float *dx, const float *dy, const float *y, long long n) {
  map2(dx, dy, y, n, [](float d, float v) { return d * (1.0f - v * v); });
}
