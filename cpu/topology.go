package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// topoOp updates topologies; a task is one parameter.
type topoOp struct {
	update sparse.Update
	params []*param
	errs   []error
}

// UpdateTopology implements backend.Optimizer. A topology that cannot be
// updated (sparse.ErrNotFinite, for one) is an error that names the parameter.
func (b *device) UpdateTopology(params []backend.Param, u sparse.Update) {
	o := &b.ops.topo
	o.update, o.params = u, o.params[:0]
	for _, p := range params {
		q := p.(*param)
		if q.topo == nil {
			continue
		}
		if u.Growth.Scores() {
			q.growScores()
		}
		o.params = append(o.params, q)
	}
	if b.err != nil { // no memory for the scores
		return
	}
	o.errs = grow(o.errs, len(o.params))
	clear(o.errs)
	b.pool.runWithSubnormals(len(o.params), o) // norms are the same numbers on every device
	for i, err := range o.errs {
		if err != nil {
			b.fail("UpdateTopology: %s: %w", o.params[i].spec.Name, err)
		}
	}
}

func (o *topoOp) task(_, i int) {
	q := o.params[i]
	var scores []float32
	if q.scores != nil {
		scores = q.scores.f
	}
	arrays := sparse.Arrays{Values: q.values.f, M: q.m.f, V: q.v.f, Scores: scores}
	change, err := q.topo.UpdateIn(&q.scratch, arrays, o.update, q.spec.Index)
	if err != nil {
		o.errs[i] = err
		return
	}
	size := q.topo.BlockSize()
	for _, s := range change.Slots {
		q.clearState(int(s)*size, (int(s)+1)*size)
	}
	clear(scores)
	q.stats, q.updated = change.Stats, true
	q.index()
}

// UpdateStats implements backend.Optimizer.
func (b *device) UpdateStats(params []backend.Param) ([]sparse.Stats, error) {
	var stats []sparse.Stats
	for _, p := range params {
		q := p.(*param)
		switch {
		case q.topo == nil:
		case q.updated:
			stats = append(stats, q.stats)
		default:
			stats = append(stats, q.topo.Stats(b.step.Step))
		}
	}
	return stats, nil
}
