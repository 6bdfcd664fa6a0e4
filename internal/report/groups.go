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
	runs   []*Run // by seed
	flops  float64
	loss   float64 // mean over seeds
	lo, hi float64
	sd     float64 // of the sample; NaN of one run
}

// ended says whether a run was trained to its end and has a final loss. It counts
// with its last evaluation, and only after its last step.
func (r *Run) ended() bool { return r.atItsEnd() && finite(r.loss()) }

// loss is the final figure of a run that has a last evaluation.
func (r *Run) loss() float64 {
	if r.byTest && r.Test != nil {
		return r.Test.MLMLoss
	}
	return r.Final().MLMLoss
}

// finalText chooses the text whose loss is the final figure of all runs: that of the test, which
// nothing was chosen by, where all that are reported have measured one and the same, else that of
// the validation. It returns the name of the text.
func finalText(runs []*Run) string {
	reported, test, of := false, true, map[string]bool{}
	for _, r := range runs {
		if !r.atItsEnd() || r.Candidate() {
			continue
		}
		reported, test = true, test && r.Test != nil
		if r.Text != nil {
			of[r.Text.Test] = true
		}
	}
	test = test && reported && len(of) <= 1
	for _, r := range runs {
		r.byTest = test
	}
	if test {
		return "test"
	}
	return "validation"
}

// groups puts the runs that were trained to their end together, by series, then by
// FLOPs. Those that only tried a learning rate for others do not count, and of several
// runs of one seed the first alone: a copy is no further sample.
func groups(runs []*Run) []*group {
	byKey := map[string]*group{}
	var all []*group
	for _, r := range runs {
		if !r.ended() || r.Candidate() || !(r.FLOPsAt(r.Final().Step) > 0) {
			continue
		}
		key, err := r.seedless()
		if err != nil {
			key = r.Dir // alone
		}
		g := byKey[key]
		if g == nil {
			g = &group{series: seriesOf(r), method: r.Config.Method}
			byKey[key] = g
			all = append(all, g)
		}
		g.runs = append(g.runs, r)
	}
	for _, g := range all {
		slices.SortStableFunc(g.runs, func(a, b *Run) int { return cmp.Compare(a.Config.Seed, b.Config.Seed) })
		g.runs = slices.CompactFunc(g.runs, func(a, b *Run) bool { return a.Config.Seed == b.Config.Seed }) // see repeated
		g.sum()
	}
	slices.SortStableFunc(all, func(a, b *group) int {
		return cmp.Or(inOrder(a.runs[0], b.runs[0]), cmp.Compare(a.series, b.series), cmp.Compare(a.flops, b.flops), cmp.Compare(a.loss, b.loss))
	})
	return all
}

// seedless is the key of a run's group: that of its configuration without what is harmless.
func (r *Run) seedless() (string, error) {
	c := r.Config
	c.Seed, c.LoggingSteps, c.EvalSteps, c.EvalBatches = 0, 1, 0, 0
	return r.key(c)
}

// repeated warns of finished runs of one configuration and seed, of which groups takes the first.
func repeated(runs []*Run) []string {
	first, names := map[string]*Run{}, []string{}
	for _, r := range runs {
		if !r.ended() || r.Candidate() {
			continue
		}
		key, err := r.seedless()
		if err != nil {
			continue
		}
		key += fmt.Sprint(" ", r.Config.Seed)
		if was := first[key]; was != nil {
			names = append(names, fmt.Sprintf("%s as %s", r.Name, was.Name))
			continue
		}
		first[key] = r
	}
	if len(names) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("runs of one configuration and seed: %s; each seed counts once, by the first", few(names))}
}

// mean is the mean of a number of the group's runs, NaN where one is not known. Of equal numbers
// it is that number.
func (g *group) mean(of func(*Run) float64) float64 {
	first := of(g.runs[0])
	rest := 0.
	for _, r := range g.runs[1:] {
		v := of(r)
		if !(v > 0) {
			return math.NaN()
		}
		rest += v - first
	}
	return first + rest/float64(len(g.runs))
}

// sum works out mean and spread.
func (g *group) sum() {
	g.flops, g.loss, g.lo, g.hi = 0, 0, math.Inf(1), math.Inf(-1)
	for _, r := range g.runs {
		loss := r.loss()
		g.loss += loss / float64(len(g.runs))
		g.flops += r.FLOPsAt(r.Final().Step) / float64(len(g.runs)) // one number, but of runs that stopped early
		g.lo, g.hi = min(g.lo, loss), max(g.hi, loss)
	}
	squares := 0.
	for _, r := range g.runs {
		d := r.loss() - g.loss
		squares += d * d
	}
	g.sd = math.Sqrt(squares / float64(len(g.runs)-1)) // of one run 0/0
}

// size says which model the group trained, for how long.
func (g *group) size() string {
	r := g.runs[0]
	c := &r.Config
	text := c.Model
	for _, part := range []struct {
		n    int
		name string
	}{{c.Layers, "layers"}, {c.Hidden, "hidden"}, {c.FFN, "ffn"}} {
		if part.n > 0 {
			text += fmt.Sprintf(" %s=%d", part.name, part.n)
		}
	}
	return text
}

// onPlateau returns the runs that ended near the unigram entropy, where that is known.
func onPlateau(all []*group) (runs []*Run) {
	for _, g := range all {
		for _, r := range g.runs {
			if r.onPlateau() {
				runs = append(runs, r)
			}
		}
	}
	return runs
}
