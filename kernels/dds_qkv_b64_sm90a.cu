// Input gradient of three weights with one input, blocks of 64, bfloat16, on compute capability 9.0: dx
// [T, I] += sum over i = 0, 1, 2 of dyi [T, O] Wi. dx is read and written once, and rounded once.
// stages is 3. Design and launch: output_clusters.cuh.
#include "output_clusters.cuh"
#include "qkv.cuh"

extern "C" __global__ void __cluster_dims__(2, 1, 1) __launch_bounds__(384, 1)
    dds_qkv_b64_sm90a(bf16 *dx, const bf16 *dy0, const bf16 *dy1, const bf16 *dy2, const bf16 *weight0, const bf16 *weight1, const bf16 *weight2,
                  const int *col_ptr0, const int *col_ptr1, const int *col_ptr2, const int *col_slot0, const int *col_slot1,
                  const int *col_slot2, const int *rows0, const int *rows1, const int *rows2, int tokens, int in, int out, int stages) {
  ConstBf16s dy{dy0, dy1, dy2}, weight{weight0, weight1, weight2};
  ConstInts ptr{col_ptr0, col_ptr1, col_ptr2}, slots{col_slot0, col_slot1, col_slot2}, rows{rows0, rows1, rows2};
  output_pairs<64, 3>([&](int i) { return StationaryArgs{dy[i], weight[i], ptr[i], slots[i], rows[i], tokens, out, in, 0}; },
                  DdsFinish{dx, nullptr, 1, in});
}
