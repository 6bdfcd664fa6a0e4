package sweep

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
)

// DoRun makes one run of the sweep, beside other processes that are at other runs, and adds
// its result to the others'. It is what a [Launcher] starts. A run that is finished is not made
// again; one that failed is. The error wraps checkpoint.ErrInUse where another process is at the
// run, ErrFailed where the run fails, train.ErrStopped when ctx ends.
func (s *Sweep) DoRun(ctx context.Context, name string) (err error) {
	s.job = true
	r := s.named(name)
	if r == nil {
		return usage.Errorf("--run: found %q, expected the name of a run of this sweep, such as %s; --list prints them", name, s.Runs[0].Name)
	}
	if err := s.checkFolder(); err != nil {
		return err
	}
	leave, err := s.begin()
	if err != nil {
		return err
	}
	defer leave()
	lock, err := checkpoint.LockFile(s.lockPath(name + jobLock))
	if err != nil {
		return ofRun(r, err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	host, err := os.Hostname()
	if err != nil {
		host = "an unnamed host"
	}
	who := fmt.Sprintf("process %d of %s since %s\n", os.Getpid(), host, time.Now().UTC().Format(time.RFC3339))
	if err := os.WriteFile(s.lockPath(name+jobLock), []byte(who), 0o666); err != nil {
		return fmt.Errorf("say who makes run %s: %w", name, err)
	}
	s.results, s.again = map[string]*Result{}, map[string]bool{name: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.reload(); err != nil {
		return err
	}
	s.settle()
	if s.results[name] != nil {
		return nil
	}
	if !r.ready() {
		return usage.Errorf("run %s: found its learning rate not chosen yet, expected its candidates to be finished", name)
	}
	s.started[r] = true
	if err := s.carryOut(ctx, r, nil); err != nil {
		return err
	}
	if found := s.results[name]; found.Status == Failed {
		return fmt.Errorf("%w: run %s: %s", ErrFailed, name, found.Error)
	}
	return nil
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
