package sparse

import (
	"fmt"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// StartTopology returns a starting topology of nnzb blocks drawn uniformly
// (paper, section 2): the positions with the smallest Key(2, position, 0, tensor)
// of the package comment, ties by position. Slots follow the positions in
// ascending order. tensor is the index of the weight among the parameters of its
// model, so that no two weights draw the same.
//
// Errors: ErrShape; ErrArgument when nnzb is not in 1..Positions or tensor is
// not a 32-bit number.
func StartTopology(shape Shape, nnzb int, seed uint64, tensor int) (*Topology, error) {
	if err := checkStart(shape, nnzb, tensor); err != nil {
		return nil, fmt.Errorf("drawing a topology: %w", err)
	}
	s := Scratch{active: make([]uint64, words(shape.Positions()))}
	s.draw(0, shape.Positions(), nnzb, seed, tensor)
	return shape.at(s.grown), nil
}

// FanInTopology returns a starting topology for constant fan-in: every block row
// has floor(nnzb/rows) blocks, the first nnzb mod rows rows one more, drawn in
// each row by the keys of StartTopology. With nnzb below the number of block
// rows the last rows are empty, and fan-in growth keeps them empty: rows differ by
// one block at most, and an update leaves each row its number.
//
// Errors: as StartTopology.
func FanInTopology(shape Shape, nnzb int, seed uint64, tensor int) (*Topology, error) {
	if err := checkStart(shape, nnzb, tensor); err != nil {
		return nil, fmt.Errorf("drawing a topology of constant fan-in: %w", err)
	}
	s := Scratch{active: make([]uint64, words(shape.Positions()))}
	rows, cols := shape.BlockRows(), shape.BlockCols()
	for r := range rows {
		s.draw(r*cols, (r+1)*cols, shape.fanIn(nnzb, r), seed, tensor)
	}
	return shape.at(s.grown), nil
}

// FullTopology returns the topology in which every block is active; slots are
// positions. Error: ErrShape.
func FullTopology(shape Shape) (*Topology, error) {
	if err := CheckShape(shape); err != nil {
		return nil, err
	}
	positions := make([]int32, shape.Positions())
	for p := range positions {
		positions[p] = int32(p)
	}
	return shape.at(positions), nil
}

// NewTopology returns the topology whose slot i holds the block at block row
// rows[i] and block column cols[i]: a pattern of one's own, or a checkpoint's.
// The slots keep the order given. All blocks count as starting blocks; who
// restores a checkpoint sets Born, NewAt and Explored and calls Check. rows and
// cols are copied.
//
// Errors: ErrShape; ErrTopology for an index out of range, a block given twice,
// lengths that differ, or no block at all.
func NewTopology(shape Shape, rows, cols []int32) (*Topology, error) {
	if err := CheckShape(shape); err != nil {
		return nil, err
	}
	if len(rows) != len(cols) {
		return nil, fmt.Errorf("%w: found %d block rows and %d block columns, expected one of each per slot",
			ErrTopology, len(rows), len(cols))
	}
	if len(rows) == 0 {
		return nil, fmt.Errorf("%w: found no active block, expected at least 1", ErrTopology)
	}
	t := newTopology(shape, len(rows))
	copy(t.Rows, rows)
	copy(t.Cols, cols)
	var s Scratch
	if err := t.checkBlocks(&s); err != nil {
		return nil, err
	}
	copy(t.Explored, s.active)
	t.Index()
	return t, nil
}

func checkStart(shape Shape, nnzb, tensor int) error {
	if err := CheckShape(shape); err != nil {
		return err
	}
	if nnzb < 1 || nnzb > shape.Positions() {
		return fmt.Errorf("%w: found %d active blocks, expected 1 to %d", ErrArgument, nnzb, shape.Positions())
	}
	return checkTensor(tensor)
}

// draw appends to s.grown the k positions of [from, to) with the smallest start
// keys, ascending.
func (s *Scratch) draw(from, to, k int, seed uint64, tensor int) {
	s.grow(from, to, k, startKey(seed, tensor))
}

// startKey returns the key by which a position is drawn for a start.
func startKey(seed uint64, tensor int) func(p int) uint64 {
	return func(p int) uint64 { return philox.Key64(seed, philox.StartTopo, uint32(p), 0, uint32(tensor)) }
}

// newTopology returns a topology of nnzb slots, all zero and without views.
func newTopology(shape Shape, nnzb int) *Topology {
	return &Topology{
		Shape:    shape,
		Rows:     make([]int32, nnzb),
		Cols:     make([]int32, nnzb),
		Born:     make([]int32, nnzb),
		NewAt:    make([]int32, nnzb),
		Explored: make([]uint64, words(shape.Positions())),
	}
}

// at returns the topology whose slot i holds the block at positions[i].
func (s Shape) at(positions []int32) *Topology {
	t := newTopology(s, len(positions))
	cols := int32(s.BlockCols())
	for slot, p := range positions {
		t.Rows[slot], t.Cols[slot] = p/cols, p%cols
		set(t.Explored, int(p))
	}
	t.Index()
	return t
}
