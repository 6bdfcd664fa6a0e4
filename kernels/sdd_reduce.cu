// Adds up the partial sums of the ranges of tokens of a weight gradient, in their
// order: grad [n] += sum over range of partial [range][n], of so many splits, and with
// bias (else null) bias [m] += sum over range of partial_bias [range][m], of bias_splits.
// launch: grid any, block any; each thread takes four elements, or every so many four;
// see split_reduce.cuh.
#include "split_reduce.cuh"

extern "C" __global__ void sdd_reduce(float *grad, float *bias, const float *partial, const float *partial_bias, int n, int m, int splits,
                                      int bias_splits) {
  float *const grads[] = {grad}, *const biases[] = {bias};
  reduce_gradients<1>(grads, biases, partial, partial_bias, n, m, splits, bias_splits);
}
