package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// BlockGradL1 adds the L1 norm of every block of dy^T x, active or not, to the
// growth scores.
func (d *device) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	p := w.(*param)
	outs, ins, size := p.spec.Out, p.spec.In, p.topo.Block
	dys, xs, scores := reals(dy), reals(x), d.scores(p).real
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
func (d *device) GrowScores(w backend.Param) backend.Buffer {
	return d.scores(w.(*param))
}

func (d *device) scores(p *param) *buffer {
	if p.scores == nil {
		p.scores = d.newBuffer(p.spec.Name+" growth scores", backend.F32, p.topo.Positions())
	}
	return p.scores
}

// UpdateTopology prunes and regrows every sparse parameter by
// sparse.Topology.Update, on values, moments and growth scores rounded to float32.
func (d *device) UpdateTopology(params []backend.Param, u sparse.Update) {
	for _, p := range paramsOf(params) {
		if p.topo != nil && d.err == nil {
			d.update(p, u)
		}
	}
}

func (d *device) update(p *param, u sparse.Update) {
	x := sparse.Arrays{Values: singles(p.val.real), M: singles(p.m.real), V: singles(p.v.real)}
	if u.Growth.Scores() {
		x.Scores = singles(d.scores(p).real)
	}
	change, err := p.topo.UpdateIn(new(sparse.Scratch), x, u, p.spec.Index)
	if err != nil {
		d.fail("UpdateTopology", "%s: %w", p.spec.Name, err)
		return
	}
	size := p.topo.BlockSize()
	for _, slot := range change.Slots {
		for k := int(slot) * size; k < (int(slot)+1)*size; k++ {
			p.clearElement(k)
		}
	}
	if p.scores != nil {
		clear(p.scores.real)
	}
	p.stats, p.updated = change.Stats, true
}

// UpdateStats returns the statistics of each sparse parameter.
func (d *device) UpdateStats(params []backend.Param) ([]sparse.Stats, error) {
	var list []sparse.Stats
	for _, p := range paramsOf(params) {
		switch {
		case p.topo == nil:
		case p.updated:
			list = append(list, p.stats)
		default:
			list = append(list, p.topo.Stats(d.step.Step))
		}
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
