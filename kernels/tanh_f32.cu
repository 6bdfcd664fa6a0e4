// Hyperbolic tangent, float32: y [n] = tanh(x) (=), y may be x.
// Moves 8 bytes an element. launch: any, best a thread for 8 elements; see pointwise.cuh.
#include "pointwise.cuh"

extern "C" __global__ void tanh_f32(float *y, const float *x, long long n) {
  map(y, x, n, [](float v) { return tanhf(v); });
}
