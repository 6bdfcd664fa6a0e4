// The shared memory of topology_update, and how it reports a fault.
#pragma once
#include "select.cuh"
#include "topology.cuh"

// Work is the shared memory of a block, which updates one tensor.
struct Work {
  TopologyTensor t;
  TopologyUpdate u;
  unsigned long long fault; // the first, Fault << 32 | index; ~0: none
  unsigned active, explored, returned, empty_rows, empty_cols, ablated, threshold;
  bool drawn; // the bits of t.low grow, where they can
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
