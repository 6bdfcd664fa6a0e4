package sweep

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// DoRun makes one run of the sweep, beside other processes that are at other runs, and adds
// its result to the others'. It is what a [Launcher] starts. A run that is finished is not made
// again; one that failed is. The error wraps checkpoint.ErrInUse where another process is at the
// run, ErrFailed where the run fails, train.ErrStopped when ctx ends.
//
// With With several processes make the run together, and all call DoRun. Rank 0 does what is said
// above. The others tell what only they know as a warning, and return nil.
func (s *Sweep) DoRun(ctx context.Context, name string) error {
	s.job = true
	r := s.named(name)
	switch {
	case r == nil:
		return usage.Errorf("--run: found %q, expected the name of a run of this sweep, such as %s; --list prints them", name, s.Runs[0].Name)
	case s.With == nil || s.With.Size() == 1:
		s.With = nil
		return s.doRun(ctx, r)
	case r.Config.Replicas == 0:
		return usage.Errorf("run %s: replicas: found none for %d processes, expected a number in the sweep's file, so that any number of processes goes on with the run", name, s.With.Size())
	case s.With.Rank() != 0:
		return s.assist(ctx, r)
	}
	err := s.doRun(ctx, r)
	if !s.told {
		err = errors.Join(err, s.tell(nil))
	}
	return err
}

// doRun is DoRun of rank 0.
func (s *Sweep) doRun(ctx context.Context, r *Run) (err error) {
	if err := s.checkFolder(); err != nil {
		return err
	}
	leave, err := s.begin()
	if err != nil {
		return err
	}
	defer leave()
	lock, err := checkpoint.LockFile(s.lockPath(r.Name + jobLock))
	if err != nil {
		return ofRun(r, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	who := fmt.Sprintf("process %d of %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(s.lockPath(r.Name+jobLock), []byte(who), 0o666); err != nil {
		return fmt.Errorf("say who makes run %s: %w", r.Name, err)
	}
	s.results, s.again = map[string]*Result{}, map[string]bool{r.Name: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reload(); err != nil {
		return err
	}
	s.settle()
	if s.results[r.Name] != nil {
		return nil
	}
	if !r.ready() {
		return usage.Errorf("run %s: found its learning rate not chosen yet, expected its candidates to be finished", r.Name)
	}
	s.started[r] = true
	if err := s.carryOut(ctx, r, nil); err != nil {
		return err
	}
	if found := s.results[r.Name]; found.Status == Failed {
		return fmt.Errorf("%w: run %s: %s", ErrFailed, r.Name, found.Error)
	}
	return nil
}

// What rank 0 tells the others of the run: one of these, and the bits of its learning rate.
const (
	noRun = iota
	newRun
	begunRun
	toldBytes = 1 + 8
)

// tell tells the other processes of the run with which configuration it is made; nil: it is not.
func (s *Sweep) tell(c *train.Config) error {
	if s.With == nil {
		return nil
	}
	s.told = true
	text := make([]byte, toldBytes)
	if c != nil {
		text[0] = newRun
		if c.Resume {
			text[0] = begunRun
		}
		binary.LittleEndian.PutUint64(text[1:], math.Float64bits(c.LearningRate))
	}
	if err := s.With.Broadcast(0, text); err != nil {
		return fmt.Errorf("tell the other processes what to train: %w", err)
	}
	return nil
}

// assist takes part in a run that rank 0 makes.
func (s *Sweep) assist(ctx context.Context, r *Run) error {
	text := make([]byte, toldBytes)
	if err := s.With.Broadcast(0, text); err != nil {
		return ofRun(r, err)
	}
	if text[0] == noRun {
		return nil
	}
	c := s.settings(r)
	c.Resume = text[0] == begunRun
	c.LearningRate = math.Float64frombits(binary.LittleEndian.Uint64(text[1:]))
	_, err := s.train(ctx, c, s.Watch.Running(r))
	if err != nil && !errors.Is(err, train.ErrStopped) && !errors.Is(err, model.ErrNotFinite) && !train.IsUsage(err) {
		s.Watch.Warned(fmt.Sprintf("rank %d: %s", s.With.Rank(), oneLine(err))) // rank 0 may not know
	}
	return nil
}

// train makes a run in this process, with others where there are some.
func (s *Sweep) train(ctx context.Context, c train.Config, watch train.Observer) (*train.Summary, error) {
	summary, err := train.RunGroup(ctx, s.With, c, s.Open, watch)
	if err != nil && s.With != nil && !errors.Is(err, train.ErrStopped) {
		_ = s.With.Close() // the others need not wait; the error is the one to tell
	}
	return summary, err
}

// named returns the run of a name, or nil.
func (s *Sweep) named(name string) *Run {
	for _, r := range s.Runs {
		if r.Name == name {
			return r
		}
	}
	return nil
}
