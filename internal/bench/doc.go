// Package bench times the products of a device, block-sparse beside dense, and
// counts what they do on a simulated one.
//
// A [Request] is what the bench command is asked for: flags that take lists, of
// which every combination is a case. Its [Plan] has all cases, checked; Plan.Run
// measures or counts them, writes tables as it goes and returns what came out.
//
// # Fairness
//
// All values are random. Buffers and weights are taken in rotation from enough
// sets that more than twice the last-level cache passes before one is used
// again, so every product reads memory, as in training, where other layers come
// between. The sparse and the dense product of a case take turns, and so does
// who comes first, so that a clock that drifts drifts under both. A
// sample is as many calls as a readable time takes; the first round is thrown
// away. The median over the samples counts, with the smallest and the largest
// beside it.
//
// # Units
//
// With T tokens, a weight O x I of which nnzb blocks of B x B are active, and a
// bytes an activation (4 in fp32, 2 in bf16), a product takes 2 T nnzb B^2
// floating-point operations, the dense one 2 T O I. The byte floor is what a
// product cannot do without moving once:
//
//	dsd  a T I + a T O + a nnzb B^2 + 4 (2 nnzb + O/B + 1)    x, y, weights, row view with columns
//	dds  a T O + a T I + a nnzb B^2 + 4 (2 nnzb + I/B + 1)    dy, dx, weights, column view with rows
//	sdd  a T O + a T I + 2 * 4 (nnzb B^2 + O) + 4 * 2 nnzb    dy, x, float32 gradients of weight and bias read and written, rows and columns
//
// (Gradients are added to, hence read too. A weight gradient is timed together with that of
// the bias, the column sums of dy, as training needs both.) The floor over the time is the
// rate in GB/s; that over what a plain copy reaches on the device in the same
// run is the fraction of the floor: 1 would be a product as fast as memory. eps
// is the time of a useful operation over that of an operation of the dense
// product on the same device, speedup the dense time over the sparse one.
package bench
