package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// noRestricter says why a backend is not looked at, "" when it is.
func noRestricter(b backend.Backend) string {
	if b.Capabilities().Restricter == nil {
		return fmt.Sprintf("the backend %s has no backend.Restricter", b.Name())
	}
	return ""
}

// restricted is a dense tensor with the part of it that is trained.
type restricted struct {
	paramData
	part *sparse.Topology // nil: all
}

// within tells whether element k is trained.
func (p restricted) within(k int) bool {
	if p.part == nil {
		return true
	}
	_, active := p.part.Slot(k/p.spec.In/p.part.Block, k%p.spec.In/p.part.Block)
	return active
}

// restrictedTensors are dense tensors with parts of them: one that is split into
// tiles, neighboring blocks, a part that is all, one that was taken back.
func restrictedTensors(d *draws) []restricted {
	var list []restricted
	for _, s := range []struct{ block, rows, cols, nnzb int }{
		{1, 137, 251, 3000}, {1, 5, 7, 1}, {4, 30, 50, 700}, {8, 3, 5, 15}, {16, 9, 9, 40}, {32, 2, 3, 1}, {64, 2, 2, 3}, {0, 11, 13, 0},
	} {
		size := max(1, s.block)
		p := restricted{paramData: d.dense(fmt.Sprintf("w%d-%d", s.block, s.nnzb), s.rows*size, s.cols*size, 1)}
		p.spec.Decay = len(list)%3 != 2
		p.grad[0], p.m[0], p.v[0] = 0, 0, 0
		if s.block > 0 {
			// The topology of a sparse draw has its slots in no order.
			p.part = d.sparse("part", sparse.Shape{Out: p.spec.Out, In: p.spec.In, Block: s.block}, s.nnzb, 1).spec.Topology
		}
		list = append(list, p)
	}
	return list
}

// restrict makes the parameters and restricts them. All have been restricted to
// something else before.
func (r *harness) restrict(list []restricted, changes ...string) []backend.Param {
	b := r.b.Capabilities().Restricter
	out := make([]backend.Param, len(list))
	for i, p := range list {
		out[i] = r.param(p.paramData, changes...)
		if first, err := sparse.StartTopology(sparse.Shape{Out: p.spec.Out, In: p.spec.In, Block: 1}, 1, 3, i); err == nil {
			b.Restrict(out[i], first)
		}
		b.Restrict(out[i], p.part)
	}
	return out
}

func restrictChecks() []check {
	list := []check{
		{name: "norm of the trained part", prepare: func(d *draws) (script, bounds) {
			list := restrictedTensors(d)
			run := func(r *harness) { r.b.GradNorm(r.rowOutput("norm", 1), r.restrict(list, "grad")) }
			return run, func(ref *harness) {
				norm := ref.value("norm")
				ref.allow("norm", func(i int) float64 { return d.limit("norm", 0, norm[i]) })
			}
		}},
		{name: "a gradient that is not finite outside", prepare: func(d *draws) (script, bounds) {
			list := restrictedTensors(d)[:1]
			for k := range list[0].grad {
				if !list[0].within(k) {
					list[0].grad[k] = float32(math.NaN())
					break
				}
			}
			run := func(r *harness) { r.b.GradNorm(r.rowOutput("norm", 1), r.restrict(list, "grad")) }
			return run, func(ref *harness) {
				norm := ref.value("norm")
				ref.allow("norm", func(i int) float64 { return d.limit("norm", 0, norm[i]) })
			}
		}},
		{name: "keep only", prepare: func(d *draws) (script, bounds) {
			list := restrictedTensors(d)
			return func(r *harness) {
				b := r.b.Capabilities().Restricter
				for _, p := range list {
					if p.part != nil {
						b.KeepOnly(r.param(p.paramData, "values", "m", "v"), p.part)
					}
				}
			}, nil
		}},
	}
	for _, c := range adamCases() {
		if c.norm-c.norm != 0 { // nothing changes, restricted or not
			continue
		}
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			list := restrictedTensors(d)
			run := func(r *harness) {
				s := defaultStep()
				s.Step = c.step
				r.b.BeginStep(s)
				r.b.AdamW(r.restrict(list, "values", "m", "v"), r.rowInput("norm", []float32{c.norm}), c.config)
			}
			return run, func(ref *harness) {
				for _, p := range list {
					boundAdam(ref, d.column, c, p.paramData)
					for _, part := range []string{"values", "m", "v"} {
						limits := ref.tensor(p.spec.Name + "." + part).limits
						for k := range limits {
							if !p.within(k) {
								limits[k] = 0
							}
						}
					}
				}
			}
		}})
	}
	return list
}
