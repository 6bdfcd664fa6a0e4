// Fused QKV: three weights of one shape that share a tensor, the query, key and value
// of an attention (backend.SharedInput). Their kernels are those of
// input_stationary.cuh, output_stationary.cuh and outer.cuh, whose arguments of the
// three are chosen by number.
#pragma once
#include "finish.cuh"

template <class T>
struct Triple {
  T a, b, c;
  __device__ T operator[](int i) const { return i == 0 ? a : i == 1 ? b : c; }
};
using Bf16s = Triple<bf16 *>;
using ConstBf16s = Triple<const bf16 *>;
using Floats = Triple<float *>;
using ConstFloats = Triple<const float *>;
using ConstInts = Triple<const int *>;
