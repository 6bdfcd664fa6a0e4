// Adds up what sdd_qkv_b* left, of three weights and their biases at once: gradi [n]
// += sum over range of partial [range][3 n], of so many splits, and with biases (else all
// null) biasi [m] += sum over range of partial_bias [range][3 m], of bias_splits, in the
// order of the ranges.
// launch: grid any, block any; see split_reduce.cuh.
#include "split_reduce.cuh"

extern "C" __global__ void sdd_qkv_reduce(float *grad0, float *grad1, float *grad2, float *bias0, float *bias1, float *bias2,
                                            const float *partial, const float *partial_bias, int n, int m, int splits,
                                            int bias_splits) {
  float *const grads[] = {grad0, grad1, grad2}, *const biases[] = {bias0, bias1, bias2};
  reduce_gradients<3>(grads, biases, partial, partial_bias, n, m, splits, bias_splits);
}
