package train_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/metrics"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// lastTrain is the last train record of a run.
func lastTrain(t *testing.T, dir string) *metrics.Train {
	t.Helper()
	records, err := metrics.Read(filepath.Join(dir, metrics.FileName))
	if err != nil {
		t.Fatal(err)
	}
	var last *metrics.Train
	for _, r := range records {
		if one, ok := r.(*metrics.Train); ok {
			last = one
		}
	}
	return last
}

// status reads how a run stands, and checks its state and step.
func status(t *testing.T, dir, state string, step int64) *train.Status {
	t.Helper()
	s, err := train.ReadStatus(dir)
	if err != nil || s == nil {
		t.Fatalf("found status %v and error %v", s, err)
	}
	if s.State != state || s.Step != step {
		t.Errorf("found the state %s at step %d, expected %s at step %d", s.State, s.Step, state, step)
	}
	return s
}

// asker reads the status of its run while it runs.
type asker struct {
	train.NopObserver
	t      *testing.T
	dir    string
	cancel context.CancelFunc
	stopAt int64
}

func (a *asker) Stepped(done, _ int64, _ float64) {
	if done == a.stopAt {
		status(a.t, a.dir, train.StateRunning, 0)
		a.cancel()
	}
}

// A run says that it runs, that it was stopped, that it was killed, and that it is
// done; what one process did stays when the next goes on. The steps that a stopped
// run had not logged are in its log, and not in that of the whole run.
func TestStatusOfARun(t *testing.T) {
	text := smallCorpus(t)
	whole := smallRun(text, filepath.Join(t.TempDir(), "whole"))
	whole.MaxSteps, whole.Updates = 8, 2
	if _, err := train.Run(t.Context(), whole, openCPU, nil); err != nil {
		t.Fatal(err)
	}
	status(t, whole.OutputDir, train.StateDone, 8)

	c := whole
	c.OutputDir = filepath.Join(t.TempDir(), "cut")
	ctx, cancel := context.WithCancel(t.Context())
	_, err := train.Run(ctx, c, openCPU, &asker{t: t, dir: c.OutputDir, cancel: cancel, stopAt: 6})
	if !errors.Is(err, train.ErrStopped) {
		t.Fatalf("found %v, expected the run to stop", err)
	}
	s := status(t, c.OutputDir, train.StateStopped, 6)
	if !strings.Contains(s.Reason, "after step 6") {
		t.Errorf("found the reason %q, expected the step in it", s.Reason)
	}
	if last := lastTrain(t, c.OutputDir); last == nil || last.Step != 6 {
		t.Errorf("found the last log line %+v, expected that of step 6", last)
	}
	// As a process that was killed after it had begun leaves it.
	path := filepath.Join(c.OutputDir, train.StatusName)
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	killed := strings.ReplaceAll(string(file), `"state": "stopped"`, `"state": "running"`)
	if err := os.WriteFile(path, []byte(killed), 0o644); err != nil {
		t.Fatal(err)
	}
	status(t, c.OutputDir, train.StateKilled, 6)
	lock, err := checkpoint.Lock(c.OutputDir)
	if err != nil {
		t.Fatal(err)
	}
	status(t, c.OutputDir, train.StateRunning, 6)
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}

	began := read(t, c.OutputDir, train.EnvironmentName)
	c.Resume = true
	if _, err := train.Run(t.Context(), c, openCPU, nil); err != nil {
		t.Fatal(err)
	}
	s = status(t, c.OutputDir, train.StateDone, 8)
	if len(s.Processes) != 2 || s.Started != s.Processes[0].Started || s.Started == "" ||
		s.Processes[0].State != train.StateKilled || s.Processes[0].To != 6 || s.Processes[1].From != 6 || s.Processes[1].To != 8 {
		t.Errorf("found the processes %+v, expected one that was killed after step 6 and one to step 8", s.Processes)
	}
	if got := read(t, c.OutputDir, train.EnvironmentName); got != began {
		t.Errorf("found the environment %s, expected that of the first process: %s", got, began)
	}
	checkEqual(t, "stopped and resumed", resultAt(t, c.OutputDir, 8), resultAt(t, whole.OutputDir, 8))
}

// A run that diverges says so, and its log has the steps that it did.
func TestStatusOfADivergence(t *testing.T) {
	c := smallRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.LearningRate, c.WarmupSteps, c.LoggingSteps, c.EvalSteps = 1000, 0, 30, 0
	steps := &observer{}
	_, err := train.Run(t.Context(), c, openCPU, steps)
	if !errors.Is(err, model.ErrNotFinite) {
		t.Fatalf("found %v, expected the run to diverge", err)
	}
	done := int64(len(steps.losses))
	if s := status(t, c.OutputDir, train.StateDiverged, done); !strings.Contains(s.Reason, "step") {
		t.Errorf("found the reason %q, expected the step in it", s.Reason)
	}
	if last := lastTrain(t, c.OutputDir); done == 0 || last == nil || last.Step != done {
		t.Errorf("found the last log line %+v after %d steps, expected that of the last", last, done)
	}
}

// read reads a file.
func read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
