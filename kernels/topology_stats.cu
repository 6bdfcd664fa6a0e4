// After topology_update: how the blocks of earlier updates fare, for the report of each
// listed tensor, by newborns.go of package sparse. All sums are of integers, so no order
// counts. Tensors with a fault stay as they are.
// launch: grid (listed tensors), block any multiple of 32 up to 1024.
#include "topology_check.cuh"

// Counts is the shared memory of a block, which describes one tensor.
struct Counts {
  unsigned long long norms;
  unsigned threshold, newborn, start, survivors[4];
};

// newborn_norm is what a newborn of a norm adds to the sum.
__device__ inline unsigned long long newborn_norm(float norm, float threshold) {
  if (threshold == 0) return 0;
  return (unsigned long long)(fminf(__fdiv_rn(norm, threshold), LARGEST_NEWBORN_NORM) * NEWBORN_NORM_UNIT);
}

extern "C" __global__ void __launch_bounds__(1024)
    topology_stats(const TopologyTensor *tensors, const int *list, const TopologyUpdate *update, TopologyReport *reports) {
  __shared__ Counts c;
  const TopologyTensor &t = tensors[list[blockIdx.x]];
  TopologyReport *r = reports + list[blockIdx.x];
  if (r->fault) return;
  if (threadIdx.x == 0) c = {0, 0, 0, 0, {0, 0, 0, 0}};
  __syncthreads();

  // Norms have no sign bit: their bits are in their order.
  unsigned threshold = 0;
  FOR_THREADS(i, r->pruned) threshold = max(threshold, (unsigned)(t.norms[t.newborn[i]] >> 32));
  __syncwarp();
  threshold = __reduce_max_sync(~0u, threshold);
  if (threadIdx.x % 32 == 0) atomicMax(&c.threshold, threshold);
  __syncthreads();

  const float over = __uint_as_float(c.threshold);
  const int number = update->number;
  unsigned long long norms = 0;
  unsigned newborn = 0, start = 0, survivors[4] = {0, 0, 0, 0};
  FOR_THREADS(slot, t.nnzb) {
    int at = t.new_at[slot];
    unsigned long long key = t.norms[slot];
    start += at == 0;
#pragma unroll
    for (int i = 0; i < 4; i++) survivors[i] += at > 0 && at == number - (1 << i); // sparse.Lags
    if (at > 0 && at == number - 1 || key >> 31 & 1) {
      newborn++;
      norms += newborn_norm(__uint_as_float((unsigned)(key >> 32)), over);
    }
  }
  __syncwarp();
  add(&c.newborn, newborn);
  add(&c.start, start);
#pragma unroll
  for (int i = 0; i < 4; i++) add(&c.survivors[i], survivors[i]);
  for (int off = 16; off > 0; off /= 2) norms += __shfl_xor_sync(~0u, norms, off);
  if (threadIdx.x % 32 == 0) atomicAdd(&c.norms, norms);
  __syncthreads();

  if (threadIdx.x == 0) {
    r->newborn_norms = c.norms;
    r->newborn = c.newborn;
    r->start = c.start;
    r->threshold = c.threshold;
    r->survived_1 = c.survivors[0];
    r->survived_2 = c.survivors[1];
    r->survived_4 = c.survivors[2];
    r->survived_8 = c.survivors[3];
  }
}
