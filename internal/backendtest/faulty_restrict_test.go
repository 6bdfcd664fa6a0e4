package backendtest

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// restricting is a backend with its backend.Restricter.
type restricting struct {
	backend.Backend
	backend.Restricter
}

// restrictFault is a backend that has a backend.Restricter, with a fault.
type restrictFault struct {
	restricting
	restrict, keep func(b restricting, p backend.Param, t *sparse.Topology)
	norm           func(b restricting, norm backend.Buffer, params []backend.Param)
	adam           func(b restricting, params []backend.Param, norm backend.Buffer, c backend.AdamConfig)
}

func (f restrictFault) Capabilities() backend.Capabilities {
	return backend.Capabilities{Restricter: f}
}

func (f restrictFault) Restrict(p backend.Param, t *sparse.Topology) {
	if f.restrict != nil {
		f.restrict(f.restricting, p, t)
		return
	}
	f.Restricter.Restrict(p, t)
}

func (f restrictFault) KeepOnly(p backend.Param, t *sparse.Topology) {
	if f.keep != nil {
		f.keep(f.restricting, p, t)
		return
	}
	f.Restricter.KeepOnly(p, t)
}

func (f restrictFault) GradNorm(norm backend.Buffer, params []backend.Param) {
	if f.norm != nil {
		f.norm(f.restricting, norm, params)
		return
	}
	f.Backend.GradNorm(norm, params)
}

func (f restrictFault) AdamW(params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
	if f.adam != nil {
		f.adam(f.restricting, params, norm, c)
		return
	}
	f.Backend.AdamW(params, norm, c)
}

func restrictFaults() []fault {
	plant := func(name string, f restrictFault) fault {
		return fault{"Restrict", name, func(b backend.Backend) backend.Backend {
			f.restricting = restricting{b, b.Capabilities().Restricter}
			return f
		}}
	}
	lift := func(b restricting, params []backend.Param) {
		for _, p := range params {
			b.Restrict(p, nil)
		}
	}
	return []fault{
		plant("ignored", restrictFault{restrict: func(restricting, backend.Param, *sparse.Topology) {}}),
		plant("never lifted", restrictFault{restrict: func(b restricting, p backend.Param, t *sparse.Topology) {
			if t != nil {
				b.Restrict(p, t)
			}
		}}),
		plant("rows and columns mixed up", restrictFault{restrict: func(b restricting, p backend.Param, t *sparse.Topology) {
			if t != nil && t.Out == t.In {
				transposed := t.Clone()
				transposed.Rows, transposed.Cols = transposed.Cols, transposed.Rows
				transposed.Index()
				t = transposed
			}
			b.Restrict(p, t)
		}}),
		plant("norm of all", restrictFault{norm: func(b restricting, norm backend.Buffer, params []backend.Param) {
			lift(b, params)
			b.GradNorm(norm, params)
		}}),
		plant("decay outside", restrictFault{adam: func(b restricting, params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
			for _, p := range params {
				if p.Spec().Decay {
					edit(b, p.Values(), func(v []float32) { v[len(v)/2] *= 1 - 1e-4 })
				}
			}
			b.AdamW(params, norm, c)
		}}),
		plant("moments fade outside", restrictFault{adam: func(b restricting, params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
			for _, p := range params {
				edit(b, p.M(), func(v []float32) { v[len(v)-1] *= c.Beta1 })
			}
			b.AdamW(params, norm, c)
		}}),
		plant("keeps the moments", restrictFault{keep: func(b restricting, p backend.Param, t *sparse.Topology) {
			if p == nil {
				b.KeepOnly(p, t)
				return
			}
			m := floats(b, p.M())
			b.KeepOnly(p, t)
			b.WriteFloats(p.M(), 0, m)
		}}),
	}
}
