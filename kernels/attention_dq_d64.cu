// Attention's gradient of the queries on tensor cores, bfloat16, head sizes that are a multiple of 8 up to 64: dq =
// ds k scale (=), and delta [batch heads, seq] (=) for attention_dkv_d64.
// launch: grid count ceil(seq / 64), block 128, dynamic shared memory 36 KiB; see attention_mma_grad.cuh.
// Moves q, dctx, ctx, dq, lse and delta once, k and v once for each 64 queries.
#include "attention_mma_grad.cuh"

extern "C" __global__ void __launch_bounds__(128) attention_dq_d64(bf16 *dq, float *delta, const bf16 *dctx, const bf16 *q, const bf16 *k, const bf16 *v,
                                                               const bf16 *ctx, const float *lse, const unsigned *kept, const int *lengths, unsigned long long *status,
                                                               const StepScalars *step, int seq, int heads, int head, float scale, float rate) {
  attention_dq_mma<64>(dq, delta, dctx, q, k, v, ctx, lse, kept, lengths, status, Heads{seq, heads, head}, scale, keep_of(step, rate, 0));
}
