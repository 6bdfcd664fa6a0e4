package sweep

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// Several processes, perhaps on several machines that share a file system, may be at one sweep:
// shards, those that launch jobs, and the jobs. They hold the folder's lock together, so that a
// process that is alone at its sweep keeps out and is kept out. Locks of files in locksName,
// which the system releases when a process ends in any way, settle the rest:
//
//	NAME.launch  held by the process that makes the run NAME, or has launched a job that does
//	NAME.job     held by the process that makes the run, until its result is written; its text
//	             is who that was, if it was a job
//	results      held while results.jsonl or timings.jsonl is read, changed and written
//
// So a job whose launcher's process was killed keeps its run, and no run is made twice.
const (
	locksName   = ".locks"
	launchLock  = ".launch"
	jobLock     = ".job"
	resultsLock = "results"
)

// pollEvery is the time after which a process looks what others have finished.
const pollEvery = 2 * time.Second

// beside tells whether other processes may be at the sweep.
func (s *Sweep) beside() bool { return s.Shard.Of > 0 || s.Launch != nil || s.job }

// lockPath is a file in locksName.
func (s *Sweep) lockPath(name string) string { return filepath.Join(s.Out, locksName, name) }

// busy tells whether another process is at a run.
func (s *Sweep) busy(r *Run) bool {
	return s.beside() && (checkpoint.HeldFile(s.lockPath(r.Name+jobLock)) || checkpoint.HeldFile(s.lockPath(r.Name+launchLock)))
}

// enter takes the folder, which must exist, and leaves the sweep's file in it.
func (s *Sweep) enter() (leave func() error, err error) {
	if !s.beside() {
		lock, err := checkpoint.Lock(s.Out)
		if err != nil {
			return nil, err
		}
		return lock.Unlock, s.writeFile()
	}
	if err := os.MkdirAll(s.path(locksName), 0o777); err != nil {
		return nil, fmt.Errorf("make the folder of the sweep's locks: %w", err)
	}
	results, err := checkpoint.AwaitFile(s.lockPath(resultsLock)) // one enters after the other
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, results.Unlock()) }()
	switch alone, err := checkpoint.Lock(s.Out); {
	case err == nil:
		if err := errors.Join(s.writeFile(), alone.Unlock()); err != nil {
			return nil, err
		}
	case !errors.Is(err, checkpoint.ErrInUse):
		return nil, err
	}
	lock, err := checkpoint.LockShared(s.Out)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(s.path(fileName))
	if err == nil && !bytes.Equal(text, s.File.Text) {
		err = usage.Errorf("%s: found another file than the one given, with which other processes are at this sweep, expected the same; wait for their end to change it", s.path(fileName))
	}
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return lock.Unlock, nil
}

func (s *Sweep) writeFile() error {
	if err := renameio.WriteFile(s.path(fileName), s.File.Text, 0o666); err != nil {
		return fmt.Errorf("write the sweep's file: %w", err)
	}
	return nil
}

// claim is the right to make a run. The zero value is that of a process that is alone.
type claim []*checkpoint.FolderLock

func (c claim) release() error {
	var errs []error
	for _, lock := range c {
		errs = append(errs, lock.Unlock())
	}
	return errors.Join(errs...)
}

// claim takes a run for this process; ok is false where another is at it.
func (s *Sweep) claim(r *Run) (c claim, ok bool, err error) {
	if !s.beside() {
		return nil, true, nil
	}
	for _, suffix := range []string{launchLock, jobLock} {
		lock, err := checkpoint.LockFile(s.lockPath(r.Name + suffix))
		if err != nil {
			errRelease := c.release()
			if errors.Is(err, checkpoint.ErrInUse) {
				err = nil
			}
			return nil, false, errors.Join(err, errRelease)
		}
		c = append(c, lock)
	}
	return c, true, nil
}

// reload takes over what other processes have finished. s.mu is held.
func (s *Sweep) reload() error {
	if !s.beside() {
		return nil
	}
	found, err := readResults(s.path(ResultsName))
	if err != nil {
		return err
	}
	for _, r := range s.Runs {
		result := found[r.Name]
		if result == nil || result.Status == Failed && s.again[r.Name] && !s.started[r] {
			continue
		}
		was := s.results[r.Name]
		if was == nil {
			// One whose folder is gone is made again.
			if _, err := os.Stat(filepath.Join(s.runFolder(r), train.ConfigName)); err != nil && result.Status != Failed {
				continue
			}
			s.Watch.Finished(r, *result, s.launched[r])
		}
		if was == nil || was.Status == Failed {
			result.Group, result.Role = r.Group, r.role()
			s.results[r.Name] = result
		}
	}
	return nil
}

// change makes a change of s.results and s.timings, and with it the choices that can be made,
// and writes what there is; other processes' part is kept. s.mu is held.
func (s *Sweep) change(do func()) error {
	if s.beside() {
		lock, err := checkpoint.AwaitFile(s.lockPath(resultsLock))
		if err != nil {
			return err
		}
		defer lock.Unlock() // as the end of the process would
		if s.timings, err = readTimings(s.path(timingsName)); err != nil {
			return err
		}
	}
	if err := s.reload(); err != nil {
		return err
	}
	before := len(s.timings)
	do()
	if len(s.timings) > before {
		if err := writeLines(s.path(timingsName), s.timings); err != nil {
			return err
		}
	}
	s.settle()
	return writeLines(s.path(ResultsName), s.inOrder())
}

// pick returns a run that can begin, claimed, and nil where there is none; busy tells whether
// other processes are at one. s.mu is held.
func (s *Sweep) pick() (r *Run, c claim, busy bool, err error) {
	if err := s.reload(); err != nil {
		return nil, nil, false, err
	}
	s.settle()
	for _, r := range s.Shard.inOrder(s.Runs) {
		if s.started[r] || s.results[r.Name] != nil || !r.ready() {
			continue
		}
		c, ok, err := s.claim(r)
		if err != nil {
			return nil, nil, false, err
		}
		if !ok {
			busy = true
			continue
		}
		if err := s.reload(); err != nil { // it may have been finished just now
			return nil, nil, false, errors.Join(err, c.release())
		}
		if s.results[r.Name] == nil {
			return r, c, busy, nil
		}
		if err := c.release(); err != nil {
			return nil, nil, false, err
		}
	}
	return nil, nil, busy, nil
}

// awaits tells whether this process waits for what others are at. A shard does where a run waits
// for their learning rate; else it leaves them what is left. s.mu is held.
func (s *Sweep) awaits(busy bool) bool {
	if s.Shard.Of == 0 || !busy {
		return busy
	}
	for _, r := range s.Runs {
		if !r.ready() && s.open(r.choice) {
			return true
		}
	}
	return false
}

// open tells whether a candidate of a choice is not finished. s.mu is held.
func (s *Sweep) open(c *choice) bool {
	for _, r := range c.candidates {
		if s.results[r.Name] == nil {
			return true
		}
	}
	return false
}

// wait waits until a run of this process has ended or, where others are at runs, for some time.
// s.mu is held.
func (s *Sweep) wait(busy bool) {
	if busy {
		defer time.AfterFunc(pollEvery, s.wake).Stop()
	}
	s.changed.Wait()
}

// wake lets the workers look what there is to do.
func (s *Sweep) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed.Broadcast()
}
