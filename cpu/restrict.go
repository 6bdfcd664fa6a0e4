package cpu

import (
	"sort"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// span is a range of a tensor's elements.
type span struct{ lo, hi int }

// spansOf appends the elements of a topology's active blocks in the dense tensor,
// row-major, to out: ascending, neighboring blocks as one range.
func spansOf(out []span, t *sparse.Topology) []span {
	for row := range t.Out {
		from, to := t.RowPtr[row/t.Block], t.RowPtr[row/t.Block+1]
		for _, slot := range t.RowSlot[from:to] {
			lo := row*t.In + int(t.Cols[slot])*t.Block
			if n := len(out); n > 0 && out[n-1].hi == lo {
				out[n-1].hi += t.Block
			} else {
				out = append(out, span{lo, lo + t.Block})
			}
		}
	}
	return out
}

// inside calls use with the parts of list that lie in [lo, hi).
func inside(list []span, lo, hi int, use func(lo, hi int)) {
	first := sort.Search(len(list), func(i int) bool { return list[i].hi > lo })
	for _, s := range list[first:] {
		if s.lo >= hi {
			return
		}
		use(max(lo, s.lo), min(hi, s.hi))
	}
}

// outside calls use with the parts of [lo, hi) that lie in none of them.
func outside(list []span, lo, hi int, use func(lo, hi int)) {
	at := lo
	inside(list, lo, hi, func(from, to int) {
		if at < from {
			use(at, from)
		}
		at = to
	})
	if at < hi {
		use(at, hi)
	}
}

// Restrict implements backend.Restricter.
func (b *device) Restrict(p backend.Param, t *sparse.Topology) {
	q := p.(*param)
	q.restricted, q.trained = t != nil, q.trained[:0]
	if t != nil {
		q.trained = spansOf(q.trained, t)
	}
}

// KeepOnly implements backend.Restricter.
func (b *device) KeepOnly(p backend.Param, t *sparse.Topology) {
	q := p.(*param)
	outside(spansOf(nil, t), 0, q.values.n, q.clearState)
}
