// Fused QKV: three weights of one shape that share a tensor, the query, key and value
// of an attention (backend.SharedInput). Their kernels are those of
// input_stationary.cuh, output_stationary.cuh and outer.cuh, whose arguments of the
// three are chosen by number.
#pragma once
#include "finish.cuh"
#include "outer.cuh"

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

// sdd_qkv_product is the whole kernel of the three weight gradients; see outer.cuh.
template <int B>
__device__ inline void sdd_qkv_product(const Floats &grad, const Floats &bias, float *partial, const ConstBf16s &dy, const bf16 *x,
                                         const ConstInts &ptr, const ConstInts &slots, const ConstInts &rows, const ConstInts &cols,
                                         int tokens, int in, int out, int nnzb, int bytes, bool swapped) {
  int groups = gridDim.x / 3, i = blockIdx.x / groups;
  float *sums = partial + (size_t)i * gridDim.y * (nnzb * (B * B) + out);
  OuterArgs g = {grad[i], bias[i], sums, sums + (size_t)gridDim.y * nnzb * (B * B), dy[i], x, ptr[i], slots[i], rows[i], cols[i],
                 tokens, out, in, nnzb, bytes, swapped, (int)blockIdx.x - i * groups, groups};
  if (swapped) {
    g.a = x, g.b = dy[i], g.at_a = cols[i], g.at_b = rows[i];
    g.larger = in, g.smaller = out;
  }
  outer_product<B>(g);
}
