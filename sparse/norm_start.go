package sparse

import (
	"fmt"
	"math"
)

// NormTopology returns the topology of the nnzb blocks of dense, [Out][In]
// row-major, that have the largest norms (BlockNorm), ties to the lower position:
// what is left of a dense weight when it is pruned to a density. Slots follow the
// positions in ascending order. With growth GrowFanIn each block row keeps the
// number of blocks that FanInTopology gives it, the largest of the row.
//
// Errors: ErrShape; ErrArgument when nnzb is not in 1..Positions, dense has not
// Out*In elements, or norm or growth is not known; ErrNotFinite for a block whose
// norm is NaN or infinite.
func NormTopology(shape Shape, nnzb int, dense []float32, norm Norm, growth Growth) (*Topology, error) {
	fail := func(err error) (*Topology, error) { return nil, fmt.Errorf("pruning to a topology: %w", err) }
	if err := checkStart(shape, nnzb, 0); err != nil {
		return fail(err)
	}
	if len(dense) != shape.Out*shape.In {
		return fail(fmt.Errorf("%w: found %d dense elements, expected %d", ErrArgument, len(dense), shape.Out*shape.In))
	}
	if norm > LInf || growth > GrowFanIn {
		return fail(fmt.Errorf("%w: found %s and %s, expected a norm and a growth that are known", ErrArgument, norm, growth))
	}
	norms, err := shape.denseNorms(dense, norm)
	if err != nil {
		return fail(err)
	}
	s := Scratch{active: make([]uint64, words(shape.Positions()))}
	// Norms are not negative, so the larger norm has the smaller key.
	key := func(p int) uint64 { return uint64(math.MaxUint32 - math.Float32bits(norms[p])) }
	if growth != GrowFanIn {
		s.grow(0, shape.Positions(), nnzb, key)
		return shape.at(s.grown), nil
	}
	for r := range shape.BlockRows() {
		s.grow(r*shape.BlockCols(), (r+1)*shape.BlockCols(), shape.fanIn(nnzb, r), key)
	}
	return shape.at(s.grown), nil
}

// fanIn returns how many of nnzb blocks block row r gets when all rows get the
// same number, the first rows one more where they do not divide.
func (s Shape) fanIn(nnzb, r int) int {
	n := nnzb / s.BlockRows()
	if r < nnzb%s.BlockRows() {
		n++
	}
	return n
}
