package report

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Pair sets two groups side by side, seed by seed: the same seed draws the same examples and
// masks in both, so that its noise is in neither difference.
type Pair struct {
	A           string    `json:"a"` // series
	B           string    `json:"b"`
	Equal       string    `json:"equal"`       // in what they are: size, FLOPs or both
	Seeds       []uint64  `json:"seeds"`       // that both have, ascending
	Differences []float64 `json:"differences"` // loss of A less that of B, by seed
	Mean        float64   `json:"mean_difference"`
	Below       int       `json:"below"` // seeds of which A has the smaller loss
	// SignP is the p-value of the two-sided sign test, TP that of the two-sided t test, both
	// paired, of "neither is better". nil where there is none: TP of one seed, or of equal
	// differences.
	SignP *float64 `json:"sign_test_p"`
	TP    *float64 `json:"t_test_p"`
	// GapShare is the share of the gap from B, static, to the dense model of equal size that A,
	// dynamic, wins back, by the means over all seeds; nil for other pairs, where the dense model
	// is no better than the static one, and where dense models of several recipes have that size.
	GapShare *float64 `json:"share_of_gap_to_dense"`
}

// equalFLOPs is how far FLOPs may be apart, relative to the larger, to count as equal.
const equalFLOPs = 0.02

// pairs compares the groups of different series that have a seed in common and are equal in
// size or in FLOPs, in the order of the groups.
func pairs(all []*group) []Pair {
	var out []Pair
	for i, a := range all {
		for _, b := range all[i+1:] {
			equal := equalIn(a, b)
			if equal == "" || a.series == b.series || !alike(a.runs[0], b.runs[0]) {
				continue
			}
			if p, ok := pairOf(a, b); ok {
				p.Equal, p.GapShare = equal, gapShare(a, b, all)
				out = append(out, p)
			}
		}
	}
	return out
}

// equalIn says in what two groups are equal, "" in nothing.
func equalIn(a, b *group) string {
	flops := math.Abs(a.flops-b.flops) <= equalFLOPs*max(a.flops, b.flops)
	switch size := sameSize(&a.runs[0].Config, &b.runs[0].Config); {
	case size && flops:
		return "size and FLOPs"
	case size:
		return "size"
	case flops:
		return "FLOPs"
	}
	return ""
}

// sameSize tells whether two configurations have one model, dense or not, and see as many
// tokens in as many steps.
func sameSize(a, b *train.Config) bool {
	return a.Model == b.Model && a.Layers == b.Layers && a.Hidden == b.Hidden && a.Heads == b.Heads && a.FFN == b.FFN &&
		a.MaxSteps == b.MaxSteps && a.SeqLen == b.SeqLen && a.BatchSize*a.Accumulation == b.BatchSize*b.Accumulation
}

// pairOf compares two groups by the seeds that both have; ok is false where there is none.
func pairOf(a, b *group) (p Pair, ok bool) {
	p = Pair{A: a.series, B: b.series}
	for _, x := range a.runs {
		i := slices.IndexFunc(b.runs, func(y *Run) bool { return y.Config.Seed == x.Config.Seed })
		if i < 0 {
			continue
		}
		d := x.loss() - b.runs[i].loss()
		p.Seeds, p.Differences = append(p.Seeds, x.Config.Seed), append(p.Differences, d)
		if d < 0 {
			p.Below++
		}
	}
	if len(p.Seeds) == 0 {
		return p, false
	}
	p.Mean = mean(p.Differences)
	p.SignP, p.TP = known(signTest(p.Differences)), known(tTest(p.Differences))
	return p, true
}

func mean(values []float64) float64 {
	sum := 0.
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// signTest is the p-value of the two-sided sign test: how likely a fair coin shows a side as
// often as the rarer sign, or less often, or the other side so. Zeros do not count; NaN where
// nothing else is there.
func signTest(differences []float64) float64 {
	n, below := 0, 0
	for _, d := range differences {
		if d != 0 {
			n++
		}
		if d < 0 {
			below++
		}
	}
	if n == 0 {
		return math.NaN()
	}
	coin := distuv.Binomial{N: float64(n), P: 0.5}
	return min(1, 2*coin.CDF(float64(min(below, n-below))))
}

// tTest is the p-value of the two-sided t test of a mean of 0: Student's distribution with
// n - 1 degrees of freedom at mean / (sd / sqrt(n)). NaN where there is none.
func tTest(differences []float64) float64 {
	n := float64(len(differences))
	m, squares := mean(differences), 0.
	for _, d := range differences {
		squares += (d - m) * (d - m)
	}
	if n < 2 || squares == 0 {
		return math.NaN()
	}
	t := m / math.Sqrt(squares/(n-1)/n)
	return 2 * distuv.StudentsT{Mu: 0, Sigma: 1, Nu: n - 1}.CDF(-math.Abs(t))
}

// gapShare is Pair.GapShare: (static - dynamic) / (static - dense), of the one dense group that
// has the size.
func gapShare(a, b *group, all []*group) *float64 {
	x, y := &a.runs[0].Config, &b.runs[0].Config
	if a.method != model.Dynamic || b.method != model.Static || !sameSize(x, y) || x.Sparsity != y.Sparsity || x.BlockSize != y.BlockSize {
		return nil
	}
	var dense *group
	for _, d := range all {
		if d.method != model.Dense || !sameSize(x, &d.runs[0].Config) || !alike(a.runs[0], d.runs[0]) {
			continue
		}
		if dense != nil {
			return nil
		}
		dense = d
	}
	if dense == nil || !(b.loss > dense.loss) {
		return nil
	}
	return known((b.loss - a.loss) / (b.loss - dense.loss))
}
