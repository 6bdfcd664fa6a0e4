// Package cpu is the backend that runs on the processor: float32, several
// threads, the inner loops in package kernel.
//
// # Determinism
//
// Each output element is computed by one task in a fixed order, and where a sum
// spans tasks their partial sums are added in task order. So the number of threads, and
// which thread does which task, change nothing. Instruction sets do change the last
// bits (kernel says why). Subnormals count as zeros, but for the norms of topology
// updates and on the portable path (kernel.FlushSubnormals).
//
// # The products
//
// A product with a weight (tiles.go) takes panels of kernel.TileRows tokens: a panel is copied
// into strips, and for a row of blocks, or a column of them in the input gradient, all active
// blocks follow one another through the same registers. Meanwhile the loads and stores that
// the multiplications leave free copy the next panel. Results too large to be found in
// a cache later go past it, a few strips at a time where a tile applies GELU or its gradient by itself
// (kernel.FinishedTile), else in runs of columns. A dense weight is strips of 16 columns with all
// segments; one that the caches do not hold is multiplied in parts. Blocks of 8, 4 and 1 are too smaller for
// vectors of columns; there vectors run along the tokens (lanes.go).
//
// A weight gradient (weightgrad.go) takes chunks of tokens of which the narrower
// activation fits the second-level cache and passes the wider one strip by strip: packed
// strips, in groups of which the next one is packed beside the multiplications (strips.go), where
// kernel.Set.AsksAhead also asks for the narrower one's next chunk.
// Lines of strips hold 2 tokens of 8 columns, or 4 of 4 for blocks of 4, and sums are
// of tokens, added up at the end; on the best path of Intel's processors they hold a token of 16 columns for
// blocks of 16 and more (kernel.AVX512Broadcast). Single elements are dot products. The bias gradient is added up while its
// strips are near (biasgrad.go). Of many tokens, two halves are summed apart, so that two threads pack
// each activation once between them (halves.go).
//
// # Memory
//
// Scratch belongs to threads, grows to the largest operation and stays: a step allocates
// nothing. It is small beside the buffers and not part of MemoryBytes: panels, a strip, the
// scores of one attention head, the packed copy of one weight and half of a gradient. Large buffers begin on
// large pages, not all at the same place in them (buffer.go). Memory that the processor does not foresee is
// asked for a few lines at a time: it forgets requests while many are on their way.
package cpu
