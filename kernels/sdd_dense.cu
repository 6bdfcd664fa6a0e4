// Weight gradient, bfloat16: grad += dy^T x on all elements of a dense weight (block
// 0, grad [O][I]) or on the active blocks of a block-sparse one (grad
// [nnzb][block][block]; the product is dense, and what is not active is dropped);
// with bias, bias [O] += column sums of dy; dy [T, O], rows dy_pitch elements apart, x
// [T, I]. With more than one range of tokens: partial [range][size] and partial_bias
// [range][O] (=), size elements a range. launch: grid (ceil(I/128), ceil(O/128), ranges), see dense.cuh.
#include "dense.cuh"

extern "C" __global__ void __launch_bounds__(128, 2)
    sdd_dense(float *grad, float *bias, float *partial, float *partial_bias, const bf16 *dy, const bf16 *x, const int *row_ptr,
              const int *row_slot, const int *cols, int tokens, int in, int out, int block, int size,
              int dy_pitch) {
  extern __shared__ __align__(128) char shared[];
  __shared__ float sums[dense_side];
  int m = blockIdx.y * dense_side, n = blockIdx.x * dense_side;
  int range = ((tokens + dense_depth - 1) / dense_depth + gridDim.z - 1) / gridDim.z * dense_depth;
  int begin = min((int)blockIdx.z * range, tokens), end = min(begin + range, tokens);
  bool add = gridDim.z == 1, summing = bias && blockIdx.x == 0;
  dense_product<true, true>(shared, {dy, end, out, dy_pitch}, {x, end, in, in}, m, n, begin, end, summing ? sums : nullptr);

  const float *c = reinterpret_cast<const float *>(shared);
  float *to = add ? grad : partial + (size_t)blockIdx.z * size;
  if (!block) {
    for (int i = threadIdx.x; i < dense_side * dense_side; i += 128) {
      int row = i / dense_side, column = i % dense_side;
      if (m + row >= out || n + column >= in) continue;
      float *p = to + (size_t)(m + row) * in + n + column;
      *p = (add ? *p : 0) + c[row * dense_stride + column];
    }
  } else if (m + (int)threadIdx.x < out) {
    // A thread has a row; its active blocks here stand together in the row view.
    int row = threadIdx.x, r = (m + row) / block, e = row_ptr[r], end = row_ptr[r + 1], beyond = end;
    while (e < beyond) {
      int middle = (e + beyond) / 2;
      if (cols[row_slot[middle]] * block < n) e = middle + 1;
      else beyond = middle;
    }
    for (; e < end; e++) {
      int slot = row_slot[e], column = cols[slot] * block - n;
      if (column >= dense_side) break;
      float *p = to + ((size_t)slot * block + (m + row) % block) * block;
      for (int i = 0; i < block; i++) p[i] = (add ? p[i] : 0) + c[row * dense_stride + column + i];
    }
  }
  if (summing && m + (int)threadIdx.x < out) {
    float *p = (add ? bias : partial_bias + (size_t)blockIdx.z * out) + m + threadIdx.x;
    *p = (add ? *p : 0) + sums[threadIdx.x];
  }
}
