package sparse

import (
	"fmt"
	"math"
	"slices"
)

// NormSpec says of which weight NormTopology keeps which blocks.
type NormSpec struct {
	Shape
	NNZ    int    // blocks to keep
	Norm   Norm   // the largest are kept
	Growth Growth // GrowFanIn: as many in every block row
	Seed   uint64 // of the keys that decide between equal norms
	Tensor int    // index of the weight among the parameters of its model
}

// NormTopology returns the topology of the from.NNZ blocks of dense, [Out][In]
// row-major, that have the largest norms (BlockNorm): what is left of a dense
// weight when it is pruned to a density. Of blocks with equal norms those are kept
// that StartTopology would draw first, so that of a weight of zeros StartTopology
// is left. Slots follow the positions in ascending order. With from.Growth
// GrowFanIn each block row keeps the number of blocks that FanInTopology gives it,
// chosen in the same way.
//
// Errors: ErrShape; ErrArgument when NNZ is not in 1..Positions, dense has not
// Out*In elements, or a number is out of range; ErrNotFinite for a block whose
// norm is NaN or infinite.
func NormTopology(from NormSpec, dense []float32) (*Topology, error) {
	t, err := from.topology(dense)
	if err != nil {
		return nil, fmt.Errorf("pruning to a topology: %w", err)
	}
	return t, nil
}

func (from NormSpec) topology(dense []float32) (*Topology, error) {
	shape := from.Shape
	if err := checkStart(shape, from.NNZ, from.Tensor); err != nil {
		return nil, err
	}
	if len(dense) != shape.Out*shape.In {
		return nil, fmt.Errorf("%w: found %d dense elements, expected %d", ErrArgument, len(dense), shape.Out*shape.In)
	}
	if from.Norm > LInf || from.Growth > GrowFanIn {
		return nil, fmt.Errorf("%w: found %s and %s, expected a norm and a growth that are known", ErrArgument, from.Norm, from.Growth)
	}
	norms, err := shape.denseNorms(dense, from.Norm)
	if err != nil {
		return nil, err
	}
	s, key := new(Scratch), startKey(from.Seed, from.Tensor)
	if from.Growth != GrowFanIn {
		s.largest(norms, 0, from.NNZ, key)
		return shape.at(s.grown), nil
	}
	cols := shape.BlockCols()
	for r := range shape.BlockRows() {
		s.largest(norms[r*cols:(r+1)*cols], r*cols, shape.fanIn(from.NNZ, r), key)
	}
	return shape.at(s.grown), nil
}

// largest appends to s.grown the k positions with the largest norms, ascending.
// norms are those of the positions from first on. Equal norms are decided by the
// smaller key, equal keys by the lower position.
func (s *Scratch) largest(norms []float32, first, k int, key func(p int) uint64) {
	if k == 0 {
		return
	}
	s.keys = slices.Grow(s.keys[:0], len(norms))
	for _, n := range norms {
		s.keys = append(s.keys, falling(n))
	}
	threshold, ties := s.smallest(s.keys, k)
	// The blocks whose norm is the k-th largest compete by key.
	s.keys = s.keys[:0]
	for i, n := range norms {
		if falling(n) == threshold {
			s.keys = append(s.keys, key(first+i))
		}
	}
	last, equal := s.smallest(s.keys, ties)
	next := 0
	for i, n := range norms {
		if falling(n) > threshold {
			continue
		}
		if falling(n) == threshold {
			key := s.keys[next]
			next++
			if key > last || key == last && equal == 0 {
				continue
			}
			if key == last {
				equal--
			}
		}
		s.grown = append(s.grown, int32(first+i))
	}
}

// falling maps a norm, which is not negative, to a key that falls as it rises.
func falling(norm float32) uint64 { return uint64(math.MaxUint32 - math.Float32bits(norm)) }
