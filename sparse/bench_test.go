package sparse_test

import (
	"fmt"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// BenchmarkUpdate times one update of BERT-Base's FFN weight, s = 0.9, pr = 0.5.
func BenchmarkUpdate(b *testing.B) {
	for _, block := range []int{1, 16} {
		for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient, sparse.GrowFanIn} {
			b.Run(fmt.Sprintf("B=%d/%s", block, growth), func(b *testing.B) {
				shape := sparse.Shape{Out: 3072, In: 768, Block: block}
				topology, err := sparse.FanInTopology(shape, shape.Positions()/10, 1, 0)
				if err != nil {
					b.Fatal(err)
				}
				s := philox.NewStream(1, philox.TestData, 0, 0)
				values := make([]float32, topology.NNZ()*shape.BlockSize())
				for i := range values {
					values[i] = s.Float32() - 0.5
				}
				grow := make([]float32, shape.Positions())
				for i := range grow {
					grow[i] = s.Float32()
				}
				scratch := new(sparse.Scratch)
				number := 0
				b.ReportAllocs()
				for b.Loop() {
					number++
					u := sparse.Update{Seed: 1, Number: number, Step: int64(number), PruneRatio: 0.5, Growth: growth}
					if _, err := topology.UpdateIn(scratch, sparse.Arrays{Values: values, Scores: grow}, u, 0); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// BenchmarkStartTopology times the draw of the same weight's starting blocks.
func BenchmarkStartTopology(b *testing.B) {
	for _, block := range []int{1, 16} {
		b.Run(fmt.Sprintf("B=%d", block), func(b *testing.B) {
			shape := sparse.Shape{Out: 3072, In: 768, Block: block}
			for b.Loop() {
				if _, err := sparse.StartTopology(shape, shape.Positions()/10, 1, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
