// Hyperbolic tangent, bfloat16: y [n] = tanh(x) (=), y may be x.
// Moves 4 bytes an element. launch: any, best a thread for 8 elements; see pointwise.cuh.
#include "pointwise.cuh"

extern "C" __global__ void tanh_bf16(bf16 *y, const bf16 *x, long long n) {
  map(y, x, n, [](float v) { return tanhf(v); });
}
