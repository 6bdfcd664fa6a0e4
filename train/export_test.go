package train

import (
	"context"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
)

// RunOn is Run with checkpoints on a given disk.
func RunOn(ctx context.Context, disk checkpoint.FS, c Config, open Opener, watch Observer) (*Summary, error) {
	r := &runner{watch: watch, began: time.Now(), disk: disk, seen: &seen{}}
	return r.run(ctx, c, open)
}
