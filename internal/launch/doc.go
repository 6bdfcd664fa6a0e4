// Package launch decides how the products of a weight run on a GPU: which kernel,
// with which grid, thread block and shared memory, from which working copies, and
// how often each operand is read. It is the one place that decides. Package gpu
// launches what a [Plan] says, internal/traffic counts the bytes of its [Reads], and
// the table of docs/kernels.md is made from it.
//
//	plan, err := launch.Product(device, backend.BF16, launch.DSD,
//		launch.Weight{Out: 3072, In: 768, Block: 16, NNZB: 922}, tokens)
//
// Every function here is pure. Its arguments are the properties of the device, the
// dtype of activations, the shape of the weight's topology and the number of
// tokens; the topology itself is none of them, so that a launch that was recorded
// in a CUDA graph stays right when blocks move.
//
// # Which family
//
//	activations   block        family
//	float32       any          Plain
//	bfloat16      dense, 1     Dense
//	bfloat16      4, 8         Gathered; Plain or Dense where rows do not fit
//	bfloat16      16, 32, 64   Fragments
//
// # What stays
//
// The kernels for DSD and DDS over fragments are input-stationary, where rows of
// inputs stay in shared memory and all weights pass, or output-stationary, where sums
// stay in registers and the inputs pass. What is smaller stays. The weight gradient
// keeps its sums in registers and splits the contraction, the tokens, into ranges
// (split-K) when the active blocks alone do not fill the device.
package launch
