// Topology updates on the device: what the kernels topology_norms, topology_update
// and topology_finish share. The rules are those of package sparse, bit for bit.
#pragma once
#include <stddef.h>

#include "numbers.cuh"
#include "philox.cuh"

// The four structs have shadows in gpu/topology_layout.go, and a test that compares.

// TopologyTensor is a block-sparse weight: sparse.Topology, the arrays of nnzb
// blocks that go with it (0 where there is none), and scratch.
struct TopologyTensor {
  int *rows, *cols, *born, *new_at; // [nnzb]
  unsigned *explored;               // a bit per position, padded to 64
  int *row_ptr, *row_slot, *col_ptr, *col_slot;
  float *values;           // [nnzb][B][B]
  // Moments, as if there were those of all blocks: there are those of the slots own_from to own_to - 1.
  float *m, *v;
  bf16 *forward, *backward; // [nnzb][B][B] or 0
  float *scores;           // [positions] or 0

  unsigned long long *norms; // [nnzb] bits of the score << 32 | position
  unsigned char *state;      // Mark bits per position, padded to 32
  uint2 *groups;             // 32 positions: active bits, and active positions before
  uint2 *col_groups;         // the same of positions column * block_rows + row
  int *grown;                // [nnzb] positions to grow, ascending
  int *shares;               // [nnzb] numbers of the groups of topology_rows.cuh
  uint2 *pruned;             // 32 slots: bits of those to prune, and how many before
  unsigned *low;             // a bit per position: its key is below those of the list
  unsigned long long *keys;  // [list] keys of the list
  unsigned *positions;       // [list] and their positions, in any order
  // What topology_norms leaves and topology_finish clears: the complement of the first fault
  // as in Work; positions in the list, or that found no room there.
  unsigned long long *inspection;

  int block, block_rows, block_cols, nnzb;
  int own_from, own_to;
  unsigned tensor, list; // Philox coordinate c; room of the list
};

// TopologyUpdate is a sparse.Update.
struct TopologyUpdate {
  unsigned long long seed;
  double ratio, ablate;
  // sparse.Ages: factors of the start's blocks by tensor, 0 where there are none; then those
  // of births after step from[i].
  const float *start_factors;
  const int *from;
  const float *factors;
  int births;
  int number, step, score, growth, regrow, protect;
  int group; // block rows that exchange blocks; 0: all
};

// TopologyReport is what an update did to one tensor, or why it did nothing: the
// first fault stays. topology_finish adds up what it counts.
struct TopologyReport {
  int fault, index, found, expected; // fault 0: none
  int number, score;                 // of the update
  int pruned, removed_new, returned, explored, empty_rows, empty_cols, ablated;
  unsigned long long ages;
  unsigned long long newborn_norms; // sum over the newborns, NEWBORN_NORM_UNIT a piece
  int newborn, start, threshold;    // bits of the largest norm that was pruned
  int survived_1, survived_2, survived_4, survived_8; // blocks of the updates so many before
  int reserved;
};

static_assert(sizeof(TopologyTensor) == 240 && sizeof(TopologyUpdate) == 80 && sizeof(TopologyReport) == 104, "as in Go");

// load_tensor copies a tensor's description to shared memory, where it is a short way off
// whenever a pointer is needed; it is there for all threads of the block.
__device__ inline void load_tensor(TopologyTensor &to, const TopologyTensor *from) {
  for (unsigned i = threadIdx.x; i < sizeof to / 8; i += blockDim.x) ((unsigned long long *)&to)[i] = ((const unsigned long long *)from)[i];
  __syncthreads();
}

// Constants of package sparse.
enum { SCORE_L1, SCORE_L2, SCORE_LINF, SCORE_SALIENCY };
enum { NEWBORN_NORM_UNIT = 1 << 20, LARGEST_NEWBORN_NORM = 4096 };
enum { GROW_RANDOM, GROW_GRADIENT };

// Fault says what is wrong, in the order in which faults are reported. gpu/
// topology_report.go has the words.
enum Fault {
  NO_FAULT,
  BAD_ROW,
  BAD_COL,
  BAD_COUNT,
  BAD_BORN,
  BAD_NEW_AT,
  BAD_START,
  NOT_EXPLORED,
  EXPLORED_BEYOND,
  BAD_ROW_PTR,
  BAD_ROW_SLOT,
  BAD_COL_PTR,
  BAD_COL_SLOT,
  SCORE_NOT_FINITE,
  NORM_NOT_FINITE,
  AFTER_COMMIT,
};

// Mark says what an update knows of a position.
enum Mark : unsigned char { ACTIVE = 1, PRUNED = 2, GROWN = 4, SMALL = 8 };

// Marks are those of 32 positions, a bit each.
struct Marks {
  unsigned active, pruned, grown;
};

// MarkBytes are the marks of 32 positions as they are in memory.
struct MarkBytes {
  uint4 lo, hi;

  __device__ MarkBytes(const unsigned char *state, unsigned group) {
    const uint4 *p = (const uint4 *)(state + group * (size_t)32);
    lo = p[0], hi = p[1];
  }
  // bits gathers bit b of each byte. A product of four bytes makes four bits of a word.
  __device__ unsigned bits(int b) const {
    return pack(lo.x, lo.y, b) | pack(lo.z, lo.w, b) << 8 | pack(hi.x, hi.y, b) << 16 | pack(hi.z, hi.w, b) << 24;
  }
  static __device__ unsigned pack(unsigned first, unsigned second, int b) {
    return __dp4a(first >> b & 0x01010101u, 0x08040201u, __dp4a(second >> b & 0x01010101u, 0x80402010u, 0u));
  }
  // count is how many bytes have bit 0.
  __device__ unsigned count() const {
    const unsigned ones = 0x01010101u; // eight of them side by side in each byte
    unsigned a = (lo.x & ones) | (lo.y & ones) << 1 | (lo.z & ones) << 2 | (lo.w & ones) << 3;
    unsigned b = (hi.x & ones) | (hi.y & ones) << 1 | (hi.z & ones) << 2 | (hi.w & ones) << 3;
    return __popc(a | b << 4);
  }
};

__device__ inline Marks marks(const unsigned char *state, unsigned group) {
  MarkBytes m(state, group);
  return {m.bits(0), m.bits(1), m.bits(2)};
}

// active_before returns the number of active positions below p.
__device__ inline unsigned active_before(const uint2 *groups, unsigned p) {
  uint2 g = groups[p / 32];
  return g.y + __popc(g.x & ((1u << p % 32) - 1));
}

// wanted is the number of blocks that the pruning ratio asks for.
__device__ inline unsigned wanted(const TopologyUpdate &u, unsigned active) { return (unsigned)floor(__dmul_rn(u.ratio, (double)active)); }

// movable is how many of so many active blocks a tensor could prune, which has room for as many.
__device__ inline unsigned movable(const TopologyUpdate &u, unsigned active, unsigned positions) {
  return u.regrow ? active : min(active, positions - active);
}

// draws_all tells whether an update draws a key for all positions of a tensor and takes the
// smallest of the inactive ones, without regard to rows.
__device__ inline bool draws_all(const TopologyUpdate &u, const TopologyTensor &t) {
  return u.growth == GROW_RANDOM && (u.group == 0 || u.group >= t.block_rows);
}

// protects tells whether an update leaves a block where it is that update new_at made.
__device__ inline bool protects(const TopologyUpdate &u, int new_at) { return u.protect && new_at > 0 && u.number - new_at <= u.protect; }

// age_factor is the factor of the block in a slot.
__device__ inline float age_factor(const TopologyUpdate &u, const TopologyTensor &t, unsigned slot) {
  if (t.new_at[slot] == 0) return u.start_factors[t.tensor];
  if (u.births == 0) return 1;
  int born = t.born[slot], i = 0, last = u.births - 1;
  while (i < last) { // the last that is not after born
    int middle = (i + last + 1) / 2;
    if (u.from[middle] <= born) {
      i = middle;
    } else {
      last = middle - 1;
    }
  }
  return u.factors[i];
}

// descending maps a finite score to a key that falls as the score rises; -0 and
// +0 have one key.
__device__ inline unsigned descending(float score) {
  unsigned b = __float_as_uint(score);
  if (b << 1 == 0) b = 0;
  return b >> 31 ? b : ~b & 0x7fffffffu;
}

// is_finite works on bits.
__device__ inline bool is_finite(unsigned bits) { return (bits & 0x7f800000u) != 0x7f800000u; }
