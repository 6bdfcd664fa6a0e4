// Attention, bfloat16: ctx = dropout(softmax(q k^T scale)) v and lse, the log sum exp of the scaled scores (=).
// Any head size; rate and site name the dropout. launch: grid (ceil(count seq / 4), ceil(head / 128)),
// block 128, where count is batch heads; see attention_plain.cuh.
#include "attention_plain.cuh"

extern "C" __global__ void __launch_bounds__(128) attention_plain_bf16(bf16 *ctx, float *lse, unsigned *kept, const bf16 *q, const bf16 *k, const bf16 *v, const int *lengths,
                                                                 unsigned long long *status, const StepScalars *step, int count, int seq,
                                                                 int heads, int head, float scale, float rate, int site) {
  attention_plain(ctx, lse, kept, q, k, v, lengths, status, Heads{seq, heads, head}, count, scale, keep_of(step, rate, site));
}
