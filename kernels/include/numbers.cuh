// Numbers: bfloat16 and float32 in memory, float32 in registers; GELU.
#pragma once
#include <cuda_bf16.h>

typedef __nv_bfloat16 bf16;

__device__ inline float load(const float *p) { return *p; }
__device__ inline float load(const bf16 *p) { return __bfloat162float(*p); }
__device__ inline void store(float *p, float v) { *p = v; }
__device__ inline void store(bf16 *p, float v) { *p = __float2bfloat16_rn(v); }

// pack rounds two floats to bfloat16, lo in the lower half.
__device__ inline unsigned pack(float lo, float hi) {
  unsigned d;
  asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(d) : "f"(hi), "f"(lo));
  return d;
}
__device__ inline float low(unsigned v) { return __uint_as_float(v << 16); }
__device__ inline float high(unsigned v) { return __uint_as_float(v & 0xffff0000u); }

// gelu(a) = a/2 (1 + erf(a/sqrt 2)).
__device__ inline float gelu(float a) { return 0.5f * a * (1.0f + erff(a * 0.70710678118654752f)); }

// gelu_slope(a) = (1 + erf(a/sqrt 2))/2 + a exp(-a^2/2)/sqrt(2 pi).
__device__ inline float gelu_slope(float a) {
  float phi = 0.5f * (1.0f + erff(a * 0.70710678118654752f));
  return phi + a * (expf(-0.5f * a * a) * 0.39894228040143268f);
}

// unrolled calls f with 0 to N-1 as compile-time constants. A pragma is not
// enough for long bodies, and registers cannot be indexed at run time.
template <int I>
struct index_constant {
  static constexpr int value = I;
};
template <int N, int I = 0, class F>
__device__ __forceinline__ void unrolled(F f) {
  if constexpr (I < N) {
    f(index_constant<I>{});
    unrolled<N, I + 1>(f);
  }
}
