// Copies a weight with blocks of 4 in the order that dsd_b4 (down = 0, row view)
// or dds_b4 (down = 1, column view) reads (=). Layout and launch: pack.cuh, quads.cuh.
#include "pack.cuh"

extern "C" __global__ void pack_b4(bf16 *weight, int *columns, int *counts, const float *values, const int *ptr, const int *slots,
                                   const int *inner, int groups, int down) {
  pack_quads({weight, columns, counts, values, ptr, slots, inner, groups, down != 0});
}
