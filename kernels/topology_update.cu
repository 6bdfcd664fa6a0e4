// One topology update of each listed tensor by the rules of package sparse, whose
// results it matches bit for bit: prunes the blocks with the smallest scores (which
// topology_norms wrote), grows as many, and rebuilds both views.
// Assigned (=): rows, cols, born, new_at of the pruned slots; explored; row_ptr,
// row_slot, col_ptr, col_slot; newborn; the tensor's report. A tensor with a fault, or
// with one in its report, stays as it is. Values and moments are left to
// topology_zero.
// launch: grid (listed tensors), block a power of two from 128 to 1024.
//
// A block does one tensor. Each position has a byte of marks: bytes, unlike bits,
// are written without atomics whatever the number of positions. Ranks come from
// prefix sums over the marks: of grown positions for the commit, of active ones, in
// row order and then in column order, for the views.
#include "topology_rows.cuh"

__device__ inline void clear_state(const TopologyTensor &t) {
  unsigned groups = ((unsigned)t.block_rows * t.block_cols + 31) / 32;
  for (size_t i = threadIdx.x; i < groups * (size_t)2; i += blockDim.x) ((uint4 *)t.state)[i] = {0, 0, 0, 0};
}

// rank_positions lists the grown positions, adds them to the explored ones, and
// ranks the positions that are active from now on.
__device__ inline void rank_positions(Work &w, const Block &block) {
  const TopologyTensor &t = w.t;
  unsigned groups = ((unsigned)t.block_rows * t.block_cols + 31) / 32, active = 0, grown = 0, returned = 0, explored = 0;
  for (unsigned base = 0; base < groups; base += blockDim.x) {
    unsigned g = base + threadIdx.x, now = 0, total;
    Marks m = {0, 0, 0};
    if (g < groups) m = marks(t.state, g);
    now = m.active & ~m.pruned | m.grown;
    returned += __popc(m.grown & m.active);
    // At most 2^15 positions are counted at once: two sums fit a word.
    unsigned before = block.scan(__popc(m.grown) << 16 | __popc(now), total);
    if (g < groups) {
      t.groups[g] = {now, active + (before & 0xffff)};
      int *next = t.grown + grown + (before >> 16);
      for (unsigned rest = m.grown; rest; rest &= rest - 1) *next++ = g * 32 + __ffs(rest) - 1;
      unsigned bits = t.explored[g] | m.grown;
      t.explored[g] = bits;
      explored += __popc(bits);
    }
    active += total & 0xffff;
    grown += total >> 16;
  }
  __syncwarp();
  if (threadIdx.x == 0) w.active = active;
  add(&w.returned, returned);
  add(&w.explored, explored);
  __syncthreads();
}

// commit gives the pruned slots, ascending, the grown positions, and returns their
// number.
__device__ inline unsigned commit(Work &w, const Block &block) {
  const TopologyTensor &t = w.t;
  unsigned done = 0, removed_new = 0;
  for (unsigned base = 0; base < t.nnzb; base += blockDim.x) {
    unsigned slot = base + threadIdx.x, total;
    bool pruned = slot < t.nnzb && t.state[(unsigned)t.norms[slot]] & PRUNED;
    unsigned i = done + block.scan(pruned, total);
    if (pruned) {
      unsigned p = t.grown[i], row = p / t.block_cols;
      int at = t.new_at[slot];
      if (at > 0 && at == w.u.number - 1) {
        removed_new++;
        t.norms[slot] |= 1ull << 31; // positions do not have that bit
      }
      t.newborn[i] = slot;
      t.rows[slot] = row;
      t.cols[slot] = p - row * t.block_cols;
      t.born[slot] = w.u.step;
      t.new_at[slot] = w.u.number;
    }
    done += total;
  }
  __syncwarp();
  add(&w.removed_new, removed_new);
  __syncthreads();
  return done;
}

// rank_columns ranks the active positions in column order: column * rows + row.
__device__ inline void rank_columns(Work &w, const Block &block) {
  const TopologyTensor &t = w.t;
  clear_state(t);
  __syncthreads();
  unsigned long long births = 0;
  FOR_THREADS(slot, t.nnzb) {
    t.state[(unsigned)t.cols[slot] * t.block_rows + t.rows[slot]] = ACTIVE;
    births += t.born[slot];
  }
  __syncwarp();
  for (int off = 16; off > 0; off /= 2) births += __shfl_xor_sync(~0u, births, off);
  if (threadIdx.x % 32 == 0) atomicAdd(&w.births, births);
  __syncthreads();
  unsigned groups = ((unsigned)t.block_rows * t.block_cols + 31) / 32, active = 0;
  for (unsigned base = 0; base < groups; base += blockDim.x) {
    unsigned g = base + threadIdx.x, total, in = g < groups ? marks(t.state, g).active : 0;
    unsigned before = block.scan(__popc(in), total);
    if (g < groups) t.groups[g] = {in, active + before};
    active += total;
  }
  if (threadIdx.x == 0 && active != t.nnzb) { // two slots hold one block
    w.active = active;
    note(w, AFTER_COMMIT, 0);
  }
  __syncthreads();
}

// fill_view writes a view from the ranks in t.groups, and adds up its empty groups.
__device__ inline void fill_view(Work &w, int *ptr, int *slots, const int *major, const int *minor, unsigned outer, unsigned inner,
                                 unsigned *empties) {
  const TopologyTensor &t = w.t;
  unsigned empty = 0;
  FOR_THREADS(slot, t.nnzb) slots[active_before(t.groups, (unsigned)major[slot] * inner + minor[slot])] = slot;
  FOR_THREADS(g, outer + 1) {
    unsigned first = g < outer ? active_before(t.groups, g * inner) : t.nnzb;
    ptr[g] = first;
    if (g < outer) empty += first == (g + 1 < outer ? active_before(t.groups, (g + 1) * inner) : t.nnzb);
  }
  __syncwarp();
  add(empties, empty);
  __syncthreads();
}

extern "C" __global__ void __launch_bounds__(1024)
    topology_update(const TopologyTensor *tensors, const int *list, const TopologyUpdate *update, TopologyReport *reports) {
  __shared__ Work w;
  TopologyReport *report = reports + list[blockIdx.x];
  if (report->fault) return;
  const unsigned long long *from = (const unsigned long long *)(tensors + list[blockIdx.x]);
  FOR_THREADS(i, sizeof(TopologyTensor) / 8) ((unsigned long long *)&w.t)[i] = from[i];
  if (threadIdx.x == 0) {
    w.u = *update;
    w.fault = ~0ull;
    w.births = 0;
    w.active = w.explored = w.removed_new = w.returned = w.empty_rows = w.empty_cols = w.ablated = 0;
  }
  __syncthreads();
  const TopologyTensor &t = w.t;
  const Block block = {w.block, w.sums, w.found};

  clear_state(t);
  __syncthreads();
  check_slots(w);
  __syncthreads();
  bool in_range = w.fault >> 32 > BAD_COL;
  __syncthreads();
  if (in_range) { // what follows reads rows and columns
    check_positions(w);
    check_view(w, t.row_ptr, t.row_slot, t.rows, t.cols, t.block_rows, BAD_ROW_PTR, BAD_ROW_SLOT);
    check_view(w, t.col_ptr, t.col_slot, t.cols, t.rows, t.block_cols, BAD_COL_PTR, BAD_COL_SLOT);
    __syncthreads();
    if (threadIdx.x == 0 && w.active != t.nnzb) note(w, BAD_COUNT, 0);
  }
  if (failed(w, report)) return;

  Groups groups = {w, block};
  groups.share();
  if (groups.number() == 1) {
    unsigned prunes = groups.prunes(0), grows = groups.grows(0);
    choose(w, block, 0, t.nnzb, 0, (unsigned)t.block_rows * t.block_cols, prunes, grows);
  } else {
    unsigned warp = threadIdx.x / 32;
    for (unsigned g = warp; g < groups.number(); g += blockDim.x / 32) {
      unsigned n = groups.active(g);
      if (n) choose(w, Warp{w.warps[warp]}, t.row_slot + groups.first(g), n, groups.row(g) * t.block_cols, groups.positions(g), groups.prunes(g), groups.grows(g));
    }
  }
  __syncthreads();

  rank_positions(w, block);
  if (threadIdx.x == 0 && w.active != t.nnzb) note(w, AFTER_COMMIT, 0);
  if (failed(w, report)) return;
  unsigned count = commit(w, block);
  fill_view(w, t.row_ptr, t.row_slot, t.rows, t.cols, t.block_rows, t.block_cols, &w.empty_rows);
  rank_columns(w, block);
  if (failed(w, report)) return;
  fill_view(w, t.col_ptr, t.col_slot, t.cols, t.rows, t.block_cols, t.block_rows, &w.empty_cols);

  if (threadIdx.x == 0) {
    long long ages = (long long)w.u.step * t.nnzb - (long long)w.births;
    *report = {NO_FAULT, 0, 0, 0, w.u.number, w.u.score, (int)count, (int)w.removed_new, (int)w.returned, (int)w.explored,
               (int)w.empty_rows, (int)w.empty_cols, (int)w.ablated, ages};
  }
}
