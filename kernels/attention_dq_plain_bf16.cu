// Attention's gradient of the queries, bfloat16: dq (=), and delta [count, seq] (=) for attention_dkv_plain_bf16.
// With p the probabilities and r the factors of dropout: dp = r (dctx v^T), ds = p (dp - delta), dq = ds k scale.
// launch: grid (ceil(count seq / 4), ceil(head / 128)), block 128, where count is batch heads; see attention_plain.cuh.
#include "attention_plain.cuh"

extern "C" __global__ void __launch_bounds__(128) attention_dq_plain_bf16(bf16 *dq, float *delta, const bf16 *dctx, const bf16 *q, const bf16 *k, const bf16 *v,
                                                                    const bf16 *ctx, const float *lse, const unsigned *kept, const int *lengths,
                                                                    unsigned long long *status, const StepScalars *step, int count, int seq,
                                                                    int heads, int head, float scale, float rate) {
  attention_dq_plain(dq, delta, dctx, q, k, v, ctx, lse, kept, lengths, status, Heads{seq, heads, head}, count, scale, keep_of(step, rate, 0));
}
