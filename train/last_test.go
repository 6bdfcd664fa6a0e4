package train_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// lastWatch ends a run's context behind its last step: before the last evaluation, or between
// that and the test text.
type lastWatch struct {
	observer
	steps int64
	eval  bool
	end   context.CancelFunc
}

func (w *lastWatch) Stepped(done, total int64, loss float64) {
	if done == w.steps && !w.eval {
		w.end()
	}
}

func (w *lastWatch) Evaluated(e train.EvalMetrics) {
	if e.Step == w.steps && w.eval {
		w.end()
	}
}

// A run that is stopped in its last evaluation saves at once, and when it is resumed makes what is
// missing: it ends as an uninterrupted one, and is not measured again after that.
func TestStoppedInTheLastEvaluation(t *testing.T) {
	text, held := smallCorpus(t), smallCorpus(t)
	for name, set := range map[string]func(*train.Config){
		"last step":  func(*train.Config) {},
		"the best":   func(c *train.Config) { c.SaveBest, c.FinalBatches = true, 1 },
		"early stop": func(c *train.Config) { *c = risingRun(text, c.OutputDir); c.EarlyStop = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			c := smallRun(text, filepath.Join(t.TempDir(), "whole"))
			set(&c)
			c.Test = []string{held}
			whole, err := train.Run(t.Context(), c, openCPU, nil)
			if err != nil {
				t.Fatal(err)
			}
			want := resultAt(t, c.OutputDir, whole.Steps)
			for _, eval := range []bool{false, true} {
				cut := c
				cut.OutputDir = filepath.Join(t.TempDir(), "cut")
				ctx, cancel := context.WithCancel(t.Context())
				watch := &lastWatch{steps: whole.Steps, eval: eval, end: cancel}
				if _, err := train.Run(ctx, cut, openCPU, watch); !errors.Is(err, train.ErrStopped) {
					t.Fatalf("found %v, expected the run to stop", err)
				}
				status(t, cut.OutputDir, train.StateStopped, whole.Steps)
				cut.Resume = true
				for _, evals := range []int{1, 0} {
					if eval {
						evals = 0
					}
					seen := &observer{}
					again, err := train.Run(t.Context(), cut, openCPU, seen)
					if err != nil {
						t.Fatal(err)
					}
					if again.Test == nil || *again.Test != *whole.Test || again.Eval != whole.Eval || again.Steps != whole.Steps || len(seen.evals) != evals {
						t.Errorf("found %+v and %d evaluations, expected %+v and %d", again, len(seen.evals), whole, evals)
					}
					checkEqual(t, name, resultAt(t, cut.OutputDir, whole.Steps), want)
				}
			}
		})
	}
}
