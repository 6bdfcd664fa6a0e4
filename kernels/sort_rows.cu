// Sorts lists of n target rows, for sums by row: pairs [lists][2][n], of which the first [n] of a list
// are assigned (=) pairs (row, element) in ascending order; the rest is scratch. List 0 is index, list
// 1 segments, list 2 the positions i mod seq. An index of rows0 or more, or a negative one unless skip
// is 1, is reported and sorted behind all others, as is what is skipped. Moves 16 bytes an element and
// pass, of which there is one for each 8 bits of a row number.
// launch: grid lists, block 1024; see rowsum.cuh.
#include "rowsum.cuh"

extern "C" __global__ void __launch_bounds__(1024) sort_rows(RowPair *pairs, const int *index, const int *segments, int rows0, int rows1,
                                                             int rows2, int n, int seq, int skip, unsigned long long *bad_index,
                                                             unsigned long long *bad_segment) {
  sort_rows(pairs, {index, segments, {rows0, rows1, rows2}, n, seq, skip != 0, bad_index, bad_segment});
}
