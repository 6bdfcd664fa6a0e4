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
  float *values, *m, *v;   // [nnzb][B][B]
  bf16 *forward, *backward; // [nnzb][B][B] or 0
  float *scores;           // [positions] or 0

  // [nnzb] bits of the norm << 32 | position. topology_update sets bit 31 of the pruned
  // blocks that the update before had grown, for topology_stats.
  unsigned long long *norms;
  unsigned char *state;      // Mark bits per position, padded to 32
  uint2 *groups;             // 32 positions: active bits, and active positions before
  int *grown, *newborn;      // [nnzb] positions to grow, slots of the new blocks; ascending

  int block, block_rows, block_cols, nnzb;
  unsigned tensor, reserved; // Philox coordinate c
};

// TopologyUpdate is a sparse.Update.
struct TopologyUpdate {
  unsigned long long seed;
  double ratio, ablate;
  int number, step, norm, growth, regrow, reserved;
};

// TopologyReport is what an update did to one tensor, or why it did nothing: the
// first fault stays.
struct TopologyReport {
  int fault, index, found, expected; // fault 0: none
  int number, norm;                  // of the update
  int pruned, removed_new, returned, explored, empty_rows, empty_cols, ablated;
  long long ages;
  // What topology_stats adds.
  unsigned long long newborn_norms; // sum over the newborns, NEWBORN_NORM_UNIT a piece
  int newborn, start, threshold;    // bits of the largest norm that was pruned
  int survived_1, survived_2, survived_4, survived_8; // blocks of the updates so many before
  int reserved;
};

static_assert(sizeof(TopologyTensor) == 184 && sizeof(TopologyUpdate) == 48 && sizeof(TopologyReport) == 104, "as in Go");

// Constants of package sparse.
enum { NORM_L1, NORM_L2, NORM_LINF };
enum { NEWBORN_NORM_UNIT = 1 << 20, LARGEST_NEWBORN_NORM = 4096 };
enum { GROW_RANDOM, GROW_GRADIENT, GROW_FAN_IN };

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

// pruned is the number of blocks that an update prunes, as in package sparse.
__device__ inline unsigned pruned(const TopologyUpdate &u, unsigned active, unsigned positions) {
  unsigned k = (unsigned)floor(__dmul_rn(u.ratio, (double)active));
  return u.regrow ? k : min(k, positions - active);
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
