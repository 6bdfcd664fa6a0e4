package report

import (
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/internal/sweep"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// Where all runs that are reported have measured the test text, its loss is the final figure;
// candidates, which do not, make no difference.
func TestFinalFigureIsThatOfTheTestText(t *testing.T) {
	run := func(seed uint64, validation, test float64) *Run {
		r := finished(model.Dynamic, 64, 0.002, seed, 1e9, validation)
		if test > 0 {
			r.Test = &metrics.Eval{Step: 10, MLMLoss: test}
		}
		return r
	}
	tried := run(9, 1, 0).as("tried", sweep.RoleCandidate, sweep.Done)
	for name, k := range map[string]struct {
		runs []*Run
		text string
		loss float64
	}{
		"all":  {[]*Run{run(1, 4, 3.5), run(2, 4.2, 3.7), tried}, "test", 3.6},
		"some": {[]*Run{run(1, 4, 3.5), run(2, 4.2, 0), tried}, "validation", 4.1},
		"none": {[]*Run{run(1, 4, 0), run(2, 4.2, 0), tried}, "validation", 4.1},
	} {
		for i, r := range k.runs {
			if !r.Candidate() {
				r.Name, r.Dir = name+string(rune('a'+i)), name+string(rune('a'+i))
			}
		}
		r, err := New(&Data{Runs: slices.Clone(k.runs)})
		if err != nil {
			t.Fatal(err)
		}
		if len(r.groups) != 1 || len(r.groups[0].runs) != 2 || !(abs(r.groups[0].loss-k.loss) <= 1e-12) || r.text != k.text {
			t.Errorf("%s: found %+v of the %s text, expected a loss of %v of two seeds of the %s text", name, r.groups[0], r.text, k.loss, k.text)
		}
		if page := string(pageOf(t, r)); !strings.Contains(page, "mean MLM loss, "+k.text+" text") {
			t.Errorf("%s: expected the page to name the %s text", name, k.text)
		}
	}
}
