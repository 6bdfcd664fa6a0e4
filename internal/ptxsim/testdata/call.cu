// A function that is not inlined, constant and global tables, a local array
// with run-time indices, dynamic shared memory, a loop whose length differs
// between lanes, and a switch.
__constant__ float table[16];
__device__ float scale[4] = {1.f, 2.f, 3.f, 4.f};

__noinline__ __device__ float horner(float x, int n) {
  float s = 0;
  for (int i = 0; i < n; i++) s = s * x + table[i];
  return s;
}

extern "C" __global__ void call(float *out, const float *in) {
  extern __shared__ float other[];
  int i = threadIdx.x;
  float window[8];
  for (int j = 0; j < 8; j++) window[(j + i) & 7] = in[j];
  other[i] = window[i & 7] * scale[i & 3];
  __syncthreads();
  float x = other[i ^ 1], y = 0;
  switch (i % 5) {
    case 0: y = horner(x, i % 16); break;
    case 1: y = 2 * x; break;
    case 2: y = horner(-x, 3) + 1; break;
    case 3: y = x - 1; break;
    default: for (int k = 0; k < i; k++) y += x;
  }
  out[i] = y;
}
