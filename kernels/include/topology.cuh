// Topology updates on the device: what the kernels topology_norms, topology_update,
// topology_stats and topology_zero share. The rules are those of package sparse, bit for bit.
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

  // [nnzb] bits of the score << 32 | position. topology_update sets bit 31 of the pruned
  // blocks that the update before had grown, for topology_stats.
  unsigned long long *norms;
  unsigned char *state;      // Mark bits per position, padded to 32
  uint2 *groups;             // 32 positions: active bits, and active positions before
  int *grown, *newborn;      // [nnzb] positions to grow, slots of the new blocks; ascending

  int block, block_rows, block_cols, nnzb;
  int own_from, own_to;
  unsigned tensor, reserved; // Philox coordinate c
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
// first fault stays.
struct TopologyReport {
  int fault, index, found, expected; // fault 0: none
  int number, score;                 // of the update
  int pruned, removed_new, returned, explored, empty_rows, empty_cols, ablated;
  long long ages;
  // What topology_stats adds.
  unsigned long long newborn_norms; // sum over the newborns, NEWBORN_NORM_UNIT a piece
  int newborn, start, threshold;    // bits of the largest norm that was pruned
  int survived_1, survived_2, survived_4, survived_8; // blocks of the updates so many before
  int reserved;
};

static_assert(sizeof(TopologyTensor) == 192 && sizeof(TopologyUpdate) == 80 && sizeof(TopologyReport) == 104, "as in Go");

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

// gather returns bit b of each of four bytes.
__device__ inline unsigned gather(unsigned bytes, int b) { return ((bytes >> b & 0x01010101u) * 0x10204080u) >> 28; }

__device__ inline Marks marks(const unsigned char *state, unsigned group) {
  const uint4 *p = (const uint4 *)(state + group * (size_t)32);
  uint4 lo = p[0], hi = p[1];
  unsigned bytes[8] = {lo.x, lo.y, lo.z, lo.w, hi.x, hi.y, hi.z, hi.w};
  Marks m = {0, 0, 0};
#pragma unroll
  for (int i = 0; i < 8; i++) {
    m.active |= gather(bytes[i], 0) << 4 * i;
    m.pruned |= gather(bytes[i], 1) << 4 * i;
    m.grown |= gather(bytes[i], 2) << 4 * i;
  }
  return m;
}

// active_before returns the number of active positions below p.
__device__ inline unsigned active_before(const uint2 *groups, unsigned p) {
  uint2 g = groups[p / 32];
  return g.y + __popc(g.x & ((1u << p % 32) - 1));
}

// wanted is the number of blocks that the pruning ratio asks for.
__device__ inline unsigned wanted(const TopologyUpdate &u, unsigned active) { return (unsigned)floor(__dmul_rn(u.ratio, (double)active)); }

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
