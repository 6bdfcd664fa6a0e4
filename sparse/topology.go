package sparse

// Shape is the shape of a block-sparse weight in elements: Out x In, cut into
// square blocks of Block x Block. Out and In are multiples of Block.
type Shape struct {
	Out, In, Block int
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
// a pruned block to a newborn one.
//
// Both index views list slots. They are derived from Rows and Cols by Index.
type Topology struct {
	Shape

	Rows []int32 // [nnzb] block row of each slot
	Cols []int32 // [nnzb] block column of each slot
	Born []int32 // [nnzb] optimiser step after which the block was activated; 0: at the start

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
