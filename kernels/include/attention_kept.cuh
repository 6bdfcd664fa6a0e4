// What dropout keeps of attention's probabilities, as bits in the layout of
// dropout.cuh, rows being queries and columns keys; and as masks for fragments.
#pragma once
#include "attention.cuh"

// AttnMask is for 16 queries by 64 keys, whose sums a warp has in 8 octets of keys.
struct AttnMask {
  unsigned bits[2][2]; // [query / 8][key / 32]: the upper two bits of byte n are for the lane's two keys of octet n, the first one lower

  __device__ void set(int half, int word, unsigned kept) { bits[half][word] = kept << (6 - threadIdx.x % 4 * 2); }
  __device__ void all() {
#pragma unroll
    for (int i = 0; i < 4; i++) bits[i / 2][i % 2] = ~0u;
  }
  // draw decides for the queries from `row` on, where `before` rows come before the head, and the keys from `base`
  // on; it writes the bits where kept is not null. The four lanes of a row draw a word each.
  __device__ void draw(const Keep &keep, unsigned *kept, int seq, unsigned long long before, int row, int base, int keys) {
    int lane = threadIdx.x % 32, word = lane % 2, words = kept_words(seq), at = base / 32 + word;
    int query = row + lane / 4 + lane / 2 % 2 * 8;
    unsigned mine = keep.word32((before + query) * seq + base + 32 * word, keys - base - 32 * word, seq % 4 == 0);
    if (kept && query < seq && at < words) kept[(before + query) * words + at] = mine;
#pragma unroll
    for (int i = 0; i < 4; i++) set(i / 2, i % 2, __shfl_sync(~0u, mine, (lane & ~3) | i));
  }
  // read has the bits that draw wrote.
  __device__ void read(const unsigned *kept, int seq, unsigned long long before, int row, int base) {
    int words = kept_words(seq);
#pragma unroll
    for (int i = 0; i < 4; i++) {
      int query = row + threadIdx.x % 32 / 4 + i / 2 * 8, at = base / 32 + i % 2;
      set(i / 2, i % 2, query < seq && at < words ? kept[(before + query) * words + at] : 0);
    }
  }
  // pair is for the lane's two keys of octet n as bfloat16, one for element e of its sums as float32.
  __device__ unsigned pair(int half, int n) const { return spread(bits[half][n / 4] << 1, bits[half][n / 4], 0xCC88 + 0x1111 * (n % 4)); }
  __device__ unsigned one(int e, int n) const {
    unsigned word = e % 2 ? bits[e / 2][n / 4] : bits[e / 2][n / 4] << 1;
    return spread(word, word, 0x8888 + 0x1111 * (n % 4));
  }
};

// AttnColumns is for 16 keys by 8 queries, an octet of sums of a warp whose rows
// are keys: first and second are the 16 bits of those keys of the lane's two queries.
struct AttnColumns {
  unsigned first, second;

  __device__ AttnColumns(unsigned a, unsigned b) {
    int g = threadIdx.x % 32 / 4;
    first = a << (7 - g);
    second = b << (7 - g);
  }
  // one is the mask for element e of the lane's sums.
  __device__ unsigned one(int e) const {
    unsigned bits = e % 2 ? second : first;
    return spread(bits, bits, e / 2 ? 0x9999 : 0x8888);
  }
};
