package reference

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// BlockGradL1 adds the L1 norm of every block of dy^T x, active or not, to the
// growth scores.
func (b *Backend) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	a := b.begin("BlockGradL1")
	p := a.sparse("w", w)
	a.size("t", t, 0)
	if !a.ok {
		return
	}
	outs, ins, size := p.spec.Out, p.spec.In, p.topo.Block
	dys, xs := a.act("dy", dy, t*outs), a.act("x", x, t*ins)
	if !a.ok {
		return
	}
	scores := b.scores(p).real
	for o := range outs {
		for i := range ins {
			sum := 0.0
			for token := range t {
				sum += dys[token*outs+o] * xs[token*ins+i]
			}
			scores[o/size*p.topo.BlockCols()+i/size] += math.Abs(sum)
		}
	}
}

// GrowScores returns the growth scores of a sparse parameter.
func (b *Backend) GrowScores(w backend.Param) backend.Buffer {
	a := b.begin("GrowScores")
	if p := a.sparse("w", w); a.ok {
		return b.scores(p)
	}
	return &buffer{owner: b, dtype: backend.F32}
}

func (b *Backend) scores(p *param) *buffer {
	if p.scores == nil {
		p.scores = b.newBuffer(backend.F32, p.topo.Positions())
	}
	return p.scores
}

// sparse checks owner and kind.
func (a *arguments) sparse(name string, p backend.Param) *param {
	own := a.param(name, p)
	if a.ok && own.topo == nil {
		a.failf("%s: found the dense parameter %s, expected a sparse one", name, own.spec.Name)
	}
	return own
}

// UpdateTopology prunes and regrows every sparse parameter by
// sparse.Topology.Update, on the values and growth scores rounded to float32.
func (b *Backend) UpdateTopology(params []backend.Param, u sparse.Update) {
	a := b.begin("UpdateTopology")
	for _, p := range a.params(params) {
		if !a.ok {
			return
		}
		if p.topo != nil {
			a.update(p, u)
		}
	}
}

func (a *arguments) update(p *param, u sparse.Update) {
	var grow []float32
	if u.Growth == sparse.GrowGradient {
		grow = singles(a.b.scores(p).real)
	}
	change, err := p.topo.Update(singles(p.val.real), grow, u, p.spec.Index)
	if err != nil {
		a.failf("%s: %w", p.spec.Name, err)
		return
	}
	size := p.topo.BlockSize()
	for _, slot := range change.Slots {
		for _, x := range []*buffer{p.val, p.m, p.v} {
			clear(x.real[int(slot)*size : (int(slot)+1)*size])
		}
	}
	if p.scores != nil {
		clear(p.scores.real)
	}
	p.stats, p.updated = change.Stats, true
}

// UpdateStats returns the statistics of each sparse parameter.
func (b *Backend) UpdateStats(params []backend.Param) ([]sparse.Stats, error) {
	var list []sparse.Stats
	for _, p := range b.begin("UpdateStats").params(params) {
		switch {
		case p.topo == nil:
		case p.updated:
			list = append(list, p.stats)
		default:
			list = append(list, p.topo.Stats(b.step.Step))
		}
	}
	if b.err != nil {
		return nil, fmt.Errorf("statistics of the topologies: %w", b.err)
	}
	return list, nil
}

// singles rounds to float32.
func singles(x []float64) []float32 {
	out := make([]float32, len(x))
	for i, v := range x {
		out[i] = float32(v)
	}
	return out
}
