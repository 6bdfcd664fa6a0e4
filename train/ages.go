package train

import (
	"cmp"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// aged gives an update, if there is one, the factors of prune_age: for a block that became
// active after step b (v + sum of lr^2 over the steps from b to the update)^(-alpha/2). v is
// the variance of the first values for blocks of the start, else 0.
func (p *Plan) aged(u *sparse.Update) (*sparse.Update, error) {
	c := p.Config
	if u == nil || c.PruneAge == 0 {
		return u, nil
	}
	table, err := model.Table(p.Model)
	if err != nil {
		return nil, err
	}
	norm := sparse.L1 // all scores but L2's sum of squares are of the size of weights
	if c.PruneBy == sparse.PruneNorm {
		norm = c.PruneNorm
	}
	b := p.births(u.Step)
	from, before, sum := b.Steps, b.RateSquares, b.Sum
	ages := &sparse.Ages{From: from, Scale: make([]float32, len(from))}
	for i := range from {
		ages.Scale[i] = sparse.AgeFactor(c.PruneAge, sum-before[i], norm)
	}
	ages.Start = make([]float32, len(table))
	for i, t := range table {
		if t.Sparse {
			ages.Start[i] = sparse.AgeFactor(c.PruneAge, sum+model.StartVariance(t, p.Model), norm)
		}
	}
	u.Ages = ages
	return u, nil
}

// Births are the steps after which blocks were activated, ascending, with the sums of the
// squared learning rates of block-sparse weights in the steps before each, and in all.
type Births struct {
	Steps       []int32   `json:"steps"`
	RateSquares []float64 `json:"rate_squares"`
	Sum         float64   `json:"sum"`
}

// births returns those of the topology updates before step `until`, and what came before
// a run that goes on with a checkpoint.
func (p *Plan) births(until int64) Births {
	b, first := Births{}, p.first()
	if p.Origin != nil {
		b = p.Origin.Births
		b.Steps, b.RateSquares = slices.Clone(b.Steps), slices.Clone(b.RateSquares)
	}
	for step, to := first, p.toCome(); step < until; step++ {
		if len(to) > 0 && to[0] == step {
			b.add(step)
			to = to[1:]
		}
		lr := p.Config.rate(step) * cmp.Or(p.Config.LRSparseScale, lrSparseScale)
		b.Sum += lr * lr
	}
	return b
}

// add notes that blocks are activated after a step, up to which the sum goes.
func (b *Births) add(step int64) {
	b.Steps, b.RateSquares = append(b.Steps, int32(step)), append(b.RateSquares, b.Sum)
}
