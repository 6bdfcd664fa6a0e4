// Copies parts of many buffers to the vector v, adds them to it, or copies them back: for a chunk (x, at, n) and 0 <= i < n
//   way 0: v[at+i] = x[i],  way 1: v[at+i] += x[i],  way 2: x[i] = v[at+i].
// launch: grid the number of chunks, block 256; see packing.cuh. Moves 8 bytes an element, 12 where it adds.
#include "packing.cuh"

extern "C" __global__ void __launch_bounds__(256) pack_parts(float *v, const PackChunk *chunks, int way) {
  const PackChunk c = chunks[blockIdx.x];
  float *to = v + c.at, *from = c.x;
  if (way == 2) {
    to = c.x;
    from = v + c.at;
  }
  float x[pack_each], y[pack_each];
#pragma unroll
  for (int k = 0; k < pack_each; k++) {
    int i = k * pack_threads + (int)threadIdx.x;
    x[k] = i < c.n ? from[i] : 0;
    y[k] = way == 1 && i < c.n ? to[i] : 0;
  }
#pragma unroll
  for (int k = 0; k < pack_each; k++) {
    int i = k * pack_threads + (int)threadIdx.x;
    if (i < c.n) to[i] = way == 1 ? y[k] + x[k] : x[k];
  }
}
