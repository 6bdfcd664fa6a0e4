package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// group is the runs that differ in their seed only.
type group struct {
	series string
	method model.Method
	runs   []*Run
	flops  float64
	loss   float64 // mean over seeds
	lo, hi float64
}

// denseSeries is the series of the dense models.
const denseSeries = "dense"

// seriesOf names what a run is an example of.
func seriesOf(r *Run) string {
	if r.Config.Method == model.Dense {
		return denseSeries
	}
	name := r.Config.Method.String()
	if r.Config.Method == model.Partial {
		name += fmt.Sprintf(" (%s, %s, %s)", r.Config.PartialPhases, r.Config.PartialChoice, r.Config.PartialRest)
	}
	return fmt.Sprintf("%s s=%g B=%d", name, r.Config.Sparsity, r.Config.BlockSize)
}

// ended says whether a run was trained to its end and has a final loss. It counts
// with its last evaluation, and only after its last step.
func (r *Run) ended() bool {
	f := r.Final()
	return f != nil && f.Step >= r.Config.MaxSteps && finite(f.MLMLoss)
}

// groups puts the runs that were trained to their end together, by series, then by
// FLOPs. Those that only tried a learning rate for others do not count.
func groups(runs []*Run) []*group {
	byKey := map[string]*group{}
	var all []*group
	for _, r := range runs {
		if !r.ended() || r.Candidate() || !(r.FLOPsAt(r.Final().Step) > 0) {
			continue
		}
		f := r.Final()
		c := r.Config
		c.Seed = 0
		key, err := r.key(c)
		if err != nil {
			key = r.Dir // alone
		}
		g := byKey[key]
		if g == nil {
			g = &group{series: seriesOf(r), method: c.Method, flops: r.FLOPsAt(f.Step), lo: math.Inf(1), hi: math.Inf(-1)}
			byKey[key] = g
			all = append(all, g)
		}
		g.runs = append(g.runs, r)
		g.loss += f.MLMLoss
		g.lo, g.hi = min(g.lo, f.MLMLoss), max(g.hi, f.MLMLoss)
	}
	for _, g := range all {
		g.loss /= float64(len(g.runs))
	}
	slices.SortStableFunc(all, func(a, b *group) int {
		x, y := &a.runs[0].Config, &b.runs[0].Config
		return cmp.Or(cmp.Compare(methodOrder(a.method), methodOrder(b.method)), cmp.Compare(x.Sparsity, y.Sparsity), cmp.Compare(x.BlockSize, y.BlockSize),
			cmp.Compare(a.series, b.series), cmp.Compare(a.flops, b.flops), cmp.Compare(a.loss, b.loss))
	})
	return all
}

// methodOrder puts the dense model last.
func methodOrder(m model.Method) int {
	return slices.Index([]model.Method{model.Dynamic, model.Static, model.Partial, model.Dense}, m)
}

// best returns the groups of lowest loss, one for each series and number of FLOPs
// (to four digits): the best of what a sweep tried.
func best(all []*group) []*group {
	var out []*group
	seen := map[string]bool{}
	for _, g := range all { // by loss within one number of FLOPs
		key := fmt.Sprintf("%s %.3e", g.series, g.flops)
		if !seen[key] {
			seen[key] = true
			out = append(out, g)
			continue
		}
		for i, other := range out {
			if fmt.Sprintf("%s %.3e", other.series, other.flops) == key && g.loss < other.loss {
				out[i] = g
			}
		}
	}
	return out
}
