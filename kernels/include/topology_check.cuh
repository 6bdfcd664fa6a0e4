// The checks of topology_update before it changes anything, as sparse.Topology.Check
// makes them, and its shared memory.
#pragma once
#include "select.cuh"
#include "topology.cuh"

// Work is the shared memory of a block, which updates one tensor.
struct Work {
  TopologyTensor t;
  TopologyUpdate u;
  unsigned long long fault; // the first, Fault << 32 | index; ~0: none
  unsigned long long births; // sum of born
  unsigned active, explored, removed_new, returned, empty_rows, empty_cols, ablated;
  unsigned sums[32];
  Bucket found;
  union {
    Block::Pool block;
    Warp::Pool warps[32];
  };
};

// FOR_THREADS is a loop over 0 to n-1, shared by the threads of a block.
#define FOR_THREADS(i, n) for (unsigned i = threadIdx.x; i < (n); i += blockDim.x)

// add adds up v over the block in shared memory; all lanes of a warp call it.
__device__ inline void add(unsigned *to, unsigned v) {
  v = __reduce_add_sync(~0u, v);
  if (threadIdx.x % 32 == 0) atomicAdd(to, v);
}

__device__ inline void note(Work &w, Fault f, unsigned index) { atomicMin(&w.fault, (unsigned long long)f << 32 | index); }

// check_slots checks what each slot holds, and marks its position active.
__device__ inline void check_slots(Work &w) {
  const TopologyTensor &t = w.t;
  FOR_THREADS(slot, t.nnzb) {
    int row = t.rows[slot], col = t.cols[slot], born = t.born[slot], at = t.new_at[slot];
    bool row_fits = row >= 0 && row < t.block_rows, col_fits = col >= 0 && col < t.block_cols;
    if (!row_fits) note(w, BAD_ROW, slot);
    if (!col_fits) note(w, BAD_COL, slot);
    if (row_fits && col_fits) t.state[(unsigned)row * t.block_cols + col] = ACTIVE;
    if (born < 0) note(w, BAD_BORN, slot);
    if (at < 0) note(w, BAD_NEW_AT, slot);
    if (at == 0 && born > 0) note(w, BAD_START, slot);
    if (!is_finite(t.norms[slot] >> 32)) note(w, NORM_NOT_FINITE, slot);
  }
}

// check_positions counts the active positions, which are fewer than nnzb if two
// slots hold one block, and checks explored bits and growth scores.
__device__ inline void check_positions(Work &w) {
  const TopologyTensor &t = w.t;
  unsigned positions = (unsigned)t.block_rows * t.block_cols, groups = (positions + 31) / 32, active = 0;
  FOR_THREADS(g, (positions + 63) / 64 * 2) {
    unsigned in = g < groups ? marks(t.state, g).active : 0;
    unsigned valid = g < positions / 32 ? ~0u : g == positions / 32 ? (1u << positions % 32) - 1 : 0;
    unsigned missing = in & ~t.explored[g], beyond = t.explored[g] & ~valid;
    if (missing) note(w, NOT_EXPLORED, g * 32 + __ffs(missing) - 1);
    if (beyond) note(w, EXPLORED_BEYOND, g * 32 + __ffs(beyond) - 1);
    active += __popc(in);
  }
  __syncwarp();
  add(&w.active, active);
  if (w.u.growth == GROW_GRADIENT) FOR_THREADS(p, positions) {
    if (!is_finite(__float_as_uint(t.scores[p]))) note(w, SCORE_NOT_FINITE, p);
  }
}

// check_view checks a view: slots grouped by major, in the bounds ptr of outer
// groups, ascending by minor. Distinct blocks in such an order are all slots.
__device__ inline void check_view(Work &w, const int *ptr, const int *slots, const int *major, const int *minor, int outer, Fault bad_ptr,
                                  Fault bad_slot) {
  int n = w.t.nnzb;
  FOR_THREADS(g, outer + 1) {
    int end = ptr[g];
    if (end < (g ? ptr[g - 1] : 0) || end > (g ? n : 0) || g == outer && end != n) note(w, bad_ptr, g);
  }
  FOR_THREADS(i, n) {
    int slot = slots[i], before = i ? slots[i - 1] : 0;
    bool good = slot >= 0 && slot < n && before >= 0 && before < n;
    if (good) {
      int g = major[slot], first = ptr[g];
      good = first <= (int)i && (int)i < ptr[g + 1] && (first == (int)i || major[before] == g && minor[before] < minor[slot]);
    }
    if (!good) note(w, bad_slot, i);
  }
}

// report_fault writes the first fault, with what was found and what was expected.
__device__ inline void report_fault(const Work &w, TopologyReport *r) {
  const TopologyTensor &t = w.t;
  unsigned i = (unsigned)w.fault;
  int fault = w.fault >> 32, found = 0, expected = 0;
  switch (fault) {
    case BAD_ROW: found = t.rows[i], expected = t.block_rows - 1; break;
    case BAD_COL: found = t.cols[i], expected = t.block_cols - 1; break;
    case BAD_COUNT: case AFTER_COMMIT: found = w.active, expected = t.nnzb; break;
    case BAD_BORN: case BAD_START: found = t.born[i]; break;
    case BAD_NEW_AT: found = t.new_at[i]; break;
    case EXPLORED_BEYOND: expected = t.block_rows * t.block_cols; break;
    case BAD_ROW_PTR: found = t.row_ptr[i], expected = i ? t.row_ptr[i - 1] : 0; break;
    case BAD_COL_PTR: found = t.col_ptr[i], expected = i ? t.col_ptr[i - 1] : 0; break;
    case BAD_ROW_SLOT: found = t.row_slot[i]; break;
    case BAD_COL_SLOT: found = t.col_slot[i]; break;
    case SCORE_NOT_FINITE: found = __float_as_int(t.scores[i]); break;
    case NORM_NOT_FINITE: found = t.norms[i] >> 32, expected = (int)t.norms[i]; break;
  }
  *r = {fault, (int)i, found, expected, w.u.number, w.u.score};
}

// failed ends the update, for all threads, if a fault was noted.
__device__ inline bool failed(const Work &w, TopologyReport *r) {
  __syncthreads();
  if (w.fault == ~0ull) return false;
  if (threadIdx.x == 0) report_fault(w, r);
  return true;
}
