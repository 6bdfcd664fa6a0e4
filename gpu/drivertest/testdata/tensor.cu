// The kernel of the driver conformance suite that takes a tensor map. tensor.ptx is made of
// this file with nvcc 12.4, -arch=compute_90 -ptx; comments and empty lines are removed.
#include <cuda.h>

// box copies the 8 rows of a box, 64 columns of 16 bits each, as they lie in shared memory.
extern "C" __global__ void box(unsigned short *out, const __grid_constant__ CUtensorMap map, int column, int row) {
  __shared__ __align__(1024) unsigned short rows[8 * 64];
  __shared__ unsigned long long barrier;
  unsigned to = (unsigned)__cvta_generic_to_shared(rows), at = (unsigned)__cvta_generic_to_shared(&barrier);
  if (threadIdx.x == 0) {
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1;" ::"r"(at) : "memory");
    asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], 1024;" ::"r"(at) : "memory");
    asm volatile("cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3}], [%4];" ::"r"(to), "l"(&map),
                 "r"(column), "r"(row), "r"(at)
                 : "memory");
  }
  __syncthreads();
  asm volatile("{\n\t.reg .pred done;\n\tagain:\n\tmbarrier.try_wait.parity.shared::cta.b64 done, [%0], 0;\n\t@!done bra again;\n\t}" ::"r"(at) : "memory");
  for (int i = threadIdx.x; i < 8 * 64; i += blockDim.x) out[i] = rows[i];
}
