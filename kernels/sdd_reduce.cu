// Adds up the partial sums of the ranges of tokens of a weight gradient, in their
// order: to [n] += sum over range of partial [range][n] (+=).
// launch: grid any, block any; each thread takes every so many elements.

extern "C" __global__ void sdd_reduce(float *to, const float *partial, int n, int splits) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    float sum = 0;
    for (int r = 0; r < splits; r++) sum += partial[(size_t)r * n + i];
    to[i] += sum;
  }
}
