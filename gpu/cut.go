package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Cut says how the launch of a product is cut, as far as it decides what is read
// more than once: how many thread blocks, at the most, read each element of x
// [T, I], of y or dy [T, O] and of the weight, and into how many ranges the tokens
// of a weight gradient are split, each of which leaves a partial result. An
// operand that is not read has 0.
type Cut struct{ X, Y, W, Ranges int }

// CutOf returns the cut of the product op ("dsd", "dds", "sdd") over t tokens. block
// 0 means a dense weight, of which nnz means nothing. The plain kernels, which
// read through caches only, count as reading once.
func CutOf(p Properties, act backend.DType, op string, t, out, in, block, nnz int) Cut {
	once := map[string]Cut{"dsd": {X: 1, W: 1}, "dds": {Y: 1, W: 1}, "sdd": {X: 1, Y: 1, Ranges: 1}}[op]
	var topo *sparse.Topology
	if block > 0 {
		topo = &sparse.Topology{Shape: sparse.Shape{Out: out, In: in, Block: block}}
	}
	way := pathOf(act, topo)
	if t == 0 || way == pathPlain {
		return once
	}
	if op == "sdd" {
		return gradientCut(p, way, t, out, in, block, nnz)
	}
	k, n := in, out
	if op == "dds" {
		k, n = out, in
	}
	c := once
	inputs := &c.X
	if op == "dds" {
		inputs = &c.Y
	}
	switch way {
	case pathRows:
		*inputs, c.W = pieces(n), pieces(t)
	case pathGathered:
		if s, ok := narrowFor(p, t, k, max(n, 16), 16); ok {
			*inputs, c.W = s.grid.Y, s.grid.X
		}
	default:
		if s, ok := streamFor(p, t, k, n, block, nnz); ok {
			*inputs, c.W = s.grid.Y, s.grid.X
		}
	}
	return c
}

// gradientCut is CutOf for sdd. Thread blocks along the active blocks read what they
// need of the wide side, which is about once in all, and most of the narrow side.
func gradientCut(p Properties, way path, t, out, in, block, nnz int) Cut {
	var s outerShape
	ok := way == pathFragments
	switch {
	case ok:
		s = outerFor(p, t, out, in, block, nnz)
	case way == pathGathered && block == 8:
		s, ok = pairsFor(p, t, out, in, nnz)
	}
	if !ok { // as a dense product: every piece of 128 x 128 reads both sides
		x, y := pieces(in), pieces(out)
		return Cut{X: y, Y: x, Ranges: denseRanges(p, x*y, t)}
	}
	c := Cut{X: 1, Y: 1, Ranges: s.grid.Y}
	if in > out {
		c.Y = s.grid.X
	} else {
		c.X = s.grid.X
	}
	return c
}

// NormGradBlocks is the number of thread blocks that leave partial sums in the
// backward of a LayerNorm of t rows of h.
func NormGradBlocks(p Properties, t, h int) int {
	return (&Backend{prop: p}).normGradShape(t, h).grid.X
}
