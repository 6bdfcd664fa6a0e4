package sparse_test

import (
	"fmt"
	"log"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// draw prints the slots of the active blocks where they are.
func draw(t *sparse.Topology) {
	for r := range t.BlockRows() {
		fmt.Print("[")
		for c := range t.BlockCols() {
			if slot, active := t.Slot(r, c); active {
				fmt.Printf(" s%d", slot)
			} else {
				fmt.Print(" . ")
			}
		}
		fmt.Println(" ]")
	}
}

// The storage that the package comment draws.
func ExampleNewTopology() {
	shape := sparse.Shape{Out: 12, In: 12, Block: 4}
	t, err := sparse.NewTopology(shape, []int32{0, 2, 1, 0}, []int32{0, 1, 2, 2})
	if err != nil {
		log.Fatal(err)
	}
	draw(t)
	fmt.Println("row view   ", t.RowPtr, t.RowSlot)
	fmt.Println("column view", t.ColPtr, t.ColSlot)
	// Output:
	// [ s0 .  s3 ]
	// [ .  .  s2 ]
	// [ .  s1 .  ]
	// row view    [0 2 3 4] [0 3 2 1]
	// column view [0 1 2 4] [0 1 3 2]
}

// A dense weight is pruned to the half of its blocks that have the largest norms.
func ExampleNormTopology() {
	shape := sparse.Shape{Out: 8, In: 8, Block: 4}
	dense := make([]float32, 64)
	dense[0] = 3      // block row 0, block column 0
	dense[4*8+7] = -2 // block row 1, block column 1
	dense[4] = 1      // block row 0, block column 1

	t, err := sparse.NormTopology(sparse.NormSpec{Shape: shape, NNZ: 2, Norm: sparse.L1, Seed: 1}, dense)
	if err != nil {
		log.Fatal(err)
	}
	draw(t)
	m, err := sparse.FromDense(t, dense)
	if err != nil {
		log.Fatal(err)
	}
	for _, at := range [][2]int{{4, 7}, {0, 4}} {
		x, active := m.At(at[0], at[1])
		fmt.Println(at, x, active)
	}
	// Output:
	// [ s0 .  ]
	// [ .  s1 ]
	// [4 7] -2 true
	// [0 4] 0 false
}

// One update with scores of one's own: the picture of the package comment.
func ExampleTopology_Update() {
	shape := sparse.Shape{Out: 12, In: 12, Block: 4}
	t, err := sparse.NewTopology(shape, []int32{0, 2, 1, 0}, []int32{0, 1, 2, 2})
	if err != nil {
		log.Fatal(err)
	}
	values := make([]float32, t.NNZ()*t.BlockSize())
	values[0*16], values[1*16], values[2*16], values[3*16] = 5, 1, -6, 2 // one in each block

	scores := make([]float32, t.Positions()) // what would pay off, by any measure
	scores[3], scores[4], scores[8] = 0.9, 0.7, 0.2

	change, err := t.Update(values, scores, sparse.Update{
		Number: 1, Step: 100, PruneRatio: 0.5, Norm: sparse.L1, Growth: sparse.GrowGradient,
	}, 0)
	if err != nil {
		log.Fatal(err)
	}
	for _, slot := range change.Slots {
		clear(values[int(slot)*t.BlockSize() : int(slot+1)*t.BlockSize()])
	}
	draw(t)
	fmt.Println("new slots", change.Slots, "of step", t.Born)
	fmt.Printf("%.2f of the positions were active at some time\n", change.Stats.ExploredDOF())
	// Output:
	// [ s0 .  .  ]
	// [ s1 s3 s2 ]
	// [ .  .  .  ]
	// new slots [1 3] of step [0 100 0 100]
	// 0.67 of the positions were active at some time
}

// A run: the topology moves at random between four phases, less each time.
func ExampleSchedule() {
	const steps, phases, ratio = 1000, 4, 0.5
	shape := sparse.Shape{Out: 64, In: 64, Block: 4}
	t, err := sparse.StartTopology(shape, 64, 7, 0)
	if err != nil {
		log.Fatal(err)
	}
	at, err := sparse.UpdateSteps(steps, phases)
	if err != nil {
		log.Fatal(err)
	}
	values := make([]float32, t.NNZ()*t.BlockSize()) // those of a run would be trained
	for i, step := range at {
		pr := sparse.Cosine.PruneRatio(ratio, step, steps)
		change, err := t.Update(values, nil, sparse.Update{Seed: 7, Number: i + 1, Step: step, PruneRatio: pr}, 0)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("after step %d: pr %.3f, %d of %d blocks replaced\n", step, pr, change.Stats.Pruned, t.NNZ())
	}
	// Output:
	// after step 250: pr 0.427, 27 of 64 blocks replaced
	// after step 500: pr 0.250, 16 of 64 blocks replaced
	// after step 750: pr 0.073, 4 of 64 blocks replaced
}

// The three norms of one block; the L2 norm is the sum of squares.
func ExampleBlockNorm() {
	block := make([]float32, 16)
	block[0], block[5], block[15] = 3, -4, 1
	for _, n := range []sparse.Norm{sparse.L1, sparse.L2, sparse.LInf} {
		fmt.Println(n, sparse.BlockNorm(block, n))
	}
	// Output:
	// l1 8
	// l2 26
	// linf 4
}

// Shares of a density: alike, or more for small tensors.
func ExampleDistribute() {
	shapes := []sparse.Shape{{Out: 256, In: 256, Block: 16}, {Out: 1024, In: 256, Block: 16}}
	for _, d := range []sparse.Distribution{sparse.Uniform, sparse.ERK} {
		nnzb, err := sparse.Distribute(shapes, 0.25, d)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d, nnzb)
	}
	// Output:
	// uniform [64 256]
	// erk [91 229]
}

// What a tenth of BERT-Base's largest weight costs, beside the dense one.
func ExampleShape() {
	shape := sparse.Shape{Out: 3072, In: 768, Block: 16}
	nnzb := shape.Positions() / 10
	fmt.Println(shape.BlockRows(), "x", shape.BlockCols(), "blocks,", nnzb, "active")

	memory := shape.SparseMemory(nnzb)
	fmt.Println("weights ", memory.Values)
	fmt.Println("moments ", memory.Moments)
	fmt.Println("indices ", memory.Indices)
	fmt.Println("training", memory.Total(), "bytes, dense", shape.DenseMemory().Total())

	const tokens = 32 * 128
	full := shape.TrainingFLOPs(tokens, shape.Positions())
	fmt.Printf("a step   %.2f GFLOP, dense %.2f\n", float64(shape.TrainingFLOPs(tokens, nnzb))/1e9, float64(full)/1e9)
	// Output:
	// 192 x 48 blocks, 921 active
	// weights  943104
	// moments  1886208
	// indices  15704
	// training 3796640 bytes, dense 37748736
	// a step   5.79 GFLOP, dense 57.98
}

// A snapshot of a topology in at most 16 cells, the share of each that is active.
func ExampleTopology_Cells() {
	t, err := sparse.NewTopology(sparse.Shape{Out: 32, In: 32, Block: 4}, []int32{0, 1, 7}, []int32{0, 1, 7})
	if err != nil {
		log.Fatal(err)
	}
	rows, cols, cells := t.Cells(16)
	for r := range rows {
		fmt.Println(cells[r*cols : (r+1)*cols])
	}
	// Output:
	// [128 0 0 0]
	// [0 0 0 0]
	// [0 0 0 0]
	// [0 0 0 64]
}
