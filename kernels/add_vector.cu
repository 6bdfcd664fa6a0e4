// dst [n] += src [n], element by element, in float32. The ranges do not overlap.
// launch: any grid, block 256. Moves 12 bytes an element.
extern "C" __global__ void __launch_bounds__(256) add_vector(float *dst, const float *src, long long n) {
  long long threads = (long long)gridDim.x * blockDim.x;
#pragma unroll 4
  for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n; i += threads) dst[i] += src[i];
}
