// Radix selection of the k smallest items by a team of threads: a whole block, or
// one warp. Items are ordered by key, then by position, so no two are equal, and
// which are taken does not depend on the order in which threads run.
//
// From the top, a histogram of one digit of the items that share the digits
// settled so far shows where the k-th smallest lies. The selection ends as soon
// as all items with the settled digits are taken. Once they fit the team's list
// they are gathered there, so that the items, whose keys may be dear, are
// looked at twice as a rule.
#pragma once

struct Item {
  unsigned long long key;
  unsigned position;
};

// Bucket is the digit of the k-th smallest: how many items lie below it and in it.
struct Bucket {
  unsigned digit, below, count;
};

// Pool is a team's memory: histogram, list.
template <int BITS, int LIST>
struct Pool {
  unsigned long long keys[LIST];
  unsigned positions[LIST];
  unsigned histogram[1 << BITS];
  unsigned listed;
};

// warp_scan returns the sum of v over this lane and those before it.
__device__ inline unsigned warp_scan(unsigned v) {
  unsigned lane = threadIdx.x % 32;
#pragma unroll
  for (int off = 1; off < 32; off *= 2) {
    unsigned w = __shfl_up_sync(~0u, v, off);
    if (lane >= off) v += w;
  }
  return v;
}

// Block is the team of all threads of a block, whole warps.
struct Block {
  static constexpr int bits = 11, list = 1024;
  typedef ::Pool<bits, list> Pool;
  Pool &pool;
  unsigned *sums; // [32]
  Bucket &found;

  __device__ unsigned rank() const { return threadIdx.x; }
  __device__ unsigned size() const { return blockDim.x; }
  __device__ void sync() const { __syncthreads(); }

  // scan returns the sum of v over the threads before this one, and in total that
  // over all.
  __device__ unsigned scan(unsigned v, unsigned &total) const {
    unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32, inclusive = warp_scan(v);
    if (lane == 31) sums[warp] = inclusive;
    __syncthreads();
    unsigned all = warp_scan(lane < blockDim.x / 32 ? sums[lane] : 0);
    total = __shfl_sync(~0u, all, 31);
    unsigned before = __shfl_sync(~0u, all, max(1u, warp) - 1);
    __syncthreads();
    return inclusive - v + (warp ? before : 0);
  }
  __device__ unsigned scan(unsigned v) const {
    unsigned total;
    return scan(v, total);
  }
  // publish gives all threads the bucket that one of them found.
  __device__ Bucket publish(bool mine, Bucket b) const {
    if (mine) found = b;
    __syncthreads();
    return found;
  }
};

// Warp is the team of a warp.
struct Warp {
  static constexpr int bits = 8, list = 32;
  typedef ::Pool<bits, list> Pool;
  Pool &pool;

  __device__ unsigned rank() const { return threadIdx.x % 32; }
  __device__ unsigned size() const { return 32; }
  __device__ void sync() const { __syncwarp(); }
  __device__ unsigned scan(unsigned v) const { return warp_scan(v) - v; }
  __device__ Bucket publish(bool mine, Bucket b) const {
    int from = __ffs(__ballot_sync(~0u, mine)) - 1;
    return {__shfl_sync(~0u, b.digit, from), __shfl_sync(~0u, b.below, from), __shfl_sync(~0u, b.count, from)};
  }
};

// find returns the bucket of the histogram in which the k-th smallest lies.
template <class Team>
__device__ Bucket find(const Team &team, unsigned k) {
  unsigned bins = (1 << Team::bits) / team.size(), first = team.rank() * bins, sum = 0;
  for (unsigned i = 0; i < bins; i++) sum += team.pool.histogram[first + i];
  Bucket b = {0, team.scan(sum), 0};
  bool mine = b.below < k && k <= b.below + sum;
  for (unsigned i = 0; mine && i < bins; i++) {
    b.count = team.pool.histogram[first + i];
    b.digit = first + i;
    if (k <= b.below + b.count) break;
    b.below += b.count;
  }
  return team.publish(mine, b);
}

// Threshold is the k-th smallest item as far as it is known: the digits under the masks.
struct Threshold {
  unsigned long long key, key_mask;
  unsigned position, position_mask;

  // side is -1, 0 or 1 for an item below, at or above the known digits. Of keys that are
  // not WIDE the upper word is 0.
  template <bool WIDE>
  __device__ int side(const Item &x) const {
    if (WIDE) {
      unsigned long long k = x.key & key_mask;
      if (k != key) return k < key ? -1 : 1;
    } else {
      unsigned k = (unsigned)x.key & (unsigned)key_mask;
      if (k != (unsigned)key) return k < (unsigned)key ? -1 : 1;
    }
    unsigned p = x.position & position_mask;
    return p == position ? 0 : p < position ? -1 : 1;
  }
};

// take_smallest calls items.take for the k smallest of the items that items.get
// returns for 0 to n-1; there are k at least, and none has a bit above items.top,
// counted over position (32 bits) and key (64, of which the lower half counts alone where
// items are not wide). A thread asks for items.batch of them
// together. All threads of the team call it.
template <class Team, class Items>
__device__ void take_smallest(const Team &team, const Items &items, unsigned n, unsigned k) {
  if (k == 0) return;
  auto &pool = team.pool;
  Threshold threshold = {0, 0, 0, 0};
  bool listed = false; // what is at the threshold is in the list, what is below it taken
  unsigned count = n;  // items at the threshold, at most
  int at = items.top;
  auto each = [&](auto f) {
    if (listed) {
      for (unsigned i = team.rank(); i < count; i += team.size()) f(Item{pool.keys[i], pool.positions[i]});
      return;
    }
    // A batch of items is asked for before any is looked at.
    constexpr int batch = Items::batch;
    for (unsigned base = team.rank(); base < n; base += batch * team.size()) {
      Item x[batch];
      bool there[batch];
#pragma unroll
      for (int j = 0; j < batch; j++) {
        unsigned i = base + j * team.size();
        there[j] = items.get(min(i, n - 1), x[j]) && i < n;
      }
#pragma unroll
      for (int j = 0; j < batch; j++)
        if (there[j]) f(x[j]);
    }
  };
  for (;;) {
    team.sync();
    if (!listed && count <= Team::list) {
      if (team.rank() == 0) pool.listed = 0;
      team.sync();
      each([&](const Item &x) {
        int side = threshold.template side<Items::wide>(x);
        if (side < 0) items.take(x);
        if (side != 0) return;
        unsigned i = atomicAdd(&pool.listed, 1);
        pool.keys[i] = x.key;
        pool.positions[i] = x.position;
      });
      team.sync();
      listed = true;
      count = pool.listed;
    }
    if (count == k) break;
    for (unsigned i = team.rank(); i < 1 << Team::bits; i += team.size()) pool.histogram[i] = 0;
    team.sync();
    // The digit is the bits from low to at.
    int low = max(at - Team::bits, at > 32 ? 32 : 0);
    unsigned mask = (1u << (at - low)) - 1;
    each([&](const Item &x) {
      if (threshold.template side<Items::wide>(x) != 0) return;
      unsigned upper = Items::wide ? (unsigned)(x.key >> (low - 32)) : (unsigned)x.key >> (low - 32);
      unsigned digit = (at > 32 ? upper : x.position >> low) & mask;
      atomicAdd(&pool.histogram[digit], 1);
    });
    team.sync();
    Bucket b = find(team, k);
    if (at > 32) {
      threshold.key |= (unsigned long long)b.digit << (low - 32);
      threshold.key_mask = ~0ull << (low - 32);
    } else {
      threshold.position |= b.digit << low;
      threshold.position_mask = ~0u << low;
    }
    k -= b.below;
    count = listed ? count : b.count;
    at = low;
    if (b.count == k || at == 0) break;
  }
  each([&](const Item &x) {
    if (threshold.template side<Items::wide>(x) <= 0) items.take(x);
  });
  team.sync();
}
