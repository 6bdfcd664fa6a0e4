// Criterion adds a row to each table of a topology update: what to prune, what to grow and
// which block rows exchange blocks. Then it trains a tiny BERT with them, by their words, as
// a configuration file would give them.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/sparse"
	"github.com/sparsebert/sparsebert-gpu/train"
)

func init() {
	_, err := sparse.AddPrune(sparse.PruneCriterion{
		Name: "spread", Help: "the smallest spread of values",
		Score: func(b *sparse.BlockState, _ *sparse.Update) float32 {
			return slices.Max(b.Values) - slices.Min(b.Values)
		},
	})
	check(err)
	_, err = sparse.AddGrow(sparse.GrowCriterion{
		Name: "fresh", Help: "places never explored, then at random",
		Key: func(c *sparse.Candidate) uint64 {
			key := c.Draw() >> 1
			if c.Explored() {
				key |= 1 << 63
			}
			return key
		},
	})
	check(err)
	_, err = sparse.AddRows(sparse.RowConstraint{Name: "pairs", Help: "as many in every two block rows", Rows: 2})
	check(err)
}

func main() {
	dir, err := os.MkdirTemp("", "criterion")
	check(err)
	defer os.RemoveAll(dir)
	for _, growth := range []string{"random", "fresh", "fresh-pairs"} {
		fmt.Printf("%-12s explored %.3f of the weights\n", growth, explored(filepath.Join(dir, growth), growth))
	}
}

// explored trains and returns the share of the dense weights that were active at some time.
func explored(dir, growth string) float64 {
	c := train.DefaultConfig()
	c.Layers, c.Hidden, c.SeqLen, c.BatchSize = 1, 64, 32, 8
	c.Sparsity, c.BlockSize, c.Updates, c.MaxSteps, c.OutputDir = 0.75, 8, 8, 40, dir
	check(c.Growth.UnmarshalText([]byte(growth)))
	check(c.PruneBy.UnmarshalText([]byte("spread")))
	open := func(_, _ string, threads int) (backend.Backend, error) { return cpu.New(cpu.Options{Threads: threads}) }
	s, err := train.Run(context.Background(), c, open, nil)
	check(err)
	return s.ExploredDOF
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
