// Takes a parameter of every kind,
// and does nothing. This is not in the launcher's comment.
/* A comment that the generator does not read: __global__ void no(char c). */
#include "shapes.cuh"
#define BLOCKS \
  2
namespace { __device__ float twice(float x) { return 2 * x; } }
extern "C" __device__ int other(int x) { return x; }
struct Local { int x; };

extern "C" __global__ void
__launch_bounds__(32 * (4 + 4), BLOCKS)
every_type(
    float *__restrict__ f32, const __nv_bfloat16 *bf, bf16 const *__restrict__ const bf_too, // , int no)
    const int *i32, unsigned *u32, unsigned int *u32_too, uint32_t *u32_three,
    long long *i64, unsigned long long *u64, const unsigned char *u8,
    int8_t *i8, short *i16, uint16_t *u16, double *f64, bool *flags, float4 *quads,
    const CUtensorMap *map, const __grid_constant__ CUtensorMap by_value, const Shape *shape, struct block_index *index, Local *local,
    volatile unsigned *ticket, /* int no, */
    int T, unsigned int u, uint32_t u_too, float f, double d, bool b,
    const long long l, int64_t l_too, unsigned long long grid, uint64_t type, const int ROW_PTR) {
  const char *s = "extern \"C\" __global__ void no(int x) {";
}
