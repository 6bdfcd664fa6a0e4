// Finishes sums of rows by index into bfloat16: to [rows][h] += sums of the rows that several chunks of
// 64 pairs share (+=), in the order of the chunks; edges are those of add_rows. Moves 4 bytes an element
// of the edges. launch: grid (any, lists), block a multiple of 32; see rowsum.cuh.
#include "rowsum.cuh"

extern "C" __global__ void join_rows_bf16(bf16 *to0, bf16 *to1, bf16 *to2, int rows0, int rows1, int rows2, const RowPair *pairs,
                                          float *edges, int n, int h) {
  join_rows(Sums<bf16>{{to0, to1, to2}, {rows0, rows1, rows2}, pairs, edges, n, h});
}
