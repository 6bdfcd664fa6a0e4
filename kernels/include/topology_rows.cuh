// What topology_update selects, and how many blocks each group of block rows prunes and
// grows.
#pragma once
#include "topology_check.cuh"

// Scores are the prune keys of all slots, or of those of some block rows, but of
// protected blocks.
struct Scores {
  const unsigned long long *norms;
  const int *new_at;
  unsigned char *state;
  const int *slots; // 0: all
  int until;        // blocks of this update and later ones are protected
  Mark mark;        // of those that are taken
  int top = 32 + 31; // scores have no sign bit
  static constexpr int batch = 4;
  static constexpr bool wide = false;

  // With all, none is protected.
  __device__ Scores(const TopologyTensor &t, const TopologyUpdate &u, const int *slots, bool all, Mark mark)
      : norms(t.norms), new_at(t.new_at), state(t.state), slots(slots), mark(mark),
        until(all || !u.protect ? 0x7fffffff : max(u.number - u.protect, 1)) {}
  __device__ bool get(unsigned i, Item &x) const {
    unsigned slot = slots ? slots[i] : i;
    int at = new_at[slot];
    unsigned long long key = norms[slot];
    x = {key >> 32, (unsigned)key};
    return at < until;
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
  static constexpr int batch = 1;
  static constexpr bool wide = true;

  __device__ bool get(unsigned i, Item &x) const {
    x.position = first + i;
    unsigned char s = state[x.position];
    if (s & ACTIVE && !(s & PRUNED && u.regrow)) return false;
    x.key = scores ? descending(scores[x.position]) : philox_key64(u.seed, PHILOX_REGROW, x.position, u.number, tensor);
    return true;
  }
  __device__ void take(const Item &x) const { state[x.position] |= GROWN; }
};

// Listed are those of the positions in the list of draw_keys that can grow.
struct Listed {
  const unsigned long long *keys;
  const unsigned *positions;
  unsigned char *state;
  bool regrow;
  int top = 32 + 64;
  static constexpr int batch = 4;
  static constexpr bool wide = true;

  __device__ bool get(unsigned i, Item &x) const {
    x = {keys[i], positions[i]};
    unsigned char s = state[x.position];
    return !(s & ACTIVE) | regrow & (s & PRUNED) != 0;
  }
  __device__ void take(const Item &x) const { state[x.position] |= GROWN; }
};

// can_grow are those of 32 positions that can.
__device__ inline unsigned can_grow(const Marks &m, bool regrow) { return ~m.active | (regrow ? m.pruned : 0); }

// grow_drawn lets positions grow by what draw_keys left: all of its bits that can, and the
// rest from its list. False where these are not what is needed: then nothing has changed.
__device__ inline bool grow_drawn(Work &w, const Block &block, unsigned grows) {
  const TopologyTensor &t = w.t;
  unsigned listed = (unsigned)t.inspection[1], groups = ((unsigned)t.block_rows * t.block_cols + 31) / 32;
  bool regrow = w.u.regrow;
  if (!draws_all(w.u, t) || grows == 0 || listed > t.list) return false;
  unsigned low = 0, there = 0, all_low, all_there;
  const unsigned *bits = t.low;
  Listed list = {t.keys, t.positions, t.state, regrow};
#pragma unroll 4
  FOR_THREADS(g, groups) low += __popc(bits[g] & can_grow(marks(list.state, g), regrow));
#pragma unroll 4
  FOR_THREADS(i, listed) {
    Item x;
    there += list.get(i, x);
  }
  block.scan(low, all_low);
  block.scan(there, all_there);
  if (all_low > grows || grows - all_low > all_there) return false;
  take_smallest(block, list, listed, grows - all_low);
  if (threadIdx.x == 0) w.drawn = true;
  return true;
}

// prune marks the blocks to prune of n slots. Where all go, of a row that is ablated, none is protected.
template <class Team>
__device__ inline void prune(Work &w, const Team &team, const int *slots, unsigned n, unsigned prunes) {
  take_smallest(team, Scores(w.t, w.u, slots, prunes == n, PRUNED), n, prunes);
}

// grow marks those to grow among positions.
template <class Team>
__device__ inline void grow(Work &w, const Team &team, unsigned first, unsigned positions, unsigned grows) {
  const float *scores = w.u.growth == GROW_GRADIENT ? w.t.scores : 0;
  take_smallest(team, Candidates{w.u, w.t.tensor, scores, w.t.state, first, 32 + (scores ? 32 : 64)}, positions, grows);
}

// Groups share an update among the groups of block rows that exchange blocks, by rules 3
// and 7 of package sparse. Two numbers are kept of each group that has a block: in t.grown,
// which is free until then, and in t.shares, at the entry at which the group's part of
// the row view begins.
struct Groups {
  Work &w;
  const Block &block;

  __device__ unsigned rows() const { return w.u.group && w.u.group < w.t.block_rows ? w.u.group : w.t.block_rows; }
  __device__ unsigned number() const { return (w.t.block_rows + rows() - 1) / rows(); }
  __device__ unsigned row(unsigned g) const { return min(g * rows(), (unsigned)w.t.block_rows); } // the first
  __device__ int first(unsigned g) const { return w.t.row_ptr[row(g)]; }
  __device__ unsigned active(unsigned g) const { return first(g + 1) - first(g); }
  __device__ unsigned positions(unsigned g) const { return (row(g + 1) - row(g)) * w.t.block_cols; }
  __device__ int &prunes(unsigned g) const { return w.t.grown[first(g)]; }
  __device__ int &grows(unsigned g) const { return w.t.shares[first(g)]; }
  __device__ int &counted(unsigned g) const { return grows(g); } // until it is known what grows

  // count sets counted to the number of the group's slots for which holds(slot).
  template <class Holds>
  __device__ void count(Holds holds) const {
    if (number() == 1) {
      unsigned sum = 0, total;
      FOR_THREADS(slot, w.t.nnzb) sum += holds(slot);
      block.scan(sum, total);
      if (threadIdx.x == 0) counted(0) = total;
    } else {
      unsigned lane = threadIdx.x % 32;
      for (unsigned g = threadIdx.x / 32; g < number(); g += blockDim.x / 32) {
        unsigned n = active(g), sum = 0;
        for (unsigned i = lane; i < n; i += 32) sum += holds(w.t.row_slot[first(g) + i]);
        sum = __reduce_add_sync(~0u, sum);
        if (n && lane == 0) counted(g) = sum;
      }
    }
    __syncthreads();
  }

  // each calls f(g, n, before) for all groups that have n blocks, more than none, where
  // before is the sum of part(g, n) over those groups before it. It returns that of all.
  template <class Part, class F>
  __device__ unsigned each(Part part, F f) const {
    unsigned before = 0, total;
    for (unsigned base = 0; base < number(); base += blockDim.x) {
      unsigned g = base + threadIdx.x, n = g < number() ? active(g) : 0, v = n ? part(g, n) : 0;
      unsigned first = before + block.scan(v, total);
      if (n) f(g, n, first);
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
    if (w.u.protect) count([&](unsigned slot) { return !protects(w.u, w.t.new_at[slot]); });
    auto movable = [&](unsigned g, unsigned n) {
      unsigned m = w.u.protect ? counted(g) : n;
      return w.u.regrow ? m : min(m, positions(g) - n);
    };
    unsigned all = sum(movable), k = min(wanted(w.u, w.t.nnzb), all);
    Rounding r = rounding(k, all);
    each(movable, [&](unsigned g, unsigned n, unsigned before) {
      unsigned part = r.part(before, before + movable(g, n));
      prunes(g) = grows(g) = part;
    });
    __syncthreads();
    if (w.u.ablate > 0 && k) ablate(k);
  }

  // What follows is for groups of one row.

  // room is the number of blocks that a row can hold after the update.
  __device__ unsigned room(unsigned row) const { return w.t.block_cols - (w.u.regrow ? 0 : prunes(row)); }

  __device__ void ablate(unsigned k) const {
    take_smallest(block, Scores(w.t, w.u, 0, false, SMALL), w.t.nnzb, k);
    __syncthreads();
    count([&](unsigned slot) { return !(w.t.state[(unsigned)w.t.norms[slot]] & SMALL); });
    // Rows whose rank is below a bound go, the least salient first; ranks are distinct.
    unsigned rows = w.t.block_rows;
    auto goes = [&](unsigned row, unsigned n, unsigned bound) {
      unsigned s = counted(row); // salient ones
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
