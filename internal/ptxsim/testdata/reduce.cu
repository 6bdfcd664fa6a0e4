// out[b] = sum of x[b*n .. b*n+n): one block per row, any block size up to 1024
// that is a multiple of 32; order: strided per thread, butterfly per warp, butterfly of the
// warps' sums.
extern "C" __global__ void rowsum(const float *x, float *out, int n) {
  __shared__ float part[32];
  float s = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) s += x[(size_t)blockIdx.x * n + i];
  for (int m = 16; m; m >>= 1) s += __shfl_xor_sync(~0u, s, m);
  if (threadIdx.x % 32 == 0) part[threadIdx.x / 32] = s;
  __syncthreads();
  if (threadIdx.x < 32) {
    s = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0.f;
    for (int m = 16; m; m >>= 1) s += __shfl_xor_sync(~0u, s, m);
    if (threadIdx.x == 0) out[blockIdx.x] = s;
  }
}
