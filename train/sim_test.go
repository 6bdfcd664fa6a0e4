package train_test

import (
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/gpu"
	"github.com/sparsebert/sparsebert-gpu/gpu/simdriver"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// openDevice opens "cpu" or "sim".
func openDevice(device, precision string, threads int) (backend.Backend, error) {
	if device == "cpu" {
		return openCPU(device, precision, threads)
	}
	o := gpu.Options{Activation: backend.F32}
	if precision == "bf16" {
		o.Activation = backend.BF16
	}
	return gpu.New(simdriver.New(simdriver.Options{Threads: threads}), o)
}

// simSteps is the length of a simRun.
const simSteps = 7

// simRun is a smallRun that the simulator does in a second or two, with three
// topology updates.
func simRun(t *testing.T, text string) train.Config {
	c := smallRun(text, filepath.Join(t.TempDir(), "run"))
	c.Layers, c.Hidden, c.FFN, c.GroupLasso, c.VocabSize = 1, 48, 48, 0.5, 60
	c.BlockSize, c.Sparsity, c.Updates, c.Growth = 16, 0.5, 4, sparse.GrowGradient
	c.PruneBy, c.PruneAge, c.ProtectNew = sparse.PruneSaliency, 0.5, 1
	c.SeqLen, c.MaxSteps, c.LoggingSteps, c.EvalSteps, c.EvalBatches, c.FinalBatches = 16, simSteps, 2, 4, 1, 2
	c.Device, c.GrowthScore = "sim", "micro-batch"
	return c
}

// trained runs a configuration until it is done, or after a step, and returns
// what was seen of it.
func trained(t *testing.T, c train.Config, stopAfter int64) *observer {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	watch := &observer{cancel: cancel, stopAfter: stopAfter}
	if _, err := train.Run(ctx, c, openDevice, watch); err != nil && !(stopAfter > 0 && errors.Is(err, train.ErrStopped)) {
		t.Fatal(err)
	}
	return watch
}

// Runs on the simulated GPU are equal bit by bit, those that were cut and resumed
// in the middle of a log window too.
func TestRunsOnTheSimulatorAreEqual(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the simulator's goroutines are looked at in its own package")
	}
	text := smallCorpus(t)
	for _, precision := range []string{"fp32", "bf16"} {
		t.Run(precision, func(t *testing.T) {
			t.Parallel()
			var want result
			for i, cut := range []int64{0, 0, 3} {
				c := simRun(t, text)
				c.Precision, c.Threads = precision, 1+i%2
				if cut > 0 {
					trained(t, c, cut)
					c.Resume = true
				}
				watch := trained(t, c, 0)
				got := resultAt(t, c.OutputDir, simSteps)
				sameKernels(t, c.OutputDir)
				if i == 0 {
					want = got
					if len(watch.updates) != 3 || len(watch.evals) != 2 {
						t.Fatalf("found %d updates and %d evaluations, expected 3 and 2", len(watch.updates), len(watch.evals))
					}
				}
				checkEqual(t, []string{"the first run", "the second run", "cut and resumed"}[i], got, want)
			}
		})
	}
}

// topologies returns where the blocks of a run's last checkpoint are, and when
// they were born.
func topologies(t *testing.T, dir string) map[string][]int32 {
	t.Helper()
	found, _, err := checkpoint.Latest(filepath.Join(dir, checkpoint.FolderName))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]int32{}
	for name := range found.Files {
		r, err := found.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range r.Tensors() {
			if info.DType != checkpoint.I32 {
				continue
			}
			values := make([]int32, info.Shape[0])
			if err := checkpoint.ReadInto(r, info.Name, values); err != nil {
				t.Fatal(err)
			}
			all[info.Name] = values
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

// A run may change its device, not its precision. What it does then follows what
// it would have done: see TestTrainingFollowsTheCPU in package gpu for the
// tolerance, and for why the topologies can be expected to be the same.
func TestResumeOnAnotherDevice(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the simulator's goroutines are looked at in its own package")
	}
	text := smallCorpus(t)
	c := simRun(t, text)
	c.Device = "cpu"
	whole := trained(t, c, 0)
	want := topologies(t, c.OutputDir)
	if len(want) != 6*4 {
		t.Fatalf("found %d lists of a topology, expected 24", len(want))
	}
	for _, devices := range [][2]string{{"cpu", "sim"}, {"sim", "cpu"}} {
		t.Run(devices[0]+" to "+devices[1], func(t *testing.T) {
			const cut = 3
			c := simRun(t, text)
			c.Device = devices[0]
			first := trained(t, c, cut)
			c.Device, c.Resume = devices[1], true
			second := trained(t, c, 0)

			losses := append(first.losses, second.losses...)
			if len(first.losses) != cut || len(losses) != simSteps {
				t.Fatalf("found %d and %d steps, expected %d in all", len(first.losses), len(second.losses), simSteps)
			}
			worst := 0.0
			for i, loss := range losses {
				d := math.Abs(loss - whole.losses[i])
				if worst = max(worst, d); !(d <= 1e-4) {
					t.Errorf("step %d: found a loss of %v, expected %v to 1e-4", i+1, loss, whole.losses[i])
				}
			}
			t.Logf("losses differ by at most %.1e", worst)
			if d := second.evals[len(second.evals)-1].MLMLoss - whole.evals[len(whole.evals)-1].MLMLoss; !(math.Abs(d) <= 1e-4) {
				t.Errorf("the last evaluation: found a loss that differs by %v, expected 1e-4 at most", d)
			}
			for name, values := range topologies(t, c.OutputDir) {
				if !slices.Equal(values, want[name]) {
					t.Errorf("%s: found %v, expected %v", name, values, want[name])
				}
			}
			s := status(t, c.OutputDir, train.StateDone, simSteps)
			if len(s.Processes) != 2 {
				t.Fatalf("found %d processes, expected 2", len(s.Processes))
			}
			for i, p := range s.Processes {
				if strings.Contains(p.Device, "PTX simulator") != (devices[i] == "sim") {
					t.Errorf("found process %d on the device %s, expected %s", i, p.Device, devices[i])
				}
			}
			if began := read(t, c.OutputDir, train.EnvironmentName); strings.Contains(began, "PTX simulator") != (devices[0] == "sim") {
				t.Errorf("found the environment %s, expected the device %s that began the run", began, devices[0])
			}

			c.Precision = "bf16"
			if _, err := train.Run(t.Context(), c, openDevice, &observer{}); !train.IsUsage(err) || !strings.Contains(err.Error(), `precision: found "bf16", expected "fp32" as in the run to resume`) {
				t.Errorf("another precision: found error %v, expected one about it", err)
			}
		})
	}
}
