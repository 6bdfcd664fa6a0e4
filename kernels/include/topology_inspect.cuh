// What topology_norms does besides scores, with all threads of the blocks that share a
// tensor: the checks of sparse.Topology.Check before an update changes anything, and the
// keys by which positions grow at random.
#pragma once
#include "topology.cuh"

// Team is the threads of all blocks that share a tensor.
struct Team {
  unsigned rank, size;
  __device__ Team() : rank(blockIdx.x * blockDim.x + threadIdx.x), size(gridDim.x * blockDim.x) {}
};

// turns of a loop are asked for together: all loads of them before any is looked at.
constexpr int turns = 2;

__device__ inline void note(const TopologyTensor &t, Fault f, unsigned index) {
  atomicMax(t.inspection, ~((unsigned long long)f << 32 | index));
}

// inspect_slots checks what each slot holds but its score. That each block is explored is seen here.
__device__ inline void inspect_slots(const TopologyTensor &t, const Team &team) {
  for (unsigned base = team.rank; base < t.nnzb; base += turns * team.size) {
    int row[turns], col[turns], born[turns], at[turns];
    unsigned explored[turns], position[turns];
#pragma unroll
    for (int j = 0; j < turns; j++) {
      unsigned slot = min(base + j * team.size, (unsigned)t.nnzb - 1);
      row[j] = t.rows[slot], col[j] = t.cols[slot], born[j] = t.born[slot], at[j] = t.new_at[slot];
    }
#pragma unroll
    for (int j = 0; j < turns; j++) {
      bool fits = row[j] >= 0 && row[j] < t.block_rows && col[j] >= 0 && col[j] < t.block_cols;
      position[j] = fits ? row[j] * t.block_cols + col[j] : 0;
      explored[j] = t.explored[position[j] / 32] >> position[j] % 32 & 1 | !fits;
    }
#pragma unroll
    for (int j = 0; j < turns; j++) {
      unsigned slot = min(base + j * team.size, (unsigned)t.nnzb - 1);
      if (row[j] < 0 || row[j] >= t.block_rows) note(t, BAD_ROW, slot);
      if (col[j] < 0 || col[j] >= t.block_cols) note(t, BAD_COL, slot);
      if (born[j] < 0) note(t, BAD_BORN, slot);
      if (at[j] < 0) note(t, BAD_NEW_AT, slot);
      if (at[j] == 0 && born[j] > 0) note(t, BAD_START, slot);
      if (!explored[j]) note(t, NOT_EXPLORED, position[j]);
    }
  }
}

// inspect_positions checks that no bit is explored behind the last position, and growth scores.
__device__ inline void inspect_positions(const TopologyTensor &t, const TopologyUpdate &u, const Team &team) {
  unsigned positions = (unsigned)t.block_rows * t.block_cols;
  if (team.rank < 2) {
    unsigned g = (positions - 1) / 64 * 2 + team.rank;
    unsigned valid = g < positions / 32 ? ~0u : g == positions / 32 ? (1u << positions % 32) - 1 : 0;
    unsigned beyond = t.explored[g] & ~valid;
    if (beyond) note(t, EXPLORED_BEYOND, g * 32 + __ffs(beyond) - 1);
  }
  if (u.growth != GROW_GRADIENT) return;
#pragma unroll 4
  for (unsigned p = team.rank; p < positions; p += team.size)
    if (!is_finite(__float_as_uint(t.scores[p]))) note(t, SCORE_NOT_FINITE, p);
}

// inspect_view checks a view: slots grouped by major, in the bounds ptr of outer
// groups, ascending by minor. Distinct blocks in such an order are all slots. All loads
// stay inside their arrays whatever the view holds.
__device__ inline void inspect_view(const TopologyTensor &t, const Team &team, const int *ptr, const int *slots, const int *major,
                                    const int *minor, unsigned outer, Fault bad_ptr, Fault bad_slot) {
  const unsigned n = t.nnzb;
  for (unsigned g = team.rank; g < outer + 1; g += team.size) {
    int end = ptr[g];
    if (end < (g ? ptr[g - 1] : 0) || end > (g ? (int)n : 0) || g == outer && end != n) note(t, bad_ptr, g);
  }
  for (unsigned base = team.rank; base < n; base += turns * team.size) {
    unsigned slot[turns], before[turns];
    int group[turns], group_before[turns], inner[turns], inner_before[turns], first[turns], end[turns];
#pragma unroll
    for (int j = 0; j < turns; j++) {
      unsigned i = min(base + j * team.size, n - 1);
      slot[j] = slots[i], before[j] = slots[max(i, 1u) - 1];
    }
#pragma unroll
    for (int j = 0; j < turns; j++) {
      unsigned a = min(slot[j], n - 1), b = min(before[j], n - 1);
      group[j] = major[a], group_before[j] = major[b], inner[j] = minor[a], inner_before[j] = minor[b];
    }
#pragma unroll
    for (int j = 0; j < turns; j++) {
      unsigned g = min((unsigned)group[j], outer - 1);
      first[j] = ptr[g], end[j] = ptr[g + 1];
    }
#pragma unroll
    for (int j = 0; j < turns; j++) {
      unsigned i = min(base + j * team.size, n - 1);
      bool inside = slot[j] < n && (i == 0 || before[j] < n) && first[j] <= (int)i && (int)i < end[j];
      bool ascends = first[j] == (int)i || group_before[j] == group[j] && inner_before[j] < inner[j];
      if (!inside || !ascends) note(t, bad_slot, i);
    }
  }
}

// draw_keys sorts the keys of all positions into three: those below all that matter, a bit
// each; those among which the last to grow is, into the list; the others. Keys are uniform,
// so that one has the rank k of n candidates near k/n. The list reaches six standard
// deviations to both sides; topology_update looks whether that was enough.
__device__ inline void draw_keys(const TopologyTensor &t, const TopologyUpdate &u, const Team &team) {
  unsigned positions = (unsigned)t.block_rows * t.block_cols;
  unsigned grows = min(wanted(u, t.nnzb), movable(u, t.nnzb, positions));
  double of = positions - t.nnzb + (u.regrow ? grows : 0);
  if (grows == 0) return;
  double part = grows / of, around = (6 * sqrt(of * part * (1 - part)) + 16) / of;
  unsigned below = (unsigned)(max(part - around, 0.0) * 4294967296.0); // of the keys' upper words
  unsigned last = (unsigned)min((part + around) * 4294967296.0, 4294967295.0);
  const PhiloxRow row(u.seed, PHILOX_REGROW, u.number, t.tensor);
  // The lanes of a warp have the positions of a word.
  for (unsigned base = team.rank & ~31u; base < positions; base += team.size) {
    unsigned p = base + threadIdx.x % 32;
    uint4 x = row.at(p);
    bool inside = p < positions;
    unsigned word = __ballot_sync(~0u, inside && x.y < below);
    if (threadIdx.x % 32 == 0) t.low[base / 32] = word;
    if (inside && x.y >= below && x.y <= last) {
      unsigned i = atomicAdd((unsigned *)(t.inspection + 1), 1);
      if (i < t.list) {
        t.keys[i] = (unsigned long long)x.y << 32 | x.x;
        t.positions[i] = p;
      }
    }
  }
}

// inspect does all of it.
__device__ inline void inspect(const TopologyTensor &t, const TopologyUpdate &u) {
  Team team;
  inspect_slots(t, team);
  inspect_positions(t, u, team);
  inspect_view(t, team, t.row_ptr, t.row_slot, t.rows, t.cols, t.block_rows, BAD_ROW_PTR, BAD_ROW_SLOT);
  inspect_view(t, team, t.col_ptr, t.col_slot, t.cols, t.rows, t.block_cols, BAD_COL_PTR, BAD_COL_SLOT);
  if (draws_all(u, t)) draw_keys(t, u, team);
}
