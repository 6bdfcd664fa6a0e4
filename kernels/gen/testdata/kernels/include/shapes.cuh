// Structs that kernels take pointers to.
#pragma once
struct Shape {
  int rows, cols;
};
struct alignas(16) block_index {
  int row, col, slot, age;
};
