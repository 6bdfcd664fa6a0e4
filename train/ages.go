package train

import (
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
	var from []int32     // steps after which there were updates
	var before []float64 // sum of lr^2 until then
	sum := 0.0
	for step, next := int64(0), 0; step < u.Step; step++ {
		if next < len(p.UpdateAt) && p.UpdateAt[next] == step {
			from, before = append(from, int32(step)), append(before, sum)
			next++
		}
		lr := learningRate(c.LearningRate, step, c.WarmupSteps, c.MaxSteps)
		sum += lr * lr
	}
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
