package report

import (
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Between the paper's dense Mini and Small, the interpolation gives the losses that
// the paper gives for the dense family, to the digits that it prints.
func TestDenseFamilyOfThePaper(t *testing.T) {
	f := family{{2.617e9, 2.614}, {10.07e9, 2.310}}
	for flops, want := range map[float64]float64{8.33e9: 2.350, 2.738e9: 2.603, 2.617e9: 2.614, 10.07e9: 2.310} {
		if got := f.lossAt(flops); !(math.Abs(got-want) <= 0.0006) {
			t.Errorf("at %.4g FLOPs: found a loss of %.4f, expected %.3f", flops, got, want)
		}
	}
	// Base s = 0.9, B = 16 has a loss of 2.311 at 8.33e9: the dense model needs 1.2 times as many.
	if ratio := f.flopsFor(2.311) / 8.33e9; !(math.Abs(ratio-1.2) <= 0.01) {
		t.Errorf("found a ratio of %.3f, expected 1.2", ratio)
	}
	for _, outside := range []float64{f.lossAt(2.6e9), f.lossAt(10.1e9), f.flopsFor(2.3), f.flopsFor(2.62), family{}.lossAt(1), family{}.flopsFor(1)} {
		if !math.IsNaN(outside) {
			t.Errorf("found %v outside the family, expected NaN", outside)
		}
	}
}

// lossAt and flopsFor are inverse, and on a power law exact.
func TestInterpolationIsAPowerLaw(t *testing.T) {
	law := func(flops float64) float64 { return 300 * math.Pow(flops, -0.21) }
	var f family
	for _, flops := range []float64{1e9, 3e9, 7e10, 8e10} {
		f = append(f, point{flops, law(flops)})
	}
	for flops := 1e9; flops <= 8e10; flops *= 1.07 {
		loss := f.lossAt(flops)
		if !(math.Abs(loss-law(flops)) <= 1e-12*loss) || !(math.Abs(f.flopsFor(loss)-flops) <= 1e-9*flops) {
			t.Errorf("at %g: found a loss of %v and back %v, expected %v", flops, loss, f.flopsFor(loss), law(flops))
		}
	}
}

// finished makes a run with a final evaluation.
func finished(method model.Method, hidden int, lr float64, seed uint64, flops, loss float64) *Run {
	c := train.DefaultConfig()
	c.Method, c.Hidden, c.LearningRate, c.Seed, c.MaxSteps = method, hidden, lr, seed, 10
	return &Run{
		Name: method.String(), Dir: method.String(), Config: c,
		Train: []At[metrics.Train]{{metrics.Train{Step: 10, FLOPs: flops}, 1}},
		Eval:  []At[metrics.Eval]{{metrics.Eval{Step: 10, MLMLoss: loss}, 1}},
	}
}

// Seeds are averaged, of several learning rates each is a series, and a dense model
// that a cheaper one beats is no part of the family.
func TestGroups(t *testing.T) {
	stopped := finished(model.Dynamic, 9, 1, 1, 1e9, 0.1)
	stopped.Eval[0].Record.Step = 5
	bad := finished(model.Dynamic, 9, 1, 1, 1e9, math.NaN())
	runs := []*Run{
		finished(model.Dense, 1, 1, 1, 1e9, 4), finished(model.Dense, 2, 1, 1, 2e9, 4.5), finished(model.Dense, 3, 1, 1, 4e9, 2),
		finished(model.Dynamic, 4, 1, 1, 1e9, 2.9), finished(model.Dynamic, 4, 1, 2, 1e9, 3.1), finished(model.Dynamic, 4, 2, 1, 1e9, 3.5),
		finished(model.Static, 4, 1, 1, 1e9, 5), stopped, bad,
	}
	nameSeries(runs)
	all := groups(runs)
	var got []float64
	var names []string
	for _, g := range all {
		got, names = append(got, g.loss), append(names, g.series)
	}
	if want := []float64{3, 3.5, 5, 4, 4.5, 2}; !slices.Equal(got, want) {
		t.Errorf("found the losses %v, expected %v", got, want)
	}
	if want := []string{"dynamic s=0.9 B=16 learning_rate=1", "dynamic s=0.9 B=16 learning_rate=2", "static s=0.9 B=16", "dense", "dense", "dense"}; !slices.Equal(names, want) {
		t.Errorf("found the series %q, expected %q", names, want)
	}
	if sd := all[0].sd; !(math.Abs(sd-math.Sqrt(0.02)) <= 1e-12) || !math.IsNaN(all[1].sd) {
		t.Errorf("found standard deviations of %v and %v, expected %v and none", sd, all[1].sd, math.Sqrt(0.02))
	}
	f := denseFamilies(all)
	if want := (family{{1e9, 4}, {4e9, 2}}); len(f) != 1 || f[0].series != "dense" || !slices.Equal(f[0].family, want) {
		t.Errorf("found the families %v, expected %v", f, want)
	}
	c := comparisons(all, f)
	if len(c) != 3 || len(c[0].Runs) != 2 || c[0].LowestLoss != 2.9 || c[0].HighestLoss != 3.1 || *c[0].DenseLoss != 4 || c[1].Deviation != nil {
		t.Fatalf("found %+v, expected three series, dynamic of two seeds first", c)
	}
	// ln 3 lies log(4/3)/log(2) of the way from ln 4 to ln 2.
	want := 1e9 * math.Pow(4, math.Log(4./3)/math.Log(2))
	if !(math.Abs(*c[0].DenseFLOPs-want) <= 1) || !(math.Abs(*c[0].Ratio-want/1e9) <= 1e-9) {
		t.Errorf("found %v FLOPs, ratio %v, expected %v", *c[0].DenseFLOPs, *c[0].Ratio, want)
	}
	if c[2].DenseFLOPs != nil || c[2].Ratio != nil || *c[2].DenseLoss != 4 {
		t.Errorf("found %+v, expected no FLOPs for a loss above the family's", c[2])
	}
}

// Block sizes come in the order of numbers. Series at one number of FLOPs stand side by side, in that
// order; the dense signs and a series alone stand where they are.
func TestSeriesStandSideBySide(t *testing.T) {
	var runs []*Run
	for i, block := range []int{16, 1, 4} {
		r := finished(model.Static, 128, 0.001, 1, 2e12, 5+float64(i))
		r.Config.Sparsity, r.Config.BlockSize = 0.9, block
		runs = append(runs, r)
	}
	alone := finished(model.Static, 128, 0.001, 1, 3e12, 5)
	alone.Config.Sparsity, alone.Config.BlockSize = 0.8, 16
	c := paretoChart(append(runs, alone, finished(model.Dense, 128, 0.001, 1, 2e12, 6)), map[string]ink{})
	var names []string
	var shifts []float64
	for _, s := range c.curves {
		names, shifts = append(names, s.name), append(shifts, s.shift)
	}
	if expected := []string{"static s=0.8 B=16", "static s=0.9 B=1", "static s=0.9 B=4", "static s=0.9 B=16", "dense"}; !slices.Equal(names, expected) {
		t.Errorf("found %q, expected %q", names, expected)
	}
	if expected := []float64{0, -9, 0, 9, 0}; !slices.Equal(shifts, expected) {
		t.Errorf("found shifts of %v, expected %v", shifts, expected)
	}
	s := c.curves[1]
	if at := s.draw(new(svgCanvas), func(p point) point { return point{p.x, p.y} }); at[0].x != s.points[0].x-9 {
		t.Errorf("found the sign at %v, expected it 9 to the left of %v", at[0].x, s.points[0].x)
	}
}

func TestParetoNeedsTwoRuns(t *testing.T) {
	one := []*Run{finished(model.Dense, 1, 1, 1, 1e9, 4)}
	if paretoChart(one, map[string]ink{}) != nil {
		t.Error("found a figure of one run, expected none")
	}
	two := append(one, finished(model.Dynamic, 1, 1, 1, 1e9, 4))
	_, colors := seriesColors(two)
	c := paretoChart(two, colors)
	if c == nil || c.empty() {
		t.Fatal("found no figure of two runs")
	}
	if colors["dense"] != inkDense || colors[seriesOf(two[1])] != 0 {
		t.Errorf("found the colors %v, expected grey for dense and the first for dynamic", colors)
	}
}
