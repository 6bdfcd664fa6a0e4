package sweep

import (
	"context"
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
		for _, r := range s.Results() {
			tried := r.Role == RoleCandidate
			if tried != strings.Contains(r.Name, "seed3-lr") || (r.TestMLMLoss == nil) != tried || (r.Text.Test == "") != tried {
				t.Errorf("%s: found role %s and test loss %v, expected one of the grid's runs alone", r.Name, r.Role, r.TestMLMLoss)
			}
		}
	}
}
