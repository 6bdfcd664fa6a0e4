// Train pre-trains a tiny BERT on the CPU: block-sparse weights, three topology
// updates, the built-in demo corpus. Then it measures the checkpoint.
package main

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

func main() {
	open := func(_, _ string, threads int) (backend.Backend, error) { return cpu.New(cpu.Options{Threads: threads}) }
	dir, err := os.MkdirTemp("", "train")
	check(err)
	defer os.RemoveAll(dir)
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.SeqLen, c.BatchSize = 1, 64, 32, 8
	c.Sparsity, c.BlockSize, c.Updates, c.MaxSteps = 0.75, 8, 4, 100
	c.OutputDir = filepath.Join(dir, "run")
	s, err := train.Run(context.Background(), c, open, nil)
	check(err)
	fmt.Printf("%d steps with %.1f times fewer FLOPs than dense\n", s.Steps, s.DenseFLOPs/s.FLOPs)
	e, err := train.Evaluate(context.Background(), c.OutputDir, train.EvalOptions{}, open)
	check(err)
	fmt.Println("better than at first:", e.Metrics.MLMLoss < s.FirstLoss)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
