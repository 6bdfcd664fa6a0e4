// Attention's gradients on tensor cores, bfloat16, sequences of up to 128 tokens and head sizes that are a multiple of
// 8 up to 64: dq = ds k scale, dk = ds^T q scale, dv = (p r)^T dctx (=), dk and dv 0 in rows at or beyond the length.
// kept, null where nothing is dropped, says what dropout kept. launch: grid count, block 256, dynamic shared memory
// 75 KiB; see attention_mma_whole.cuh.
// Moves q, k, v, dctx, ctx, lse, kept, dq, dk and dv once.
#include "attention_mma_whole.cuh"

extern "C" __global__ void __launch_bounds__(256, 2) attention_grad_d64(bf16 *dq, bf16 *dk, bf16 *dv, const bf16 *dctx, const bf16 *q, const bf16 *k, const bf16 *v,
                                                                   const bf16 *ctx, const float *lse, const unsigned *kept, const int *lengths,
                                                                   unsigned long long *status, const StepScalars *step, int seq, int heads,
                                                                   int head, float scale, float rate) {
  attention_whole_mma<64>(dq, dk, dv, dctx, q, k, v, ctx, lse, kept, lengths, status, Heads{seq, heads, head}, scale, keep_of(step, rate, 0));
}
