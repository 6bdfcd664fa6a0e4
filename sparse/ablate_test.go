package sparse_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// rowSizes returns the number of blocks of each row.
func rowSizes(t *sparse.Topology) []int {
	n := make([]int, t.BlockRows())
	for r := range n {
		n[r] = int(t.RowPtr[r+1] - t.RowPtr[r])
	}
	return n
}

// ablation does an update of rows of one-element blocks, in which the first `small` of
// the blocks of each row are the smallest of the tensor.
func ablation(t *testing.T, cols int, fanIn, small []int, u sparse.Update) (before, after *sparse.Topology, stats sparse.Stats) {
	t.Helper()
	before = rowsOf(t, cols, fanIn...)
	values := make([]float32, before.NNZ())
	for slot := range values {
		values[slot] = 1
		if int(before.Cols[slot]) < small[before.Rows[slot]] {
			values[slot] = 0
		}
	}
	after = before.Clone()
	u.Number, u.Growth = max(1, u.Number), sparse.GrowFanIn
	change, err := after.Update(values, nil, u, 5)
	if err != nil {
		t.Fatal(err)
	}
	return before, after, change.Stats
}

func TestAblation(t *testing.T) {
	for _, c := range []struct {
		name         string
		cols         int
		fanIn, small []int
		share, ratio float64
		regrow       bool
		ablated      int
		want         []int // blocks of each row afterwards; nil: as many as before
	}{
		// 8 of 16 blocks are pruned: row 1 keeps 1 of 4, row 2 none.
		{"below the share", 20, []int{4, 4, 4, 4}, []int{1, 3, 4, 0}, 0.5, 0.5, false, 2, []int{8, 0, 0, 8}},
		{"just the share stays", 20, []int{4, 4, 4, 4}, []int{2, 2, 2, 2}, 0.5, 0.5, false, 0, nil},
		{"share 0", 20, []int{4, 4, 4, 4}, []int{0, 4, 4, 0}, 0, 0.5, false, 0, nil},
		// With share 1 a row that has anything to prune goes, if the rest has room.
		{"share 1", 20, []int{4, 4, 4, 4}, []int{4, 4, 0, 0}, 1, 0.5, false, 2, []int{0, 0, 8, 8}},
		{"nothing pruned", 20, []int{4, 4, 4, 4}, []int{4, 4, 0, 0}, 1, 0.05, false, 0, nil},
		{"one row stays: the most salient", 40, []int{4, 4, 4}, []int{3, 1, 2}, 1, 0.5, false, 2, []int{0, 12, 0}},
		{"one row stays: the lower", 40, []int{4, 4, 4}, []int{2, 2, 2}, 1, 0.5, false, 2, []int{12, 0, 0}},
		{"one row", 9, []int{4}, []int{4}, 1, 0.5, false, 0, nil},
		{"uneven", 20, []int{1, 6, 3, 4}, []int{0, 0, 3, 4}, 0.5, 0.5, false, 2, []int{7, 7, 0, 0}},
		{"nobody sinks", 20, []int{1, 9, 2}, []int{0, 4, 2}, 0.5, 0.5, false, 1, []int{3, 9, 0}},
		{"gone rows stay so", 20, []int{0, 4, 4, 4}, []int{0, 4, 2, 0}, 0.4, 0.5, false, 1, []int{0, 0, 6, 6}},
		// Of rows of 4 of 6 positions, 2 of which are pruned, one goes: 3 rows hold 4 each
		// besides those just pruned.
		{"no room", 6, []int{4, 4, 4, 4}, []int{4, 4, 0, 0}, 0.5, 0.5, false, 0, nil},
		{"room with those just pruned", 6, []int{4, 4, 4, 4}, []int{4, 4, 0, 0}, 0.5, 0.5, true, 1, []int{6, 0, 5, 5}},
	} {
		t.Run(c.name, func(t *testing.T) {
			u := sparse.Update{Seed: 1, PruneRatio: c.ratio, RegrowPruned: c.regrow, Ablate: c.share}
			before, after, stats := ablation(t, c.cols, c.fanIn, c.small, u)
			want, got := c.want, rowSizes(after)
			if want == nil {
				want = rowSizes(before)
			}
			slices.Sort(got)
			sorted := slices.Sorted(slices.Values(want))
			if stats.Ablated != c.ablated || !slices.Equal(got, sorted) {
				t.Errorf("found %d rows ablated and rows of %v, expected %d and %v", stats.Ablated, rowSizes(after), c.ablated, want)
			}
			for r, n := range rowSizes(after) {
				if (n == 0) != (want[r] == 0) {
					t.Errorf("found rows of %v, expected %v", rowSizes(after), want)
					break
				}
			}
			if c.ablated == 0 && !slices.Equal(rowSizes(after), rowSizes(before)) {
				t.Errorf("found rows of %v, expected still %v", rowSizes(after), rowSizes(before))
			}
		})
	}
}

// Rows that went stay without a block, the others within one block of each other, and the
// tensor keeps its number of blocks.
func TestAblatedRowsStayEmpty(t *testing.T) {
	shape := sparse.Shape{Out: 24, In: 60, Block: 1}
	topology, err := sparse.FanInTopology(shape, 250, 2, 5)
	if err != nil {
		t.Fatal(err)
	}
	values, gone := make([]float32, 250), 0
	for number := 1; number <= 12; number++ {
		for slot := range values {
			values[slot] = float32(1 + (slot*number*7)%31 + 9*int(topology.Rows[slot]))
		}
		before := rowSizes(topology)
		u := sparse.Update{Seed: 3, Number: number, Step: int64(number), PruneRatio: 0.3, Growth: sparse.GrowFanIn, Ablate: 0.4}
		change, err := topology.Update(values, nil, u, 5)
		if err != nil {
			t.Fatal(err)
		}
		gone += change.Stats.Ablated
		least, most, empty := shape.BlockCols(), 0, 0
		for r, n := range rowSizes(topology) {
			if before[r] == 0 && n > 0 {
				t.Fatalf("update %d: row %d has %d blocks, expected none as before", number, r, n)
			}
			if n == 0 {
				empty++
				continue
			}
			least, most = min(least, n), max(most, n)
		}
		if empty != gone || most-least > 1 || topology.NNZ() != 250 {
			t.Fatalf("update %d: found %d empty rows, the others of %d to %d, expected %d within one block", number, empty, least, most, gone)
		}
	}
	if gone < 3 {
		t.Errorf("found %d rows ablated in all, expected some", gone)
	}
}

func TestAblationIsRefused(t *testing.T) {
	topology := rowsOf(t, 5, 2, 2)
	for _, c := range []struct {
		growth sparse.Growth
		share  float64
		want   string
	}{
		{sparse.GrowFanIn, -0.1, "found the share of ablation -0.1, expected 0 to 1"},
		{sparse.GrowFanIn, 1.5, "found the share of ablation 1.5, expected 0 to 1"},
		{sparse.GrowRandom, 0.3, "found the share of ablation 0.3 with growth random, expected it with a growth under fan-in"},
	} {
		_, err := topology.Update(make([]float32, 4), nil, sparse.Update{Number: 1, PruneRatio: 0.5, Growth: c.growth, Ablate: c.share}, 0)
		if !errors.Is(err, sparse.ErrArgument) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("found error %v, expected %q", err, c.want)
		}
	}
}
