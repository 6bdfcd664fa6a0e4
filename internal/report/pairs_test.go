package report

import (
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// The sign test counts coins; the t test has the quantiles of Student's tables.
func TestPairedTests(t *testing.T) {
	for _, k := range []struct {
		differences []float64
		want        float64
	}{
		{[]float64{-1, -2, -3}, 0.25},
		{[]float64{1, 2, 3, 4, 5, 6}, 2. / 64},
		{[]float64{-1, 2, 3, 4, 5, 6}, 14. / 64},
		{[]float64{-1, 2, 0}, 1},
		{[]float64{-1}, 1},
	} {
		if p := signTest(k.differences); !(math.Abs(p-k.want) <= 1e-12) {
			t.Errorf("sign test of %v: found %v, expected %v", k.differences, p, k.want)
		}
	}
	// Two-sided quantiles of t: 4.3027 at 0.05 and 9.9248 at 0.01 for 2 degrees of freedom, 12.7062 at
	// 0.05 for 1, 2.5706 at 0.05 for 5.
	spread := func(n int, t float64) (out []float64) { // mean t sd / sqrt(n)
		for i := range n {
			out = append(out, float64(i)-float64(n-1)/2)
		}
		squares := 0.
		for _, v := range out {
			squares += v * v
		}
		for i := range out {
			out[i] -= t * math.Sqrt(squares/float64(n-1)/float64(n))
		}
		return out
	}
	for _, k := range []struct {
		n       int
		t, want float64
	}{{3, 4.3027, 0.05}, {3, 9.9248, 0.01}, {2, 12.7062, 0.05}, {6, 2.5706, 0.05}, {6, -2.5706, 0.05}, {4, 0, 1}} {
		if p := tTest(spread(k.n, k.t)); !(math.Abs(p-k.want) <= 2e-6) {
			t.Errorf("t test, n = %d, t = %v: found %v, expected %v", k.n, k.t, p, k.want)
		}
	}
	for _, none := range []float64{signTest([]float64{0, 0}), tTest([]float64{1}), tTest([]float64{1, 1})} {
		if !math.IsNaN(none) {
			t.Errorf("found %v, expected none", none)
		}
	}
}

// The figures of docs/results.md: pairs by seed, and the share of the gap.
func TestPairs(t *testing.T) {
	var runs []*Run
	add := func(m model.Method, hidden int, flops float64, losses ...float64) {
		for i, loss := range losses {
			r := finished(m, hidden, 0.006, uint64(i+1), flops, loss)
			r.Config.BlockSize = 1
			runs = append(runs, r)
		}
	}
	add(model.Dynamic, 64, 7.73e12, 3.894, 3.902, 3.887)
	add(model.Static, 64, 7.73e12, 3.951, 3.944, 3.910)
	add(model.Dense, 28, 7.66e12, 4.014, 3.972, 3.977)
	add(model.Dense, 64, 33.8e12, 3.802)
	nameSeries(runs)
	found := pairs(groups(runs))
	type row struct {
		a, b, equal string
		seeds       int
		mean        float64
	}
	var got []row
	for _, p := range found {
		got = append(got, row{p.A, p.B, p.Equal, len(p.Seeds), math.Round(p.Mean*1e4) / 1e4})
	}
	const dynamic, static = "dynamic s=0.9 B=1", "static s=0.9 B=1"
	want := []row{
		{dynamic, static, "size and FLOPs", 3, -0.0407}, {dynamic, "dense", "FLOPs", 3, -0.0933}, {dynamic, "dense", "size", 1, 0.092},
		{static, "dense", "FLOPs", 3, -0.0527}, {static, "dense", "size", 1, 0.149},
	}
	if !slices.Equal(got, want) {
		t.Fatalf("found the pairs %v, expected %v", got, want)
	}
	first := found[0]
	if first.Below != 3 || !(math.Abs(*first.SignP-0.25) <= 1e-12) || !(math.Abs(*first.GapShare-0.306) <= 0.001) {
		t.Errorf("found %+v, expected dynamic below in three of three and 0.31 of the gap", first)
	}
	if found[2].TP != nil || found[1].GapShare != nil {
		t.Errorf("found %+v, %+v, expected no t test of one seed and no gap of other pairs", found[2], found[1])
	}
	other := finished(model.Static, 64, 0.006, 7, 7.73e12, 4)
	other.Config.BlockSize = 1
	if p := pairs(groups([]*Run{runs[0], other})); len(p) != 0 {
		t.Errorf("without a common seed: found %+v", p)
	}
}
