package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// family is the dense models of several sizes: FLOPs ascending, loss descending.
type family []point

// denseFamily takes the best dense groups and leaves out those that a cheaper one
// equals or beats.
func denseFamily(bestOf []*group) family {
	var f family
	for _, g := range bestOf {
		if g.method == model.Dense && g.loss > 0 {
			f = append(f, point{g.flops, g.loss})
		}
	}
	slices.SortFunc(f, func(a, b point) int { return cmp.Or(cmp.Compare(a.x, b.x), cmp.Compare(a.y, b.y)) })
	var front family
	for _, p := range f {
		if len(front) == 0 || p.y < front[len(front)-1].y && p.x > front[len(front)-1].x {
			front = append(front, p)
		}
	}
	return front
}

// lossAt interpolates the loss of a dense model of so many FLOPs: a straight line
// in the logarithms of both, as between the paper's points. NaN outside the
// family, which is not extrapolated.
func (f family) lossAt(flops float64) float64 {
	for i := 1; i < len(f); i++ {
		if a, b := f[i-1], f[i]; flops >= a.x && flops <= b.x {
			t := math.Log(flops/a.x) / math.Log(b.x/a.x)
			return math.Exp(math.Log(a.y) + t*math.Log(b.y/a.y))
		}
	}
	if len(f) == 1 && f[0].x == flops {
		return f[0].y
	}
	return math.NaN()
}

// flopsFor is the inverse of lossAt: what a dense model takes to come to a loss.
func (f family) flopsFor(loss float64) float64 {
	for i := 1; i < len(f); i++ {
		if a, b := f[i-1], f[i]; loss <= a.y && loss >= b.y {
			t := math.Log(loss/a.y) / math.Log(b.y/a.y)
			return math.Exp(math.Log(a.x) + t*math.Log(b.x/a.x))
		}
	}
	if len(f) == 1 && f[0].y == loss {
		return f[0].x
	}
	return math.NaN()
}

// Comparison sets a sparse result beside the dense family. A number that lies
// outside the family is nil.
type Comparison struct {
	Series      string   `json:"series"`
	Runs        []string `json:"runs"`
	FLOPs       float64  `json:"flops"`
	Loss        float64  `json:"mlm_loss"` // mean over the runs
	LowestLoss  float64  `json:"mlm_loss_lowest"`
	HighestLoss float64  `json:"mlm_loss_highest"`
	DenseLoss   *float64 `json:"dense_mlm_loss_at_equal_flops"`
	DenseFLOPs  *float64 `json:"dense_flops_at_equal_loss"`
	Ratio       *float64 `json:"flops_ratio_at_equal_loss"` // DenseFLOPs / FLOPs
}

// comparisons sets the best sparse groups beside the family.
func comparisons(bestOf []*group, f family) []Comparison {
	var all []Comparison
	for _, g := range bestOf {
		if g.method == model.Dense {
			continue
		}
		c := Comparison{Series: g.series, FLOPs: g.flops, Loss: g.loss, LowestLoss: g.lo, HighestLoss: g.hi,
			DenseLoss: known(f.lossAt(g.flops)), DenseFLOPs: known(f.flopsFor(g.loss)), Ratio: known(f.flopsFor(g.loss) / g.flops)}
		for _, r := range g.runs {
			c.Runs = append(c.Runs, r.Name)
		}
		all = append(all, c)
	}
	return all
}
