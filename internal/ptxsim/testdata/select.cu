// The parts of a selection: keys[i] = the 64-bit Philox key of position i;
// count += histogram of the keys' top bytes, through shared atomics; compact
// writes the indices i with flag[i] != 0 in order (one block).
#include <stdint.h>
__device__ __forceinline__ void philox(uint32_t c[4], uint32_t k0, uint32_t k1) {
#pragma unroll
  for (int r = 0; r < 10; r++) {
    uint32_t h0 = __umulhi(0xD2511F53u, c[0]), l0 = 0xD2511F53u * c[0];
    uint32_t h1 = __umulhi(0xCD9E8D57u, c[2]), l1 = 0xCD9E8D57u * c[2];
    c[0] = h1 ^ c[1] ^ k0; c[1] = l1; c[2] = h0 ^ c[3] ^ k1; c[3] = l0;
    k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
  }
}
extern "C" __global__ void philox_keys(unsigned long long *keys, int n, unsigned long long seed, unsigned b, unsigned c, unsigned purpose) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  uint32_t w[4] = {(uint32_t)i, b, c, purpose};
  philox(w, (uint32_t)seed, (uint32_t)(seed >> 32));
  keys[i] = (unsigned long long)w[1] << 32 | w[0];
}
extern "C" __global__ void histogram(const unsigned long long *keys, unsigned *count, int n) {
  __shared__ unsigned h[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x) h[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&h[keys[i] >> 56], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x) if (h[i]) atomicAdd(&count[i], h[i]);
}
extern "C" __global__ void compact(const unsigned *flag, int *out, int *total, int n) {
  __shared__ int base[33]; __shared__ int run;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  if (threadIdx.x == 0) run = 0;
  __syncthreads();
  for (int i0 = 0; i0 < n; i0 += blockDim.x) {
    int i = i0 + threadIdx.x;
    bool f = i < n && flag[i] != 0;
    unsigned m = __ballot_sync(~0u, f);
    if (lane == 0) base[warp] = __popc(m);
    __syncthreads();
    if (threadIdx.x == 0) { int s = run; for (int w = 0; w < blockDim.x / 32; w++) { int t = base[w]; base[w] = s; s += t; } run = s; }
    __syncthreads();
    if (f) out[base[warp] + __popc(m & ((1u << lane) - 1))] = i;
    __syncthreads();
  }
  if (threadIdx.x == 0) *total = run;
}
