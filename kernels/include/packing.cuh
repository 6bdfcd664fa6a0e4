// Parts of many buffers lie one behind the other in a vector. Kernels take them in chunks,
// 4096 elements of one part at most, whose table is in device memory (gpu/packing.go).
#pragma once

struct PackChunk {
  float *x;     // of the buffer
  long long at; // its first element in the vector
  int n;        // elements
};
static_assert(sizeof(PackChunk) == 24, "as gpu/packing.go packs it");

constexpr int pack_threads = 256, pack_each = 16;
