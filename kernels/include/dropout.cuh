// Dropout whose mask is drawn again where it is needed and never stored: element
// i of a site is kept when word i%4 of Philox at {i/4, step, micro<<16 | site} is
// at least the rate (backend.Dropout). What is dropped is 0, whatever it was.
#pragma once
#include "philox.cuh"
#include "step.cuh"

// Keep says which elements of a dropout site survive in the present step.
struct Keep {
  unsigned long long seed;
  unsigned step, place;
  unsigned least; // word of a survivor; 0: everything survives
  float factor;   // of the survivors

  __device__ bool on() const { return least != 0; }
  __device__ uint4 words(unsigned a) const { return philox(seed, PHILOX_DROPOUT, a, step, place); }
  // draw decides on the elements 4a to 4a + 3: bits 0 to 3.
  __device__ unsigned draw(unsigned a) const {
    uint4 w = words(a);
    unsigned bits = 0;
    keep_bit<0>(bits, w.x);
    keep_bit<1>(bits, w.y);
    keep_bit<2>(bits, w.z);
    keep_bit<3>(bits, w.w);
    return bits;
  }
  // one decides on element i.
  __device__ unsigned one(unsigned long long i) const { return draw((unsigned)(i / 4)) >> (i % 4) & 1; }

  // keep_bit sets bit B where w is a survivor's word: a comparison and an OR under its predicate.
  template <int B>
  __device__ void keep_bit(unsigned &bits, unsigned w) const {
    asm("{\n\t.reg .pred p;\n\tsetp.ge.u32 p, %1, %2;\n\t@p or.b32 %0, %0, %3;\n\t}" : "+r"(bits) : "r"(w), "r"(least), "n"(1 << B));
  }

  // drop applies the dropout to v, the elements from i on: one, or a multiple of
  // 4 where i is one too.
  template <int W>
  __device__ void drop(float (&v)[W], unsigned long long i) const {
    if (!on()) return;
    if constexpr (W == 1) {
      v[0] = one(i) ? v[0] * factor : 0.0f;
    } else {
#pragma unroll
      for (int j = 0; j < W; j += 4) {
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
  k.seed = s->seed;
  k.step = (unsigned)s->step;
  k.place = (unsigned)s->micro << 16 | (unsigned)site;
  // The upper 24 bits of a word times 2^-24 >= rate, in integers: rate 2^24 is exact, and less than 2^24.
  k.least = s->train ? (unsigned)ceilf(rate * 16777216.0f) << 8 : 0;
  k.factor = k.least ? 1.0f / (1.0f - rate) : 1.0f;
  return k;
}
