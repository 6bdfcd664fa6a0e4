// What a topology update of each listed tensor does, by the rules of package sparse, whose
// results it matches bit for bit: which blocks are pruned, those with the smallest scores
// (which topology_norms wrote), which positions grow, and where blocks then stand in both views.
// Assigned (=): explored; row_ptr, col_ptr; for topology_finish, which does the rest, groups,
// col_groups, grown, pruned; the tensor's report, but for what topology_finish counts. A tensor
// with a fault, which topology_norms may have found, or with one in its report, stays as it is.
// launch: grid (listed tensors), block a power of two from 128 to 1024.
//
// A block does one tensor. Each position has a byte of marks: bytes, unlike bits,
// are written without atomics whatever the number of positions. Ranks come from
// prefix sums over the marks: of pruned slots and grown positions, which take each other's
// place, of active positions, in row order and then in column order, for the views. A thread asks for what four turns of
// a loop need before it looks at any of it.
#include "topology_rows.cuh"

constexpr int batch = 4;

__device__ inline unsigned words(const TopologyTensor &t) { return ((unsigned)t.block_rows * t.block_cols + 31) / 32; }

__device__ inline void clear_state(const TopologyTensor &t) {
  uint4 *state = (uint4 *)t.state;
  size_t n = words(t) * (size_t)2;
#pragma unroll 4
  for (size_t i = threadIdx.x; i < n; i += blockDim.x) state[i] = {0, 0, 0, 0};
}

// mark_slots marks the positions of all slots active.
__device__ inline void mark_slots(const TopologyTensor &t) {
  unsigned char *state = t.state;
  const unsigned long long *norms = t.norms;
  const unsigned n = t.nnzb;
#pragma unroll 4
  FOR_THREADS(slot, n) state[(unsigned)norms[slot]] = ACTIVE;
  __syncthreads();
}

// count_active returns how many positions are marked active.
__device__ inline unsigned count_active(const TopologyTensor &t, const Block &block) {
  const unsigned char *state = t.state;
  unsigned groups = words(t), active = 0, total;
#pragma unroll 4
  FOR_THREADS(g, groups) active += MarkBytes(state, g).count();
  block.scan(active, total);
  return total;
}

// rank_positions lists the grown positions, adds them to the explored ones, and
// ranks the positions that are active from now on. A thread has four words in a row.
__device__ inline void rank_positions(Work &w, const Block &block) {
  const TopologyTensor &t = w.t;
  const unsigned char *state = t.state;
  const unsigned *low = w.drawn ? t.low : 0;
  unsigned *seen = t.explored;
  const bool regrow = w.u.regrow;
  unsigned n = words(t), active = 0, grown = 0, returned = 0, explored = 0;
  for (unsigned base = 0; base < n; base += batch * blockDim.x) {
    unsigned first = base + batch * threadIdx.x, now[batch], grows[batch], bits[batch], actives = 0, growns = 0, all_active, all_grown;
#pragma unroll
    for (int j = 0; j < batch; j++) {
      unsigned g = min(first + j, n - 1);
      Marks m = marks(state, g);
      if (low) m.grown |= low[g] & can_grow(m, regrow);
      bits[j] = seen[g];
      bool inside = first + j < n;
      grows[j] = inside ? m.grown : 0;
      now[j] = inside ? m.active & ~m.pruned | m.grown : 0;
      returned += __popc(grows[j] & m.active);
      actives += __popc(now[j]);
      growns += __popc(grows[j]);
    }
    unsigned before = active + block.scan(actives, all_active);
    int *next = t.grown + grown + block.scan(growns, all_grown);
#pragma unroll
    for (int j = 0; j < batch; j++) {
      unsigned g = first + j;
      if (g >= n) break;
      t.groups[g] = {now[j], before};
      before += __popc(now[j]);
      for (unsigned rest = grows[j]; rest; rest &= rest - 1) *next++ = g * 32 + __ffs(rest) - 1;
      seen[g] = bits[j] | grows[j];
      explored += __popc(bits[j] | grows[j]);
    }
    active += all_active;
    grown += all_grown;
  }
  __syncwarp();
  if (threadIdx.x == 0) w.active = active;
  add(&w.returned, returned);
  add(&w.explored, explored);
  __syncthreads();
}

// rank_pruned ranks the slots to prune, and returns their number. A warp has slots in a row:
// it first counts, then adds what others have before.
__device__ inline unsigned rank_pruned(Work &w, const Block &block) {
  const TopologyTensor &t = w.t;
  const unsigned char *state = t.state;
  const unsigned long long *norms = t.norms;
  uint2 *pruned = t.pruned;
  unsigned n = t.nnzb, lane = threadIdx.x % 32, part = (n + blockDim.x - 1) / blockDim.x * 32;
  unsigned from = threadIdx.x / 32 * part, to = min(from + part, n), count = 0, total, threshold = 0;
  for (unsigned base = from; base < to; base += batch * 32) {
    uint2 mine = {0, 0};
    unsigned long long key[batch];
    unsigned mark[batch];
#pragma unroll
    for (int j = 0; j < batch; j++) key[j] = norms[min(base + 32 * j + lane, n - 1)];
#pragma unroll
    for (int j = 0; j < batch; j++) mark[j] = state[(unsigned)key[j]];
#pragma unroll
    for (int j = 0; j < batch; j++) {
      bool goes = (base + 32 * j + lane < to) & (mark[j] & PRUNED) != 0;
      unsigned word = __ballot_sync(~0u, goes);
      threshold = max(threshold, goes ? (unsigned)(key[j] >> 32) : 0); // norms have no sign bit: their bits are in their order
      mine.x = lane == j ? word : mine.x, mine.y = lane == j ? count : mine.y;
      count += __popc(word);
    }
    if (lane < batch && base + 32 * lane < to) pruned[base / 32 + lane] = mine;
  }
  unsigned before = __shfl_sync(~0u, block.scan(lane == 0 ? count : 0, total), 0);
#pragma unroll 4
  for (unsigned i = from / 32 + lane; i < (to + 31) / 32; i += 32) pruned[i].y += before;
  threshold = __reduce_max_sync(~0u, threshold);
  if (lane == 0) atomicMax(&w.threshold, threshold);
  __syncthreads();
  return total;
}

// rank_columns ranks the positions that are active from now on in column order: column * rows + row.
__device__ inline void rank_columns(Work &w, const Block &block, unsigned grows) {
  const TopologyTensor &t = w.t;
  clear_state(t);
  __syncthreads();
  unsigned char *state = t.state;
  const int *rows = t.rows, *cols = t.cols, *grown = t.grown;
  const uint2 *pruned = t.pruned;
  uint2 *groups = t.col_groups;
  const unsigned block_rows = t.block_rows, block_cols = t.block_cols, slots = t.nnzb;
  for (unsigned base = threadIdx.x; base < slots; base += batch * blockDim.x) {
    unsigned at[batch];
    bool stays[batch];
#pragma unroll
    for (int j = 0; j < batch; j++) {
      unsigned i = base + j * blockDim.x, slot = min(i, slots - 1);
      at[j] = (unsigned)cols[slot] * block_rows + rows[slot];
      stays[j] = (i < slots) & !(pruned[slot / 32].x >> slot % 32 & 1);
    }
#pragma unroll
    for (int j = 0; j < batch; j++)
      if (stays[j]) state[at[j]] = ACTIVE;
  }
#pragma unroll 4
  FOR_THREADS(i, grows) {
    unsigned p = grown[i], row = p / block_cols;
    state[(p - row * block_cols) * block_rows + row] = ACTIVE;
  }
  __syncthreads();
  unsigned n = words(t), active = 0;
  for (unsigned base = 0; base < n; base += batch * blockDim.x) {
    unsigned first = base + batch * threadIdx.x, in[batch], mine = 0, total;
#pragma unroll
    for (int j = 0; j < batch; j++) {
      in[j] = MarkBytes(state, min(first + j, n - 1)).bits(0);
      if (first + j >= n) in[j] = 0;
      mine += __popc(in[j]);
    }
    unsigned before = active + block.scan(mine, total);
#pragma unroll
    for (int j = 0; j < batch; j++) {
      if (first + j < n) groups[first + j] = {in[j], before};
      before += __popc(in[j]);
    }
    active += total;
  }
  if (threadIdx.x == 0 && active != t.nnzb) { // two slots hold one block
    w.active = active;
    note(w, AFTER_COMMIT, 0);
  }
  __syncthreads();
}

// fill_bounds writes the bounds of a view from the ranks in groups, and adds up its empty groups.
__device__ inline void fill_bounds(Work &w, int *ptr, const uint2 *groups, unsigned outer, unsigned inner, unsigned *empties) {
  unsigned empty = 0, n = w.t.nnzb;
  FOR_THREADS(g, outer + 1) {
    unsigned first = g < outer ? active_before(groups, g * inner) : n;
    ptr[g] = first;
    if (g < outer) empty += first == (g + 1 < outer ? active_before(groups, (g + 1) * inner) : n);
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
  load_tensor(w.t, tensors + list[blockIdx.x]);
  const TopologyTensor &t = w.t;
  if (threadIdx.x == 0) {
    w.u = *update;
    w.fault = ~t.inspection[0];
    w.active = w.explored = w.returned = w.empty_rows = w.empty_cols = w.ablated = w.threshold = 0;
    w.drawn = false;
  }
  __syncthreads();
  const Block block = {w.block, w.sums, w.found};

  if (w.fault >> 32 > BAD_COL) { // what follows reads positions
    clear_state(t);
    __syncthreads();
    mark_slots(t);
    // Views without a fault have as many blocks as there are slots.
    unsigned active = w.fault == ~0ull ? t.nnzb : count_active(t, block);
    if (threadIdx.x == 0 && active != t.nnzb) {
      w.active = active;
      note(w, BAD_COUNT, 0);
    }
  }
  if (failed(w, report)) return;

  Groups groups = {w, block};
  groups.share();
  if (groups.number() == 1) {
    unsigned prunes = groups.prunes(0), grows = groups.grows(0);
    prune(w, block, 0, t.nnzb, prunes);
    if (!grow_drawn(w, block, grows)) grow(w, block, 0, (unsigned)t.block_rows * t.block_cols, grows);
  } else {
    unsigned warp = threadIdx.x / 32;
    for (unsigned g = warp; g < groups.number(); g += blockDim.x / 32) {
      unsigned n = groups.active(g);
      if (!n) continue;
      const Warp team = {w.warps[warp]};
      prune(w, team, t.row_slot + groups.first(g), n, groups.prunes(g));
      grow(w, team, groups.row(g) * t.block_cols, groups.positions(g), groups.grows(g));
    }
  }
  __syncthreads();

  rank_positions(w, block);
  if (threadIdx.x == 0 && w.active != t.nnzb) note(w, AFTER_COMMIT, 0);
  if (failed(w, report)) return;
  unsigned count = rank_pruned(w, block);
  rank_columns(w, block, count);
  if (failed(w, report)) return;
  fill_bounds(w, t.row_ptr, t.groups, t.block_rows, t.block_cols, &w.empty_rows);
  fill_bounds(w, t.col_ptr, t.col_groups, t.block_cols, t.block_rows, &w.empty_cols);

  if (threadIdx.x == 0)
    *report = {NO_FAULT, 0, 0, 0, w.u.number, w.u.score, (int)count, 0, (int)w.returned, (int)w.explored,
               (int)w.empty_rows, (int)w.empty_cols, (int)w.ablated, 0, 0, 0, 0, (int)w.threshold};
}
