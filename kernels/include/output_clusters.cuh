// output_stationary.cuh for compute capability 9.0, where two thread blocks share the weights: the
// sums are the same, bit for bit.
//
// The two thread blocks of a cluster have neighboring tiles of tokens and the same outputs, so that
// their warps of one number go through the same list. Such a pair of warps brings its weights
// together: of each batch of 2048 bytes one copies one half and the other one the other, to both,
// so that L2 is read once for 128 tokens.
//
// A warp's ring has four batches. For each it has two mbarriers: `full` counts the bytes that come,
// `empty` the warps of the pair that are done with the batch before. When a warp enters batch b it
// says that it is done with b - 1, and starts its half of b + 2, in the place of b - 2: which the
// other one has left when it enters b - 1. So neither waits for the other unless it is a batch ahead.
// No warp waits for one that is behind it in the list, and the stages of inputs have that order
// too: that is why waits for both cannot lock each other.
//
//   launch: grid (ceil(T/128) 2, ceil(N/(64 warps))), block 32 warps <= 384 threads, dynamic shared
//   memory: 3 stages as there, 8192 bytes for each warp, then entries of 8 bytes, 256/B for each
//   warp and B/16 for each active block that a thread block's outputs can have.
#pragma once
#include "hopper.cuh"
#include "output_stationary.cuh"

constexpr int pair_batch = 2048, pair_batches = 4, pair_ring = pair_batch * pair_batches; // bytes of a warp
constexpr int pair_warps = 12;                                                            // at most

constexpr int pair_empty = 8 * pair_batches; // a warp's mbarriers are four `full` of 8 bytes and four `empty`

// copy_both brings bytes to both thread blocks of the cluster, to be counted by the mbarrier, where column < limit.
template <int bytes>
__device__ inline void copy_both(int column, int limit, unsigned to, const void *from, unsigned full) {
  asm volatile("{.reg .pred p; setp.lt.s32 p, %0, %1; "
               "@p cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%2], [%3], %4, [%5], %6;}" ::"r"(column),
               "r"(limit), "r"(to), "l"(from), "n"(bytes), "r"(full), "h"((short)3) : "memory");
}

// pair_expect announces, in lane 0, the bytes of a batch where there are any.
__device__ inline void pair_expect(int lane, unsigned full, int bytes) {
  asm volatile("{.reg .pred p; setp.eq.s32 p, %0, 0; setp.gt.and.s32 p, %2, 0, p; "
               "@p mbarrier.arrive.expect_tx.shared::cta.b64 _, [%1], %2;}" ::"r"(lane), "r"(full), "r"(min(bytes, pair_batch)) : "memory");
}

// pair_leave tells both thread blocks, from lanes 0 and 1, that the warp is done with a batch. It has
// multiplied what it read of it. Release in the scope of the cluster would be a MEMBAR.ALL.GPU in the
// machine code, which waits for all that the warp has asked of memory.
__device__ inline void pair_leave(int lane, unsigned full) {
  asm volatile("{.reg .pred p; .reg .b32 there; setp.lt.s32 p, %0, 2; @p mapa.shared::cluster.u32 there, %1, %0; "
               "@p mbarrier.arrive.shared::cluster.b64 _, [there+%2];}" ::"r"(lane), "r"(full), "n"(pair_empty) : "memory");
}

// pair_wait waits until a batch has come, and until a place is free.
__device__ inline void pair_wait(unsigned full, unsigned parity, unsigned place, unsigned place_parity) {
  asm volatile("{\n\t.reg .pred come, free;\n\tagain:\n\t"
               "mbarrier.try_wait.parity.shared::cta.b64 come, [%0], %1;\n\t"
               "mbarrier.try_wait.parity.shared::cta.b64 free, [%2+%4], %3;\n\t"
               "and.pred come, come, free;\n\t"
               "@!come bra again;\n\t}" ::"r"(full), "r"(parity), "r"(place), "r"(place_parity), "n"(pair_empty) : "memory");
}

// output_pairs is output_stationary_sum in clusters.
template <int B, int S, class Source, class Finish>
__device__ inline void output_pairs(Source source, Finish finish) {
  constexpr int piece = 32 * B, per = pair_batch / piece, ahead = pair_ring / piece, stages = 3;
  extern __shared__ __align__(16) char shared[];
  __shared__ int used; // of the lists
  __shared__ __align__(16 * pair_batches) unsigned long long mbarriers[pair_warps][2 * pair_batches];
  const StationaryArgs a = source(0);
  int me = thread_number(), lane = me % 32, warp = me / 32, warps = blockDim.x / 32;
  int each = (a.k + output_columns - 1) / output_columns, last = S * each; // stages
  unsigned ring = shared_address(shared), full = pinned(shared_address(mbarriers[warp]));
  if (lane < 2 * pair_batches) {
    mbarrier_init(full + 8 * lane, lane < pair_batches ? 1 : 2);
    mbarriers_ready();
  }
  if (threadIdx.x == 0) used = 0;
  __syncwarp();
  cluster_arrive();
  auto start = [&](int s) {
    int i = S == 1 ? 0 : s / each;
    if (s < last) output_load(a, source(i).in, ring + s % stages * output_stage, (s - i * each) * output_columns);
    copy_commit();
  };
  for (int s = 0; s < stages - 1; s++) start(s);

  // Part p has the outputs 16 unit(p) and the next.
  auto unit = [&](int p) { return (blockIdx.y * output_parts + p) * warps + warp; };
  auto [at, count] = output_lists<B, S>(source, ring + stages * output_stage + warps * pair_ring, &used, ahead, unit);
  cluster_wait();

  unsigned weights = pinned(ring + stages * output_stage + warp * pair_ring);
  // fetch starts this warp's half of a batch, of which it has an entry in each lane, to a place in the ring. A lane that
  // brings none has a limit that no column is below.
  int left = count * piece, rank = cluster_rank(); // bytes of the batches that have not been started
  int limit = pinned((per == 1 ? lane == 0 : lane / (per / 2) == rank) ? output_none : 0);
  auto fetch = [&](int2 entry, unsigned place, unsigned mbarrier) {
    pair_expect(lane, mbarrier, left);
    left -= pair_batch;
    const bf16 *all = S == 1 ? a.weight : source((unsigned)entry.x >> output_source_shift).weight;
    const char *from = offset(all, S == 1 ? entry.x : entry.x & ((1u << output_source_shift) - 1), piece);
    constexpr int half = pair_batch / 2; // bytes
    if constexpr (per == 1)
      copy_both<half>(entry.y, limit, place + cluster_rank() * half, from + cluster_rank() * half, mbarrier);
    else
      copy_both<piece>(entry.y, limit, place + lane * piece, from, mbarrier);
  };
  for (int i = 0; i < 2; i++) fetch(load_shared2(at + 8 * (per * i + lane % per)), weights + pair_batch * i, full + 8 * i);
  at = pinned(at);
  int entry = load_shared1<4>(at), next_entry = load_shared1<12>(at);
  unsigned done = 0; // bytes of weights

  WarpSums<4> acc[output_parts] = {};
  unsigned row = ring + (lane % 16) * output_stride + lane / 16 * 16;
  for (int s = 0; s < last; s++) {
    copy_wait<stages - 2>();
    __syncthreads();
    start(s + stages - 1);
    unsigned stage = row + s % stages * output_stage - s * output_columns * 2;
    int stop = (s + 1) * output_columns * 8;
    while (entry < stop) {
      if (per == 1 || done % pair_batch == 0) {
        // What is worked out before the wait is not in its way.
        int2 coming = load_shared2(at + 8 * (2 * per + lane % per));
        unsigned place = done % pair_ring, mbarrier = pinned(full + place / (pair_batch / 8)), parity = pinned(done / pair_ring & 1);
        unsigned behind = pinned(full + (place + 3 * pair_batch) % pair_ring / (pair_batch / 8));
        unsigned place_parity = pinned((done + 3 * pair_batch) / pair_ring + 1 & 1);
        unsigned two_on = pinned(mbarrier ^ 16), to = pinned(weights + (place ^ 2 * pair_batch));
        __syncwarp();
        pair_leave(lane, behind);
        pair_wait(mbarrier, parity, two_on, place_parity);
        fetch(coming, to, two_on);
      }
      unsigned from = stage + (entry >> 2), mine = weights + lane * 16 + done % pair_ring;
      constexpr int early = B == 16 ? 4 : 3; // as far as there are registers
      OutputStep<B, early> step;
      step.load(mine, from);
      int later = load_shared1<20>(at);
      step.multiply(acc, entry & 3, mine, from);
      at += 8;
      done += piece;
      entry = next_entry, next_entry = later;
    }
  }
  cluster_arrive(); // the other one may still send here
  output_finish(acc, a, finish, warps);
  cluster_wait();
}

// output_pairs_product is output_pairs of one weight.
template <int B, class Finish>
__device__ inline void output_pairs_product(const StationaryArgs &a, Finish finish) {
  output_pairs<B, 1>([&](int) { return a; }, finish);
}
