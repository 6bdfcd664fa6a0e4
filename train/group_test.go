package train_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/faultfs"
	"github.com/sparsebert/sparsebert-gpu/internal/collective"
	"github.com/sparsebert/sparsebert-gpu/model"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// stop says which process is told to stop, and about when: when rank 0 has finished a step.
type stop struct {
	rank  int
	after int64
}

// stepWatch is the observer of rank 0, which has others told to stop.
type stepWatch struct {
	train.NopObserver
	after int64
	tell  context.CancelFunc
}

func (w stepWatch) Stepped(done, _ int64, _ float64) {
	if done == w.after {
		w.tell()
	}
}

// together runs a configuration in w processes of one run, each in a goroutine with a
// device of its own, and returns the error of each. change sets what is different in a
// process; it may be nil, as told may.
func together(t *testing.T, w int, c train.Config, change func(rank int, c *train.Config), told *stop) []error {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := make([]error, w)
	var wait sync.WaitGroup
	for rank, group := range collective.Local(w, time.Minute) {
		wait.Go(func() {
			defer group.Close()
			own, running := c, t.Context()
			if change != nil {
				change(rank, &own)
			}
			var watch train.Observer
			if told != nil {
				if rank == told.rank {
					running = ctx
				}
				if rank == 0 {
					watch = stepWatch{after: told.after, tell: cancel}
				}
			}
			_, errs[rank] = train.RunGroup(running, group, own, openDevice, watch)
		})
	}
	wait.Wait()
	return errs
}

// replicaRun is a smallRun of four replicas, eight micro-batches and few steps.
func replicaRun(text, dir string) train.Config {
	c := smallRun(text, dir)
	c.Replicas, c.Accumulation, c.BatchSize, c.MaxSteps, c.Updates = 4, 8, 1, 9, 4
	c.Device = "cpu"
	return c
}

// wide makes a run whose larger tensors are divided among processes.
func wide(c *train.Config) {
	c.Layers, c.Hidden, c.FFN, c.BlockSize, c.Sparsity = 1, 128, 512, 1, 0.5
	c.MaxSteps, c.Updates, c.Accumulation = 3, 3, 4
}

// A run of four replicas leaves the same bits with one, two and four processes, whatever
// the growth: weights, topology, moments and metrics.
func TestProcessesComputeTheSame(t *testing.T) {
	text := smallCorpus(t)
	for _, k := range []struct {
		name string
		set  func(*train.Config)
	}{
		{"random", func(*train.Config) {}},
		{"fan-in", func(c *train.Config) { c.Growth, c.Checkpointing = sparse.GrowFanIn, true }},
		{"gradient", func(c *train.Config) { c.Growth, c.GrowthScore = sparse.GrowGradient, "micro-batch" }},
		{"tensors that are cut, of single elements", wide},
		{"prunes by moments", func(c *train.Config) { wide(c); c.PruneBy, c.BlockSize = sparse.PruneSaliency, 16 }},
		{"partial", func(c *train.Config) {
			c.Method, c.PartialPhases, c.PartialChoice, c.PartialRest = model.Partial, model.PhasesAlternate, sparse.ChooseRandom, model.Zero
		}},
		{"simulator", func(c *train.Config) {
			c.Layers, c.Hidden, c.FFN, c.VocabSize, c.SeqLen = 1, 32, 32, 60, 16
			c.BlockSize, c.Sparsity, c.MaxSteps, c.Updates, c.Accumulation = 16, 0.5, 3, 3, 4
			c.EvalBatches, c.FinalBatches = 1, 1
			c.Device, c.Growth, c.GrowthScore = "sim", sparse.GrowGradient, "micro-batch"
		}},
	} {
		t.Run(k.name, func(t *testing.T) {
			if testing.Short() && k.name != "gradient" {
				t.Skip("-short: one case has all goroutines")
			}
			c := replicaRun(text, filepath.Join(t.TempDir(), "alone"))
			k.set(&c)
			trained(t, c, 0)
			want := resultAt(t, c.OutputDir, c.MaxSteps)
			if c.Method == model.Dynamic && !strings.Contains(want.metrics, `"kind":"topology"`) {
				t.Fatalf("the run has no topology update:\n%s", want.metrics)
			}
			for _, w := range []int{2, 4} {
				c.OutputDir = filepath.Join(t.TempDir(), "run")
				if err := errors.Join(together(t, w, c, nil, nil)...); err != nil {
					t.Fatal(err)
				}
				checkEqual(t, fmt.Sprintf("%d processes", w), resultAt(t, c.OutputDir, c.MaxSteps), want)
			}
			text, err := os.ReadFile(filepath.Join(c.OutputDir, "metrics.jsonl"))
			if err != nil || !strings.Contains(string(text), `"sent_bytes":`) {
				t.Errorf("found no bytes sent in the metrics (%v)", err)
			}
			one := c
			one.Replicas, one.OutputDir = 1, filepath.Join(t.TempDir(), "one")
			trained(t, one, 0)
			if resultAt(t, one.OutputDir, c.MaxSteps).weights == want.weights {
				t.Error("four replicas leave the weights of one: nothing shows that the order of sums counts")
			}
			if a, b := loadedBytes(t, c.OutputDir), loadedBytes(t, one.OutputDir); a != b {
				t.Errorf("a model to be evaluated takes %d bytes after a run of four replicas, expected %d as after one of one", a, b)
			}
		})
	}
}

// loadedBytes is the memory of a run's model that is loaded for evaluation.
func loadedBytes(t *testing.T, dir string) int64 {
	t.Helper()
	m, _, err := train.LoadModel(dir, openDevice, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Backend().Close()
	return m.Backend().MemoryBytes()
}

// A run that four processes begin goes on with two and ends with one, as if it had never
// been stopped. Whichever process is told to stop: all do, after one checkpoint.
func TestResumeWithOtherProcesses(t *testing.T) {
	text := smallCorpus(t)
	c := replicaRun(text, filepath.Join(t.TempDir(), "whole"))
	wide(&c)
	c.MaxSteps, c.Updates = 8, 4
	trained(t, c, 0)
	want := resultAt(t, c.OutputDir, c.MaxSteps)

	c.OutputDir = filepath.Join(t.TempDir(), "cut")
	stops := func(w int, told stop, saved int) {
		t.Helper()
		for rank, err := range together(t, w, c, nil, &told) {
			if !errors.Is(err, train.ErrStopped) {
				t.Fatalf("rank %d: found %v, expected that it was stopped", rank, err)
			}
			if rank != told.rank && !strings.Contains(err.Error(), fmt.Sprintf("rank %d was told to", told.rank)) {
				t.Errorf("rank %d: found %v, expected the rank that was told to stop", rank, err)
			}
		}
		list, err := filepath.Glob(filepath.Join(c.OutputDir, checkpoint.FolderName, "step-*"))
		if err != nil || len(list) != saved {
			t.Errorf("found checkpoints %v, expected %d (%v)", list, saved, err)
		}
	}
	stops(4, stop{rank: 3, after: 2}, 1)
	c.Resume = true
	stops(2, stop{rank: 1, after: 6}, 2)
	trained(t, c, 0)
	checkEqual(t, "four, two and one processes", resultAt(t, c.OutputDir, c.MaxSteps), want)
}

// What differs between processes before the first step ends all of them with one line that
// names the rank and the key, and nothing is written.
func TestProcessesMustBeAlike(t *testing.T) {
	text, other, missing := smallCorpus(t), filepath.Join(t.TempDir(), "other.txt"), filepath.Join(t.TempDir(), "missing")
	content, err := os.ReadFile(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(other, append(content, "One more sentence here.\n"...), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, k := range []struct {
		says   string
		w      int
		change func(rank int, c *train.Config)
	}{
		{"rank 1: learning_rate: found 0.5, expected ", 2, func(rank int, c *train.Config) {
			if rank == 1 {
				c.LearningRate = 0.5
			}
		}},
		{"rank 3: save_steps: found 2, expected ", 4, func(rank int, c *train.Config) {
			if rank == 3 {
				c.SaveSteps = 2
			}
		}},
		{"rank 1: corpus: found ", 2, func(rank int, c *train.Config) {
			if rank == 1 {
				c.Corpus = []string{other}
			}
		}},
		{"rank 1: " + missing + ": found nothing there", 2, func(rank int, c *train.Config) {
			if rank == 1 {
				c.Corpus = []string{missing}
			}
		}},
		{"rank 1: updates: found", 2, func(rank int, c *train.Config) {
			if rank == 1 {
				c.Updates = -7
			}
		}},
		{"rank 0: processes: found 3, expected a power of two", 3, func(int, *train.Config) {}},
		{"rank 0: replicas: found 2 for 4 processes, expected a multiple of their number", 4, func(_ int, c *train.Config) { c.Replicas = 2 }},
	} {
		c := replicaRun(text, filepath.Join(t.TempDir(), "run"))
		for rank, err := range together(t, k.w, c, k.change, nil) {
			own := strings.Replace(k.says, "rank 0", fmt.Sprintf("rank %d", rank), 1) // where all are wrong
			if !train.IsUsage(err) || !strings.HasPrefix(err.Error(), k.says) && !strings.HasPrefix(err.Error(), own) || strings.Contains(err.Error(), "\n") {
				t.Errorf("rank %d: found %v, expected %s", rank, err, k.says)
			}
		}
		if _, err := os.Stat(c.OutputDir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the run's folder is there (%v)", k.says, err)
		}
	}
}

// Threads and what a process tells may differ. Without replicas given there are as many as
// processes, and the micro-batch is cut.
func TestProcessesOfTheirOwnKind(t *testing.T) {
	c := replicaRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	c.Replicas, c.Accumulation, c.BatchSize = 0, 1, 8
	errs := together(t, 2, c, func(rank int, c *train.Config) { c.Threads = 1 + rank }, nil)
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	was, err := train.ReadRunConfig(c.OutputDir)
	if err != nil || was.Replicas != 2 || was.Accumulation != 2 || was.BatchSize != 4 {
		t.Errorf("found replicas %d, accumulation %d, batch size %d (%v), expected 2, 2 and 4", was.Replicas, was.Accumulation, was.BatchSize, err)
	}
	status, err := train.ReadStatus(c.OutputDir)
	if err != nil || len(status.Processes) != 1 || status.Processes[0].Ranks != 2 {
		t.Errorf("found %+v (%v), expected one entry for two ranks", status, err)
	}
}

// A process that ends early leaves the others with an error, not waiting.
func TestProcessThatIsGone(t *testing.T) {
	c := replicaRun(smallCorpus(t), filepath.Join(t.TempDir(), "run"))
	errs := make([]error, 2)
	groups := collective.Local(2, time.Minute)
	var wait sync.WaitGroup
	wait.Go(func() {
		_, errs[0] = train.RunGroup(t.Context(), groups[0], c, openDevice, stepWatch{after: 3, tell: func() { groups[1].Close() }})
		groups[0].Close()
	})
	wait.Go(func() { _, errs[1] = train.RunGroup(t.Context(), groups[1], c, openDevice, nil) })
	wait.Wait()
	for rank, err := range errs {
		if !errors.Is(err, collective.ErrClosed) || !strings.Contains(err.Error(), "rank 1 left the group") {
			t.Errorf("rank %d: found %v, expected that rank 1 has left", rank, err)
		}
	}
}

// A full disk of rank 0 ends all, whatever of a checkpoint it lets through, and the last
// checkpoint stays whole.
func TestFullDiskEndsAllProcesses(t *testing.T) {
	c := replicaRun(smallCorpus(t), filepath.Join(t.TempDir(), "count"))
	c.Layers, c.MaxSteps, c.Updates, c.SaveSteps, c.EvalSteps = 1, 4, 2, 2, 0
	run := func(disk checkpoint.FS) []error {
		errs := make([]error, 2)
		var wait sync.WaitGroup
		for rank, group := range collective.Local(2, time.Minute) {
			wait.Go(func() {
				defer group.Close()
				_, errs[rank] = train.RunGroupOn(t.Context(), disk, group, c, openDevice)
			})
		}
		wait.Wait()
		return errs
	}
	count := &faultfs.FS{Base: checkpoint.OS{}}
	if err := errors.Join(run(count)...); err != nil {
		t.Fatal(err)
	}
	// The last third of the operations is of the second checkpoint; a few of them are enough.
	for at := len(count.Ops) * 2 / 3; at < len(count.Ops)-4; at += 3 {
		c.OutputDir = filepath.Join(t.TempDir(), "run")
		errs := run(&faultfs.FS{Base: checkpoint.OS{}, At: at, Err: syscall.ENOSPC})
		if !errors.Is(errs[0], syscall.ENOSPC) {
			t.Errorf("operation %d (%s): rank 0: found %v, expected ENOSPC", at, count.Ops[at-1], errs[0])
		}
		if errs[1] == nil || !strings.HasPrefix(errs[1].Error(), "rank 0: saving the checkpoint of step 4") {
			t.Errorf("operation %d (%s): rank 1: found %v, expected what rank 0 could not save", at, count.Ops[at-1], errs[1])
		}
		if found, skipped, err := checkpoint.Latest(filepath.Join(c.OutputDir, checkpoint.FolderName)); err != nil || len(skipped) > 0 || found.Step != 2 {
			t.Errorf("operation %d (%s): found checkpoint %+v, skipped %v, %v, expected that of step 2", at, count.Ops[at-1], found, skipped, err)
		}
	}
}
