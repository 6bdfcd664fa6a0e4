// Matrix instructions of sm_80: asynchronous copies, ldmatrix, mma.sync.
#pragma once

__device__ inline unsigned shared_address(const void *p) { return (unsigned)__cvta_generic_to_shared(p); }

// copy16 starts a copy of 16 bytes to shared memory; of used = 0 bytes: zeros.
__device__ inline void copy16(unsigned to, const void *from, int used) {
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(to), "l"(from), "r"(used) : "memory");
}
// copy8 and copy4 are the same for fewer bytes.
__device__ inline void copy8(unsigned to, const void *from, int used) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to), "l"(from), "r"(used) : "memory");
}
__device__ inline void copy4(unsigned to, const void *from, int used) {
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(to), "l"(from), "r"(used) : "memory");
}
__device__ inline void copy_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }
// copy_wait waits until at most N of this thread's groups are under way.
template <int N>
__device__ inline void copy_wait() { asm volatile("cp.async.wait_group %0;" ::"n"(N) : "memory"); }

// load_shared1, 2 and 4 load so many words, from `offset` bytes on.
template <int offset = 0>
__device__ inline int load_shared1(unsigned at) {
  int v;
  asm volatile("ld.shared.u32 %0, [%1+%2];" : "=r"(v) : "r"(at), "n"(offset) : "memory");
  return v;
}
template <int offset = 0>
__device__ inline int2 load_shared2(unsigned at) {
  int2 v;
  asm volatile("ld.shared.v2.u32 {%0,%1}, [%2+%3];" : "=r"(v.x), "=r"(v.y) : "r"(at), "n"(offset) : "memory");
  return v;
}
template <int offset = 0>
__device__ inline uint4 load_shared4(unsigned at) {
  uint4 v;
  asm volatile("ld.shared.v4.u32 {%0,%1,%2,%3}, [%4+%5];" : "=r"(v.x), "=r"(v.y), "=r"(v.z), "=r"(v.w) : "r"(at), "n"(offset) : "memory");
  return v;
}

// ldmatrix4 loads four 8 x 8 matrices of 16-bit elements; lane 8i+r gives row r of matrix i.
__device__ inline void ldmatrix4(unsigned (&d)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(row) : "memory");
}
__device__ inline void ldmatrix4_trans(unsigned (&d)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(row) : "memory");
}

// The same, so many bytes behind the address: it costs no addition.
template <int OFFSET>
__device__ inline void ldmatrix4_at(unsigned (&d)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4+%5];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(row), "n"(OFFSET) : "memory");
}
template <int OFFSET>
__device__ inline void ldmatrix4_trans_at(unsigned (&d)[4], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4+%5];"
               : "=r"(d[0]), "=r"(d[1]), "=r"(d[2]), "=r"(d[3]) : "r"(row), "n"(OFFSET) : "memory");
}

// ldmatrix2_trans loads two, by the addresses of lanes 0 to 15.
__device__ inline void ldmatrix2_trans(unsigned (&d)[2], unsigned row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1}, [%2];" : "=r"(d[0]), "=r"(d[1]) : "r"(row) : "memory");
}

// mma: c += a b, a 16 x 16 by rows, b 16 x 8 by columns, bfloat16; c 16 x 8, float32.
__device__ inline void mma(float (&c)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
               : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
               : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
