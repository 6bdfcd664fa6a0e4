// Prune cuts a dense weight down to a quarter of its blocks and shows what is left.
package main

import (
	"fmt"
	"log"
	"math"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

func main() {
	// A dense weight [Out, In], row-major, whose values fall off from the diagonal.
	shape := sparse.Shape{Out: 32, In: 64, Block: 4}
	dense := make([]float32, shape.Out*shape.In)
	for i := range dense {
		row, col := i/shape.In, i%shape.In
		dense[i] = float32(math.Cos(float64(3*i)) / (1 + math.Abs(float64(2*row-col))))
	}

	// Keep the blocks with the largest L1 norm.
	nnzb := shape.Positions() / 4
	t, err := sparse.NormTopology(sparse.NormSpec{Shape: shape, NNZ: nnzb, Norm: sparse.L1, Seed: 1}, dense)
	if err != nil {
		log.Fatal(err)
	}
	m, err := sparse.FromDense(t, dense)
	if err != nil {
		log.Fatal(err)
	}

	fmt.Printf("%d of %d blocks are active, density %.2f\n", t.NNZ(), t.Positions(), t.Density())
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

	all, kept := 0.0, 0.0
	for i, x := range m.Dense() { // zeros where nothing is active
		all += float64(dense[i]) * float64(dense[i])
		kept += float64(x) * float64(x)
	}
	fmt.Printf("they hold %.1f %% of the squared norm\n", 100*kept/all)
	fmt.Printf("training it takes %d bytes, dense %d\n", t.SparseMemory(t.NNZ()).Total(), t.DenseMemory().Total())
}
