package train_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/train"
)

// risingRun is a run whose loss on the validation text falls and then rises.
func risingRun(text, dir string) train.Config {
	c := smallRun(text, dir)
	c.LearningRate, c.WarmupSteps, c.EvalSteps, c.EvalBatches, c.FinalBatches = 0.3, 30, 3, 2, 1
	return c
}

// The checkpoint of the smallest validation loss stays when the limit has taken those
// around it, gives the loss that is recorded, and is read as any other.
func TestSaveBest(t *testing.T) {
	text := smallCorpus(t)
	c := risingRun(text, filepath.Join(t.TempDir(), "run"))
	plain := &observer{}
	c.FinalBatches = c.EvalBatches
	if _, err := train.Run(t.Context(), c, openCPU, plain); err != nil {
		t.Fatal(err)
	}
	c.FinalBatches = 1 // the last step is compared on as many as the others
	want := plain.evals[0]
	for _, e := range plain.evals {
		if e.MLMLoss < want.MLMLoss {
			want = e
		}
	}
	if want.Step == plain.evals[0].Step || want.Step > 24 {
		t.Fatalf("found the smallest loss at step %d, expected one in the middle, so that the test tests", want.Step)
	}

	c.OutputDir = filepath.Join(t.TempDir(), "best")
	c.SaveBest, c.SaveSteps, c.SaveTotalLimit = true, 3, 1
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := train.Run(ctx, c, openCPU, &observer{cancel: cancel, stopAfter: want.Step + 1}); !errors.Is(err, train.ErrStopped) {
		t.Fatalf("found %v, expected the run to stop", err)
	}
	c.Resume = true
	summary, err := train.Run(t.Context(), c, openCPU, nil)
	if err != nil {
		t.Fatal(err)
	}
	best := status(t, c.OutputDir, train.StateDone, c.MaxSteps).Best
	if best == nil || *best != (train.Best{Step: want.Step, MLMLoss: want.MLMLoss}) || *summary.Best != *best {
		t.Errorf("found the best %+v in the status and %+v in the summary, expected that of %+v", best, summary.Best, want)
	}
	for folder, n := range map[string]int{"checkpoints": 1, train.BestFolder: 1} {
		if kept, err := filepath.Glob(filepath.Join(c.OutputDir, folder, "step-*")); err != nil || len(kept) != n {
			t.Errorf("found %v in %s, expected %d checkpoint", kept, folder, n)
		}
	}
	e, err := train.Evaluate(t.Context(), filepath.Join(c.OutputDir, train.BestFolder), train.EvalOptions{Batches: c.EvalBatches}, openCPU)
	if err != nil {
		t.Fatal(err)
	}
	if e.Step != want.Step || e.Metrics.MLMLoss != want.MLMLoss {
		t.Errorf("found the loss %v of step %d in the checkpoint, expected %v of %d", e.Metrics.MLMLoss, e.Step, want.MLMLoss, want.Step)
	}
}

// Where evaluations no longer get better the run ends as done, says why, and is measured
// as at its last step. Cut before that and resumed, it ends at the same step; resumed
// after it, it has nothing to do.
func TestEarlyStop(t *testing.T) {
	text := smallCorpus(t)
	c := risingRun(text, filepath.Join(t.TempDir(), "run"))
	plain := &observer{}
	if _, err := train.Run(t.Context(), c, openCPU, plain); err != nil {
		t.Fatal(err)
	}
	const patience = 2
	end, since, best := int64(0), 0, plain.evals[0]
	for _, e := range plain.evals[1:] {
		if since++; e.MLMLoss < best.MLMLoss {
			since, best = 0, e
		}
		if since == patience {
			end = e.Step
			break
		}
	}
	if end == 0 || end == c.MaxSteps {
		t.Fatalf("found an end at step %d, expected one before the last, so that the test tests", end)
	}

	c.OutputDir, c.EarlyStop = filepath.Join(t.TempDir(), "early"), patience
	seen := &observer{}
	summary, err := train.Run(t.Context(), c, openCPU, seen)
	if err != nil {
		t.Fatal(err)
	}
	s := status(t, c.OutputDir, train.StateDone, end)
	if summary.Steps != end || summary.Reason != s.Reason || !strings.HasPrefix(s.Reason, "early stop: 2 evaluations without") {
		t.Errorf("found %d steps and the reasons %q and %q, expected %d and an early stop", summary.Steps, summary.Reason, s.Reason, end)
	}
	final, err := train.Evaluate(t.Context(), c.OutputDir, train.EvalOptions{Batches: c.FinalBatches}, openCPU)
	if err != nil {
		t.Fatal(err)
	}
	if last := seen.evals[len(seen.evals)-1]; final.Step != end || last != final.Metrics {
		t.Errorf("found the last evaluation %+v, expected that of the last step: %+v", last, final.Metrics)
	}
	if last := lastTrain(t, c.OutputDir); last.Step != end {
		t.Errorf("found the last train record at step %d, expected %d", last.Step, end)
	}

	cut := c
	cut.OutputDir = filepath.Join(t.TempDir(), "cut")
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := train.Run(ctx, cut, openCPU, &observer{cancel: cancel, stopAfter: end - 2}); !errors.Is(err, train.ErrStopped) {
		t.Fatalf("found %v, expected the run to stop", err)
	}
	for range 2 {
		cut.Resume = true
		again, err := train.Run(t.Context(), cut, openCPU, nil)
		if err != nil {
			t.Fatal(err)
		}
		if again.Steps != end || again.Reason != summary.Reason || again.Eval != summary.Eval {
			t.Errorf("resumed: found %d steps, %q and %+v, expected those of the uninterrupted run: %d, %q and %+v",
				again.Steps, again.Reason, again.Eval, end, summary.Reason, summary.Eval)
		}
		checkEqual(t, "cut and resumed", resultAt(t, cut.OutputDir, end), resultAt(t, c.OutputDir, end))
	}
}

// A run that is resumed with less patience than it has used up ends at its next evaluation, as
// every early stop with one of the last step.
func TestLessPatience(t *testing.T) {
	c := risingRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.EarlyStop, c.SaveSteps = 100, 100
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := train.Run(ctx, c, openCPU, &observer{cancel: cancel, stopAfter: 25}); !errors.Is(err, train.ErrStopped) {
		t.Fatalf("found %v, expected the run to stop", err)
	}
	c.Resume, c.EarlyStop = true, 2
	seen := &observer{}
	summary, err := train.Run(t.Context(), c, openCPU, seen)
	if err != nil {
		t.Fatal(err)
	}
	final, err := train.Evaluate(t.Context(), c.OutputDir, train.EvalOptions{Batches: c.FinalBatches}, openCPU)
	if err != nil {
		t.Fatal(err)
	}
	if summary.Steps != 27 || len(seen.evals) != 1 || summary.Reason == "" || summary.Eval != final.Metrics {
		t.Errorf("found %d steps, %d evaluations and %+v (%q), expected an end at step 27 with %+v", summary.Steps, len(seen.evals), summary.Eval, summary.Reason, final.Metrics)
	}
}

// What an earlier process saved as the best of steps that are done again does not take the place
// of a better one.
func TestBestOfStepsDoneAgain(t *testing.T) {
	text := smallCorpus(t)
	c := risingRun(text, filepath.Join(t.TempDir(), "run"))
	c.SaveBest = true
	other := risingRun(text, filepath.Join(t.TempDir(), "other"))
	for run, stop := range map[*train.Config]int64{&c: 10, &other: 15} {
		ctx, cancel := context.WithCancel(t.Context())
		if _, err := train.Run(ctx, *run, openCPU, &observer{cancel: cancel, stopAfter: stop}); !errors.Is(err, train.ErrStopped) {
			t.Fatalf("found %v, expected the run to stop", err)
		}
	}
	best := filepath.Join(c.OutputDir, train.BestFolder)
	if err := os.CopyFS(filepath.Join(best, "step-15"), os.DirFS(filepath.Join(other.OutputDir, "checkpoints", "step-15"))); err != nil {
		t.Fatal(err)
	}
	c.Resume = true
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := train.Run(ctx, c, openCPU, &observer{cancel: cancel, stopAfter: 13}); !errors.Is(err, train.ErrStopped) {
		t.Fatalf("found %v, expected the run to stop", err)
	}
	s := status(t, c.OutputDir, train.StateStopped, 13)
	if s.Best == nil || s.Best.Step != 12 {
		t.Fatalf("found the best %+v, expected that of step 12, so that the test tests", s.Best)
	}
	if kept, err := filepath.Glob(filepath.Join(best, "*")); err != nil || len(kept) != 1 || filepath.Base(kept[0]) != "step-12" {
		t.Errorf("found %v, expected step-12 alone", kept)
	}
}

// Without evaluations there is no best one.
func TestBestNeedsEvaluations(t *testing.T) {
	for key, set := range map[string]func(*train.Config){
		"save_best": func(c *train.Config) { c.SaveBest = true }, "early_stop": func(c *train.Config) { c.EarlyStop = 3 },
	} {
		c := train.DefaultConfig()
		c.OutputDir = filepath.Join(t.TempDir(), "run")
		set(&c)
		_, err := train.Run(t.Context(), c, openCPU, nil)
		if !train.IsUsage(err) || err.Error() != key+": found no eval_steps, expected the steps between evaluations" {
			t.Errorf("%s: found %v, expected the setting that is missing", key, err)
		}
		if _, err := os.Stat(c.OutputDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: found a run folder (%v), expected none", key, err)
		}
	}
}

// bestWatch reads how its run stands when it saves.
type bestWatch struct {
	train.NopObserver
	t    *testing.T
	dir  string
	best int
}

func (w *bestWatch) Saved(path string) {
	if filepath.Base(filepath.Dir(path)) == train.BestFolder {
		w.best++
		if s := status(w.t, w.dir, train.StateRunning, 0); s.Best == nil || filepath.Base(path) != fmt.Sprintf("step-%d", s.Best.Step) {
			w.t.Errorf("found the best %+v in the status after saving %s", s.Best, path)
		}
	}
}

// The status tells of a best checkpoint at once, and that a run would not be resumed from it.
func TestStatusOfTheBest(t *testing.T) {
	c := risingRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.SaveBest, c.MaxSteps, c.WarmupSteps, c.Updates, c.SaveSteps = true, 7, 7, 2, 100
	w := &bestWatch{t: t, dir: c.OutputDir}
	if _, err := train.Run(t.Context(), c, openCPU, w); err != nil {
		t.Fatal(err)
	}
	if w.best == 0 {
		t.Error("found no best checkpoint")
	}
}
