package bench_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/bench"
)

// measured is a result whose sparse product takes so much of the dense one's time.
func measured(block int, sparsity, ratio float64) bench.Result {
	c := small
	c.Block, c.Sparsity = block, sparsity
	return bench.Result{Case: c, SecondsMedian: 4e-6 * ratio, Dense: &bench.Dense{SecondsMedian: 4e-6, Speedup: 1 / ratio}}
}

func TestCrossovers(t *testing.T) {
	for _, c := range []struct {
		name    string
		points  [][2]float64 // sparsity and ratio
		verdict string
		at      float64
	}{
		{"between two", [][2]float64{{0.9, 0.6}, {0.5, 1.4}, {0.7, 1.2}}, "from", 0.7 + 0.2*0.2/0.6},
		{"equal at one", [][2]float64{{0.5, 1.1}, {0.7, 1}, {0.9, 0.5}}, "from", 0.7},
		{"faster everywhere", [][2]float64{{0.5, 0.99}, {0.9, 0.2}}, "always", 0},
		{"slower everywhere", [][2]float64{{0.5, 3}, {0.9, 1.01}}, "never", 0},
		{"slower at the end", [][2]float64{{0.5, 0.9}, {0.9, 1.1}}, "never", 0},
		{"faster, slower, faster", [][2]float64{{0.5, 0.9}, {0.7, 1.1}, {0.9, 0.9}}, "from", 0.8},
		{"one point", [][2]float64{{0.5, 0.5}}, "always", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var results []bench.Result
			for _, p := range c.points {
				results = append(results, measured(16, p[0], p[1]))
			}
			list := bench.Crossovers(results)
			if len(list) != 1 || list[0].Verdict != c.verdict || len(list[0].Points) != len(c.points) {
				t.Fatalf("found %+v, expected one %q", list, c.verdict)
			}
			if s := list[0].Sparsity; (s != nil) != (c.verdict == "from") || s != nil && !near(*s, c.at) {
				t.Errorf("found sparsity %v, expected %v", s, c.at)
			}
		})
	}
}

// Cases that differ in anything but the sparsity are apart, and what has no dense
// product is left out.
func TestCrossoverGroups(t *testing.T) {
	alone := measured(16, 0.9, 0.5)
	alone.Dense = nil
	list := bench.Crossovers([]bench.Result{measured(16, 0.5, 2), measured(32, 0.5, 0.5), measured(16, 0.9, 0.5), alone})
	if len(list) != 2 || list[0].Block != 16 || len(list[0].Points) != 2 || list[1].Block != 32 || list[1].Verdict != "always" {
		t.Errorf("found %+v", list)
	}
	if p := list[0].Points[1]; p.Sparsity != 0.9 || !near(p.Speedup, 2) || !near(p.UsefulPercent, 9.375) {
		t.Errorf("found %+v", p)
	}
}
