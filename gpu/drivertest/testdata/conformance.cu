// Kernels of the driver conformance suite. conformance.ptx is made of this file
// with nvcc 12.4, -arch=compute_80 -ptx; comments and empty lines are removed.

// widths writes every argument to a word of its own; after shows whether the
// driver has put all that precede it where they belong.
extern "C" __global__ void widths(unsigned long long *out, unsigned char a, unsigned short b, int c, float d,
                                  long long e, unsigned char f, double g, unsigned after) {
  out[0] = a;
  out[1] = b;
  out[2] = c;
  out[3] = __float_as_uint(d);
  out[4] = e;
  out[5] = f;
  out[6] = __double_as_longlong(g);
  out[7] = after;
}

// axpy: y[i] += a * x[i] for i < n.
extern "C" __global__ void axpy(float *y, const float *x, float a, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) y[i] += a * x[i];
}

// place: each thread writes its coordinates, six bits each, to its linear place.
extern "C" __global__ void place(unsigned long long *out) {
  unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  unsigned long long v = 0;
  v = v << 6 | blockIdx.x;
  v = v << 6 | blockIdx.y;
  v = v << 6 | blockIdx.z;
  v = v << 6 | threadIdx.x;
  v = v << 6 | threadIdx.y;
  v = v << 6 | threadIdx.z;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] = v;
}

// reverse: out[i] = in[n - 1 - i] through n words of dynamic shared memory, by one block.
extern "C" __global__ void reverse(unsigned *out, const unsigned *in, int n) {
  extern __shared__ unsigned tile[];
  for (int i = threadIdx.x; i < n; i += blockDim.x) tile[i] = in[i];
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = tile[n - 1 - i];
}

// rotate: as reverse, with 16 KiB of static shared memory: out[i] = in[(i + 1) % 4096] + in[(i + 1) % n]
extern "C" __global__ void rotate(unsigned *out, const unsigned *in, int n) {
  __shared__ unsigned fixed[4096];
  extern __shared__ unsigned tile[];
  for (int i = threadIdx.x; i < n; i += blockDim.x) tile[i] = in[i];
  for (int i = threadIdx.x; i < 4096; i += blockDim.x) fixed[i] = in[i];
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = fixed[(i + 1) % 4096] + tile[(i + 1) % n];
}

// pair takes an argument of two 8-byte words.
struct two { long long a, b; };
extern "C" __global__ void pair(long long *out, two t) { *out = t.a + t.b; }

// fault traps if v is not 0.
extern "C" __global__ void fault(unsigned *out, unsigned v) {
  if (v) __trap();
  *out = v;
}
