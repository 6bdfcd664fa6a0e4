// What topology_update selects, and how many blocks each block row prunes and grows.
#pragma once
#include "topology_check.cuh"

// Norms are the prune keys of all slots, or of those of a block row.
struct Norms {
  const unsigned long long *norms;
  const int *slots; // 0: all
  unsigned char *state;
  Mark mark;         // of those that are taken
  int top = 32 + 31; // norms have no sign bit

  __device__ bool get(unsigned i, Item &x) const {
    unsigned long long key = norms[slots ? slots[i] : i];
    x = {key >> 32, (unsigned)key};
    return true;
  }
  __device__ void take(const Item &x) const { state[x.position] |= mark; }
};

// Candidates are the grow keys of the inactive positions from a first one on.
struct Candidates {
  const TopologyUpdate &u;
  unsigned tensor;
  const float *scores; // 0: at random
  unsigned char *state;
  unsigned first;
  int top;

  __device__ bool get(unsigned i, Item &x) const {
    x.position = first + i;
    unsigned char s = state[x.position];
    if (s & ACTIVE && !(s & PRUNED && u.regrow)) return false;
    x.key = scores ? descending(scores[x.position]) : philox_key64(u.seed, PHILOX_REGROW, x.position, u.number, tensor);
    return true;
  }
  __device__ void take(const Item &x) const { state[x.position] |= GROWN; }
};

// choose marks the blocks to prune of n slots, and those to grow among positions.
template <class Team>
__device__ inline void choose(Work &w, const Team &team, const int *slots, unsigned n, unsigned first, unsigned positions, unsigned prunes,
                              unsigned grows) {
  const float *scores = w.u.growth == GROW_GRADIENT ? w.t.scores : 0;
  take_smallest(team, Norms{w.t.norms, slots, w.t.state, PRUNED}, n, prunes);
  take_smallest(team, Candidates{w.u, w.t.tensor, scores, w.t.state, first, 32 + (scores ? 32 : 64)}, positions, grows);
}

// Rows share an update among block rows, by rules 6 and 7 of package sparse. Two numbers
// are kept of each row that has a block: in t.grown and in t.newborn, which are free until
// then, at the entry at which the row's part of the row view begins.
struct Rows {
  Work &w;
  const Block &block;

  __device__ unsigned active(unsigned row) const { return w.t.row_ptr[row + 1] - w.t.row_ptr[row]; }
  __device__ int &prunes(unsigned row) const { return w.t.grown[w.t.row_ptr[row]]; }
  __device__ int &grows(unsigned row) const { return w.t.newborn[w.t.row_ptr[row]]; }
  __device__ int &salient(unsigned row) const { return grows(row); } // until it is known who goes

  // each calls f(row, n, before) for all rows that have n blocks, more than none, where
  // before is the sum of part(row, n) over those rows before it. It returns that of all.
  template <class Part, class F>
  __device__ unsigned each(Part part, F f) const {
    unsigned before = 0, total;
    for (unsigned base = 0; base < w.t.block_rows; base += blockDim.x) {
      unsigned row = base + threadIdx.x, n = row < w.t.block_rows ? active(row) : 0, v = n ? part(row, n) : 0;
      unsigned first = before + block.scan(v, total);
      if (n) f(row, n, first);
      before += total;
    }
    return before;
  }
  template <class Part>
  __device__ unsigned sum(Part part) const {
    return each(part, [](unsigned, unsigned, unsigned) {});
  }

  // largest returns the largest x from 0 to most with holds(x), which falls as x rises and
  // holds for 0.
  template <class Holds>
  __device__ unsigned largest(unsigned most, Holds holds) const {
    unsigned x = 0;
    while (x < most) {
      unsigned middle = x + (most - x + 1) / 2;
      if (holds(middle)) {
        x = middle;
      } else {
        most = middle - 1;
      }
    }
    return x;
  }

  // Rounding shares k among all parts: part i gets k/all rounded from an offset that is drawn.
  struct Rounding {
    unsigned long long k, all, offset;
    // part is what falls to the parts [from, to).
    __device__ unsigned part(unsigned from, unsigned to) const { return (k * to + offset) / all - (k * from + offset) / all; }
  };
  __device__ Rounding rounding(unsigned k, unsigned parts) const {
    unsigned long long all = max(parts, 1u);
    return {k, all, philox_key64(w.u.seed, PHILOX_FAN_IN_ROUNDS, 0, w.u.number, w.t.tensor) % all};
  }

  __device__ void share() const {
    auto movable = [&](unsigned, unsigned n) { return w.u.regrow ? n : min(n, w.t.block_cols - n); };
    unsigned all = sum(movable), k = min(pruned(w.u, w.t.nnzb, (unsigned)w.t.block_rows * w.t.block_cols), all);
    Rounding r = rounding(k, all);
    each(movable, [&](unsigned row, unsigned n, unsigned before) { prunes(row) = grows(row) = r.part(before, before + movable(row, n)); });
    __syncthreads();
    if (w.u.ablate > 0 && k) ablate(k);
  }

  // room is the number of blocks that a row can hold after the update.
  __device__ unsigned room(unsigned row) const { return w.t.block_cols - (w.u.regrow ? 0 : prunes(row)); }

  __device__ void ablate(unsigned k) const {
    take_smallest(block, Norms{w.t.norms, 0, w.t.state, SMALL}, w.t.nnzb, k);
    __syncthreads();
    unsigned lane = threadIdx.x % 32;
    for (unsigned row = threadIdx.x / 32; row < w.t.block_rows; row += blockDim.x / 32) {
      unsigned n = active(row), count = 0;
      const int *slots = w.t.row_slot + w.t.row_ptr[row];
      for (unsigned i = lane; i < n; i += 32) count += !(w.t.state[(unsigned)w.t.norms[slots[i]]] & SMALL);
      count = __reduce_add_sync(~0u, count);
      if (n && lane == 0) salient(row) = count;
    }
    __syncthreads();
    // Rows whose rank is below a bound go, the least salient first; ranks are distinct.
    unsigned rows = w.t.block_rows;
    auto goes = [&](unsigned row, unsigned n, unsigned bound) {
      unsigned s = salient(row);
      return (double)s < __dmul_rn(w.u.ablate, (double)n) && s * rows + (rows - 1 - row) < bound;
    };
    unsigned slack = sum([&](unsigned row, unsigned) { return room(row); }) - w.t.nnzb;
    unsigned bound = largest((w.t.block_cols + 1) * rows, [&](unsigned b) {
      return sum([&](unsigned row, unsigned n) { return goes(row, n, b) ? room(row) : 0; }) <= slack;
    });
    unsigned freed = sum([&](unsigned row, unsigned n) { return goes(row, n, bound) ? n : 0; });
    unsigned gone = sum([&](unsigned row, unsigned n) { return goes(row, n, bound); });
    __syncthreads();
    each([](unsigned, unsigned) { return 0; }, [&](unsigned row, unsigned n, unsigned) {
      bool g = goes(row, n, bound);
      if (g) prunes(row) = n;
      grows(row) = g ? 0 : prunes(row);
    });
    __syncthreads();
    if (gone) fill(freed);
    if (threadIdx.x == 0) w.ablated = gone;
    __syncthreads();
  }

  // fill gives the rows that stay so many blocks more, the shortest first.
  __device__ void fill(unsigned blocks) const {
    auto missing = [&](unsigned row, unsigned n, unsigned level) {
      unsigned to = prunes(row) == grows(row) ? min(level, room(row)) : 0; // others went
      return n < to ? to - n : 0;
    };
    unsigned level = largest(w.t.block_cols, [&](unsigned l) {
      return sum([&](unsigned row, unsigned n) { return missing(row, n, l); }) <= blocks;
    });
    unsigned rest = blocks - sum([&](unsigned row, unsigned n) { return missing(row, n, level); });
    auto one = [&](unsigned row, unsigned n) { return missing(row, n, level + 1) - missing(row, n, level); };
    Rounding r = rounding(rest, sum(one));
    each(one, [&](unsigned row, unsigned n, unsigned before) {
      unsigned more = missing(row, n, level);
      if (one(row, n)) more += r.part(before, before + 1);
      grows(row) += more;
    });
    __syncthreads();
  }
};
