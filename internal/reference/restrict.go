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
func (d *device) Restrict(p backend.Param, t *sparse.Topology) {
	w := p.(*param)
	w.trained = nil
	if t != nil {
		w.trained = t.Clone()
	}
}

// KeepOnly zeroes values and moments outside the active blocks of t; see
// backend.Restricter.
func (d *device) KeepOnly(p backend.Param, t *sparse.Topology) {
	w := p.(*param)
	for k := range w.val.real {
		if !within(t, k) {
			w.clearElement(k)
		}
	}
}
