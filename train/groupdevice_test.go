package train_test

import (
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// onDevices runs a configuration in two processes whose devices are opened in their own
// ways, and returns their errors.
func onDevices(t *testing.T, c train.Config, open [2]train.Opener) [2]error {
	t.Helper()
	var errs [2]error
	var wait sync.WaitGroup
	for rank, group := range collective.Local(2, time.Minute) {
		wait.Go(func() {
			defer group.Close()
			_, errs[rank] = train.RunGroup(t.Context(), group, c, open[rank], nil)
		})
	}
	wait.Wait()
	return errs
}

// Processes on CPUs with other instructions would not compute the same bits: refused, with
// the setting that helps.
func TestInstructionPathsMustBeAlike(t *testing.T) {
	paths := cpu.Paths()
	if len(paths) < 2 {
		t.Skip("this machine has one instruction path")
	}
	on := func(p cpu.Path) train.Opener {
		return func(_, _ string, threads int) (backend.Backend, error) {
			return cpu.New(cpu.Options{Threads: threads, Path: p})
		}
	}
	c := replicaRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	for rank, err := range onDevices(t, c, [2]train.Opener{on(paths[1]), on(paths[0])}) {
		const says = "rank 1: arithmetic of the device: found instructions go, expected instructions "
		if !train.IsUsage(err) || !strings.HasPrefix(err.Error(), says) || !strings.Contains(err.Error(), "--cpu-path") {
			t.Errorf("rank %d: found %v, expected %s", rank, err, says)
		}
	}
}

// flaky is a device that loses a bit of a weight after some steps.
type flaky struct {
	backend.Backend
	steps int
}

func (f *flaky) Refresh(params []backend.Param) {
	f.Backend.Refresh(params)
	if f.steps--; f.steps == 0 {
		v := make([]float32, 1)
		if f.ReadFloats(v, params[3].Values(), 5) == nil {
			v[0] += 0x1p-20
			f.WriteFloats(params[3].Values(), 5, v)
		}
	}
}

// A process whose weights have become others is found before the next checkpoint, which is
// not written.
func TestWeightsMustStayTheSame(t *testing.T) {
	c := replicaRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.SaveSteps, c.MaxSteps, c.Updates = 2, 6, 2
	broken := func(device, precision string, threads int) (backend.Backend, error) {
		b, err := openDevice(device, precision, threads)
		return &flaky{Backend: b, steps: 5}, err // the first is when the model is built, the fifth in step 4
	}
	for rank, err := range onDevices(t, c, [2]train.Opener{openDevice, broken}) {
		if err == nil || !strings.Contains(err.Error(), "after step 4: bert.embeddings.") || !strings.Contains(err.Error(), " of rank 1 is not that of rank 0") {
			t.Errorf("rank %d: found %v, expected the tensor and the rank", rank, err)
		}
	}
	found, skipped, err := checkpoint.Latest(filepath.Join(c.OutputDir, checkpoint.FolderName))
	if err != nil || len(skipped) > 0 || found.Step != 2 {
		t.Errorf("found a checkpoint of step %d, skipped %v, %v, expected that of step 2", found.Step, skipped, err)
	}
}
