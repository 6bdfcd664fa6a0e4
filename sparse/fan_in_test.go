package sparse_test

import (
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// rowsOf returns a topology of one-element blocks with so many in each row, the
// first columns.
func rowsOf(t *testing.T, cols int, fanIn ...int) *sparse.Topology {
	t.Helper()
	var r, c []int32
	for row, n := range fanIn {
		for col := range n {
			r, c = append(r, int32(row)), append(c, int32(col))
		}
	}
	topology, err := sparse.NewTopology(sparse.Shape{Out: len(fanIn), In: cols, Block: 1}, r, c)
	if err != nil {
		t.Fatal(err)
	}
	return topology
}

// movedByRow does an update on random values and returns how many blocks each row
// got. It fails when a row's number of blocks changes.
func movedByRow(t *testing.T, topology *sparse.Topology, u sparse.Update) []int {
	t.Helper()
	s := philox.NewStream(3, philox.TestData, uint32(u.Number), 0)
	values := make([]float32, topology.NNZ())
	for i := range values {
		values[i] = s.Float32()
	}
	before := slices.Clone(topology.RowPtr)
	change, err := topology.Update(values, nil, u, 5)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(topology.RowPtr, before) {
		t.Fatalf("%+v: found the row bounds %v, expected still %v", u, topology.RowPtr, before)
	}
	moved := make([]int, topology.BlockRows())
	for _, slot := range change.Slots {
		moved[topology.Rows[slot]]++
	}
	return moved
}

// Rows of few blocks, of which a ratio alone would move none: the tensor moves what
// the ratio says, and each row its part of it, over the updates.
func TestFanInMovesSmallRows(t *testing.T) {
	const rows, cols, updates = 24, 10, 400
	for _, regrow := range []bool{false, true} {
		for fanIn := 1; fanIn <= 3; fanIn++ {
			for _, ratio := range []float64{0.05, 0.3, 0.9} {
				topology := rowsOf(t, cols, slices.Repeat([]int{fanIn}, rows)...)
				total := make([]int, rows)
				k := int(ratio * float64(rows*fanIn))
				mean := float64(k) / rows
				for number := 1; number <= updates; number++ {
					u := sparse.Update{Seed: 8, Number: number, Step: int64(number), PruneRatio: ratio, Growth: sparse.GrowFanIn, RegrowPruned: regrow}
					sum := 0
					for r, n := range movedByRow(t, topology, u) {
						total[r] += n
						sum += n
						if !(math.Abs(float64(n)-mean) < 1) {
							t.Fatalf("fan-in %d, %+v: row %d moved %d blocks, expected %v rounded", fanIn, u, r, n, mean)
						}
					}
					if sum != k {
						t.Fatalf("fan-in %d, %+v: found %d blocks moved, expected %d", fanIn, u, sum, k)
					}
				}
				// A row's number has the standard deviation sqrt(f(1-f)) of rounding a fraction f.
				f := mean - math.Floor(mean)
				sigma := math.Sqrt(f * (1 - f) * updates)
				for r, n := range total {
					if d := math.Abs(float64(n) - mean*updates); !(d <= 4.5*sigma+1e-6) {
						t.Errorf("fan-in %d, ratio %v: row %d moved %d blocks, expected %.1f within %.1f", fanIn, ratio, r, n, mean*updates, 4.5*sigma)
					}
				}
			}
		}
	}
}

// Rows that are nearly full move what they can, the others the rest.
func TestFanInCap(t *testing.T) {
	for _, c := range []struct {
		fanIn  []int
		ratio  float64
		regrow bool
		moved  int
		most   []int
	}{
		{[]int{4, 4, 4}, 1, false, 0, []int{0, 0, 0}}, // full
		{[]int{4, 4, 4}, 0.5, true, 6, []int{2, 2, 2}},
		{[]int{4, 0, 1}, 1, false, 1, []int{0, 0, 1}},
		{[]int{4, 3, 0}, 1, false, 1, []int{0, 1, 0}},
		{[]int{3, 3, 2}, 0.5, false, 4, []int{1, 1, 2}},
		{[]int{3, 3, 2}, 1, false, 4, []int{1, 1, 2}},
		{[]int{3, 3, 2}, 0.25, false, 2, []int{1, 1, 1}},
		{[]int{3, 3, 2}, 1, true, 8, []int{3, 3, 2}},
		{[]int{1, 1, 1}, 0.3, false, 0, []int{0, 0, 0}}, // less than one block
	} {
		for number := 1; number <= 40; number++ {
			u := sparse.Update{Seed: 1, Number: number, PruneRatio: c.ratio, Growth: sparse.GrowFanIn, RegrowPruned: c.regrow}
			got, sum := movedByRow(t, rowsOf(t, 4, c.fanIn...), u), 0
			for r, n := range got {
				sum += n
				if n > c.most[r] {
					t.Errorf("%v, ratio %v: row %d moved %d blocks, expected at most %d", c.fanIn, c.ratio, r, n, c.most[r])
				}
			}
			if sum != c.moved {
				t.Errorf("%v, ratio %v: found %v, %d blocks moved, expected %d", c.fanIn, c.ratio, got, sum, c.moved)
			}
		}
	}
}

// From the start on rows differ by one block at most.
func TestFanInKeepsRowsBalanced(t *testing.T) {
	shape := sparse.Shape{Out: 7 * 4, In: 9 * 4, Block: 4}
	for nnzb := 1; nnzb <= shape.Positions(); nnzb++ {
		topology, err := sparse.FanInTopology(shape, nnzb, 2, 5)
		if err != nil {
			t.Fatal(err)
		}
		for number := range 4 {
			least, most := shape.BlockCols(), 0
			for r := range shape.BlockRows() {
				n := int(topology.RowPtr[r+1] - topology.RowPtr[r])
				least, most = min(least, n), max(most, n)
			}
			if most-least > 1 {
				t.Fatalf("%d blocks, after %d updates: found rows of %d and of %d blocks, expected a difference of 1 at most", nnzb, number, least, most)
			}
			u := sparse.Update{Seed: 2, Number: number + 1, PruneRatio: 0.4, Growth: sparse.GrowFanIn}
			if _, err := topology.Update(make([]float32, nnzb*shape.BlockSize()), nil, u, 5); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// A rounding that depended on anything but (seed, update, tensor) would not come
// again after a resume.
func TestFanInRoundingFollowsItsCoordinates(t *testing.T) {
	topology := rowsOf(t, 6, slices.Repeat([]int{1}, 40)...)
	u := sparse.Update{Seed: 4, Number: 2, PruneRatio: 0.25, Growth: sparse.GrowFanIn}
	first := movedByRow(t, topology.Clone(), u)
	if again := movedByRow(t, topology.Clone(), u); !slices.Equal(first, again) {
		t.Errorf("found %v, then %v of the same update", first, again)
	}
	others := 0
	for number := 3; number < 9; number++ {
		u.Number = number
		if !slices.Equal(first, movedByRow(t, topology.Clone(), u)) {
			others++
		}
	}
	if others < 3 { // each is the same by a chance of 1 in 4
		t.Errorf("found %d of 6 other updates move other rows, expected most", others)
	}
}

// Moves tells beforehand what an update of a starting topology does.
func TestMovesIsWhatAnUpdateDoes(t *testing.T) {
	s := philox.NewStream(6, philox.TestData, 3, 0)
	for range 500 {
		shape := sparse.Shape{Out: 1 + s.IntN(9), In: 1 + s.IntN(9), Block: 1}
		nnzb := 1 + s.IntN(shape.Positions())
		u := sparse.Update{Number: 1 + s.IntN(9), PruneRatio: s.Float64(), Growth: []sparse.Growth{sparse.GrowRandom, sparse.GrowFanIn}[s.IntN(2)], RegrowPruned: s.IntN(2) == 0}
		topology, err := sparse.FanInTopology(shape, nnzb, 1, 0)
		if err != nil {
			t.Fatal(err)
		}
		change, err := topology.Update(make([]float32, nnzb), nil, u, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Moves(shape, nnzb); got != change.Stats.Pruned {
			t.Errorf("%+v, %d blocks, %+v: found %d, but the update moved %d", shape, nnzb, u, got, change.Stats.Pruned)
		}
	}
}
