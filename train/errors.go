package train

import (
	"errors"
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/atomicdir"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/corpus"
	"github.com/sparsebert/sparsebert-gpu/internal/huggingface"
	"github.com/sparsebert/sparsebert-gpu/internal/usage"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// ErrUsage marks a configuration that cannot be run: unknown keys, values out of
// range, settings that contradict each other. Nothing has been written.
var ErrUsage = usage.Err

// ErrStopped is returned when the context ended the run: the step was finished
// and a checkpoint saved. The context's cause is wrapped too.
var ErrStopped = errors.New("stopped")

// Errors about checkpoints and run folders.
var (
	// ErrCorrupt is wrapped by every error about a checkpoint whose content is not
	// what its format or its checksum demands.
	ErrCorrupt = checkpoint.ErrCorrupt
	// ErrNewer is wrapped when an intact checkpoint has a format that a later version
	// of this program writes.
	ErrNewer = checkpoint.ErrNewer
	// ErrNoCheckpoint is wrapped when a folder holds no checkpoint that passes
	// verification.
	ErrNoCheckpoint = checkpoint.ErrNone
	// ErrUnreadable is wrapped when the system does not let a checkpoint, or the
	// folder that holds the checkpoints, be read.
	ErrUnreadable = checkpoint.ErrUnreadable
	// ErrInUse is wrapped when another process holds the run folder.
	ErrInUse = checkpoint.ErrInUse
)

// IsUsage reports whether err is the fault of what the user gave: a
// configuration, a corpus or a folder of weights that cannot be used.
func IsUsage(err error) bool {
	for _, kind := range []error{ErrUsage, model.ErrConfig, corpus.ErrBadData, huggingface.ErrFormat} {
		if errors.Is(err, kind) {
			return true
		}
	}
	_, folder := errors.AsType[*atomicdir.Error](err) // that cannot be made
	return folder
}

// wrap adds what was being done to an error, keeping nil.
func wrap(doing string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", doing, err)
}
