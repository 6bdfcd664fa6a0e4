// Makes the working copies of all weights in the table (=): bfloat16, in the orders that
// products read. Each of the parts is a copy's index and its first unit. Kinds of copies
// and launch: pack.cuh.
#include "pack.cuh"

extern "C" __global__ void __launch_bounds__(128) pack_copies(const WorkingCopy *copies, const int2 *parts) {
  int2 part = parts[blockIdx.x];
  const WorkingCopy c = copies[part.x];
  int lane = threadIdx.x % 32, unit = part.y + threadIdx.x / 32;
  if (unit >= c.units) return;
  switch (c.kind) {
    case COPY_ROWS: copy_row(c, unit, lane); break;
    case COPY_FRAGMENTS: copy_fragments(c, unit, lane); break;
    case COPY_PAIRS: copy_pairs(c, unit, lane); break;
    case COPY_QUADS: copy_quads(c, unit, lane); break;
  }
}
