// Attention's gradients of keys and values on tensor cores, bfloat16, head sizes that are a multiple of 8 up to 128:
// dk = ds^T q scale and dv = (p r)^T dctx (=), 0 in rows at or beyond the length. delta is from attention_dq_d128.
// launch: grid count ceil(seq / 64), block 128, dynamic shared memory 103 KiB with two stages, 69 KiB with one; see
// attention_mma_grad.cuh.
// Moves k, v, dk and dv once, q, dctx, lse and delta once for each 64 keys.
#include "attention_mma_grad.cuh"

extern "C" __global__ void __launch_bounds__(128) attention_dkv_d128(bf16 *dk, bf16 *dv, const bf16 *dctx, const bf16 *q, const bf16 *k, const bf16 *v,
                                                                const float *lse, const float *delta, const unsigned *kept, const int *lengths,
                                                                unsigned long long *status, const StepScalars *step, int seq, int heads, int head,
                                                                float scale, float rate, int stages) {
  attention_dkv_mma<128>(dk, dv, dctx, q, k, v, lse, delta, kept, lengths, status, Heads{seq, heads, head}, scale, keep_of(step, rate, 0), stages);
}
