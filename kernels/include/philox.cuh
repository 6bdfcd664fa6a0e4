// Philox4x32-10, the counter-based generator of internal/philox: the same words
// from the same seed, purpose and coordinates.
#pragma once

// Purposes of draws, as internal/philox numbers them.
enum PhiloxPurpose : unsigned { PHILOX_REGROW = 3, PHILOX_DROPOUT = 4, PHILOX_FAN_IN_ROUNDS = 12 };

// multiply_wide splits a 32 x 32 -> 64 bit product into its halves, which are registers of their own: written with
// shifts, PTX has five instructions for what is one.
__device__ inline void multiply_wide(unsigned &low, unsigned &high, unsigned factor, unsigned x) {
  asm("{\n\t.reg .b64 p;\n\tmul.wide.u32 p, %2, %3;\n\tmov.b64 {%0, %1}, p;\n\t}" : "=r"(low), "=r"(high) : "r"(x), "r"(factor));
}

// xor3 is a ^ b ^ c in one instruction.
__device__ inline unsigned xor3(unsigned a, unsigned b, unsigned c) {
  unsigned d;
  asm("lop3.b32 %0, %1, %2, %3, 0x96;" : "=r"(d) : "r"(a), "r"(b), "r"(c));
  return d;
}

// philox returns the four words at counter {a, b, c, purpose} under seed.
__device__ inline uint4 philox(unsigned long long seed, unsigned purpose, unsigned a, unsigned b, unsigned c) {
  unsigned k0 = (unsigned)seed, k1 = (unsigned)(seed >> 32);
  uint4 x = {a, b, c, purpose};
#pragma unroll
  for (int round = 0; round < 10; round++) {
    unsigned low0, high0, low1, high1;
    multiply_wide(low0, high0, 0xD2511F53u, x.x);
    multiply_wide(low1, high1, 0xCD9E8D57u, x.z);
    x = {xor3(high1, x.y, k0), low1, xor3(high0, x.w, k1), low0};
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return x;
}

// PhiloxRow has the words at counters that differ in a alone. Two of the twenty
// products of philox do not depend on a, and only sums of others are needed.
struct PhiloxRow {
  unsigned first, second, third, fourth; // what a's rounds 1 to 3 add
  unsigned k0, k1;                       // keys of round 3

  __device__ PhiloxRow() {}
  __device__ PhiloxRow(unsigned long long seed, unsigned purpose, unsigned b, unsigned c) {
    unsigned low0, high0, low1, high1;
    k0 = (unsigned)seed, k1 = (unsigned)(seed >> 32);
    first = purpose ^ k1;
    multiply_wide(low1, high1, 0xCD9E8D57u, c);
    multiply_wide(low0, high0, 0xD2511F53u, xor3(high1, b, k0));
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    second = low1 ^ k0;
    third = high0 ^ k1;
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
    fourth = low0 ^ k1;
  }

  __device__ uint4 at(unsigned a) const {
    unsigned low0, high0, low1, high1, key0 = k0, key1 = k1;
    multiply_wide(low0, high0, 0xD2511F53u, a);
    multiply_wide(low1, high1, 0xCD9E8D57u, high0 ^ first);
    uint4 x = {high1 ^ second, low1, low0 ^ third, 0};
    multiply_wide(low0, high0, 0xD2511F53u, x.x);
    multiply_wide(low1, high1, 0xCD9E8D57u, x.z);
    x = {xor3(high1, x.y, key0), low1, high0 ^ fourth, low0};
#pragma unroll
    for (int round = 3; round < 10; round++) {
      key0 += 0x9E3779B9u, key1 += 0xBB67AE85u;
      multiply_wide(low0, high0, 0xD2511F53u, x.x);
      multiply_wide(low1, high1, 0xCD9E8D57u, x.z);
      x = {xor3(high1, x.y, key0), low1, xor3(high0, x.w, key1), low0};
    }
    return x;
  }
};

// philox_key64 is a draw's first two words as one number, word 1 high.
__device__ inline unsigned long long philox_key64(unsigned long long seed, unsigned purpose, unsigned a, unsigned b, unsigned c) {
  uint4 x = philox(seed, purpose, a, b, c);
  return (unsigned long long)x.y << 32 | x.x;
}
