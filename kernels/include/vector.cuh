// W elements at a time, as float32 in registers: 8 where the address is a
// multiple of 16 bytes, which makes accesses of 16 bytes, 4 where it is one of four
// elements, or 1.
#pragma once
#include "numbers.cuh"

__device__ inline void load_n(float (&v)[1], const float *p) { v[0] = *p; }
__device__ inline void load_n(float (&v)[1], const bf16 *p) { v[0] = load(p); }
__device__ inline void load_n(float (&v)[8], const float *p) {
  float4 a = reinterpret_cast<const float4 *>(p)[0], b = reinterpret_cast<const float4 *>(p)[1];
  v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
}
__device__ inline void load_n(float (&v)[8], const bf16 *p) {
  uint4 a = *reinterpret_cast<const uint4 *>(p);
  v[0] = low(a.x), v[1] = high(a.x), v[2] = low(a.y), v[3] = high(a.y);
  v[4] = low(a.z), v[5] = high(a.z), v[6] = low(a.w), v[7] = high(a.w);
}

__device__ inline void load_n(float (&v)[4], const float *p) {
  float4 a = *reinterpret_cast<const float4 *>(p);
  v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w;
}

__device__ inline void store_n(float *p, const float (&v)[4]) { *reinterpret_cast<float4 *>(p) = make_float4(v[0], v[1], v[2], v[3]); }
__device__ inline void store_n(bf16 *p, const float (&v)[4]) { *reinterpret_cast<uint2 *>(p) = make_uint2(pack(v[0], v[1]), pack(v[2], v[3])); }
__device__ inline void store_n(float *p, const float (&v)[1]) { *p = v[0]; }
__device__ inline void store_n(bf16 *p, const float (&v)[1]) { store(p, v[0]); }
__device__ inline void store_n(float *p, const float (&v)[8]) {
  reinterpret_cast<float4 *>(p)[0] = make_float4(v[0], v[1], v[2], v[3]);
  reinterpret_cast<float4 *>(p)[1] = make_float4(v[4], v[5], v[6], v[7]);
}
__device__ inline void store_n(bf16 *p, const float (&v)[8]) {
  *reinterpret_cast<uint4 *>(p) = make_uint4(pack(v[0], v[1]), pack(v[2], v[3]), pack(v[4], v[5]), pack(v[6], v[7]));
}

// Raw is W neighbors as they are in memory: asked for long before they are needed.
template <class T, int W>
struct Raw {
  T v;
  __device__ void load(const T *p) { v = *p; }
  __device__ void get(float (&to)[W]) const { load_n(to, &v); }
};
template <>
struct Raw<bf16, 8> {
  uint4 v;
  __device__ void load(const bf16 *p) { v = *reinterpret_cast<const uint4 *>(p); }
  __device__ void get(float (&to)[8]) const {
    to[0] = low(v.x), to[1] = high(v.x), to[2] = low(v.y), to[3] = high(v.y);
    to[4] = low(v.z), to[5] = high(v.z), to[6] = low(v.w), to[7] = high(v.w);
  }
};
template <>
struct Raw<float, 8> {
  float4 a, b;
  __device__ void load(const float *p) { a = reinterpret_cast<const float4 *>(p)[0], b = reinterpret_cast<const float4 *>(p)[1]; }
  __device__ void get(float (&to)[8]) const {
    to[0] = a.x, to[1] = a.y, to[2] = a.z, to[3] = a.w, to[4] = b.x, to[5] = b.y, to[6] = b.z, to[7] = b.w;
  }
};

// rounded is v as it is after a store and a load.
__device__ inline float rounded(const float *, float v) { return v; }
__device__ inline float rounded(const bf16 *, float v) { return __bfloat162float(__float2bfloat16_rn(v)); }

// warp_sum adds up the lanes' values in a fixed order; every lane gets the sum.
__device__ inline float warp_sum(float v) {
#pragma unroll
  for (int d = 16; d; d /= 2) v += __shfl_xor_sync(~0u, v, d);
  return v;
}

// for_groups calls f for the elements 8g to 8g + 7 of n with W = 8, one group a
// thread, and for the rest one by one with W = 1: f(first, width_constant).
template <int N>
struct width {
  static constexpr int value = N;
};
template <class F>
__device__ inline void for_groups(long long n, F f) {
  long long threads = (long long)gridDim.x * blockDim.x, me = blockIdx.x * (long long)blockDim.x + threadIdx.x;
  for (long long g = me; g < n / 8; g += threads) f(8 * g, width<8>{});
  for (long long e = n / 8 * 8 + me; e < n; e += threads) f(e, width<1>{});
}

// load_if loads from p where there is something, without a branch; otherwise zeros.
__device__ inline float4 load_if(bool there, const float4 *p) {
  float4 v;
  asm("{\n.reg .pred p;\nsetp.ne.s32 p, %5, 0;\nmov.b32 %0, 0;\nmov.b32 %1, 0;\nmov.b32 %2, 0;\nmov.b32 %3, 0;\n"
      "@p ld.global.v4.f32 {%0,%1,%2,%3}, [%4];\n}"
      : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "l"(p), "r"((int)there));
  return v;
}
__device__ inline uint4 load_if(bool there, const uint4 *p) {
  float4 v = load_if(there, reinterpret_cast<const float4 *>(p));
  return make_uint4(__float_as_uint(v.x), __float_as_uint(v.y), __float_as_uint(v.z), __float_as_uint(v.w));
}
__device__ inline float load_if(bool there, const float *p) {
  float v;
  asm("{\n.reg .pred p;\nsetp.ne.s32 p, %2, 0;\nmov.b32 %0, 0;\n@p ld.global.f32 %0, [%1];\n}" : "=f"(v) : "l"(p), "r"((int)there));
  return v;
}
