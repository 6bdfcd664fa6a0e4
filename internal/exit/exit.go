// Package exit holds the program's exit codes, which error has which, and what ends a run from
// outside: SIGINT, SIGTERM, SIGHUP and SIGUSR1.
package exit

import (
	"errors"
	"fmt"

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

// Ended is the exit code of another process of the program that has done the work, and has told why it
// is not 0.
type Ended int

// Error names the code.
func (e Ended) Error() string { return fmt.Sprintf("ended with exit code %d", int(e)) }

// Saved says whether a program that ends with a code has saved its work, or has finished it.
func Saved(code int) bool {
	return code == Done || code == TryAgain || code == SIGHUP || code == SIGINT || code == SIGTERM
}

// Code is the exit code for an error.
func Code(err error) int {
	if err == nil {
		return Done
	}
	if e, ok := errors.AsType[Ended](err); ok {
		return int(e)
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
