package train

import (
	"context"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/model"
)

// RunOn is Run with checkpoints on a given disk.
func RunOn(ctx context.Context, disk checkpoint.FS, c Config, open Opener, watch Observer) (*Summary, error) {
	r := &runner{watch: watch, began: time.Now(), disk: disk, seen: &seen{}}
	return r.run(ctx, c, open)
}

// losesLog closes the run's log after a step, so that what comes next of it fails.
type losesLog struct {
	NopObserver
	r     *runner
	after int64
}

func (l losesLog) Stepped(done, _ int64, _ float64) {
	if done == l.after && l.r.log != nil {
		l.r.log.Close()
	}
}

// RunGroupLosingLog is RunGroup with a log that nobody can write to after a step.
func RunGroupLosingLog(ctx context.Context, after int64, with model.Communicator, c Config, open Opener) (*Summary, error) {
	r := newRunner(nil)
	r.group, r.watch = &collective.Counter{Communicator: with}, losesLog{r: r, after: after}
	return r.run(ctx, c, open)
}

// RunGroupOn is RunGroup with checkpoints on a given disk.
func RunGroupOn(ctx context.Context, disk checkpoint.FS, with model.Communicator, c Config, open Opener) (*Summary, error) {
	r := newRunner(NopObserver{})
	r.disk, r.group = disk, &collective.Counter{Communicator: with}
	return r.run(ctx, c, open)
}
