package train_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/train"
)

// open opens the CPU on the instruction path that gives the same bits everywhere.
func open(_, _ string, threads int) (backend.Backend, error) {
	return cpu.New(cpu.Options{Threads: threads, Path: cpu.Portable})
}

// tiny is a run of a moment in a temporary folder.
func tiny() (c train.Config, remove func()) {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	c = train.DefaultConfig()
	c.Layers, c.Hidden, c.Heads, c.FFN, c.SeqLen = 1, 32, 2, 64, 32
	c.Sparsity, c.BlockSize, c.Updates = 0.75, 8, 4
	c.BatchSize, c.MaxSteps, c.LoggingSteps, c.FinalBatches = 4, 40, 10, 4
	c.OutputDir = filepath.Join(dir, "run")
	return c, func() { os.RemoveAll(dir) }
}

// watcher prints what is exact of a run.
type watcher struct{ train.NopObserver }

func (watcher) Started(p *train.Plan, _ string, from int64) {
	fmt.Printf("from step %d of %d, updates after %v\n", from, p.Config.MaxSteps, p.UpdateAt)
}

func (watcher) Logged(m train.TrainMetrics) {
	fmt.Printf("step %d: %.4g FLOPs so far\n", m.Step, m.FLOPs)
}

func (watcher) Updated(m train.TopologyMetrics) {
	fmt.Printf("step %d: %d blocks moved\n", m.Step, m.Pruned)
}

// A run of forty steps on the demo corpus.
func ExampleRun() {
	c, remove := tiny()
	defer remove()
	s, err := train.Run(context.Background(), c, open, watcher{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d steps, %.2f times fewer FLOPs than dense\n", s.Steps, s.DenseFLOPs/s.FLOPs)
	fmt.Println("the loss fell:", s.Train.MLMLoss < s.FirstLoss)
	// Output:
	// from step 0 of 40, updates after [10 20 30]
	// step 10: 10 blocks moved
	// step 10: 3.146e+07 FLOPs so far
	// step 20: 8 blocks moved
	// step 20: 6.291e+07 FLOPs so far
	// step 30: 0 blocks moved
	// step 30: 9.437e+07 FLOPs so far
	// step 40: 1.258e+08 FLOPs so far
	// 40 steps, 2.50 times fewer FLOPs than dense
	// the loss fell: true
}

// What a run would take, without a device or any text.
func ExampleEstimateCost() {
	c := train.DefaultConfig()
	c.Model, c.VocabSize = "base", 30522
	cost, err := train.EstimateCost(c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%d of %d parameters are kept\n", cost.Stored, cost.Parameters)
	fmt.Printf("a sequence takes %.3g FLOPs, of the dense model %.3g\n", cost.NonEmbeddingFLOPs, cost.DenseNonEmbeddingFLOPs)
	// Output:
	// 33662780 of 110106428 parameters are kept
	// a sequence takes 8.33e+09 FLOPs, of the dense model 6.7e+10
}

// A checkpoint is evaluated as it was at the end of its run.
func ExampleEvaluate() {
	c, remove := tiny()
	defer remove()
	ctx := context.Background()
	s, err := train.Run(ctx, c, open, nil)
	if err != nil {
		log.Fatal(err)
	}
	e, err := train.Evaluate(ctx, c.OutputDir, train.EvalOptions{Batches: c.FinalBatches}, open)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("step", e.Step, "- as the run saw it:", e.Metrics.MLMLoss == s.Eval.MLMLoss)
	// Output:
	// step 40 - as the run saw it: true
}
