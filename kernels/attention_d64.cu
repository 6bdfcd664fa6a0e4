// Attention on tensor cores, bfloat16, head sizes that are a multiple of 8 up to 64: ctx = dropout(softmax(q k^T
// scale)) v and lse, the log sum exp of the scaled scores (=). rate and site name the dropout.
// launch: grid count ceil(seq / 64), block 128, dynamic shared memory 36 KiB; see attention_mma.cuh.
// Moves q, ctx and lse once, k and v once for each 64 queries.
#include "attention_mma.cuh"

extern "C" __global__ void __launch_bounds__(128, 4) attention_d64(bf16 *ctx, float *lse, unsigned *kept, const bf16 *q, const bf16 *k, const bf16 *v, const int *lengths,
                                                            unsigned long long *status, const StepScalars *step, int seq, int heads, int head,
                                                            float scale, float rate, int site) {
  attention_mma<64>(ctx, lse, kept, q, k, v, lengths, status, Heads{seq, heads, head}, scale, keep_of(step, rate, site));
}
