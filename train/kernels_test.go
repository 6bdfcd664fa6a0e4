package train_test

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// sameKernels checks that every process of a run on the simulator left which kernels it had loaded.
func sameKernels(t *testing.T, dir string) {
	t.Helper()
	s, err := train.ReadStatus(dir)
	if err != nil {
		t.Fatal(err)
	}
	for i, p := range s.Processes {
		has := func(name string) bool {
			return p.Kernels != nil && slices.ContainsFunc(p.Kernels.Kernels, func(k backend.LoadedKernel) bool { return k.Name == name && k.Compiled && k.LocalBytes == 0 })
		}
		if !has("adamw") || !has("topology_update") || p.Kernels.Seconds <= 0 || len(p.Kernels.Warnings) > 0 {
			t.Errorf("process %d: found kernels %+v, expected adamw and topology_update among them, and no warning", i, p.Kernels)
		}
	}
}

// spilling is a device whose kernels are worth a warning.
type spilling struct{ backend.Backend }

func (s spilling) Capabilities() backend.Capabilities {
	c := s.Backend.Capabilities()
	c.Loaded = func() backend.Loaded {
		return backend.Loaded{Kernels: []backend.LoadedKernel{{Name: "slow", LocalBytes: 8}}, Warnings: []string{"slow spills"}}
	}
	return c
}

// A warning of the kernels comes once, and stays in the status.
func TestKernelsAreWarnedOfOnce(t *testing.T) {
	c := smallRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.MaxSteps, c.LoggingSteps, c.Updates = 4, 1, 2
	watch := &told{}
	_, err := train.Run(t.Context(), c, func(device, precision string, threads int) (backend.Backend, error) {
		b, err := openCPU(device, precision, threads)
		return spilling{b}, err
	}, watch)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(slices.DeleteFunc(slices.Clone(watch.lines), func(s string) bool { return s != "slow spills" })); n != 1 {
		t.Errorf("found %q, expected the warning once", watch.lines)
	}
	s := status(t, c.OutputDir, train.StateDone, 4)
	if k := s.Processes[0].Kernels; k == nil || len(k.Kernels) != 1 || k.Kernels[0].Name != "slow" || len(k.Warnings) != 1 {
		t.Errorf("found %+v", k)
	}
}
