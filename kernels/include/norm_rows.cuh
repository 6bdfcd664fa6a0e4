// LayerNorm of bfloat16 rows of up to 1024 elements, a multiple of 8: a warp asks
// for all of a row before it needs any of it, and draws dropout meanwhile. gamma
// and beta are read from global memory once a block.
#pragma once
#include "mma.cuh"
#include "norm.cuh"

// Eight is 8 neighbors as they are in memory.
struct Eight : Raw<bf16, 8> {
  __device__ Eight() { v = make_uint4(0, 0, 0, 0); }
  __device__ void store(bf16 *p) const { *reinterpret_cast<uint4 *>(p) = v; }
  __device__ void set(const float (&x)[8]) { v = make_uint4(pack(x[0], x[1]), pack(x[2], x[3]), pack(x[4], x[5]), pack(x[6], x[7])); }
  // drop sets to 0 what bits 0 to 7 do not keep.
  __device__ void drop(unsigned bits) {
    unsigned a = signs(bits), b = signs(bits >> 4);
    v.x &= spread(a, 0, 0x9988), v.y &= spread(a, 0, 0xBBAA);
    v.z &= spread(b, 0, 0x9988), v.w &= spread(b, 0, 0xBBAA);
  }
};

// NormVector is gamma or beta, h elements, in shared memory: the first and the
// second four of every 8 columns apart, so that neighboring lanes read neighboring
// banks.
struct NormVector {
  float4 *first, *second;

  // The constructor starts the copy by the whole block.
  __device__ NormVector(float *to, const float *from, int h) : first(reinterpret_cast<float4 *>(to)), second(first + h / 8) {
    for (int i = threadIdx.x; i < h / 4; i += blockDim.x) copy16(shared_address((i % 2 ? second : first) + i / 2), from + 4 * i, 16);
  }
  __device__ void get(float (&v)[8], int group) const {
    float4 a = first[group], b = second[group];
    v[0] = a.x, v[1] = a.y, v[2] = a.z, v[3] = a.w, v[4] = b.x, v[5] = b.y, v[6] = b.z, v[7] = b.w;
  }
};

template <int G>
__device__ inline void add_norm_rows(const Norm<bf16> &n, const Keep &keep) {
  __shared__ __align__(16) float vectors[2 * G * 32 * 8];
  int h = n.h, lane = threadIdx.x % 32, warps = blockDim.x / 32, step = gridDim.x * warps;
  int words = kept_words(h);
  NormVector gamma(vectors, n.gamma, h), beta(vectors + h, n.beta, h);
  copy_commit();
  Eight residual[G], sub[G];
  // fetch asks for a row, and draws.
  auto fetch = [&](int t) {
    size_t row = (size_t)t * h;
    for_columns<8, G>(h, [&](auto k, int c) {
      residual[k.value].load(n.residual + row + c);
      if (n.sub) sub[k.value].load(n.sub + row + c);
    });
    if (!n.sub || !keep.on()) return;
    unsigned bits[G];
    unsigned char *kept = reinterpret_cast<unsigned char *>(n.kept + (size_t)t * words);
    for_columns<8, G>(h, [&](auto k, int c) {
      bits[k.value] = keep.few<8>(row + c);
      if (n.kept) kept[c / 8] = bits[k.value];
    });
    for_columns<8, G>(h, [&](auto k, int) { sub[k.value].drop(bits[k.value]); });
  };
  int t = blockIdx.x * warps + threadIdx.x / 32;
  if (t < n.tokens) fetch(t);
  copy_wait<0>();
  __syncthreads();
  while (t < n.tokens) {
    size_t row = (size_t)t * h;
    float z[G][8], sum = 0, squares = 0;
    for_columns<8, G>(h, [&](auto k, int c) {
      float(&v)[8] = z[k.value], s[8];
      residual[k.value].get(v);
      if (n.sub) {
        sub[k.value].get(s);
#pragma unroll
        for (int i = 0; i < 8; i++) v[i] += __fmul_rn(s[i], keep.factor); // rounded, as norm.cuh has it
      }
      Eight stored;
      stored.set(v);
      stored.store(n.z + row + c);
      stored.get(v); // the statistics are those of z as it is stored
#pragma unroll
      for (int i = 0; i < 8; i++) sum += v[i];
    });
    float mean = warp_sum(sum) / h;
    for_columns<8, G>(h, [&](auto k, int) {
#pragma unroll
      for (int i = 0; i < 8; i++) squares += (z[k.value][i] - mean) * (z[k.value][i] - mean);
    });
    float rstd = 1.0f / sqrtf(warp_sum(squares) / h + 1e-12f);
    for_columns<8, G>(h, [&](auto k, int c) {
      float(&v)[8] = z[k.value], g[8], b[8];
      gamma.get(g, c / 8);
      beta.get(b, c / 8);
#pragma unroll
      for (int i = 0; i < 8; i++) v[i] = g[i] * ((v[i] - mean) * rstd) + b[i];
      store_n(n.y + row + c, v);
    });
    if (lane == 0) {
      n.mean[t] = mean;
      n.rstd[t] = rstd;
    }
    t += step;
    if (t < n.tokens) fetch(t);
  }
}

// add_norm_grad_rows keeps the sums of dgamma and dbeta of a warp's rows in
// registers. At the end the block adds up those of its warps in shared memory, where
// gamma was.
template <int G>
__device__ inline void add_norm_grad_rows(const NormGrad<bf16> &n, const Keep &keep, float *shared) {
  int h = n.h, warps = blockDim.x / 32, warp = threadIdx.x / 32, words = kept_words(h);
  NormVector gamma(shared, n.gamma, h);
  copy_commit();
  float dgamma[G][8] = {}, dbeta[G][8] = {};
  copy_wait<0>();
  __syncthreads();
  FOR_ROWS(t, n.tokens) {
    size_t row = (size_t)t * h;
    Eight dy[G], z[G];
    unsigned char bits[G];
    float mean = n.mean[t], rstd = n.rstd[t], sum = 0, dot = 0;
    for_columns<8, G>(h, [&](auto k, int c) {
      dy[k.value].load(n.dy + row + c);
      z[k.value].load(n.z + row + c);
    });
    if (n.dsub && keep.on()) {
      const unsigned char *kept = reinterpret_cast<const unsigned char *>(n.kept + (size_t)t * words);
      for_columns<8, G>(h, [&](auto k, int c) { bits[k.value] = kept[c / 8]; });
    }
    for_columns<8, G>(h, [&](auto k, int c) {
      float d[8], x[8], g[8];
      dy[k.value].get(d);
      z[k.value].get(x);
      gamma.get(g, c / 8);
#pragma unroll
      for (int i = 0; i < 8; i++) {
        x[i] = (x[i] - mean) * rstd;
        dgamma[k.value][i] += d[i] * x[i];
        dbeta[k.value][i] += d[i];
        sum += d[i] * g[i];
        dot += d[i] * g[i] * x[i];
      }
    });
    sum = warp_sum(sum) / h;
    dot = warp_sum(dot) / h;
    for_columns<8, G>(h, [&](auto k, int c) {
      float d[8], x[8], g[8];
      dy[k.value].get(d);
      z[k.value].get(x);
      gamma.get(g, c / 8);
#pragma unroll
      for (int i = 0; i < 8; i++) d[i] = rstd * (d[i] * g[i] - sum - (x[i] - mean) * rstd * dot);
      store_n(n.dresidual + row + c, d);
      if (n.dsub) {
        Eight e;
        if (keep.on()) {
#pragma unroll
          for (int i = 0; i < 8; i++) d[i] *= keep.factor;
          e.set(d);
          e.drop(bits[k.value]);
        } else {
          e.set(d);
        }
        e.store(n.dsub + row + c);
      }
    });
  }
  __syncthreads();
  for_columns<8, G>(h, [&](auto k, int c) {
    store_n(shared + warp * 2 * h + c, dgamma[k.value]);
    store_n(shared + warp * 2 * h + h + c, dbeta[k.value]);
  });
  __syncthreads();
  for (int c = threadIdx.x; c < 2 * h; c += blockDim.x) {
    float sum = 0;
    for (int w = 0; w < warps; w++) sum += shared[w * 2 * h + c];
    n.partial[(size_t)blockIdx.x * 2 * h + c] = sum;
  }
}

// add_norm and add_norm_grad take what suits the width.
template <class T>
__device__ inline void add_norm(const Norm<T> &n, const Keep &keep) {
  if (n.h % 8)
    add_norm_w<1, 0>(n, keep);
  else if (n.h <= NORM_GROUPS * 32 * 8)
    if constexpr (sizeof(T) == 2)
      add_norm_rows<NORM_GROUPS>(n, keep);
    else
      add_norm_w<8, NORM_GROUPS>(n, keep);
  else
    add_norm_w<8, 0>(n, keep);
}

template <class T>
__device__ inline void add_norm_grad(const NormGrad<T> &n, const Keep &keep) {
  extern __shared__ __align__(16) float shared[];
  if (n.h % 8)
    add_norm_grad_w<1, 0>(n, keep, shared);
  else if (n.h <= NORM_GROUPS * 32 * 8)
    if constexpr (sizeof(T) == 2)
      add_norm_grad_rows<NORM_GROUPS>(n, keep, shared);
    else
      add_norm_grad_w<8, NORM_GROUPS>(n, keep, shared);
  else
    add_norm_grad_w<8, 0>(n, keep, shared);
}
