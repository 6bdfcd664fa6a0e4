// Philox4x32-10, the counter-based generator of internal/philox: the same words
// from the same seed, purpose and coordinates.
#pragma once

// Purposes of draws, as internal/philox numbers them.
enum PhiloxPurpose : unsigned { PHILOX_REGROW = 3, PHILOX_DROPOUT = 4, PHILOX_FAN_IN_ROUNDS = 12 };

// philox returns the four words at counter {a, b, c, purpose} under seed.
__device__ inline uint4 philox(unsigned long long seed, unsigned purpose, unsigned a, unsigned b, unsigned c) {
  unsigned k0 = (unsigned)seed, k1 = (unsigned)(seed >> 32);
  uint4 x = {a, b, c, purpose};
#pragma unroll
  for (int round = 0; round < 10; round++) {
    unsigned long long p0 = 0xD2511F53ull * x.x, p1 = 0xCD9E8D57ull * x.z;
    x = {(unsigned)(p1 >> 32) ^ x.y ^ k0, (unsigned)p1, (unsigned)(p0 >> 32) ^ x.w ^ k1, (unsigned)p0};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return x;
}

// philox_key64 is a draw's first two words as one number, word 1 high.
__device__ inline unsigned long long philox_key64(unsigned long long seed, unsigned purpose, unsigned a, unsigned b, unsigned c) {
  uint4 x = philox(seed, purpose, a, b, c);
  return (unsigned long long)x.y << 32 | x.x;
}
