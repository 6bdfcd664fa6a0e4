package sweep

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

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
	// Launched comes before a job for a run is started: for such a run there is no Running.
	Launched(r *Run)
	// Finished comes when a run has ended, here or elsewhere, and before the first run for each
	// that an earlier process has finished. A job of this process has ended here.
	Finished(r *Run, result Result, here bool)
	// Warned comes with what the user should know: before all others of the sweep's start, later
	// of jobs and of other processes that are at the sweep.
	Warned(text string)
	// Chose comes when a group's learning rate has been chosen.
	Chose(best *Run, result Result)
}

// Sweep carries out the runs of a file in a folder.
type Sweep struct {
	File  *File
	Runs  []*Run
	Out   string // "": nothing is read of it; for Check and Progress alone
	Jobs  int    // runs at a time; at least 1
	Open  train.Opener
	Watch Observer
	// Shard is this process's part, where several are at the sweep.
	Shard Shard
	// Launch starts each run as a job; nil: they are made in this process.
	Launch *Launcher
	// With joins the processes that make one run together, see DoRun; nil: this one is alone.
	With model.Communicator

	mu       sync.Mutex
	changed  *sync.Cond // a run has ended
	results  map[string]*Result
	timings  []Timing
	started  map[*Run]bool   // in this process
	launched map[*Run]bool   // of these, as jobs
	again    map[string]bool // had failed when the sweep went on
	active   int
	broken   error // no more runs are to start
	job      bool  // this process is a job, see DoRun
	told     bool  // the other processes of With know what to do
}

// noFolder stands for the folder of a sweep that was given none. Nothing is there: the working folder
// may be that of another sweep.
const noFolder = ".no-sweep"

// runFolder is the folder of a run.
func (s *Sweep) runFolder(r *Run) string { return s.path(filepath.Join(RunsName, r.Name)) }

// path is a file of the sweep.
func (s *Sweep) path(name string) string { return filepath.Join(cmp.Or(s.Out, noFolder), name) }

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
// train.ErrStopped. A shard makes its runs, then those that nobody is at, and leaves
// the others what is left.
func (s *Sweep) Do(ctx context.Context) error {
	preview, err := s.Check(ctx)
	if err != nil {
		return err
	}
	leave, err := s.begin()
	if err != nil {
		return err
	}
	defer leave()
	if s.timings, err = readTimings(s.path(timingsName)); err != nil {
		return err
	}
	for _, text := range preview.Warnings {
		s.Watch.Warned(text)
	}
	s.mu.Lock()
	for _, r := range s.Runs {
		if found := s.results[r.Name]; found != nil {
			s.Watch.Finished(r, *found, false)
		}
	}
	err = s.change(func() {})
	s.mu.Unlock()
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, s.wake)()
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

// begin takes the sweep's folder, and makes it where needed.
func (s *Sweep) begin() (leave func() error, err error) {
	s.changed = sync.NewCond(&s.mu)
	s.started, s.launched = map[*Run]bool{}, map[*Run]bool{}
	if err := os.MkdirAll(s.path(RunsName), 0o777); err != nil {
		return nil, fmt.Errorf("make the sweep's folder: %w", err)
	}
	return s.enter()
}

// settle makes the choices that can be made now. s.mu is held.
func (s *Sweep) settle() {
	for _, best := range s.choose() {
		s.Watch.Chose(best, *s.results[best.Name])
		if edge := best.choice.edge(); edge != "" {
			s.Watch.Warned(edge)
		}
	}
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
		r, c := s.next(ctx)
		if r == nil {
			return
		}
		s.started[r] = true
		s.active++
		err := s.carryOut(ctx, r, c)
		s.active--
		if err = errors.Join(err, c.release()); err != nil && s.broken == nil {
			s.broken = err
		}
		s.changed.Broadcast()
	}
}

// carryOut makes a run or has it made, and notes its result. s.mu is held, but not meanwhile.
func (s *Sweep) carryOut(ctx context.Context, r *Run, c claim) error {
	if s.Launch != nil {
		return s.launch(ctx, r, c)
	}
	watch := &runWatch{Observer: s.Watch.Running(r)}
	s.mu.Unlock()
	result, timing, err := s.make(ctx, r, watch)
	s.mu.Lock()
	if timing.To == timing.From && err != nil {
		return err
	}
	return errors.Join(err, s.change(func() {
		s.timings = append(s.timings, timing)
		if err == nil {
			s.results[r.Name] = result
			s.Watch.Finished(r, *result, true)
		}
	}))
}

// next returns the first run that can start, nil when none ever will; it waits
// where a running one may change that. s.mu is held.
func (s *Sweep) next(ctx context.Context) (*Run, claim) {
	for {
		if s.broken == nil && ctx.Err() != nil {
			s.broken = fmt.Errorf("%w between two runs: %w", train.ErrStopped, context.Cause(ctx))
		}
		if s.broken != nil {
			return nil, nil
		}
		r, c, busy, err := s.pick()
		if err != nil {
			s.broken = err
			continue
		}
		if r != nil || s.active == 0 && !s.awaits(busy) {
			return r, c
		}
		s.wait(busy)
	}
}

// make makes one run, from wherever it stands. An error ends the sweep.
func (s *Sweep) make(ctx context.Context, r *Run, watch *runWatch) (*Result, Timing, error) {
	began := clock.Now()
	timing := Timing{Name: r.Name, Started: began.UTC().Format(time.RFC3339)}
	var summary *train.Summary
	c, err := s.config(r)
	if err == nil {
		err = s.tell(&c)
	}
	if err == nil {
		summary, err = s.train(ctx, c, watch)
	}
	timing.From, timing.To, timing.Seconds = watch.from, watch.done, clock.Since(began).Seconds()
	result := &Result{Name: r.Name, Group: r.Group, Role: r.role(), Steps: watch.done}
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
	failed, missing, elsewhere := 0, 0, 0
	for _, r := range s.Runs {
		switch found := s.results[r.Name]; {
		case found == nil && r.ready():
			elsewhere++ // else it had been made
		case found == nil:
			missing++
		case found.Status == Failed:
			failed++
		}
	}
	if elsewhere > 0 {
		s.Watch.Warned(fmt.Sprintf("other processes are at %d of %d runs; should one of them end too early, the same command goes on with its run", elsewhere, len(s.Runs)))
	}
	switch {
	case failed > 0 && missing > 0:
		return fmt.Errorf("%w: found %d of %d, and %d that wait for a learning rate; results.jsonl says why, and the same command tries them again", ErrFailed, failed, len(s.Runs), missing)
	case failed > 0:
		return fmt.Errorf("%w: found %d of %d; results.jsonl says why, and the same command tries them again", ErrFailed, failed, len(s.Runs))
	case missing > 0:
		return fmt.Errorf("%w: found %d of %d without a learning rate, since all candidates of theirs diverged, expected smaller candidates", ErrFailed, missing, len(s.Runs))
	case s.File.Fit == nil || elsewhere > 0:
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
