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

// RunGroupOn is RunGroup with checkpoints on a given disk.
func RunGroupOn(ctx context.Context, disk checkpoint.FS, with model.Communicator, c Config, open Opener) (*Summary, error) {
	r := newRunner(NopObserver{})
	r.disk, r.group = disk, &collective.Counter{Communicator: with}
	return r.run(ctx, c, open)
}
