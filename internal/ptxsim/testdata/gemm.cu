// C[M][N] = A[M][K] B[N][K]^T, bf16 in, fp32 out. M, N multiples of 32, K of 16.
// One block of 128 threads (4 warps, 2 x 2) computes 32 x 32 of C; K in steps
// of 32 in two shared buffers filled by cp.async. Grid: (N/32, M/32).
#include <cuda_bf16.h>
#include <stdint.h>

__device__ __forceinline__ uint32_t shared(const void *p) { return (uint32_t)__cvta_generic_to_shared(p); }

extern "C" __global__ void gemm(const __nv_bfloat16 *a, const __nv_bfloat16 *b, float *c, int n, int k) {
  __shared__ __align__(16) __nv_bfloat16 as[2][32][40], bs[2][32][40];
  int tid = threadIdx.x, lane = tid & 31, warp = tid >> 5;
  int wm = (warp >> 1) * 16, wn = (warp & 1) * 16;
  const __nv_bfloat16 *ga = a + (size_t)blockIdx.y * 32 * k, *gb = b + (size_t)blockIdx.x * 32 * k;
  float acc[2][4] = {};
  auto load = [&](int s, int k0) {
    int r = tid >> 2, q = (tid & 3) * 8;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared(&as[s][r][q])), "l"(ga + (size_t)r * k + k0 + q));
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared(&bs[s][r][q])), "l"(gb + (size_t)r * k + k0 + q));
    asm volatile("cp.async.commit_group;");
  };
  load(0, 0);
  for (int k0 = 0, s = 0; k0 < k; k0 += 32, s ^= 1) {
    if (k0 + 32 < k) {
      load(s ^ 1, k0 + 32);
      asm volatile("cp.async.wait_group 1;" ::: "memory");
    } else {
      asm volatile("cp.async.wait_group 0;" ::: "memory");
    }
    __syncthreads();
#pragma unroll
    for (int kk = 0; kk < 32; kk += 16) {
      uint32_t x[4], y[4];
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3])
                   : "r"(shared(&as[s][wm + (lane & 15)][kk + (lane >> 4) * 8])));
      asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                   : "=r"(y[0]), "=r"(y[1]), "=r"(y[2]), "=r"(y[3])
                   : "r"(shared(&bs[s][wn + (lane & 7) + (lane >> 4) * 8][kk + ((lane >> 3) & 1) * 8])));
#pragma unroll
      for (int j = 0; j < 2; j++)
        asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
                     : "+f"(acc[j][0]), "+f"(acc[j][1]), "+f"(acc[j][2]), "+f"(acc[j][3])
                     : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[2 * j]), "r"(y[2 * j + 1]));
    }
    __syncthreads();
  }
  int row = blockIdx.y * 32 + wm + lane / 4, col = blockIdx.x * 32 + wn + (lane % 4) * 2;
#pragma unroll
  for (int j = 0; j < 2; j++) {
    *(float2 *)&c[(size_t)row * n + col + 8 * j] = make_float2(acc[j][0], acc[j][1]);
    *(float2 *)&c[(size_t)(row + 8) * n + col + 8 * j] = make_float2(acc[j][2], acc[j][3]);
  }
}
