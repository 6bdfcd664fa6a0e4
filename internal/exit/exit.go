// Package exit holds the program's exit codes, which error has which, and what ends a run from
// outside: SIGINT, SIGTERM, SIGHUP and SIGUSR1.
package exit

import (
	"errors"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// The exit codes.
const (
	Done     = 0
	Failed   = 1   // the run failed
	Usage    = 2   // bad usage, configuration or data; nothing was written
	Diverged = 3   // the loss or a gradient was NaN or Inf
	Unsaved  = 4   // ended at once by a second signal: nothing was saved since the last checkpoint
	TryAgain = 75  // stopped for a scheduler, after saving: by SIGUSR1, --max-time or another process of the run
	SIGHUP   = 129 // stopped by the signal after saving
	SIGINT   = 130
	SIGTERM  = 143
)

// Code is the exit code for an error.
func Code(err error) int {
	if err == nil {
		return Done
	}
	if s, ok := errors.AsType[Signal](err); ok {
		return s.Code
	}
	// A run of several processes is stopped in all of them; one alone has the signal.
	if errors.Is(err, train.ErrTimeUp) || errors.Is(err, train.ErrStopped) {
		return TryAgain
	}
	if errors.Is(err, model.ErrNotFinite) {
		return Diverged
	}
	if usage.Is(err) || train.IsUsage(err) || isUnusableCheckpoint(err) {
		return Usage
	}
	return Failed
}

// isUnusableCheckpoint says whether err is about a checkpoint or run folder that cannot be used.
func isUnusableCheckpoint(err error) bool {
	for _, kind := range []error{
		checkpoint.ErrCorrupt, checkpoint.ErrNewer, checkpoint.ErrNone, checkpoint.ErrUnreadable, checkpoint.ErrInUse,
	} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return false
}
