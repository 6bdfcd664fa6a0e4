// Backward of GELU, bfloat16: dx [n] = dy gelu'(pre) (=), dx may be dy or pre.
// Moves 6 bytes an element. launch: any, best a thread for 8 elements; see pointwise.cuh.
#include "pointwise.cuh"

extern "C" __global__ void gelu_grad_bf16(bf16 *dx, const bf16 *dy, const bf16 *pre, long long n) {
  map2(dx, dy, pre, n, [](float d, float a) { return d * fast_gelu_slope(a); });
}
