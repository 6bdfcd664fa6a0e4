// Package kernel holds the inner loops of the CPU device: small matrix tiles whose
// accumulators stay in registers, and the vector functions between them.
//
// A [Set] has the loops of one instruction path; [ForPath] returns it. Every loop exists in
// plain Go and, on amd64, as generated assembly for AVX2 with FMA and in two families for
// AVX-512. Folder gen writes the assembly, a pair of files for each family of loops. The Go
// loop defines what the assembly computes. The paths round differently (fused multiply-add,
// order of partial sums), so results agree between paths to rounding only. On one path they
// are a function of the arguments alone.
//
// The build tag noasm leaves the assembly out.
//
// # Packed panels
//
// A tile multiplies [TileRows] tokens. Their K features are copied into a packed panel: a row
// of micro-panels of [PanelWidth] features, in each of which the tokens follow one another.
//
//	activations [T][K]                   panel [K/PanelWidth][TileRows][PanelWidth]
//
//	       0    ...  15 | 16   ...  31          micro-panel 0      micro-panel 1
//	t0   a(0,0)  a(0,15)| a(0,16) a(0,31)       a(0,0)  a(0,15)    a(0,16)  a(0,31)
//	t0+1 a(1,0)  a(1,15)| a(1,16) a(1,31)  =>   a(1,0)  a(1,15)    a(1,16)  a(1,31)
//	...                                         ...                ...
//	t0+23                                       a(23,0) a(23,15)   a(23,16) a(23,31)
//
// Micro-panel 1 begins where micro-panel 0 ends. So what a block of the weight meets lies in
// few pages and never in one set of the cache, whatever the row stride of the activations.
// Copies move whole cache lines. A weight is seen the same way: micro-panels of
// PanelWidth output columns, made of blocks ([Blocks]).
//
// # Interleaved micro-panels
//
// Gradients of small blocks multiply columns by columns. There a micro-panel has w = 4 or 8
// columns, and a line of PanelWidth elements holds m = PanelWidth/w tokens of them, the
// tokens of a column side by side ([Packing]). So vectors are full. Their lanes sum different
// tokens, which are added once at the end. With w = 8:
//
//	line 0:  a(0,0) a(1,0)  a(0,1) a(1,1)  ...  a(0,7) a(1,7)
//	line 1:  a(2,0) a(3,0)  a(2,1) a(3,1)  ...  a(2,7) a(3,7)
//
// # The two families for AVX-512
//
// A core that loads as often as it multiplies has no loads left for prefetching and copying
// if every multiplication takes an element from memory. On [AVX512] tiles take two steps
// at once: rows of the right operand are paired ([Set.PairRows]), two elements of the left
// operand are loaded for two multiplications, and the sums of even and odd steps are added
// at the end.
//
// That takes half as many instructions again. An Intel core issues fewer of them a cycle, and
// half of that while its SMT sibling is busy. There the best path is [AVX512Broadcast],
// where each multiplication broadcasts its element from memory, one step at a time.
package kernel

//go:generate go run -C gen . -dir ..
