// Element by element operations, 8 elements a thread. Outputs may be inputs.
#pragma once
#include "dropout.cuh"
#include "vector.cuh"

template <class T>
__device__ inline void dropout_apply(T *y, const T *x, const Keep &keep, long long n) {
  for_groups(n, [=](long long e, auto w) {
    float v[w.value];
    load_n(v, x + e);
    keep.drop(v, e);
    store_n(y + e, v);
  });
}

// map: y = f(x).
template <class T, class F>
__device__ inline void map(T *y, const T *x, long long n, F f) {
  for_groups(n, [=](long long e, auto w) {
    float v[w.value];
    load_n(v, x + e);
#pragma unroll
    for (int i = 0; i < w.value; i++) v[i] = f(v[i]);
    store_n(y + e, v);
  });
}

// map2: y = f(x, z).
template <class T, class F>
__device__ inline void map2(T *y, const T *x, const T *z, long long n, F f) {
  for_groups(n, [=](long long e, auto w) {
    float v[w.value], u[w.value];
    load_n(v, x + e);
    load_n(u, z + e);
#pragma unroll
    for (int i = 0; i < w.value; i++) v[i] = f(v[i], u[i]);
    store_n(y + e, v);
  });
}
