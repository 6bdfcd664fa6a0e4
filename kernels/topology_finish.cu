// After topology_update: the blocks of the pruned slots of each listed tensor, ascending, get the
// grown positions: rows, cols, born, new_at (=), and values, both moments and both working
// copies = 0, of moments those that are there. row_slot and col_slot from the ranks that
// topology_update left (=); all growth scores = 0. For the report: how the blocks of earlier updates fare, by newborns.go of package
// sparse, ages, and newborns that were pruned. All sums are of integers, so no order counts.
// Tensors with a fault stay as they are. What topology_norms left of any is cleared.
// launch: grid (any, listed tensors), block 256; threads share slots and elements.
#include "topology.cuh"

// Counts is what a block of threads counted.
struct Counts {
  unsigned long long norms, ages;
  unsigned removed_new, newborn, start, survivors[4];
};

// newborn_norm is what a newborn of a norm adds to the sum.
__device__ inline unsigned long long newborn_norm(float norm, float threshold) {
  if (threshold == 0) return 0;
  return (unsigned long long)(fminf(__fdiv_rn(norm, threshold), LARGEST_NEWBORN_NORM) * NEWBORN_NORM_UNIT);
}

// add adds up v over a warp; all lanes call it.
__device__ inline void add(unsigned *to, unsigned v) {
  v = __reduce_add_sync(~0u, v);
  if (threadIdx.x % 32 == 0 && v) atomicAdd(to, v);
}
__device__ inline void add(unsigned long long *to, unsigned long long v) {
  for (int off = 16; off > 0; off /= 2) v += __shfl_xor_sync(~0u, v, off);
  if (threadIdx.x % 32 == 0 && v) atomicAdd(to, v);
}

// finish_slots does what concerns each slot but for its elements.
__device__ inline void finish_slots(const TopologyTensor &t, const TopologyUpdate &u, TopologyReport *r, Counts &c) {
  constexpr int batch = 1;
  int *rows = t.rows, *cols = t.cols, *born = t.born, *new_at = t.new_at, *row_slot = t.row_slot, *col_slot = t.col_slot;
  const unsigned long long *norms = t.norms;
  const uint2 *pruned = t.pruned, *groups = t.groups, *col_groups = t.col_groups;
  const int *grown = t.grown;
  const unsigned block_rows = t.block_rows, block_cols = t.block_cols, n = t.nnzb, size = gridDim.x * blockDim.x;
  const float threshold = __int_as_float(r->threshold);
  const int number = u.number, step = u.step;
  unsigned long long sum = 0, ages = 0;
  unsigned removed_new = 0, newborn = 0, start = 0, survivors[4] = {0, 0, 0, 0};
  for (unsigned base = blockIdx.x * blockDim.x + threadIdx.x; base < n; base += batch * size) {
    int row[batch], col[batch], bore[batch], at[batch], grows[batch];
    unsigned long long key[batch];
    uint2 word[batch];
    bool goes[batch];
#pragma unroll
    for (int j = 0; j < batch; j++) {
      unsigned slot = base + j * size < n ? base + j * size : base; // no other thread writes there
      row[j] = rows[slot], col[j] = cols[slot], bore[j] = born[slot], at[j] = new_at[slot];
      key[j] = norms[slot], word[j] = pruned[slot / 32];
    }
#pragma unroll
    for (int j = 0; j < batch; j++) {
      unsigned slot = base + j * size < n ? base + j * size : base;
      goes[j] = word[j].x >> slot % 32 & 1;
      grows[j] = grown[goes[j] ? word[j].y + __popc(word[j].x & (1u << slot % 32) - 1) : 0];
    }
#pragma unroll
    for (int j = 0; j < batch; j++) {
      unsigned slot = base + j * size;
      if (slot >= n) break;
      bool was_new = at[j] > 0 && at[j] == number - 1;
      if (was_new) {
        newborn++;
        sum += newborn_norm(__uint_as_float((unsigned)(key[j] >> 32)), threshold);
      }
      if (goes[j]) {
        removed_new += was_new;
        row[j] = (unsigned)grows[j] / block_cols;
        col[j] = grows[j] - row[j] * block_cols;
        rows[slot] = row[j], cols[slot] = col[j], born[slot] = bore[j] = step, new_at[slot] = at[j] = number;
      }
      start += at[j] == 0;
#pragma unroll
      for (int i = 0; i < 4; i++) survivors[i] += at[j] > 0 && at[j] == number - (1 << i); // sparse.Lags
      ages += (long long)step - bore[j];
      row_slot[active_before(groups, row[j] * block_cols + col[j])] = slot;
      col_slot[active_before(col_groups, col[j] * block_rows + row[j])] = slot;
    }
  }
  __syncwarp();
  add(&c.norms, sum);
  add(&c.ages, ages);
  add(&c.removed_new, removed_new);
  add(&c.newborn, newborn);
  add(&c.start, start);
#pragma unroll
  for (int i = 0; i < 4; i++) add(&c.survivors[i], survivors[i]);
}

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

// zero_pruned sets the elements of all slots that had a pruned block.
template <int N>
__device__ inline void zero_pruned(const TopologyTensor &t) {
  const uint2 *pruned = t.pruned;
  const unsigned shift = 31 - __clz(t.block * t.block / N); // a slot has 1 << shift units
  const unsigned n = (unsigned)t.nnzb << shift, size = gridDim.x * blockDim.x;
#pragma unroll 4
  for (unsigned e = blockIdx.x * blockDim.x + threadIdx.x; e < n; e += size) {
    unsigned slot = e >> shift;
    if (pruned[slot / 32].x >> slot % 32 & 1) zero<N>(t, slot, (size_t)e * N);
  }
}

extern "C" __global__ void __launch_bounds__(256, 4)
    topology_finish(const TopologyTensor *tensors, const int *list, const TopologyUpdate *update, TopologyReport *reports) {
  __shared__ TopologyTensor t;
  __shared__ Counts c;
  if (threadIdx.x == 0) c = {0, 0, 0, 0, 0, {0, 0, 0, 0}};
  load_tensor(t, tensors + list[blockIdx.y]);
  TopologyReport *r = reports + list[blockIdx.y];
  if (blockIdx.x == 0 && threadIdx.x < 2) t.inspection[threadIdx.x] = 0;
  if (r->fault) return;
  finish_slots(t, *update, r, c);
  if (t.block == 1) {
    zero_pruned<1>(t);
  } else {
    zero_pruned<4>(t);
  }
  if (t.scores) {
    size_t positions = (size_t)t.block_rows * t.block_cols;
    for (size_t p = blockIdx.x * (size_t)blockDim.x + threadIdx.x; p < positions; p += (size_t)gridDim.x * blockDim.x) t.scores[p] = 0;
  }
  __syncthreads();
  if (threadIdx.x == 0) {
    if (c.norms) atomicAdd(&r->newborn_norms, c.norms);
    if (c.ages) atomicAdd(&r->ages, c.ages);
    if (c.removed_new) atomicAdd(&r->removed_new, c.removed_new);
    if (c.newborn) atomicAdd(&r->newborn, c.newborn);
    if (c.start) atomicAdd(&r->start, c.start);
    int *survived[4] = {&r->survived_1, &r->survived_2, &r->survived_4, &r->survived_8};
#pragma unroll
    for (int i = 0; i < 4; i++)
      if (c.survivors[i]) atomicAdd(survived[i], c.survivors[i]);
  }
}
