// Forward products of three weights with one input, blocks of 16, bfloat16: yi [T, O] = x
// [T, I] Wi^T + biasi (=), i = 0, 1, 2. x is read once. Design and launch: input_stationary.cuh.
#include "input_stationary.cuh"
#include "qkv.cuh"

extern "C" __global__ void __launch_bounds__(512)
    dsd_qkv_b16(bf16 *y0, bf16 *y1, bf16 *y2, const bf16 *x, const bf16 *weight0, const bf16 *weight1, const bf16 *weight2,
                  const int *row_ptr0, const int *row_ptr1, const int *row_ptr2, const int *row_slot0, const int *row_slot1,
                  const int *row_slot2, const int *cols0, const int *cols1, const int *cols2, const float *bias0, const float *bias1,
                  const float *bias2, int tokens, int in, int out, int tile) {
  Bf16s y{y0, y1, y2};
  ConstBf16s weight{weight0, weight1, weight2};
  ConstInts ptr{row_ptr0, row_ptr1, row_ptr2}, slots{row_slot0, row_slot1, row_slot2}, cols{cols0, cols1, cols2};
  ConstFloats bias{bias0, bias1, bias2};
  input_stationary_products<16, 3>([&](int i) { return StationaryArgs{x, weight[i], ptr[i], slots[i], cols[i], tokens, in, out, tile}; },
                         [&](int i) { return DsdFinish{y[i], nullptr, bias[i], out}; });
}
