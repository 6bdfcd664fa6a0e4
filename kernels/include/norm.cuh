// residual + dropout + LayerNorm and its backward, a warp a row. A row of up to
// 1024 elements whose width is a multiple of 8 is read once and stays in
// registers, with bfloat16 by norm_rows.cuh; other rows are read again, from L2.
#pragma once
#include "dropout.cuh"
#include "rowcopy.cuh"

const int NORM_GROUPS = 4; // of 8 elements, that a lane keeps

// norm_kept_store and norm_kept_load have what dropout kept of the W columns from c on
// of row t, in the layout of dropout.cuh. W = 1: all lanes below the width call at once.
template <int W>
__device__ inline void norm_kept_store(unsigned *kept, int t, int h, int c, unsigned bits) {
  size_t first = (size_t)t * kept_words(h);
  if constexpr (W == 1) {
    int lane = threadIdx.x % 32, active = h - (c - lane);
    unsigned word = __ballot_sync(active >= 32 ? ~0u : (1u << active) - 1, bits);
    if (lane == 0) kept[first + c / 32] = word;
  } else {
    reinterpret_cast<unsigned char *>(kept + first)[c / 8] = bits;
  }
}
template <int W>
__device__ inline unsigned norm_kept_load(const unsigned *kept, int t, int h, int c) {
  size_t first = (size_t)t * kept_words(h);
  if constexpr (W == 1) return kept[first + c / 32] >> c % 32;
  return reinterpret_cast<const unsigned char *>(kept + first)[c / 8];
}

// for_columns calls f(k, c) for the columns from c on, W of them, that belong to
// this lane: k counts them as a compile-time constant, or is 0 with G = 0.
template <int W, int G, class F>
__device__ __forceinline__ void for_columns(int h, F f) {
  int lane = threadIdx.x % 32;
  if constexpr (G > 0) {
    unrolled<G>([&](auto k) {
      int c = (k.value * 32 + lane) * W;
      if (c < h) f(k, c);
    });
  } else {
    for (int base = 0; base < h; base += 32 * W) { // the same for all lanes, so that f may vote
      int c = base + lane * W;
      if (c < h) f(index_constant<0>{}, c);
    }
  }
}

template <class T>
struct Norm {
  T *y, *z;
  float *mean, *rstd;
  const T *residual, *sub; // sub null: none
  const float *gamma, *beta;
  unsigned *kept; // what dropout kept, null: not wanted
  int tokens, h;
};

// add_norm: z = residual + dropout(sub), y = gamma (z - mean) rstd + beta. The
// statistics are those of z as it is stored, which the backward reads.
template <int W, int G, class T>
__device__ inline void add_norm_w(const Norm<T> &n, const Keep &keep) {
  int h = n.h;
  float z[G ? G : 1][W];
  FOR_ROWS(t, n.tokens) {
    size_t row = (size_t)t * h;
    float sum = 0, squares = 0;
    for_columns<W, G>(h, [&](auto k, int c) {
      float(&v)[W] = z[k.value];
      load_n(v, n.residual + row + c);
      if (n.sub) {
        float s[W];
        load_n(s, n.sub + row + c);
        if (keep.on()) {
          unsigned bits = keep.few<W>(row + c);
          if (n.kept) norm_kept_store<W>(n.kept, t, h, c, bits);
          keep.apply(s, bits);
        }
#pragma unroll
        for (int i = 0; i < W; i++) v[i] += s[i];
      }
      store_n(n.z + row + c, v);
#pragma unroll
      for (int i = 0; i < W; i++) {
        v[i] = rounded(n.z, v[i]);
        sum += v[i];
      }
    });
    float mean = warp_sum(sum) / h;
    for_columns<W, G>(h, [&](auto k, int c) {
      float(&v)[W] = z[k.value];
      if (!G) load_n(v, n.z + row + c);
#pragma unroll
      for (int i = 0; i < W; i++) squares += (v[i] - mean) * (v[i] - mean);
    });
    float rstd = 1.0f / sqrtf(warp_sum(squares) / h + 1e-12f);
    for_columns<W, G>(h, [&](auto k, int c) {
      float(&v)[W] = z[k.value], gamma[W], beta[W];
      if (!G) load_n(v, n.z + row + c);
      load_n(gamma, n.gamma + c);
      load_n(beta, n.beta + c);
#pragma unroll
      for (int i = 0; i < W; i++) v[i] = gamma[i] * ((v[i] - mean) * rstd) + beta[i];
      store_n(n.y + row + c, v);
    });
    if (threadIdx.x % 32 == 0) {
      n.mean[t] = mean;
      n.rstd[t] = rstd;
    }
  }
}

template <class T>
struct NormGrad {
  T *dresidual, *dsub; // dsub null: not wanted
  const T *dy, *z;
  const float *mean, *rstd, *gamma;
  const unsigned *kept; // what dropout kept
  float *partial;       // [blocks][dgamma, dbeta][h]
  int tokens, h;
};

// add_norm_grad: with xhat = (z - mean) rstd and g = gamma dy, dz = rstd (g -
// mean(g) - xhat mean(g xhat)); dresidual = dz, dsub = dropout(dz). Each warp sums
// dgamma = dy xhat and dbeta = dy of its rows in shared memory, which a lane shares
// with no other, and the block leaves the sum of its warps in partial.
template <int W, int G, class T>
__device__ inline void add_norm_grad_w(const NormGrad<T> &n, const Keep &keep, float *shared) {
  int h = n.h;
  float dy[G ? G : 1][W], xhat[G ? G : 1][W];
  float *dgamma = shared + threadIdx.x / 32 * 2 * h, *dbeta = dgamma + h;
  for_columns<W, G>(h, [&](auto, int c) {
    float zero[W] = {};
    store_n(dgamma + c, zero);
    store_n(dbeta + c, zero);
  });
  FOR_ROWS(t, n.tokens) {
    size_t row = (size_t)t * h;
    float mean = n.mean[t], rstd = n.rstd[t], sum = 0, dot = 0;
    auto fetch = [&](auto k, int c) {
      load_n(dy[k.value], n.dy + row + c);
      load_n(xhat[k.value], n.z + row + c);
#pragma unroll
      for (int i = 0; i < W; i++) xhat[k.value][i] = (xhat[k.value][i] - mean) * rstd;
    };
    for_columns<W, G>(h, fetch);
    for_columns<W, G>(h, [&](auto k, int c) {
      float(&d)[W] = dy[k.value], (&x)[W] = xhat[k.value], gamma[W], a[W], b[W];
      if (!G) fetch(k, c);
      load_n(gamma, n.gamma + c);
      load_n(a, dgamma + c);
      load_n(b, dbeta + c);
#pragma unroll
      for (int i = 0; i < W; i++) {
        a[i] += d[i] * x[i];
        b[i] += d[i];
        sum += d[i] * gamma[i];
        dot += d[i] * gamma[i] * x[i];
      }
      store_n(dgamma + c, a);
      store_n(dbeta + c, b);
    });
    sum = warp_sum(sum) / h;
    dot = warp_sum(dot) / h;
    for_columns<W, G>(h, [&](auto k, int c) {
      float(&d)[W] = dy[k.value], (&x)[W] = xhat[k.value], gamma[W];
      if (!G) fetch(k, c);
      load_n(gamma, n.gamma + c);
#pragma unroll
      for (int i = 0; i < W; i++) d[i] = rstd * (d[i] * gamma[i] - sum - x[i] * dot);
      store_n(n.dresidual + row + c, d);
      if (n.dsub) {
        if (keep.on()) keep.apply(d, norm_kept_load<W>(n.kept, t, h, c));
        store_n(n.dsub + row + c, d);
      }
    });
  }
  __syncthreads();
  for (int c = threadIdx.x; c < 2 * h; c += blockDim.x) {
    float sum = 0;
    for (int w = 0; w < (int)blockDim.x / 32; w++) sum += shared[w * 2 * h + c];
    n.partial[(size_t)blockIdx.x * 2 * h + c] = sum;
  }
}
