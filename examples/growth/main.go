// Growth moves a topology by scores of one's own. Here a position scores the more
// the nearer it is to the diagonal, so the random topology of the start becomes a
// band.
package main

import (
	"fmt"
	"log"
	"math"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func main() {
	shape := sparse.Shape{Out: 48, In: 48, Block: 4}
	t, err := sparse.StartTopology(shape, 36, 1, 0)
	if err != nil {
		log.Fatal(err)
	}
	draw("at the start", t)

	// One score for each position r*BlockCols+c, active or not. The largest grow.
	scores := make([]float32, shape.Positions())
	for p := range scores {
		scores[p] = -distance(p/shape.BlockCols(), p%shape.BlockCols())
	}

	values := make([]float32, t.NNZ()*t.BlockSize())
	for number := 1; number <= 4; number++ {
		learn(t, values)
		change, err := t.Update(values, scores, sparse.Update{
			Seed: 1, Number: number, Step: int64(100 * number),
			PruneRatio: sparse.Cosine.PruneRatio(0.5, int64(number-1), 4),
			Norm:       sparse.L1, Growth: sparse.GrowGradient,
		}, 0)
		if err != nil {
			log.Fatal(err)
		}
		for _, slot := range change.Slots { // a new block starts at zero
			clear(values[int(slot)*t.BlockSize() : int(slot+1)*t.BlockSize()])
		}
		fmt.Printf("update %d replaced %d blocks; %.0f %% of the positions were tried so far\n",
			number, change.Stats.Pruned, 100*change.Stats.ExploredDOF())
	}
	draw("at the end", t)
}

// learn stands for training: blocks near the diagonal get large values.
func learn(t *sparse.Topology, values []float32) {
	for i := range values {
		slot := i / t.BlockSize()
		values[i] = 1 / (1 + distance(int(t.Rows[slot]), int(t.Cols[slot])))
	}
}

// distance is how far a block is from the diagonal.
func distance(row, col int) float32 { return float32(math.Abs(float64(row - col))) }

// draw prints the active blocks.
func draw(when string, t *sparse.Topology) {
	fmt.Println(when)
	for r := range t.BlockRows() {
		for c := range t.BlockCols() {
			if _, active := t.Slot(r, c); active {
				fmt.Print("#")
			} else {
				fmt.Print(".")
			}
		}
		fmt.Println()
	}
}
