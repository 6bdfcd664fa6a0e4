// What the products do with their sums: they come four outputs of one token at a
// time (operator(), n and the row length are multiples of 4), one by one, or a warp's
// at once (before(), after()).
#pragma once
#include "numbers.cuh"

// A warp's sums of 16 MT tokens and 16 outputs are float [MT][2][4]: of the tokens
// token + 8 r, r < 2 MT, a lane has the outputs n to n + 3, and those of r are at
// [r / 2][0 and 1][2 (r % 2) and the next]. before() loads what after() needs, which
// stores the tokens that there are, and loads what other outputs need at their end,
// those from `following` on of `next`, if there are more.
template <int MT>
using WarpSums = float[MT][2][4];

// store_row stores four values where row < rows.
__device__ inline void store_row(bf16 *to, const float (&v)[4], int row, int rows) {
  asm volatile("{.reg .pred p; setp.lt.s32 p, %3, %4; @p st.global.v2.u32 [%0], {%1, %2};}" ::"l"(to), "r"(pack(v[0], v[1])),
               "r"(pack(v[2], v[3])), "r"(row), "r"(rows) : "memory");
}

// load_row loads four where row < rows.
__device__ inline void load_row(uint2 &v, const bf16 *from, int row, int rows) {
  asm volatile("{.reg .pred p; setp.lt.s32 p, %3, %4; @p ld.global.v2.u32 {%0, %1}, [%2];}"
               : "+r"(v.x), "+r"(v.y) : "l"(from), "r"(row), "r"(rows) : "memory");
}

// DsdFinish ends a forward product: y [T, width] = sums + bias; with pre: pre = sums + bias, y = gelu(pre).
// bias, y and pre may be null.
struct DsdFinish {
  bf16 *y, *pre;
  const float *bias;
  int width;

  __device__ void operator()(int token, int n, float (&v)[4]) const {
    if (bias) {
      float4 b = *reinterpret_cast<const float4 *>(bias + n);
      v[0] += b.x;
      v[1] += b.y;
      v[2] += b.z;
      v[3] += b.w;
    }
    size_t at = (size_t)token * width + n;
    if (pre) {
      *reinterpret_cast<uint2 *>(pre + at) = make_uint2(pack(v[0], v[1]), pack(v[2], v[3]));
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] = fast_gelu(v[i]);
    }
    if (y) *reinterpret_cast<uint2 *>(y + at) = make_uint2(pack(v[0], v[1]), pack(v[2], v[3]));
  }

  template <int MT>
  __device__ float4 before(int, int, int n, bool more) const {
    return bias && more ? *reinterpret_cast<const float4 *>(bias + n) : float4{};
  }

  template <int MT>
  __device__ void after(float4 &needs, const WarpSums<MT> &sums, int token, int tokens, int n, const DsdFinish &next, int following,
                        bool more) const {
    float4 b = needs;
    needs = next.before<MT>(token, tokens, following, more);
    size_t at = (size_t)token * width + n;
    int rows = tokens - token;
    auto each = [&](auto f) {
      unrolled<2 * MT>([&](auto tile) {
        constexpr int r = tile.value, m = r / 2, i = r % 2 * 2;
        float v[4] = {sums[m][0][i] + b.x, sums[m][0][i + 1] + b.y, sums[m][1][i] + b.z, sums[m][1][i + 1] + b.w};
        f(8 * r, v);
        at += 8 * width;
      });
    };
    if (!pre) {
      each([&](int row, float(&v)[4]) { store_row(y + at, v, row, rows); });
      return;
    }
    int both = y ? rows : 0;
    each([&](int row, float(&v)[4]) {
      store_row(pre + at, v, row, rows);
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] = fast_gelu(v[i]);
      store_row(y + at, v, row, both);
    });
  }

  __device__ void one(int token, int n, float v) const {
    if (bias) v += bias[n];
    size_t at = (size_t)token * width + n;
    if (pre) {
      store(pre + at, v);
      v = fast_gelu(v);
    }
    if (y) store(y + at, v);
  }
};

// DdsFinish ends an input gradient: mode 0: dx [T, width] = sums; 1: dx += sums; 2: dx = sums gelu'(pre).
// dx may be pre.
struct DdsFinish {
  bf16 *dx;
  const bf16 *pre;
  int mode, width;

  __device__ float change(float v, float old) const { return mode == 1 ? v + old : v * fast_gelu_slope(old); }

  __device__ void operator()(int token, int n, float (&v)[4]) const {
    size_t at = (size_t)token * width + n;
    if (mode) {
      uint2 old = *reinterpret_cast<const uint2 *>((mode == 1 ? dx : pre) + at);
      float o[4] = {low(old.x), high(old.x), low(old.y), high(old.y)};
#pragma unroll
      for (int i = 0; i < 4; i++) v[i] = change(v[i], o[i]);
    }
    *reinterpret_cast<uint2 *>(dx + at) = make_uint2(pack(v[0], v[1]), pack(v[2], v[3]));
  }

  template <int MT>
  struct Rows {
    uint2 old[2 * MT];
  };

  template <int MT>
  __device__ Rows<MT> before(int token, int tokens, int n, bool more) const {
    Rows<MT> b{};
    if (mode && more) {
      const bf16 *from = (mode == 1 ? dx : pre) + (size_t)token * width + n;
#pragma unroll
      for (int r = 0; r < 2 * MT; r++, from += 8 * width) load_row(b.old[r], from, 8 * r, tokens - token);
    }
    return b;
  }

  template <int MT>
  __device__ void after(Rows<MT> &b, const WarpSums<MT> &sums, int token, int tokens, int n, const DdsFinish &, int following,
                        bool more) const {
    bf16 *to = dx + (size_t)token * width + n;
    const bf16 *from = (mode == 1 ? dx : pre) + (size_t)token * width + following;
    int rows = tokens - token, left = mode && more ? rows : 0;
    auto each = [&](auto change) {
      unrolled<2 * MT>([&](auto tile) {
        constexpr int r = tile.value, m = r / 2, i = r % 2 * 2;
        float v[4] = {sums[m][0][i], sums[m][0][i + 1], sums[m][1][i], sums[m][1][i + 1]};
        float old[4] = {low(b.old[r].x), high(b.old[r].x), low(b.old[r].y), high(b.old[r].y)};
#pragma unroll
        for (int j = 0; j < 4; j++) v[j] = change(v[j], old[j]);
        store_row(to, v, 8 * r, rows);
        load_row(b.old[r], from, 8 * r, left);
        to += 8 * width;
        from += 8 * width;
      });
    };
    if (mode == 0)
      each([](float v, float) { return v; });
    else if (mode == 1)
      each([](float v, float old) { return v + old; });
    else
      each([](float v, float old) { return v * fast_gelu_slope(old); });
  }

  __device__ void one(int token, int n, float v) const {
    size_t at = (size_t)token * width + n;
    if (mode) v = change(v, load((mode == 1 ? dx : pre) + at));
    store(dx + at, v);
  }
};
