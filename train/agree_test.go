package train_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// What ends one process before the first step ends the others as the same kind of error, from which
// their exit codes follow.
func TestProcessesEndAlike(t *testing.T) {
	told := errors.New("told to stop")
	ended, cancel := context.WithCancelCause(t.Context())
	cancel(told)
	used := t.TempDir()
	lock, err := checkpoint.Lock(used)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Unlock()
	for _, k := range []struct {
		name        string
		first       int // the rank whose error it is
		kind, other error
	}{
		{"told to stop", 1, told, train.ErrStopped},
		{"in use", 0, train.ErrInUse, train.ErrInUse},
	} {
		c := replicaRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
		if k.kind == train.ErrInUse {
			c.OutputDir = used
		}
		errs := make([]error, 2)
		var wait sync.WaitGroup
		for rank, group := range collective.Local(2, time.Minute) {
			wait.Go(func() {
				defer group.Close()
				ctx := t.Context()
				if rank == k.first && k.kind == told {
					ctx = ended
				}
				_, errs[rank] = train.RunGroup(ctx, group, c, openDevice, nil)
			})
		}
		wait.Wait()
		if own, other := errs[k.first], errs[1-k.first]; !errors.Is(own, k.kind) || !errors.Is(other, k.other) || own.Error() != other.Error() || strings.Contains(own.Error(), "\n") {
			t.Errorf("%s: found %v and %v", k.name, own, other)
		}
		if _, err := os.Stat(filepath.Join(c.OutputDir, "config.yaml")); err == nil {
			t.Errorf("%s: found a run's files, expected nothing written", k.name)
		}
	}
}
