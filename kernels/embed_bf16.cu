// Sum of the three embeddings, bfloat16: z [T][h] = word[ids[t]] + pos[t mod seq] + typ[segments[t]] (=).
// Ids and segments outside their tables are reported. Moves 2 bytes an element and the tables' rows,
// 12 bytes an element, of which most come from L2. launch: grid any, block a multiple of 32; a warp a
// row; see rowcopy.cuh.
#include "rowcopy.cuh"

extern "C" __global__ void embed_bf16(bf16 *z, const int *ids, const int *segments, const float *word, const float *pos, const float *typ,
                                      int words, int types, int tokens, int seq, int h, unsigned long long *bad_id,
                                      unsigned long long *bad_segment) {
  embed(z, ids, segments, {word, pos, typ, words, types}, tokens, seq, h, bad_id, bad_segment);
}
