package launch

import (
	"strconv"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// Fused is the number of weights that a fused product takes: query, key and value.
const Fused = 3

// QKV chooses how the product op of weights that share x, or dx, runs in one pass
// over it, as the three of query, key and value do: kernels/include/qkv.cuh. It
// tells whether they can. They cannot where they are another number, are not alike,
// have no fragments, do not fit, or, for the weight gradients, where x is the larger
// operand. The plan's grid is that of all weights; Reads.W
// and Reads.Y are of each weight, Reads.X and Splits of all.
//
// Forward the launch is that of one weight; for the input gradient the three
// contractions follow each other past sums that stay; for the weight gradients the
// active blocks of all are one list.
func QKV(d Device, act backend.DType, op Op, weights []Weight, tokens int) (p Plan, ok bool) {
	if len(weights) != Fused || tokens == 0 || FamilyOf(act, weights[0]) != Fragments {
		return p, false
	}
	w := weights[0]
	for _, o := range weights[1:] {
		if o != w {
			return p, false
		}
	}
	name := op.String() + "_qkv_b" + strconv.Itoa(w.Block)
	switch op {
	case DSD:
		s, fits := inputStationary(d, tokens, w.In, w.Out, 16)
		return s.plan(op, Fragments, name), fits && w.In <= w.Out
	case DDS:
		s, fits := outputStationary(d, tokens, Fused*w.Out, w.In, w.Block, Fused*w.NNZB)
		return s.plan(op, Fragments, name), fits
	}
	if w.xLarger() {
		return p, false
	}
	s := outer(d, tokens, w, Fused)
	p = Plan{
		Launch: Launch{s.kernel(name), s.grid(), Dim3{X: outerThreads}, s.shared}, Family: Fragments,
		Splits: s.splits, Pairs: s.pairs, Reads: s.reads(w),
	}
	if p.Splits > 1 {
		p.Reduce = reduction(d, "sdd_qkv_reduce", w, Fused)
	}
	return p, true
}
