// Backward of tanh, bfloat16: dx [n] = dy (1 - y^2) (=), dx may be dy or y.
// Moves 6 bytes an element. launch: any, best a thread for 8 elements; see pointwise.cuh.
#include "pointwise.cuh"

extern "C" __global__ void tanh_grad_bf16(bf16 *dx, const bf16 *dy, const bf16 *y, long long n) {
  map2(dx, dy, y, n, [](float d, float v) { return d * (1.0f - v * v); });
}
