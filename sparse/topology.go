package sparse

import (
	"fmt"
	"math"
	"slices"
)

// Shape is the shape of a block-sparse weight in elements: Out x In, cut into
// square blocks of Block x Block. Out and In are multiples of Block.
type Shape struct {
	Out, In int // elements of a column and of a row: outputs and inputs of the layer
	Block   int // B, elements of a block's side
}

// BlockSizes returns the block sizes that the program supports.
func BlockSizes() []int { return []int{1, 4, 8, 16, 32, 64} }

// CheckShape returns an error (ErrShape) unless s can be cut into blocks of a
// supported size. The other methods of Shape expect a shape that passes.
func CheckShape(s Shape) error {
	if !slices.Contains(BlockSizes(), s.Block) {
		return fmt.Errorf("%w: found block size %d, expected one of %v", ErrShape, s.Block, BlockSizes())
	}
	for _, side := range []struct {
		name string
		size int
	}{{"outputs", s.Out}, {"inputs", s.In}} {
		if side.size <= 0 || side.size%s.Block != 0 {
			return fmt.Errorf("%w: found %d %s, expected a positive multiple of the block size %d",
				ErrShape, side.size, side.name, s.Block)
		}
	}
	if s.BlockRows() > math.MaxInt32/s.BlockCols() {
		return fmt.Errorf("%w: found %d x %d blocks, expected at most %d in all",
			ErrShape, s.BlockRows(), s.BlockCols(), math.MaxInt32)
	}
	return nil
}

// BlockRows returns Out/Block, the number of block rows.
func (s Shape) BlockRows() int { return s.Out / s.Block }

// BlockCols returns In/Block, the number of block columns.
func (s Shape) BlockCols() int { return s.In / s.Block }

// Positions returns the number of blocks of the dense tensor. A block at block
// row r and block column c has the position r*BlockCols()+c.
func (s Shape) Positions() int { return s.BlockRows() * s.BlockCols() }

// BlockSize returns the number of elements of one block, Block*Block.
func (s Shape) BlockSize() int { return s.Block * s.Block }

// Topology says which blocks of a weight are active, and where each one's
// values are kept. Active block number i, its slot, has its values at
// [i*B*B, (i+1)*B*B) of the value, gradient and moment arrays, row-major inside
// the block (output index first). Slots never move: an update gives the slot of
// a pruned block to a new one.
//
// Both index views list slots. They are derived from Rows and Cols by Index.
type Topology struct {
	Shape

	Rows []int32 // [nnzb] block row of each slot
	Cols []int32 // [nnzb] block column of each slot
	Born []int32 // [nnzb] optimizer step after which the block was activated; 0: at the start

	// NewAt is the number of the topology update that activated each slot's
	// block, 0 for the starting blocks: [nnzb].
	NewAt []int32

	// Explored has bit p%64 of word p/64 set when the block at position p was
	// active at any time: [ceil(Positions/64)].
	Explored []uint64

	RowPtr  []int32 // [BlockRows+1] bounds of each block row in RowSlot
	RowSlot []int32 // [nnzb] slots by block row, ordered by block column
	ColPtr  []int32 // [BlockCols+1] bounds of each block column in ColSlot
	ColSlot []int32 // [nnzb] slots by block column, ordered by block row
}

// NNZ returns nnzb, the number of active blocks.
func (t *Topology) NNZ() int { return len(t.Rows) }

// Position returns the position of the block in a slot.
func (t *Topology) Position(slot int) int {
	return int(t.Rows[slot])*t.BlockCols() + int(t.Cols[slot])
}

// Density returns nnzb over the number of positions.
func (t *Topology) Density() float64 { return float64(t.NNZ()) / float64(t.Positions()) }

// Slot returns the slot of the block at block row row and block column col, and
// whether that block is active. It reads the row view, in O(log nnzb). Outside
// the tensor nothing is active.
func (t *Topology) Slot(row, col int) (slot int, active bool) {
	if row < 0 || row >= t.BlockRows() || col < 0 || col >= t.BlockCols() {
		return 0, false
	}
	slots := t.RowSlot[t.RowPtr[row]:t.RowPtr[row+1]]
	i, found := slices.BinarySearchFunc(slots, col, func(slot int32, col int) int {
		return int(t.Cols[slot]) - col
	})
	if !found {
		return 0, false
	}
	return int(slots[i]), true
}

// Index rebuilds both views from Rows and Cols, whose entries must be in range.
// It reuses the views' memory and allocates only what they lack. O(nnzb + rows +
// columns).
func (t *Topology) Index() {
	nnzb := t.NNZ()
	t.RowPtr = resize(t.RowPtr, t.BlockRows()+1)
	t.ColPtr = resize(t.ColPtr, t.BlockCols()+1)
	t.RowSlot = resize(t.RowSlot, nnzb)
	t.ColSlot = resize(t.ColSlot, nnzb)

	// A stable counting sort by column, then by row, orders each row by column;
	// a third one, by column again, orders each column by row.
	for slot := range t.RowSlot {
		t.RowSlot[slot] = int32(slot)
	}
	countingSort(t.ColSlot, t.RowSlot, t.Cols, t.ColPtr)
	countingSort(t.RowSlot, t.ColSlot, t.Rows, t.RowPtr)
	countingSort(t.ColSlot, t.RowSlot, t.Cols, t.ColPtr)
}

// countingSort writes the slots of src to dst ordered by key[slot], otherwise in
// the order of src, and sets ptr to the bounds of each key's run.
func countingSort(dst, src, key, ptr []int32) {
	clear(ptr)
	for _, k := range key {
		ptr[k+1]++
	}
	for i := 1; i < len(ptr); i++ {
		ptr[i] += ptr[i-1]
	}
	// Filling advances ptr[k] to the end of run k, which is the start of run k+1.
	for _, slot := range src {
		k := key[slot]
		dst[ptr[k]] = slot
		ptr[k]++
	}
	copy(ptr[1:], ptr)
	ptr[0] = 0
}

// resize returns s with length n. The contents are unspecified.
func resize[E any](s []E, n int) []E {
	if cap(s) < n {
		return make([]E, n)
	}
	return s[:n]
}

// Clone returns a deep copy.
func (t *Topology) Clone() *Topology {
	return &Topology{
		Shape:    t.Shape,
		Rows:     slices.Clone(t.Rows),
		Cols:     slices.Clone(t.Cols),
		Born:     slices.Clone(t.Born),
		NewAt:    slices.Clone(t.NewAt),
		Explored: slices.Clone(t.Explored),
		RowPtr:   slices.Clone(t.RowPtr),
		RowSlot:  slices.Clone(t.RowSlot),
		ColPtr:   slices.Clone(t.ColPtr),
		ColSlot:  slices.Clone(t.ColSlot),
	}
}

// Equal reports whether t and o agree in every field, slot by slot.
func (t *Topology) Equal(o *Topology) bool {
	return t.Shape == o.Shape &&
		slices.Equal(t.Rows, o.Rows) && slices.Equal(t.Cols, o.Cols) &&
		slices.Equal(t.Born, o.Born) && slices.Equal(t.NewAt, o.NewAt) &&
		slices.Equal(t.Explored, o.Explored) &&
		slices.Equal(t.RowPtr, o.RowPtr) && slices.Equal(t.RowSlot, o.RowSlot) &&
		slices.Equal(t.ColPtr, o.ColPtr) && slices.Equal(t.ColSlot, o.ColSlot)
}
