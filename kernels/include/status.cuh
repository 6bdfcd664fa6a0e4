// Integers in device memory that are out of range. Each operation that reads
// integers has a slot for each of its arguments (gpu/status.go), all ones while
// nothing was wrong, which Sync reads. Of several bad integers of one argument
// the one with the smallest index stays, whatever the order of the threads.
#pragma once

// report notes that element `index` has the bad value `found`.
__device__ inline void report(unsigned long long *slot, int index, int found) {
  atomicMin(slot, (unsigned long long)(unsigned)index << 32 | (unsigned)found);
}

// within says whether v = list[index] is at least low and less than end, and
// reports it if not.
__device__ inline bool within(unsigned long long *slot, int index, int v, int low, int end) {
  if (v >= low && v < end) return true;
  report(slot, index, v);
  return false;
}
