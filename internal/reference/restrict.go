package reference

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// trains tells whether stored element k is trained.
func (p *param) trains(k int) bool { return p.trained == nil || within(p.trained, k) }

// within tells whether element k of the dense tensor lies in an active block.
func within(t *sparse.Topology, k int) bool {
	_, active := t.Slot(k/t.In/t.Block, k%t.In/t.Block)
	return active
}

// Restrict trains only the active blocks of t of a dense parameter; see
// backend.Restricter.
func (b *Backend) Restrict(p backend.Param, t *sparse.Topology) {
	a := b.begin("Restrict")
	w := a.denseShape(p, t)
	if !a.ok {
		return
	}
	w.trained = nil
	if t != nil {
		w.trained = t.Clone()
	}
}

// KeepOnly zeroes values and moments outside the active blocks of t; see
// backend.Restricter.
func (b *Backend) KeepOnly(p backend.Param, t *sparse.Topology) {
	a := b.begin("KeepOnly")
	w := a.denseShape(p, t)
	if a.ok && t == nil {
		a.failf("%s: found no topology, expected one", w.spec.Name)
	}
	if !a.ok {
		return
	}
	for k := range w.val.real {
		if !within(t, k) {
			w.val.real[k], w.m.real[k], w.v.real[k] = 0, 0, 0
		}
	}
}

// denseShape checks a dense parameter and a topology of its shape.
func (a *arguments) denseShape(p backend.Param, t *sparse.Topology) *param {
	w := a.param("p", p)
	if !a.ok {
		return w
	}
	switch {
	case w.topo != nil:
		a.failf("%s: found a sparse parameter, expected a dense one", w.spec.Name)
	case t == nil:
	case t.Out != w.spec.Out || t.In != w.spec.In:
		a.failf("%s: found a topology of shape [%d, %d], expected [%d, %d]", w.spec.Name, t.Out, t.In, w.spec.Out, w.spec.In)
	default:
		if err := t.Check(); err != nil {
			a.failf("%s: %w", w.spec.Name, err)
		}
	}
	return w
}
