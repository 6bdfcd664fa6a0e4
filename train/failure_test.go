package train_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/faultfs"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// A disk that fills up while saving, at any operation, ends the run with an
// error that says so and leaves the last good checkpoint.
func TestFullDiskWhileSaving(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: no goroutine of ours writes checkpoints")
	}
	text := smallCorpus(t)
	count := &faultfs.FS{Base: checkpoint.OS{}}
	c := smallRun(text, filepath.Join(t.TempDir(), "count"))
	c.MaxSteps, c.Updates, c.SaveSteps, c.EvalSteps = 4, 2, 2, 0
	if _, err := train.RunOn(t.Context(), count, c, openCPU, &observer{}); err != nil {
		t.Fatal(err)
	}
	// The operations of the first save, after which step 2 is safe.
	first := 0
	for i, op := range count.Ops {
		if strings.HasPrefix(op, "rename") {
			first = i + 2 // the rename and the sync of the folder
			break
		}
	}
	if first == 0 || first >= len(count.Ops) {
		t.Fatalf("found no two saves in %v", count.Ops)
	}
	failed := 0
	for at := first + 1; at <= len(count.Ops); at++ {
		c.OutputDir = filepath.Join(t.TempDir(), "run")
		disk := &faultfs.FS{Base: checkpoint.OS{}, At: at, Err: syscall.ENOSPC}
		_, err := train.RunOn(t.Context(), disk, c, openCPU, &observer{})
		if err == nil {
			continue // an operation whose failure costs nothing, such as a clean-up
		}
		failed++
		if !errors.Is(err, syscall.ENOSPC) || train.IsUsage(err) || strings.Contains(err.Error(), "\n") {
			t.Errorf("operation %d (%s): found %v, expected one line that wraps ENOSPC", at, count.Ops[at-1], err)
		}
		found, skipped, err := checkpoint.Latest(filepath.Join(c.OutputDir, checkpoint.FolderName))
		if err != nil || len(skipped) > 0 || found.Step < 2 {
			t.Fatalf("operation %d (%s): found checkpoint %+v, skipped %v, error %v, expected that of step 2 or 4", at, count.Ops[at-1], found, skipped, err)
		}
	}
	if failed < 8 {
		t.Errorf("only %d of %d faults ended the run", failed, len(count.Ops)-first)
	}
}

// poison is a backend that makes one weight NaN before a given step.
type poison struct {
	backend.Backend
	step  int64
	first backend.Param
	value float32
}

func (p *poison) NewParam(spec backend.ParamSpec) backend.Param {
	made := p.Backend.NewParam(spec)
	if p.first == nil {
		p.first = made
	}
	return made
}

func (p *poison) BeginStep(s backend.StepScalars) {
	if s.Train && s.Step == p.step {
		// Every row of the token embedding, so that some token of the batch has it.
		values := make([]float32, p.first.Values().Len())
		for i := range values {
			values[i] = p.value
		}
		p.WriteFloats(p.first.Values(), 0, values)
	}
	p.Backend.BeginStep(s)
}

// NaN and Inf stop the run and never reach a checkpoint.
func TestDivergenceStopsTheRun(t *testing.T) {
	text := smallCorpus(t)
	for _, value := range []float32{float32(math.NaN()), float32(math.Inf(1))} {
		c := smallRun(text, filepath.Join(t.TempDir(), "run"))
		c.SaveSteps = 3
		open := func(device, precision string, threads int) (backend.Backend, error) {
			b, err := openCPU(device, precision, threads)
			return &poison{Backend: b, step: 10, value: value}, err
		}
		_, err := train.Run(t.Context(), c, open, &observer{})
		if !errors.Is(err, model.ErrNotFinite) || !strings.Contains(err.Error(), "step 11") {
			t.Errorf("%v: found %v, expected ErrNotFinite at step 11", value, err)
		}
		found, skipped, err := checkpoint.Latest(filepath.Join(c.OutputDir, checkpoint.FolderName))
		if err != nil || len(skipped) > 0 || found.Step != 9 {
			t.Fatalf("%v: found checkpoint %+v, skipped %v, error %v, expected that of step 9", value, found, skipped, err)
		}
		in, err := train.Inspect(c.OutputDir)
		if err != nil {
			t.Fatal(err)
		}
		for _, tensor := range in.Tensors {
			if math.IsNaN(tensor.Mean) || math.IsInf(tensor.Std, 0) || math.IsNaN(tensor.Std) {
				t.Errorf("%v: %s is not finite in the checkpoint", value, tensor.Name)
			}
		}
	}
}

// The same seed gives the same files whatever the number of threads, another
// seed does not.
func TestThreadsDoNotMatter(t *testing.T) {
	text := smallCorpus(t)
	var results []result
	for i, change := range []func(*train.Config){
		func(c *train.Config) { c.Threads = 1 },
		func(c *train.Config) { c.Threads = 2 },
		func(c *train.Config) { c.Threads = 5 },
		func(c *train.Config) { c.Seed = 2 },
	} {
		c := smallRun(text, filepath.Join(t.TempDir(), "run"))
		change(&c)
		if _, err := train.Run(t.Context(), c, openCPU, &observer{}); err != nil {
			t.Fatal(err)
		}
		results = append(results, resultOf(t, c.OutputDir))
		if i > 0 && i < 3 {
			checkEqual(t, "another number of threads", results[i], results[0])
		}
	}
	if results[3].weights == results[0].weights {
		t.Errorf("another seed gave the same weights")
	}
}

// All methods, kinds of growth and distributions train, with as many blocks as
// asked for throughout.
func TestMethods(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: TestThreadsDoNotMatter runs a whole training run under the race detector")
	}
	text := smallCorpus(t)
	for _, change := range []func(*train.Config){
		func(c *train.Config) { c.Method = model.Dense },
		func(c *train.Config) { c.Method = model.Static },
		func(c *train.Config) { c.Growth, c.GrowthScore = sparse.GrowGradient, "micro-batch" },
		func(c *train.Config) { c.Growth = sparse.GrowFanIn; c.BlockSize = 4 },
		func(c *train.Config) { c.Growth, c.BlockSize, c.AblateNeurons = sparse.GrowFanIn, 4, 0.6 },
		func(c *train.Config) {
			c.Growth, c.GrowthScore, c.ProtectNew = sparse.GrowGradientFanIn, "micro-batch", 1
		},
		func(c *train.Config) { c.PruneBy, c.BlockSize, c.PruneAge = sparse.PruneSaliency, 4, 1 },
		func(c *train.Config) { c.Distribution = sparse.ERK; c.PruneNorm = sparse.L2 },
		func(c *train.Config) { c.BlockSize = 1; c.PruneNorm = sparse.LInf; c.PruneSchedule = sparse.Linear },
		func(c *train.Config) { c.GroupLasso = 0.01; c.Init = model.Glorot; c.Rescale = true },
	} {
		c := smallRun(text, filepath.Join(t.TempDir(), "run"))
		c.LearningRate, c.EvalSteps = 3e-3, 0
		change(&c)
		watch := &observer{}
		s, err := train.Run(t.Context(), c, openCPU, watch)
		if err != nil {
			t.Errorf("%s, %s growth: %v", c.Method, c.Growth, err)
			continue
		}
		if !(s.Train.MLMLoss < s.FirstLoss) {
			t.Errorf("%s, %s growth, B = %d: the loss went from %v to %v", c.Method, c.Growth, c.BlockSize, s.FirstLoss, s.Train.MLMLoss)
		}
		if want := map[model.Method]int{model.Dynamic: 7}[c.Method]; len(watch.updates) != want {
			t.Errorf("%s: %d topology updates, expected %d", c.Method, len(watch.updates), want)
		}
		for _, u := range watch.updates[:max(0, len(watch.updates)-3)] {
			if u.Pruned == 0 || !(u.ExploredDOF > 0.25) {
				t.Errorf("%s growth, B = %d: update %d moved %d blocks, explored %v", c.Growth, c.BlockSize, u.Update, u.Pruned, u.ExploredDOF)
			}
		}
		in, err := train.Inspect(c.OutputDir)
		if err != nil {
			t.Fatal(err)
		}
		active, positions := 0, 0
		for _, tensor := range in.Tensors {
			active += tensor.Active
			positions += tensor.Positions
		}
		if c.Method != model.Dense && (float64(active) != 0.25*float64(positions)) {
			t.Errorf("%s, %s: %d of %d blocks are active, expected a quarter", c.Method, c.Distribution, active, positions)
		}
	}
}

// A run whose newest checkpoint is damaged goes on from the one before.
func TestResumePassesOverDamage(t *testing.T) {
	text := smallCorpus(t)
	c := smallRun(text, filepath.Join(t.TempDir(), "run"))
	c.SaveSteps, c.SaveTotalLimit = 10, 0
	if _, err := train.Run(t.Context(), c, openCPU, &observer{}); err != nil {
		t.Fatal(err)
	}
	want := resultOf(t, c.OutputDir)
	newest := filepath.Join(c.OutputDir, checkpoint.FolderName, "step-30")
	if err := os.Truncate(filepath.Join(newest, "optimizer.safetensors"), 1000); err != nil {
		t.Fatal(err)
	}
	c.Resume = true
	watch := &observer{}
	if _, err := train.Run(t.Context(), c, openCPU, watch); err != nil {
		t.Fatal(err)
	}
	if len(watch.skipped) != 1 || len(watch.losses) != 10 {
		t.Errorf("found %d checkpoints passed over and %d steps, expected 1 and 10", len(watch.skipped), len(watch.losses))
	}
	checkEqual(t, "resumed from the checkpoint before", resultOf(t, c.OutputDir), want)
}

// A run does not go on with another text in the same file.
func TestResumeNoticesAnotherText(t *testing.T) {
	text := smallCorpus(t)
	c := smallRun(text, filepath.Join(t.TempDir(), "run"))
	c.MaxSteps = 8
	if _, err := train.Run(t.Context(), c, openCPU, &observer{}); err != nil {
		t.Fatal(err)
	}
	words, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(text, append(words, "One more sentence.\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Resume = true
	if _, err := train.Run(t.Context(), c, openCPU, &observer{}); !train.IsUsage(err) || !strings.Contains(err.Error(), "corpus") {
		t.Errorf("found %v, expected an error about the corpus for which IsUsage holds", err)
	}
}

// A dry run of a resume looks at everything that the resume itself would, and
// writes nothing.
func TestDryRunOfAResume(t *testing.T) {
	text := smallCorpus(t)
	c := smallRun(text, filepath.Join(t.TempDir(), "run"))
	c.MaxSteps = 8
	if _, err := train.Run(t.Context(), c, openCPU, &observer{}); err != nil {
		t.Fatal(err)
	}
	c.Resume = true
	if _, err := train.DryRun(t.Context(), c, openCPU); err != nil {
		t.Fatalf("a run that can be resumed: %v", err)
	}
	lock, err := checkpoint.Lock(c.OutputDir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := train.DryRun(t.Context(), c, openCPU); !errors.Is(err, checkpoint.ErrInUse) {
		t.Errorf("folder in use: found %v, expected ErrInUse", err)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	other := c
	other.LearningRate *= 2
	other.LearningRate++
	if _, err := train.DryRun(t.Context(), other, openCPU); !train.IsUsage(err) || !strings.Contains(err.Error(), "learning_rate") {
		t.Errorf("another learning rate: found %v, expected an error that names it", err)
	}
	weights := filepath.Join(c.OutputDir, checkpoint.FolderName, "step-8", "model.safetensors")
	if err := os.Truncate(weights, 100); err != nil {
		t.Fatal(err)
	}
	if _, err := train.DryRun(t.Context(), c, openCPU); !errors.Is(err, checkpoint.ErrCorrupt) {
		t.Errorf("a damaged checkpoint: found %v, expected ErrCorrupt", err)
	}
}
