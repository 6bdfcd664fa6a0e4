package train_test

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint"
	"github.com/sparsebert/sparsebert-gpu/internal/checkpoint/checkpointtest"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// openPortable opens the simulator, or the CPU on the instruction path that gives
// the same bits on every machine of an architecture.
func openPortable(device, precision string, threads int) (backend.Backend, error) {
	if device == "cpu" {
		return cpu.New(cpu.Options{Threads: threads, Path: cpu.Portable})
	}
	return openDevice(device, precision, threads)
}

// tensorHash is the SHA-256 over name, dtype, shape and bytes of a file's tensors,
// ordered by name.
func tensorHash(t *testing.T, path string) string {
	t.Helper()
	file := checkpointtest.Read(t, path)
	slices.SortFunc(file.Tensors, func(a, b checkpoint.Tensor) int { return strings.Compare(a.Name, b.Name) })
	sum := sha256.New()
	for _, x := range file.Tensors {
		fmt.Fprintf(sum, "%s %s %v %d\n", x.Name, x.DType, x.Shape, len(x.Data))
		sum.Write(x.Data)
	}
	return fmt.Sprintf("%x", sum.Sum(nil))
}

// What a training run computes does not move by a bit when the program is
// rearranged. Whoever changes a hash says why in the commit.
func TestBitsOfRuns(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: other tests run the same goroutines")
	}
	if runtime.GOARCH != "amd64" {
		t.Skip("the hashes are those of amd64: Go's compiler fuses multiplications and additions elsewhere")
	}
	small := func(c *train.Config) {
		c.Layers, c.Hidden, c.Heads, c.FFN, c.SeqLen = 2, 64, 2, 128, 32
		c.Dropout, c.LearningRate, c.WeightDecay = 0.1, 0.003, 0.01
		c.EvalBatches, c.FinalBatches, c.Threads, c.MaxSteps, c.Updates = 2, 2, 2, 60, 6
		c.Device, c.BatchSize, c.BlockSize, c.Sparsity = "cpu", 4, 16, 0.7
	}
	sim := func(c *train.Config) {
		c.Layers, c.BatchSize, c.MaxSteps, c.Updates, c.Device = 1, 2, 6, 3, "sim"
	}
	for _, run := range []struct {
		name             string
		set              func(*train.Config)
		model, optimizer string
	}{
		{"accumulation and gradient checkpointing", func(c *train.Config) {
			c.Accumulation, c.Checkpointing, c.BlockSize, c.Sparsity = 2, true, 8, 0.8
		}, "50f34c1f068e2f0fc71072e0d851577547c169f26239ac8d1d76d7544d599b5f", "16a2eb34af5fe8f062b412d1e24fa25af5b281b08c9235f6115698ec88f33830"},
		{"gradient growth", func(c *train.Config) { c.Growth = sparse.GrowGradient }, "5ca0313862a2d1a04b7438437b2689be4e9af0efdba99e742fb7ab903b3bd206", "afe73266bd06b6792c75056c8bf99b95b7cac7e1a0b531b94df72b608c2fdc99"},
		{"simulator, float32", sim, "ac49240463cd738601f65323bf20f745033c4fc3c8b78c8872c6b47bc8f960e5", "6bfa2f6b6e55b8035a5319eca4d79cf5e396e45e9e288f51d1c96644be498838"},
		{"simulator, bfloat16", func(c *train.Config) { sim(c); c.Precision = "bf16" }, "a9b892ac56f6fbb427857a5cbe75f0bed00d4f147992dc86d1e4bd3e1ec7e7ce", "28f9b6329f9991351bb1dc18aa375592429dc531fc723ab9dd663e949b5ebef8"},
	} {
		t.Run(run.name, func(t *testing.T) {
			c := train.DefaultConfig()
			small(&c)
			run.set(&c)
			c.OutputDir = filepath.Join(t.TempDir(), "run")
			if _, err := train.Run(t.Context(), c, openPortable, &observer{}); err != nil {
				t.Fatal(err)
			}
			folder := filepath.Join(c.OutputDir, "checkpoints", fmt.Sprintf("step-%d", c.MaxSteps))
			if got := tensorHash(t, filepath.Join(folder, "model.safetensors")); got != run.model {
				t.Errorf("model.safetensors: found tensors of hash %s, expected %s", got, run.model)
			}
			if got := tensorHash(t, filepath.Join(folder, "optimizer.safetensors")); got != run.optimizer {
				t.Errorf("optimizer.safetensors: found tensors of hash %s, expected %s", got, run.optimizer)
			}
		})
	}
}
