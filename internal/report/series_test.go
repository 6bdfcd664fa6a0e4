package report

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Two growths and two ratios make four series, each with all of its seeds, whichever is better.
// Candidates of a learning rate, and what their seeds gave, are in none.
func TestEverySettingThatDiffersMakesASeries(t *testing.T) {
	var runs []*Run
	loss := 3.
	for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient} {
		for _, ratio := range []float64{0.2, 0.5} {
			for seed := range uint64(3) {
				loss += 0.01
				r := finished(model.Dynamic, 64, 0.002, 1+seed, 1e9, loss)
				r.Config.Growth, r.Config.PruneRatio, r.Config.LoggingSteps = growth, ratio, int64(10+seed)
				runs = append(runs, r.as(fmt.Sprint("run", len(runs)), sweep.RoleRun, sweep.Done))
			}
			for _, rate := range []float64{0.001, 0.002} {
				r := finished(model.Dynamic, 64, rate, 9, 1e9, 0.5)
				r.Config.Growth, r.Config.PruneRatio = growth, ratio
				runs = append(runs, r.as(fmt.Sprint("tried", len(runs)), sweep.RoleCandidate, sweep.Done))
			}
		}
	}
	nameSeries(runs)
	order, colors := seriesColors(runs)
	var names []string
	var inks []ink
	for _, g := range groups(runs) {
		names = append(names, g.series)
		inks = append(inks, colors[g.series])
		if len(g.runs) != 3 || !(g.lo > 3) || slices.ContainsFunc(g.runs, func(r *Run) bool { return r.Config.Seed == 9 }) {
			t.Errorf("%s: found %d runs from a loss of %v on, expected three seeds above 3", g.series, len(g.runs), g.lo)
		}
	}
	want := []string{
		"dynamic s=0.9 B=16 prune_ratio=0.2 growth=gradient", "dynamic s=0.9 B=16 prune_ratio=0.2 growth=random",
		"dynamic s=0.9 B=16 prune_ratio=0.5 growth=gradient", "dynamic s=0.9 B=16 prune_ratio=0.5 growth=random",
	}
	if !slices.Equal(names, want) {
		t.Errorf("found the series %q, expected %q", names, want)
	}
	slices.Sort(inks)
	if len(slices.Compact(inks)) != 4 || len(order) != 4 {
		t.Errorf("found the colors %v of %q, expected four", colors, order)
	}
	c := paretoChart(runs, colors)
	if !strings.Contains(c.caption, "Signs of equal FLOPs stand side by side") || strings.Contains(c.caption, "One seed only") {
		t.Errorf("found the caption %q", c.caption)
	}
}

// A rate that goes with the size makes no series; one that differs within a size does. So does the
// length of the run, but where sizes are alike.
func TestWhatFollowsTheSizeMakesNoSeries(t *testing.T) {
	run := func(hidden int, rate float64, steps int64) *Run {
		r := finished(model.Dense, hidden, rate, 1, float64(hidden)*1e9, 4)
		r.Config.MaxSteps = steps
		return r
	}
	for name, k := range map[string]struct {
		runs []*Run
		want []string
	}{
		"sizes with rates of their own": {[]*Run{run(32, 0.004, 10), run(64, 0.002, 10)}, []string{"dense", "dense"}},
		"two rates of a size":           {[]*Run{run(32, 0.004, 10), run(64, 0.002, 10), run(64, 0.001, 10)}, []string{"dense learning_rate=0.004", "dense learning_rate=0.002", "dense learning_rate=0.001"}},
		"lengths":                       {[]*Run{run(64, 0.002, 10), run(64, 0.002, 20)}, []string{"dense", "dense"}},
		"sizes and lengths":             {[]*Run{run(32, 0.002, 10), run(64, 0.002, 20)}, []string{"dense max_steps=10", "dense max_steps=20"}},
	} {
		nameSeries(k.runs)
		for i, r := range k.runs {
			if seriesOf(r) != k.want[i] {
				t.Errorf("%s: found %q, expected %q", name, seriesOf(r), k.want[i])
			}
		}
	}
	a, b := run(64, 0.002, 10), run(64, 0.002, 10)
	a.Text, b.Text = &train.Fingerprint{Train: "aaaaaaaa", Valid: "v", Vocab: "w"}, &train.Fingerprint{Train: "bbbbbbbb", Valid: "v", Vocab: "w"}
	a.Config.Corpus = []string{"somewhere"}
	if nameSeries([]*Run{a, b}); seriesOf(a) != "dense text=aaaaaa" || seriesOf(b) != "dense text=bbbbbb" {
		t.Errorf("two texts: found %q and %q", seriesOf(a), seriesOf(b))
	}
}

// A method has one color, of few runs and of many.
func TestMethodsHaveOneColor(t *testing.T) {
	var runs []*Run
	for seed := range uint64(9) {
		for _, m := range []model.Method{model.Dense, model.Dynamic, model.Static} {
			runs = append(runs, finished(m, 64, 0.002, 1+seed, 1e9, 3))
		}
	}
	for _, some := range [][]*Run{runs[:3], runs[:6], runs, {runs[2]}} {
		nameSeries(some)
		of, _ := looks(some)
		dashes := map[look]bool{}
		for _, r := range some {
			l := of[r]
			if l.color != methodInk(r.Config.Method) {
				t.Errorf("%d runs, %s: found color %d, expected %d", len(some), r.Config.Method, l.color, methodInk(r.Config.Method))
			}
			l.label = ""
			dashes[l] = true
		}
		if len(some) <= fewRuns && len(dashes) != len(some) {
			t.Errorf("%d runs: found %d looks, expected one each", len(some), len(dashes))
		}
	}
}

// What is one seed is said, and what ends near the word frequencies is too short to compare.
func TestShortAndSingleRunsAreNamed(t *testing.T) {
	dynamic, again, dense := finished(model.Dynamic, 64, 0.002, 1, 1e9, 5.65), finished(model.Dynamic, 64, 0.002, 2, 1e9, 5.6), finished(model.Dense, 64, 0.002, 1, 2e9, 5.3)
	dense.Name = "long enough"
	runs := []*Run{dynamic, again, dense}
	for _, r := range runs {
		r.Unigram = 5.73
	}
	r, err := New(&Data{Runs: runs})
	if err != nil {
		t.Fatal(err)
	}
	page := string(pageOf(t, r))
	for _, want := range []string{"too short to compare: dynamic end within 0.1 nats", "One seed only: dense.", "unigram entropy 5.730", "5.6000 to 5.6500"} {
		if !strings.Contains(page, want) {
			t.Errorf("expected %q in the page", want)
		}
	}
	alone, err := New(&Data{Runs: []*Run{dynamic, dense}})
	if err != nil {
		t.Fatal(err)
	}
	if page := string(pageOf(t, alone)); !strings.Contains(page, "Each sign is one seed") {
		t.Error("expected the page to say that each sign is one seed")
	}
}
