// Package traffic counts the bytes of global memory that a training step moves on
// a GPU, and the least time that this takes, without a GPU.
//
// For each operation of package backend there is one formula (products.go,
// layers.go, optimizer.go): what its kernels, as they are built, read and write,
// operand by operand. A [Meter] stands between the model and a device, adds up the
// formulas of the calls that pass, and so counts what the model really does; a
// [Null] device under it computes nothing, so that any model can be counted on any
// machine. The tests run a small model on the simulator and hold every formula
// against its counters of 32-byte sectors.
//
// # Kinds of bytes
//
// Read and Write are operands that pass once between memory and the kernel:
// several kernels of one operation count each. Scratch is partial results that a
// kernel writes and the next one reads. These three together are the floor:
// memory must move them unless they stay in L2 from one kernel to the next, which
// activations of a large batch do not. Again is what other thread blocks, or the
// same one, read once more soon after the first time: L2 or L1 serves it, and it
// is no part of the floor.
//
// # Floor times
//
// With W bytes a second of memory and P operations a second of the matrix units,
// a call cannot take less than max(bytes / W, FLOPs / P), and a step not less than
// the sum of its calls. Nothing else is in it: no launches, no latencies, no
// instructions. It is a bound, not a forecast.
package traffic
