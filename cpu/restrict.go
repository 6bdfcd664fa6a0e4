package cpu

import (
	"sort"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// stretch is a range of a tensor's elements.
type stretch struct{ lo, hi int }

// stretchesOf appends the elements of a topology's active blocks in the dense tensor,
// row-major, to out: ascending, neighboring blocks as one range.
func stretchesOf(out []stretch, t *sparse.Topology) []stretch {
	for row := range t.Out {
		from, to := t.RowPtr[row/t.Block], t.RowPtr[row/t.Block+1]
		for _, slot := range t.RowSlot[from:to] {
			lo := row*t.In + int(t.Cols[slot])*t.Block
			if n := len(out); n > 0 && out[n-1].hi == lo {
				out[n-1].hi += t.Block
			} else {
				out = append(out, stretch{lo, lo + t.Block})
			}
		}
	}
	return out
}

// inside calls use with the parts of list that lie in [lo, hi).
func inside(list []stretch, lo, hi int, use func(lo, hi int)) {
	first := sort.Search(len(list), func(i int) bool { return list[i].hi > lo })
	for _, s := range list[first:] {
		if s.lo >= hi {
			return
		}
		use(max(lo, s.lo), min(hi, s.hi))
	}
}

// outside calls use with the parts of [lo, hi) that lie in none of them.
func outside(list []stretch, lo, hi int, use func(lo, hi int)) {
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

// denseShape checks a dense parameter and a topology of its shape.
func (c checker) denseShape(p backend.Param, t *sparse.Topology) *param {
	q := c.param("parameter", p)
	if !c.ok() {
		return nil
	}
	switch {
	case q.topo != nil:
		c.b.fail("cpu: %s: %s: found a block-sparse tensor, expected a dense one", c.op, q.spec.Name)
	case t == nil:
	case t.Out != q.spec.Out || t.In != q.spec.In:
		c.b.fail("cpu: %s: %s: topology: found shape [%d, %d], expected [%d, %d]", c.op, q.spec.Name, t.Out, t.In, q.spec.Out, q.spec.In)
	default:
		if err := t.Check(); err != nil {
			c.b.fail("cpu: %s: %s: %w", c.op, q.spec.Name, err)
		}
	}
	return q
}

// Restrict implements backend.Restricter.
func (b *Backend) Restrict(p backend.Param, t *sparse.Topology) {
	c := b.check("Restrict")
	q := c.denseShape(p, t)
	if !c.ok() {
		return
	}
	q.restricted, q.trained = t != nil, q.trained[:0]
	if t != nil {
		q.trained = stretchesOf(q.trained, t)
	}
}

// KeepOnly implements backend.Restricter.
func (b *Backend) KeepOnly(p backend.Param, t *sparse.Topology) {
	c := b.check("KeepOnly")
	q := c.denseShape(p, t)
	if c.ok() && t == nil {
		b.fail("cpu: KeepOnly: %s: found no topology, expected one", q.spec.Name)
	}
	if !c.ok() {
		return
	}
	outside(stretchesOf(nil, t), 0, q.values.n, func(lo, hi int) {
		clear(q.values.f[lo:hi])
		clear(q.m.f[lo:hi])
		clear(q.v.f[lo:hi])
	})
}
