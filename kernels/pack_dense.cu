// Copies a weight to bfloat16 as dsd_dense and dds_dense read it: copy [O][pitch],
// zeros beyond column I and, of an unstructured weight, where it is inactive (=).
// values are [O][I], or [nnzb] with the row view; row_ptr null means dense.
// launch: grid any, block any; a block of threads takes a row at a time.
#include "numbers.cuh"

extern "C" __global__ void pack_dense(bf16 *copy, const float *values, const int *row_ptr, const int *row_slot, const int *cols, int in,
                                      int out, int pitch) {
  for (int r = blockIdx.x; r < out; r += gridDim.x) {
    bf16 *row = copy + (size_t)r * pitch;
    for (int i = threadIdx.x; i < pitch; i += blockDim.x) store(row + i, row_ptr || i >= in ? 0 : values[(size_t)r * in + i]);
    if (!row_ptr) continue;
    __syncthreads(); // the zeros come first
    for (int e = row_ptr[r] + threadIdx.x; e < row_ptr[r + 1]; e += blockDim.x) store(row + cols[row_slot[e]], values[row_slot[e]]);
  }
}
