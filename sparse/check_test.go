package sparse_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// example returns 3 x 5 blocks of which 6 are active, one of them new:
//
//	s0 .  s1 .  .
//	.  s2 .  s3 s4
//	.  .  s5 .  .
func example(t *testing.T) *sparse.Topology {
	t.Helper()
	topology, err := sparse.NewTopology(sparse.Shape{Out: 12, In: 20, Block: 4},
		[]int32{0, 0, 1, 1, 1, 2}, []int32{0, 2, 1, 3, 4, 2})
	if err != nil {
		t.Fatal(err)
	}
	topology.Born[4], topology.NewAt[4] = 20, 2
	topology.Explored[0] |= 1 << 14
	if err := topology.Check(); err != nil {
		t.Fatalf("the example without a fault: %v", err)
	}
	return topology
}

// Every invariant has a fault here that breaks it, and Check must name it.
func TestCheckFindsEveryPlantedFault(t *testing.T) {
	type topology = sparse.Topology
	faults := []struct {
		name    string
		corrupt func(t *topology)
		want    string // part of the message
	}{
		{"no block", func(t *topology) { *t = topology{Shape: t.Shape} }, "found no active block"},
		{"Cols short", func(t *topology) { t.Cols = t.Cols[:5] }, "Cols: found 5 entries, expected 6"},
		{"Born long", func(t *topology) { t.Born = append(t.Born, 0) }, "Born: found 7 entries, expected 6"},
		{"NewAt missing", func(t *topology) { t.NewAt = nil }, "NewAt: found 0 entries, expected 6"},
		{"RowSlot short", func(t *topology) { t.RowSlot = t.RowSlot[1:] }, "RowSlot: found 5 entries, expected 6"},
		{"ColSlot short", func(t *topology) { t.ColSlot = t.ColSlot[1:] }, "ColSlot: found 5 entries, expected 6"},
		{"RowPtr short", func(t *topology) { t.RowPtr = t.RowPtr[:3] }, "RowPtr: found 3 entries, expected 4"},
		{"ColPtr long", func(t *topology) { t.ColPtr = append(t.ColPtr, 6) }, "ColPtr: found 7 entries, expected 6"},
		{"Explored missing", func(t *topology) { t.Explored = nil }, "Explored: found 0 entries, expected 1"},
		{"row too large", func(t *topology) { t.Rows[5] = 3 }, "slot 5: found block row 3, expected 0 to 2"},
		{"row negative", func(t *topology) { t.Rows[0] = -1 }, "slot 0: found block row -1, expected 0 to 2"},
		{"column too large", func(t *topology) { t.Cols[4] = 5 }, "slot 4: found block column 5, expected 0 to 4"},
		{"column negative", func(t *topology) { t.Cols[1] = -7 }, "slot 1: found block column -7, expected 0 to 4"},
		{"duplicate", func(t *topology) { t.Cols[3] = 1 }, "slot 3: found block row 1, column 1, which slot 2 holds"},
		{"Born negative", func(t *topology) { t.Born[4] = -1 }, "slot 4: found Born -1"},
		{"NewAt negative", func(t *topology) { t.NewAt[4] = -1 }, "slot 4: found NewAt -1"},
		{"starting block with an age", func(t *topology) { t.Born[0] = 3 }, "slot 0: found Born 3 in a starting block"},
		{"active block not explored", func(t *topology) { t.Explored[0] &^= 1 << 8 }, "position 8: found its explored bit clear"},
		{"bit beyond the tensor", func(t *topology) { t.Explored[0] |= 1 << 15 }, "found the explored bit of position 15, expected none from 15 on"},
		{"row view starts late", func(t *topology) { t.RowPtr[0] = 1 }, "row view: found bounds from 1 to 6, expected 0 to 6"},
		{"row view ends early", func(t *topology) { t.RowPtr[3] = 5 }, "row view: found bounds from 0 to 5, expected 0 to 6"},
		{"row bounds fall", func(t *topology) { t.RowPtr[2] = 1 }, "row view: block row 1: found the end 1, expected 2 to 6"},
		{"row bounds leave the array", func(t *topology) { t.RowPtr[1] = 7 }, "row view: block row 0: found the end 7"},
		{"slot of another row", func(t *topology) { t.RowSlot[0], t.RowSlot[5] = 5, 0 }, "row view: block row 0: found slot 5, which belongs to 2"},
		{"row out of order", func(t *topology) { t.RowSlot[0], t.RowSlot[1] = 1, 0 }, "row view: block row 0: found slot 0 out of order"},
		{"slot twice in the row view", func(t *topology) { t.RowSlot[3] = 2 }, "row view: block row 1: found slot 2 out of order"},
		{"slot number too large", func(t *topology) { t.RowSlot[2] = 6 }, "row view: block row 1: found slot 6, expected 0 to 5"},
		{"slot number negative", func(t *topology) { t.ColSlot[2] = -1 }, "column view: block column 2: found slot -1, expected 0 to 5"},
		{"slot of another column", func(t *topology) { t.ColSlot[0] = 2 }, "column view: block column 0: found slot 2, which belongs to 1"},
		{"column out of order", func(t *topology) { t.ColSlot[2], t.ColSlot[3] = 5, 1 }, "column view: block column 2: found slot 1 out of order"},
		{"column bounds moved", func(t *topology) { t.ColPtr[2]++ }, "column view: block column 1: found slot 1, which belongs to 2"},
		{"views of another pattern", func(t *topology) { t.Rows[0] = 2; t.Explored[0] |= 1 << 10 }, "row view"},
	}
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			broken := example(t)
			f.corrupt(broken)
			err := broken.Check()
			if !errors.Is(err, sparse.ErrTopology) {
				t.Fatalf("found error %v, want ErrTopology", err)
			}
			if !strings.Contains(err.Error(), f.want) {
				t.Errorf("found message %q, want it to contain %q", err, f.want)
			}
		})
	}
}

func TestCheckShape(t *testing.T) {
	for _, b := range sparse.BlockSizes() {
		if err := sparse.CheckShape(sparse.Shape{Out: 3 * b, In: b, Block: b}); err != nil {
			t.Errorf("block size %d: %v", b, err)
		}
	}
	bad := []struct {
		shape sparse.Shape
		want  string
	}{
		{sparse.Shape{Out: 8, In: 8}, "found block size 0, expected one of [1 4 8 16 32 64]"},
		{sparse.Shape{Out: 8, In: 8, Block: 2}, "found block size 2"},
		{sparse.Shape{Out: 8, In: 8, Block: -4}, "found block size -4"},
		{sparse.Shape{Out: 12, In: 16, Block: 8}, "found 12 outputs, expected a positive multiple of the block size 8"},
		{sparse.Shape{Out: 16, In: 0, Block: 8}, "found 0 inputs"},
		{sparse.Shape{Out: -16, In: 8, Block: 8}, "found -16 outputs"},
		{sparse.Shape{Out: 1 << 16, In: 1 << 16, Block: 1}, "found 65536 x 65536 blocks"},
	}
	for _, c := range bad {
		err := sparse.CheckShape(c.shape)
		if !errors.Is(err, sparse.ErrShape) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: found error %v, want ErrShape with %q", c.shape, err, c.want)
		}
		if _, err := sparse.FullTopology(c.shape); !errors.Is(err, sparse.ErrShape) {
			t.Errorf("FullTopology of %+v: found error %v, want ErrShape", c.shape, err)
		}
		if _, err := sparse.NewTopology(c.shape, []int32{0}, []int32{0}); !errors.Is(err, sparse.ErrShape) {
			t.Errorf("NewTopology of %+v: found error %v, want ErrShape", c.shape, err)
		}
		if err := (&sparse.Topology{Shape: c.shape}).Check(); !errors.Is(err, sparse.ErrShape) {
			t.Errorf("Check of %+v: found error %v, want ErrShape", c.shape, err)
		}
	}
}
