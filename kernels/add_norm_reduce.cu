// Gradients of gamma and beta: dgamma [h] and dbeta [h] += sum over blocks of partial [blocks][2][h] (+=),
// each warp taking every so many of them, and then the warps in order. Moves 4 bytes an element of
// partial. launch: grid ceil(2h/32), block a multiple of 32 up to 1024.

extern "C" __global__ void __launch_bounds__(1024) add_norm_reduce(float *dgamma, float *dbeta, const float *partial, int blocks, int h) {
  constexpr int depth = 8; // loads of a thread under way
  __shared__ float sums[32][32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32, c = blockIdx.x * 32 + lane;
  float sum = 0;
  if (c < 2 * h)
    for (int first = warp; first < blocks; first += depth * warps) {
      float v[depth] = {};
#pragma unroll
      for (int i = 0; i < depth; i++)
        if (first + i * warps < blocks) v[i] = partial[(size_t)(first + i * warps) * 2 * h + c];
#pragma unroll
      for (int i = 0; i < depth; i++) sum += v[i];
    }
  sums[warp][lane] = sum;
  __syncthreads();
  if (warp > 0 || c >= 2 * h) return;
#pragma unroll 8
  for (int w = 1; w < warps; w++) sum += sums[w][lane];
  float *to = c < h ? dgamma + c : dbeta + (c - h);
  *to += sum;
}
