package report

import (
	"cmp"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// family is the dense models of several sizes: FLOPs ascending, loss descending.
type family []point

// denseFamily is the family of the dense groups of one series whose losses compare with a run's.
// It leaves out the sizes that a cheaper one equals or beats.
func denseFamily(all []*group, series string, with *Run) family {
	var f family
	for _, g := range all {
		if g.method == model.Dense && g.series == series && g.loss > 0 && alike(g.runs[0], with) {
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

// named is a family with the name of its series and one of its runs, by which one sees with
// what it compares.
type named struct {
	series string
	of     *Run
	family
}

// denseFamilies are the families of all series of dense groups, in their order. Groups of one
// series whose losses do not compare are of several.
func denseFamilies(all []*group) (out []named) {
	for _, g := range all {
		if g.method == model.Dense && !slices.ContainsFunc(out, func(n named) bool { return n.series == g.series && alike(n.of, g.runs[0]) }) {
			out = append(out, named{g.series, g.runs[0], denseFamily(all, g.series, g.runs[0])})
		}
	}
	return out
}

// Comparison sets a sparse result beside a dense family. A number that lies
// outside the family is nil.
type Comparison struct {
	Series      string   `json:"series"`
	Dense       string   `json:"dense_series"`
	Runs        []string `json:"runs"`
	FLOPs       float64  `json:"flops"`
	Loss        float64  `json:"mlm_loss"` // mean over the runs
	LowestLoss  float64  `json:"mlm_loss_lowest"`
	HighestLoss float64  `json:"mlm_loss_highest"`
	Deviation   *float64 `json:"mlm_loss_standard_deviation"` // of the sample; nil of one run
	DenseLoss   *float64 `json:"dense_mlm_loss_at_equal_flops"`
	DenseFLOPs  *float64 `json:"dense_flops_at_equal_loss"`
	Ratio       *float64 `json:"flops_ratio_at_equal_loss"` // DenseFLOPs / FLOPs
}

// comparisons sets each sparse group beside each family with which it compares.
func comparisons(all []*group, families []named) []Comparison {
	var out []Comparison
	for _, g := range all {
		if g.method == model.Dense {
			continue
		}
		for _, f := range families {
			if !alike(g.runs[0], f.of) {
				continue
			}
			c := Comparison{Series: g.series, Dense: f.series, FLOPs: g.flops, Loss: g.loss, LowestLoss: g.lo, HighestLoss: g.hi, Deviation: known(g.sd),
				DenseLoss: known(f.lossAt(g.flops)), DenseFLOPs: known(f.flopsFor(g.loss)), Ratio: known(f.flopsFor(g.loss) / g.flops)}
			for _, r := range g.runs {
				c.Runs = append(c.Runs, r.Name)
			}
			out = append(out, c)
		}
	}
	return out
}
