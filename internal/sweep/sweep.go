package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/clock"
	"github.com/sparsebert/sparsebert-gpu/internal/settings"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Observer is told what a sweep does. Calls come one at a time, but those of the
// runs' observers come from the goroutine of each run.
type Observer interface {
	// Running comes before each run; what it returns watches the run.
	Running(r *Run) train.Observer
	// Finished comes when a run has ended, and before the first run for each that
	// an earlier process has finished.
	Finished(r *Run, result Result, here bool)
	// Warned comes before all others with what the user should know of the sweep's start.
	Warned(text string)
	// Chose comes when a group's learning rate has been chosen.
	Chose(best *Run, result Result)
}

// Sweep carries out the runs of a file in a folder.
type Sweep struct {
	File  *File
	Runs  []*Run
	Out   string
	Jobs  int // runs at a time; at least 1
	Open  train.Opener
	Watch Observer

	mu      sync.Mutex
	changed *sync.Cond // a run has ended
	results map[string]*Result
	timings []Timing
	started map[*Run]bool // in this process
	active  int
	broken  error // no more runs are to start
}

// runFolder is the folder of a run.
func (s *Sweep) runFolder(r *Run) string { return filepath.Join(s.Out, RunsName, r.Name) }

// path is a file of the sweep.
func (s *Sweep) path(name string) string { return filepath.Join(s.Out, name) }

// settings is a run's configuration as train takes it, were it to begin.
func (s *Sweep) settings(r *Run) train.Config {
	c := r.Config
	c.OutputDir = s.runFolder(r)
	return c
}

// config is a run's configuration as train takes it.
func (s *Sweep) config(r *Run) (train.Config, error) {
	c := s.settings(r)
	begun, err := train.Continues(c)
	c.Resume = begun
	return c, err
}

// Do makes all runs that are not finished yet. It writes nothing when it returns
// an error for which train.IsUsage is true. A run that fails does not end the
// sweep; the error then wraps ErrFailed. When ctx ends, running runs are finished
// to the end of their step and saved, and the error is that of the runs,
// train.ErrStopped.
func (s *Sweep) Do(ctx context.Context) error {
	preview, err := s.Check(ctx)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(s.path(RunsName), 0o777); err != nil {
		return fmt.Errorf("make the sweep's folder: %w", err)
	}
	lock, err := checkpoint.Lock(s.Out)
	if err != nil {
		return err
	}
	defer lock.Unlock()
	if s.timings, err = readTimings(s.path(timingsName)); err != nil {
		return err
	}
	if err := renameio.WriteFile(s.path(fileName), s.File.Text, 0o666); err != nil {
		return fmt.Errorf("write the sweep's file: %w", err)
	}
	for _, text := range preview.Warnings {
		s.Watch.Warned(text)
	}
	s.changed = sync.NewCond(&s.mu)
	s.started = map[*Run]bool{}
	s.mu.Lock()
	for _, r := range s.Runs {
		if found := s.results[r.Name]; found != nil {
			s.Watch.Finished(r, *found, false)
		}
	}
	err = s.settle()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	var workers sync.WaitGroup
	for range max(1, s.Jobs) {
		workers.Go(func() { s.work(ctx) })
	}
	workers.Wait()
	if s.broken != nil {
		return s.broken
	}
	return s.end()
}

// settle makes the choices that can be made now and writes the results. s.mu is
// held.
func (s *Sweep) settle() error {
	for _, best := range s.choose() {
		s.Watch.Chose(best, *s.results[best.Name])
	}
	return writeLines(s.path(ResultsName), s.inOrder())
}

// inOrder lists the results in grid order.
func (s *Sweep) inOrder() []*Result {
	out := []*Result{}
	for _, r := range s.Runs {
		if found := s.results[r.Name]; found != nil {
			out = append(out, found)
		}
	}
	return out
}

// work makes runs until none is left for it.
func (s *Sweep) work(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		r := s.next(ctx)
		if r == nil {
			return
		}
		s.started[r] = true
		s.active++
		watch := &runWatch{Observer: s.Watch.Running(r)}
		s.mu.Unlock()
		result, timing, err := s.make(ctx, r, watch)
		s.mu.Lock()
		s.active--
		if timing.To > timing.From || err == nil {
			s.timings = append(s.timings, timing)
			err = errors.Join(err, writeLines(s.path(timingsName), s.timings))
		}
		if err == nil {
			s.results[r.Name] = result
			s.Watch.Finished(r, *result, true)
			err = s.settle()
		}
		if err != nil && s.broken == nil {
			s.broken = err
		}
		s.changed.Broadcast()
	}
}

// next returns the first run that can start, nil when none ever will; it waits
// where a running one may change that. s.mu is held.
func (s *Sweep) next(ctx context.Context) *Run {
	for {
		if s.broken == nil && ctx.Err() != nil {
			s.broken = fmt.Errorf("%w between two runs: %w", train.ErrStopped, context.Cause(ctx))
		}
		if s.broken != nil {
			return nil
		}
		for _, r := range s.Runs {
			if !s.started[r] && s.results[r.Name] == nil && r.ready() {
				return r
			}
		}
		if s.active == 0 {
			return nil
		}
		s.changed.Wait()
	}
}

// make makes one run, from wherever it stands. An error ends the sweep.
func (s *Sweep) make(ctx context.Context, r *Run, watch *runWatch) (*Result, Timing, error) {
	began := clock.Now()
	timing := Timing{Name: r.Name, Started: began.UTC().Format(time.RFC3339)}
	var summary *train.Summary
	c, err := s.config(r)
	if err == nil {
		summary, err = train.Run(ctx, c, s.Open, watch)
	}
	timing.From, timing.To, timing.Seconds = watch.from, watch.done, clock.Since(began).Seconds()
	result := &Result{Name: r.Name, Group: r.Group, Role: RoleRun, Steps: watch.done}
	if r.candidate {
		result.Role = RoleCandidate
	}
	switch {
	case err == nil:
		result.Status, result.Steps = Done, summary.Steps
		e, t := summary.Eval, summary.Train
		result.MLMLoss, result.MLMAccuracy = &e.MLMLoss, &e.MLMAccuracy
		if !c.NoNSP {
			result.NSPLoss, result.NSPAccuracy = &e.NSPLoss, &e.NSPAccuracy
		}
		result.TrainLoss = &t.Loss
		if test := summary.Test; test != nil {
			result.TestMLMLoss, result.TestMLMAccuracy = &test.MLMLoss, &test.MLMAccuracy
		}
	case errors.Is(err, train.ErrStopped):
		return nil, timing, ofRun(r, err)
	case errors.Is(err, model.ErrNotFinite):
		result.Status, result.Error = Diverged, oneLine(err)
	case ctx.Err() != nil: // while the data was read
		return nil, timing, ofRun(r, fmt.Errorf("%w before it began: %w", train.ErrStopped, context.Cause(ctx)))
	default:
		result.Status, result.Error = Failed, oneLine(err)
	}
	if watch.plan != nil {
		c = watch.plan.Config
		result.Text, result.UnigramEntropy = &watch.plan.Text.Fingerprint, &watch.plan.Text.UnigramEntropy
		result.FLOPs = watch.plan.FLOPs(result.Steps)
		result.ExecutedFLOPs, result.GrowthFLOPs = watch.plan.ExecutedFLOPs(result.Steps), watch.plan.GrowthFLOPs(result.Steps)
		result.Tokens = result.Steps * int64(c.BatchSize*c.Accumulation) * int64(c.SeqLen)
	}
	result.Config, err = settings.Encode(&c)
	return result, timing, err
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", " ") }

// runWatch notes what a sweep must know of a run.
type runWatch struct {
	train.Observer
	plan       *train.Plan
	from, done int64
}

// Started implements train.Observer.
func (w *runWatch) Started(p *train.Plan, dir string, from int64) {
	w.plan, w.from, w.done = p, from, from
	w.Observer.Started(p, dir, from)
}

// Stepped implements train.Observer.
func (w *runWatch) Stepped(done, total int64, loss float64) {
	w.done = done
	w.Observer.Stepped(done, total, loss)
}

// end says how the sweep came out, and fits the rule where the file asks for it.
func (s *Sweep) end() error {
	failed, missing := 0, 0
	for _, r := range s.Runs {
		switch found := s.results[r.Name]; {
		case found == nil:
			missing++
		case found.Status == Failed:
			failed++
		}
	}
	switch {
	case failed > 0 && missing > 0:
		return fmt.Errorf("%w: found %d of %d, and %d that wait for a learning rate; results.jsonl says why, and the same command tries them again", ErrFailed, failed, len(s.Runs), missing)
	case failed > 0:
		return fmt.Errorf("%w: found %d of %d; results.jsonl says why, and the same command tries them again", ErrFailed, failed, len(s.Runs))
	case missing > 0:
		return fmt.Errorf("%w: found %d of %d without a learning rate, since all candidates of theirs diverged, expected smaller candidates", ErrFailed, missing, len(s.Runs))
	case s.File.Fit == nil:
		return nil
	}
	fitted, err := FitRule(s.inOrder(), s.File.Fit.Groups)
	if err != nil {
		return err
	}
	return writeFit(s.path(fitName), fitted)
}

// Results returns the results of finished runs in grid order.
func (s *Sweep) Results() []*Result { return s.inOrder() }
