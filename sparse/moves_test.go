package sparse_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// What Moves says beforehand is what an update does.
func TestMoves(t *testing.T) {
	shape := sparse.Shape{Out: 20, In: 12, Block: 4} // 5 x 3 positions
	for nnzb := 1; nnzb <= shape.Positions(); nnzb++ {
		for _, growth := range []sparse.Growth{sparse.GrowRandom, sparse.GrowGradient, sparse.GrowFanIn} {
			for _, ratio := range []float64{0, 0.1, 0.3, 0.5, 1} {
				for _, regrow := range []bool{false, true} {
					start := sparse.StartTopology
					if growth == sparse.GrowFanIn {
						start = sparse.FanInTopology
					}
					topo, err := start(shape, nnzb, 7, 3)
					if err != nil {
						t.Fatal(err)
					}
					u := sparse.Update{Seed: 7, Number: 1, Step: 5, PruneRatio: ratio, Growth: growth, RegrowPruned: regrow}
					change, err := topo.Update(make([]float32, nnzb*16), make([]float32, shape.Positions()), u, 3)
					if err != nil {
						t.Fatal(err)
					}
					if got := u.Moves(shape, nnzb); got != change.Stats.Pruned {
						t.Errorf("%v, %d blocks, ratio %v, regrow %v: found %d, expected the %d of the update", growth, nnzb, ratio, regrow, got, change.Stats.Pruned)
					}
				}
			}
		}
	}
}
