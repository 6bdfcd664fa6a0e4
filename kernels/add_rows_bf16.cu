// Sums of rows by index, bfloat16 into float32: to [rows][h] += from [n][h], row (row, i) of pairs taking row i
// (+=), in the order of i; edges [lists][ceil(n/64)][2][h] gets what join_rows adds. Moves 2 bytes an
// element of each list, and each target row in and out once.
// launch: grid (any, lists), block a multiple of 32; see rowsum.cuh.
#include "rowsum.cuh"

extern "C" __global__ void __launch_bounds__(256) add_rows_bf16(float *to0, float *to1, float *to2, int rows0, int rows1, int rows2,
                                                                const RowPair *pairs, float *edges, const bf16 *from, int n, int h) {
  add_rows(Sums<float>{{to0, to1, to2}, {rows0, rows1, rows2}, pairs, edges, n, h}, from);
}
