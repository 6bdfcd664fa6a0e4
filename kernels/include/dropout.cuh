// Dropout: element i of a site is kept when word i%4 of Philox at {i/4, step,
// micro<<16 | site} is at least the rate (backend.Dropout). What is dropped is 0,
// whatever it was.
//
// A forward pass draws, and may leave what it kept as bits, which the backward
// reads: [rows][kept_words(columns)], column c of a row being bit c%32 of word
// c/32. Bits beyond the last column mean nothing.
#pragma once
#include "philox.cuh"
#include "step.cuh"

__device__ inline int kept_words(int columns) { return (columns + 31) / 32; }

// A byte's sign makes a mask: prmt spreads it over 16 or 32 bits.
//
// spread is prmt in its default mode: byte i of the result is byte (selector >> 4i) % 8
// of {a, b}, or eight times its sign where bit 4i + 3 of the selector is set.
__device__ inline unsigned spread(unsigned a, unsigned b, unsigned selector) {
  unsigned d;
  asm("prmt.b32 %0, %1, %2, %3;" : "=r"(d) : "r"(a), "r"(b), "r"(selector));
  return d;
}

// masked is v, or 0 where the mask is.
__device__ inline float masked(float v, unsigned mask) { return __uint_as_float(__float_as_uint(v) & mask); }

// signs moves four bits, those of bits 0 to 3, to the signs of the bytes; others are 0.
__device__ inline unsigned signs(unsigned bits) { return (bits & 15) * 0x10204080u; }

// Keep says which elements of a dropout site survive in the present step.
struct Keep {
  PhiloxRow draws;
  unsigned least; // word of a survivor; 0: everything survives
  float factor;   // of the survivors

  __device__ bool on() const { return least != 0; }
  __device__ uint4 words(unsigned a) const { return draws.at(a); }
  // draw decides on the elements 4a to 4a + 3: bits 0 to 3.
  __device__ unsigned draw(unsigned a) const {
    unsigned bits = 0;
    four<0>(bits, a);
    return bits;
  }
  // four is draw for the bits B to B + 3, which are 0 before.
  template <int B>
  __device__ void four(unsigned &bits, unsigned a) const {
    uint4 w = words(a);
    keep_bit<B>(bits, w.x);
    keep_bit<B + 1>(bits, w.y);
    keep_bit<B + 2>(bits, w.z);
    keep_bit<B + 3>(bits, w.w);
  }
  // one decides on element i.
  __device__ unsigned one(unsigned long long i) const { return draw((unsigned)(i / 4)) >> (i % 4) & 1; }

  // keep_bit sets bit B where w is a survivor's word: a comparison and an OR under its predicate.
  template <int B>
  __device__ void keep_bit(unsigned &bits, unsigned w) const {
    asm("{\n\t.reg .pred p;\n\tsetp.ge.u32 p, %1, %2;\n\t@p or.b32 %0, %0, %3;\n\t}" : "+r"(bits) : "r"(w), "r"(least), "n"((int)(1u << B)));
  }

  // word32 decides on n elements from i on, 32 at most: bits 0 to n-1, and others. fours: i is a multiple of 4.
  __device__ unsigned word32(unsigned long long i, int n, bool fours) const {
    unsigned all = 0;
    if (fours) {
      unsigned a = (unsigned)(i / 4);
      if (n <= 0) return 0;
      four<0>(all, a);
      four<4>(all, a + 1);
      four<8>(all, a + 2);
      four<12>(all, a + 3);
      if (n <= 16) return all;
      four<16>(all, a + 4);
      four<20>(all, a + 5);
      four<24>(all, a + 6);
      four<28>(all, a + 7);
    } else {
#pragma unroll 1
      for (int k = 0; k < min(n, 32); k++) all |= one(i + k) << k;
    }
    return all;
  }

  // few decides on W elements from i on, one, or 8 where i is a multiple of 4: bits 0 to W-1.
  template <int W>
  __device__ unsigned few(unsigned long long i) const {
    if constexpr (W == 1) {
      return one(i);
    } else {
      unsigned bits = 0, a = (unsigned)(i / 4);
      four<0>(bits, a);
      four<4>(bits, a + 1);
      return bits;
    }
  }
  // apply is the dropout of v by such bits.
  template <int W>
  __device__ void apply(float (&v)[W], unsigned bits) const {
    if constexpr (W == 1) {
      v[0] = bits & 1 ? v[0] * factor : 0.0f;
    } else {
      unsigned s[2] = {signs(bits), signs(bits >> 4)};
#pragma unroll
      for (int i = 0; i < 8; i++) v[i] = masked(v[i] * factor, spread(s[i / 4], 0, 0x8888 + 0x1111 * (i % 4)));
    }
  }
  // drop is the dropout of v, the elements from i on, by words: it leaves no bits.
  template <int W>
  __device__ void drop(float (&v)[W], unsigned long long i) const {
    if (!on()) return;
    if constexpr (W == 1) {
      apply(v, one(i));
    } else {
#pragma unroll
      for (int j = 0; j < 8; j += 4) {
        uint4 w = words((unsigned)(i / 4) + j / 4);
        v[j] = w.x >= least ? v[j] * factor : 0.0f;
        v[j + 1] = w.y >= least ? v[j + 1] * factor : 0.0f;
        v[j + 2] = w.z >= least ? v[j + 2] * factor : 0.0f;
        v[j + 3] = w.w >= least ? v[j + 3] * factor : 0.0f;
      }
    }
  }
};

__device__ inline Keep keep_of(const StepScalars *s, float rate, int site) {
  Keep k;
  k.draws = PhiloxRow(s->seed, PHILOX_DROPOUT, (unsigned)s->step, (unsigned)s->micro << 16 | (unsigned)site);
  // The upper 24 bits of a word times 2^-24 >= rate, in integers: rate 2^24 is exact, and less than 2^24.
  k.least = s->train ? (unsigned)ceilf(rate * 16777216.0f) << 8 : 0;
  k.factor = k.least ? 1.0f / (1.0f - rate) : 1.0f;
  return k;
}
