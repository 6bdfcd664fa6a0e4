package sparse_test

import (
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Cells of any size count the active blocks of their squares and nothing else.
func TestCells(t *testing.T) {
	shape := sparse.Shape{Out: 28, In: 44, Block: 4} // 7 x 11 blocks
	rows, cols := []int32{0, 0, 3, 6, 6, 2, 1}, []int32{0, 10, 5, 10, 9, 4, 1}
	topology, err := sparse.NewTopology(shape, rows, cols)
	if err != nil {
		t.Fatal(err)
	}
	for _, most := range []int{1 << 14, 77, 76, 24, 5, 1, 0} {
		r, c, cells := topology.Cells(most)
		side := 1
		for (7+side-1)/side*((11+side-1)/side) > max(1, most) {
			side++
		}
		if r != (7+side-1)/side || c != (11+side-1)/side || len(cells) != r*c {
			t.Fatalf("at most %d: found %d x %d, %d cells, expected squares of %d", most, r, c, len(cells), side)
		}
		for i, got := range cells {
			active, blocks := 0, 0
			for row := i / c * side; row < min(7, i/c*side+side); row++ {
				for col := i % c * side; col < min(11, i%c*side+side); col++ {
					blocks++
					if _, ok := topology.Slot(row, col); ok {
						active++
					}
				}
			}
			if want := (255*active + blocks - 1) / blocks; int(got) != want {
				t.Errorf("at most %d, cell %d: found %d, expected %d (%d of %d)", most, i, got, want, active, blocks)
			}
		}
	}
}
