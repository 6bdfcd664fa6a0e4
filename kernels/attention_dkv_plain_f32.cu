// Attention's gradients of keys and values, float32: dk = ds^T q scale and dv = (p r)^T dctx (=), with the names of
// attention_dq_plain_f32, whose delta it reads. Rows at or beyond the length are 0.
// launch: grid (ceil(count seq / 4), ceil(head / 128)), block 128, where count is batch heads; see attention_plain.cuh.
#include "attention_plain.cuh"

extern "C" __global__ void __launch_bounds__(128, 6) attention_dkv_plain_f32(float *dk, float *dv, const float *dctx, const float *q, const float *k, const float *v,
                                                                     const float *lse, const float *delta, const unsigned *kept, const int *lengths,
                                                                     unsigned long long *status, const StepScalars *step, int count, int seq,
                                                                     int heads, int head, float scale, float rate) {
  attention_dkv_plain(dk, dv, dctx, q, k, v, lse, delta, kept, lengths, status, Heads{seq, heads, head}, count, scale, keep_of(step, rate, 0));
}
