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

// normal_tail returns the standard normal distribution function of -|a| and sets
// power to exp(-a^2/2), both good to 2e-7 absolute: formula 7.1.26 of Abramowitz
// and Stegun, Handbook of Mathematical Functions, for erfc(|a|/sqrt 2). About a
// third of the instructions of erff, which would cost more time than the traffic of
// a product; for results that are rounded to bfloat16.
__device__ inline float normal_tail(float a, float &power) {
  float t, x = fabsf(a);
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(t) : "f"(fmaf(x, 0.3275911f * 0.70710678f, 1.0f)));
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(power) : "f"(a * a * -0.72134752f)); // log2(e)/2
  float p = fmaf(t, 0.5f * 1.061405429f, 0.5f * -1.453152027f);
  p = fmaf(t, p, 0.5f * 1.421413741f);
  p = fmaf(t, p, 0.5f * -0.284496736f);
  p = fmaf(t, p, 0.5f * 0.254829592f);
  return p * t * power;
}

// gelu and gelu_slope for results in bfloat16.
__device__ inline float fast_gelu(float a) {
  float power, tail = normal_tail(a, power);
  return fmaf(-fabsf(a), tail, fmaxf(a, -0.0f)); // as a - a tail above 0 and a tail below, without a branch
}
__device__ inline float fast_gelu_slope(float a) {
  float power, tail = normal_tail(a, power);
  return (a > 0 ? 1.0f - tail : tail) + a * (power * 0.39894228f);
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
