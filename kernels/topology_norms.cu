// Scores of the active blocks of the listed tensors, for pruning: norms [nnzb] (=)
// the bits of the float32 score << 32 | position, summed in the order of
// sparse.BlockNorm: lane l of 32 takes elements l, l+32, ..., then lanes fold in
// halves. L1, sum of squares without fused multiply-add, largest bit pattern, or
// sum of |w m|; times the factor of the block's age. Besides, what topology_inspect.cuh says:
// low, keys, positions, inspection (=).
// launch: grid (any, listed tensors), block 256.
#include "topology_inspect.cuh"

// combine adds or, for LInf, takes the larger of two numbers without sign.
__device__ inline float combine(float a, float b, int score) {
  if (score == SCORE_LINF) return __uint_as_float(max(__float_as_uint(a), __float_as_uint(b)));
  return __fadd_rn(a, b);
}

__device__ inline float size_of(float w) { return __uint_as_float(__float_as_uint(w) & 0x7fffffffu); }

// score_all ranks all blocks of t with lanes 1, 16 or 32 threads for a block: lanes
// beyond its elements hold +0, which changes no sum.
template <int LANES>
__device__ inline void score_all(const TopologyTensor &t, const TopologyUpdate &u) {
  const int score = u.score;
  const unsigned step = 256 / LANES * gridDim.x, lane = threadIdx.x % LANES;
  const unsigned size = t.block * t.block, cols = t.block_cols;
  unsigned n = t.nnzb;
  // All lanes of a warp make the same number of turns, as they meet in shuffles.
  for (unsigned base = blockIdx.x * (256 / LANES); base < n; base += step) {
    unsigned slot = base + threadIdx.x / LANES;
    float s = 0;
    if (slot < n) {
      const float *w = t.values + (size_t)slot * size, *m = t.m + (size_t)slot * size;
      if (score == SCORE_SALIENCY) {
#pragma unroll 8
        for (unsigned i = lane; i < size; i += LANES) s = __fadd_rn(s, size_of(__fmul_rn(w[i], m[i])));
      } else {
#pragma unroll 8
        for (unsigned i = lane; i < size; i += LANES) s = combine(s, score == SCORE_L2 ? __fmul_rn(w[i], w[i]) : size_of(w[i]), score);
      }
    }
#pragma unroll
    for (int off = LANES / 2; off > 0; off /= 2) s = combine(s, __shfl_down_sync(~0u, s, off, LANES), score);
    if (slot < n && lane == 0) {
      if (u.start_factors) s = __fmul_rn(s, age_factor(u, t, slot));
      unsigned position = t.rows[slot] * cols + t.cols[slot];
      t.norms[slot] = (unsigned long long)__float_as_uint(s) << 32 | position;
      if (!is_finite(__float_as_uint(s))) note(t, NORM_NOT_FINITE, slot);
    }
  }
}

extern "C" __global__ void __launch_bounds__(256, 4)
    topology_norms(const TopologyTensor *tensors, const int *list, const TopologyUpdate *update) {
  __shared__ TopologyTensor t;
  load_tensor(t, tensors + list[blockIdx.y]);
  const TopologyUpdate u = *update;
  inspect(t, u);
  if (t.block == 1) {
    score_all<1>(t, u);
  } else if (t.block == 4) {
    score_all<16>(t, u);
  } else {
    score_all<32>(t, u);
  }
}
