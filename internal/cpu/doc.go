// Package cpu is the backend that runs on the processor: float32, several
// threads, the inner loops in package kernel.
//
// # Determinism
//
// An operation is cut into tasks whose bounds depend on the shapes only. Each
// output element is computed by one task in a fixed order, and where a sum
// spans tasks their partial sums are added in task order. So the number of
// threads, and which thread does which task, change nothing.
//
// # The products
//
// Tokens are taken in panels of kernel.Rows (see package kernel). The forward
// product walks the row view: for a block row, all active blocks follow one
// another through the same registers, and the result is written once. The input
// gradient does the same along the column view. The weight gradient takes one block at a
// time over chunks of tokens. A dense weight is treated as strips of
// 16 columns with a single long block. Blocks of one element go through
// kernel.SpMV and kernel.Dot, which run along the tokens.
package cpu
