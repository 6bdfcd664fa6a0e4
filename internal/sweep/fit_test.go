package sweep

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// valley makes the results of a group whose loss is a parabola over ln rate with
// its lowest point at best, and an offset for each seed.
func valley(t *testing.T, name string, method model.Method, s, best float64, seeds int, rates ...float64) []*Result {
	t.Helper()
	var out []*Result
	for seed := 1; seed <= seeds; seed++ {
		for _, rate := range rates {
			c := train.DefaultConfig()
			c.Model, c.Method, c.Sparsity, c.LearningRate, c.Seed = name, method, s, rate, uint64(seed)
			text, err := settings.Encode(&c)
			if err != nil {
				t.Fatal(err)
			}
			x := math.Log(rate / best)
			loss := 3 + 0.2*x*x + 0.1*float64(seed)
			out = append(out, &Result{Name: fmt.Sprint(len(out)), Group: "g", Status: Done, Config: text, MLMLoss: &loss})
		}
	}
	return out
}

// Results made by the paper's rule give back its coefficients.
func TestFitFindsTheRule(t *testing.T) {
	var results []*Result
	dense := map[string]float64{"mini": 8e-4, "small": 4e-4}
	for _, name := range []string{"mini", "small"} {
		for _, s := range []float64{0, 0.25, 0.5, 0.75, 0.9} {
			method := model.Static
			if s == 0 {
				method = model.Dense // whose sparsity setting means nothing
			}
			best := dense[name] * math.Exp(1.969*s*s+0.2905*s)
			given := map[bool]float64{true: 0.9, false: s}[s == 0]
			results = append(results, valley(t, name, method, given, best, 2, best/3, best/1.2, best*1.7)...)
		}
	}
	// Runs of another group, diverged ones, and seeds that have the chosen rate only
	// do not count.
	stray := valley(t, "mini", model.Static, 0.9, 1, 1, 0.5, 1, 2)
	for _, r := range stray {
		r.Group = "other"
	}
	lone := valley(t, "mini", model.Static, 0.5, 1e-9, 9, 8e-4*math.Exp(1.969*0.25+0.2905*0.5)*1.7)[2:]
	bad := valley(t, "mini", model.Static, 0.5, 1, 1, 77)
	bad[0].Status, bad[0].MLMLoss = Diverged, nil
	results = append(append(append(results, stray...), lone...), bad...)

	r, err := FitRule(results, []string{"g"})
	if err != nil {
		t.Fatal(err)
	}
	if !(math.Abs(r.B-1.969) < 1e-9) || !(math.Abs(r.C-0.2905) < 1e-9) || !(r.Residual < 1e-9) || len(r.Points) != 10 {
		t.Errorf("found b %v, c %v, residual %v from %d points, expected 1.969, 0.2905, 0 from 10", r.B, r.C, r.Residual, len(r.Points))
	}
	for _, m := range r.Models {
		name, _, _ := strings.Cut(m.Model, "-")
		if want := dense[name]; !(math.Abs(m.DenseRate/want-1) < 1e-9) {
			t.Errorf("%s: found %v, expected %v", m.Model, m.DenseRate, want)
		}
	}
	for _, p := range r.Points {
		if !p.Interpolated || p.Runs != 6 {
			t.Errorf("%+v: expected a parabola through 6 runs", p)
		}
	}
}

// At the end of the grid the grid's rate is all there is.
func TestBestRateAtTheEnd(t *testing.T) {
	r := valley(t, "mini", model.Static, 0.5, 1, 1, 0.1, 0.2, 0.4)
	s := setting{seeds: map[uint64]map[float64]float64{1: {}}}
	for i, rate := range []float64{0.1, 0.2, 0.4} {
		s.seeds[1][rate] = *r[i].MLMLoss
	}
	if p := s.best(); p.Interpolated || p.LearningRate != 0.4 || p.GridRate != 0.4 {
		t.Errorf("found %+v, expected the grid's 0.4", p)
	}
}

func TestFitNeedsSparsities(t *testing.T) {
	two := append(valley(t, "mini", model.Static, 0.5, 1, 1, 0.5, 1, 2), valley(t, "mini", model.Static, 0.9, 1, 1, 0.5, 1, 2)...)
	if _, err := FitRule(two, []string{"g"}); err == nil || !strings.Contains(err.Error(), "found 2 best learning rates for 3 coefficients") {
		t.Errorf("found %v, expected too few points", err)
	}
	same := append(two, valley(t, "mini", model.Dynamic, 0.9, 1, 1, 0.5, 1, 2)...)
	same = append(same, valley(t, "mini", model.Dynamic, 0.5, 1, 1, 0.5, 1, 2)...)
	if _, err := FitRule(same, []string{"g"}); err == nil || !strings.Contains(err.Error(), "do not determine") {
		t.Errorf("found %v, expected sparsities that do not determine the rule", err)
	}
}

// A fit that the runs can never determine, or whose groups try no rates, is refused
// before any run.
func TestFitIsCheckedBeforeTheRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: starts no goroutine")
	}
	const defaults = "defaults: {layers: 1, hidden: 32, heads: 2, ffn: 64, block_size: 8, seq_len: 32, max_steps: 6}\n"
	for name, c := range map[string]struct{ groups, says string }{
		"two sparsities in two lengths": {"- {name: t, cross: {max_steps: [6, 12], sparsity: [0.25, 0.5]}, tune: {learning_rate: [0.001, 0.01]}}\n", "do not determine"},
		"two sparsities":                {"- {name: t, cross: {sparsity: [0.25, 0.5]}, tune: {learning_rate: [0.001, 0.01]}}\n", "found 2 best learning rates for 3"},
		"seeds are no points":           {"- {name: t, cross: {sparsity: [0.25, 0.5], seed: [1, 2, 3]}, tune: {learning_rate: [0.001, 0.01]}}\n", "found 2 best learning rates for 3"},
		"no rates":                      {"- {name: t, cross: {sparsity: [0.25, 0.5, 0.75]}}\n", "tries no learning rates"},
		"one rate":                      {"- {name: t, cross: {sparsity: [0.25, 0.5, 0.75], learning_rate: [0.1]}}\n", "tries no learning rates"},
		"enough":                        {"- {name: t, cross: {sparsity: [0.25, 0.5, 0.75], learning_rate: [0.1, 0.2]}}\n", ""},
		"enough with tune":              {"- {name: t, cross: {sparsity: [0.25, 0.5, 0.75], seed: [1, 2]}, tune: {learning_rate: [0.1, 0.2]}}\n", ""},
	} {
		f, err := Parse("f", "/", []byte(defaults+"groups:\n"+c.groups+"fit: {groups: [t]}\n"))
		if err == nil {
			var runs []*Run
			if runs, err = f.Runs(nil); err == nil {
				s := &Sweep{File: f, Runs: runs, Out: t.TempDir(), Open: openCPU}
				_, err = s.Check(t.Context())
			}
		}
		if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || !train.IsUsage(err)) {
			t.Errorf("%s: found %v, expected a usage error with %q", name, err, c.says)
		}
	}
}
