// Adds the results of cross_entropy to stats [3]: the losses, the number of rows and the hits (+=), of the
// rows with a label, in float64 and a fixed order. Moves 12 bytes a row.
// launch: grid 1, block a multiple of 32 up to 1024.

extern "C" __global__ void __launch_bounds__(1024) cross_entropy_sum(float *stats, const float2 *result, const int *labels, int rows, int c) {
  __shared__ double losses[32];
  __shared__ int counts[2];
  if (threadIdx.x < 2) counts[threadIdx.x] = 0;
  __syncthreads();
  double loss = 0;
  int count = 0, hits = 0;
  for (int r = threadIdx.x; r < rows; r += blockDim.x) {
    if (labels[r] < 0 || labels[r] >= c) continue;
    loss += result[r].x;
    count++;
    hits += result[r].y > 0;
  }
#pragma unroll
  for (int d = 16; d; d /= 2) loss += __shfl_xor_sync(~0u, loss, d);
  count = __reduce_add_sync(~0u, count);
  hits = __reduce_add_sync(~0u, hits);
  if (threadIdx.x % 32 == 0) {
    losses[threadIdx.x / 32] = loss;
    atomicAdd(&counts[0], count);
    atomicAdd(&counts[1], hits);
  }
  __syncthreads();
  if (threadIdx.x) return;
  for (int w = 1; w < (int)blockDim.x / 32; w++) loss += losses[w];
  stats[0] += (float)loss;
  stats[1] += counts[0];
  stats[2] += counts[1];
}
