// Rows by index, float32: dst [n][h] = src[index[i]] (=), zeros where the index is negative.
// An index of `rows` or more is reported to bad. Moves 8 bytes an element, 16 at a time where h
// is a multiple of 8. launch: grid any, block a multiple of 32; a warp a row; see rowcopy.cuh.
#include "rowcopy.cuh"

extern "C" __global__ void gather_f32(float *dst, const float *src, const int *index, int n, int h, int rows, unsigned long long *bad) {
  gather(dst, src, index, n, h, rows, bad);
}
