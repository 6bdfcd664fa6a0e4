// After topology_update: values, both moments and both working copies of the
// newborn blocks, and all growth scores, of the listed tensors = 0. Tensors with a
// fault stay as they are. Of moments, those that are there.
// launch: grid (any, listed tensors), block any; threads share the elements.
#include "topology.cuh"

// zero sets N elements from i on, of a block in slot.
template <int N>
__device__ inline void zero(const TopologyTensor &t, int slot, size_t i) {
  bool own = slot >= t.own_from && slot < t.own_to;
  if (N == 1) {
    t.values[i] = 0;
    if (own) t.m[i] = t.v[i] = 0;
    return;
  }
  const float4 z = {0, 0, 0, 0};
  *(float4 *)(t.values + i) = z;
  if (own) {
    *(float4 *)(t.m + i) = z;
    *(float4 *)(t.v + i) = z;
  }
  if (t.forward) *(uint2 *)(t.forward + i) = {0, 0};
  if (t.backward) *(uint2 *)(t.backward + i) = {0, 0};
}

template <int N>
__device__ inline void zero_newborn(const TopologyTensor &t, unsigned count) {
  unsigned units = t.block * t.block / N; // of a block
  size_t n = (size_t)count * units;
  for (size_t e = blockIdx.x * (size_t)blockDim.x + threadIdx.x; e < n; e += (size_t)gridDim.x * blockDim.x) {
    unsigned i = e / units, inside = e - (size_t)i * units;
    int slot = t.newborn[i];
    zero<N>(t, slot, ((size_t)slot * units + inside) * N);
  }
}

extern "C" __global__ void topology_zero(const TopologyTensor *tensors, const int *list, const TopologyReport *reports) {
  const TopologyTensor &t = tensors[list[blockIdx.y]];
  const TopologyReport &r = reports[list[blockIdx.y]];
  if (r.fault) return;
  if (t.block == 1) {
    zero_newborn<1>(t, r.pruned);
  } else {
    zero_newborn<4>(t, r.pruned);
  }
  if (!t.scores) return;
  size_t positions = (size_t)t.block_rows * t.block_cols;
  for (size_t p = blockIdx.x * (size_t)blockDim.x + threadIdx.x; p < positions; p += (size_t)gridDim.x * blockDim.x) t.scores[p] = 0;
}
