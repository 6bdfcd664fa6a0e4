package sparse

import (
	"fmt"
	"slices"
)

// Matrix is a block-sparse matrix: a topology with values. It is meant for
// tests, export and inspection; training keeps values on the device.
type Matrix struct {
	*Topology
	Val []float32 // [nnzb][B][B], as Topology lays them out
}

// NewMatrix returns a matrix over t and val, neither of which is copied. Errors:
// those of Check, and ErrArgument when val has not nnzb*B*B elements.
func NewMatrix(t *Topology, val []float32) (*Matrix, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if len(val) != t.NNZ()*t.BlockSize() {
		return nil, fmt.Errorf("%w: found %d values, expected %d", ErrArgument, len(val), t.NNZ()*t.BlockSize())
	}
	return &Matrix{Topology: t, Val: val}, nil
}

// FromDense returns the matrix of the active blocks of dense, [Out][In]
// row-major; what lies outside them is dropped. t is not copied. Errors: those
// of Check, and ErrArgument when dense has not Out*In elements.
func FromDense(t *Topology, dense []float32) (*Matrix, error) {
	if err := t.Check(); err != nil {
		return nil, err
	}
	if len(dense) != t.Out*t.In {
		return nil, fmt.Errorf("%w: found %d dense elements, expected %d", ErrArgument, len(dense), t.Out*t.In)
	}
	m := &Matrix{Topology: t, Val: make([]float32, t.NNZ()*t.BlockSize())}
	m.rows(func(at int, block []float32) { copy(block, dense[at:]) })
	return m, nil
}

// Dense returns the matrix as [Out][In], row-major, with zeros outside the
// active blocks.
func (m *Matrix) Dense() []float32 {
	dense := make([]float32, m.Out*m.In)
	m.rows(func(at int, block []float32) { copy(dense[at:], block) })
	return dense
}

// rows calls f with every row of every active block and its offset in the dense
// matrix.
func (m *Matrix) rows(f func(at int, row []float32)) {
	next := 0
	for row := range slices.Chunk(m.Val, m.Block) {
		slot, i := next/m.Block, next%m.Block
		f((int(m.Rows[slot])*m.Block+i)*m.In+int(m.Cols[slot])*m.Block, row)
		next++
	}
}

// At returns the element in row i and column j, and whether its block is active.
// Outside the matrix it returns 0 and false.
func (m *Matrix) At(i, j int) (value float32, active bool) {
	if i < 0 || j < 0 {
		return 0, false
	}
	slot, active := m.Slot(i/m.Block, j/m.Block)
	if !active {
		return 0, false
	}
	return m.Val[slot*m.BlockSize()+i%m.Block*m.Block+j%m.Block], true
}
