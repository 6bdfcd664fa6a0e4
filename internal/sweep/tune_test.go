package sweep

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// Rates are tried with a seed of their own and without the test text, which the runs of the grid
// alone measure. Without one the sweep says that rates are chosen on what is reported.
func TestTuneKeepsItsSeedAndTheTestTextApart(t *testing.T) {
	file := smallSweep(t)
	held := filepath.Join(filepath.Dir(file), "held.txt")
	if err := os.WriteFile(held, []byte(strings.Repeat("The cat sat. The dog ran away from the cat in the night.\n\n", 60)), 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := Load(file)
	if err != nil {
		t.Fatal(err)
	}
	const says = "tune: no test text given"
	for _, test := range [][]string{nil, {held}} {
		runs, err := f.Runs(func(c *train.Config) { c.Threads, c.Test = 1, test })
		if err != nil {
			t.Fatal(err)
		}
		s := &Sweep{File: f, Runs: runs, Out: filepath.Join(t.TempDir(), "out"), Jobs: 2, Open: openCPU, Watch: &quiet{}}
		p, err := s.Check(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if warned := slices.ContainsFunc(p.Warnings, func(w string) bool { return strings.HasPrefix(w, says) }); warned != (test == nil) {
			t.Errorf("test text %q: found the warnings %q", test, p.Warnings)
		}
		if test == nil {
			continue
		}
		if err := s.Do(context.Background()); err != nil {
			t.Fatal(err)
		}
		// Of the rates in this short run the largest wins by far.
		if said := s.Watch.(*quiet).warned; !slices.ContainsFunc(said, func(w string) bool {
			return strings.HasPrefix(w, "tune: group dense: the best rate, 0.03 of dense-seed3-lr0.03, is the largest of the 3 tried")
		}) {
			t.Errorf("found the warnings %q, expected one of the rate at the end of its list", said)
		}
		for _, r := range s.Results() {
			tried := r.Role == RoleCandidate
			if tried != strings.Contains(r.Name, "seed3-lr") || (r.TestMLMLoss == nil) != tried || (r.Text.Test == "") != tried {
				t.Errorf("%s: found role %s and test loss %v, expected one of the grid's runs alone", r.Name, r.Role, r.TestMLMLoss)
			}
		}
	}
}

// A best rate at an end of those tried says nothing of what lies beyond it, and the user hears so.
func TestEdgeOfTheRatesTried(t *testing.T) {
	for _, c := range []struct {
		best  float64
		rates []float64
		says  string
	}{
		{0.02, []float64{0.01, 0.02, 0.04}, ""},
		{0.01, []float64{0.02, 0.01, 0.04}, "tune: group g: the best rate, 0.01 of g-0.01, is the smallest of the 3 tried; a smaller one"},
		{0.04, []float64{0.01, 0.04}, "tune: group g: the best rate, 0.04 of g-0.04, is the largest of the 2 tried; a larger one"},
		{0.01, []float64{0.01}, ""},
	} {
		made := &choice{}
		for _, rate := range c.rates {
			r := &Run{Name: fmt.Sprint("g-", rate), Group: "g", choice: made}
			r.Config.LearningRate = rate
			made.candidates = append(made.candidates, r)
			if rate == c.best {
				made.best = r
			}
		}
		if says := made.edge(); says != c.says && (c.says == "" || !strings.HasPrefix(says, c.says)) {
			t.Errorf("%v of %v: found %q, expected %q", c.best, c.rates, says, c.says)
		}
	}
}
