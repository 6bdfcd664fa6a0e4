// Makes the bfloat16 copies of block-sparse weights that the products read:
// forward, of W for dsd, and backward, of W^T for dds, in the order of
// fragment_index (=). values [nnzb][B][B] float32, both copies as many bfloat16.
// launch: grid any, block any; each thread takes every so many elements.
#include "input_stationary.cuh"

extern "C" __global__ void pack_fragments(bf16 *forward, bf16 *backward, const float *values, int block, int nnzb) {
  int size = block * block;
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < (long long)nnzb * size; i += (long long)gridDim.x * blockDim.x) {
    int slot = i / size, row = i % size / block, col = i % block;
    bf16 v = __float2bfloat16_rn(values[i]);
    forward[(size_t)slot * size + fragment_index(block, row, col)] = v;
    backward[(size_t)slot * size + fragment_index(block, col, row)] = v;
  }
}
