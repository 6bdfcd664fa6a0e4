package train_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// A log of rank 0 that its disk does not take ends all processes with what rank 0 says, though the others
// have moments to send by then.
func TestLogThatIsLostBeforeACheckpoint(t *testing.T) {
	c := replicaRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	wide(&c)
	c.MaxSteps, c.Updates, c.SaveSteps, c.EvalSteps, c.LoggingSteps = 6, 2, 2, 0, 6
	var errs [2]error
	var wait sync.WaitGroup
	for rank, group := range collective.Local(2, time.Minute) {
		wait.Go(func() {
			defer group.Close()
			_, errs[rank] = train.RunGroupLosingLog(t.Context(), 4, group, c, openDevice)
		})
	}
	wait.Wait()
	for rank, err := range errs {
		if err == nil || !strings.HasPrefix(err.Error(), "rank 0: syncing the metrics: ") {
			t.Errorf("rank %d: found %v, expected what rank 0 could not write", rank, err)
		}
	}
	onlyStep2(t, c)
}

// onlyStep2 expects that the newest checkpoint of a run is that of step 2, and whole.
func onlyStep2(t *testing.T, c train.Config) {
	t.Helper()
	found, skipped, err := checkpoint.Latest(filepath.Join(c.OutputDir, checkpoint.FolderName))
	if err != nil || len(skipped) > 0 || found.Step != 2 {
		t.Errorf("found checkpoint %+v, skipped %v, %v, expected that of step 2", found, skipped, err)
	}
}

// mute is a device that no moment can be read from after some steps.
type mute struct {
	backend.Backend
	steps  int
	params []backend.Param
}

func (m *mute) NewParam(spec backend.ParamSpec) backend.Param {
	p := m.Backend.NewParam(spec)
	m.params = append(m.params, p)
	return p
}

func (m *mute) Refresh(params []backend.Param) {
	m.Backend.Refresh(params)
	m.steps--
}

func (m *mute) ReadFloats(dst []float32, src backend.Buffer, from int) error {
	for _, p := range m.params {
		if m.steps <= 0 && (src == p.M() || src == p.V()) {
			return os.ErrDeadlineExceeded
		}
	}
	return m.Backend.ReadFloats(dst, src, from)
}

// A process whose moments cannot be read ends all: each says why, or that the other has left.
func TestMomentsThatCannotBeRead(t *testing.T) {
	for fails := range 2 {
		c := replicaRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
		wide(&c)
		c.MaxSteps, c.Updates, c.SaveSteps, c.EvalSteps = 6, 2, 2, 0
		open := [2]train.Opener{openDevice, openDevice}
		open[fails] = func(device, precision string, threads int) (backend.Backend, error) {
			b, err := openDevice(device, precision, threads)
			return &mute{Backend: b, steps: 5}, err // the first is when the model is built, the fifth in step 4
		}
		errs := onDevices(t, c, open)
		own, other := errs[fails], errs[1-fails]
		if !errors.Is(own, os.ErrDeadlineExceeded) {
			t.Errorf("rank %d: found %v, expected what its device says", fails, own)
		}
		if !errors.Is(other, collective.ErrClosed) {
			t.Errorf("beside rank %d: found %v, expected that it has left", fails, other)
		}
		onlyStep2(t, c)
	}
}
