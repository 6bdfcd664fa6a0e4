package sparse

import (
	"fmt"
	"math"
)

// NormSpec says of which weight NormTopology keeps which blocks.
type NormSpec struct {
	Shape
	NNZ    int    // blocks to keep
	Norm   Norm   // the largest are kept
	Growth Growth // with a row constraint: as many in every block row
	Seed   uint64 // of the keys that decide between equal norms
	Tensor int    // index of the weight among the parameters of its model
}

// NormTopology returns the topology of the from.NNZ blocks of dense, [Out][In]
// row-major, that have the largest norms (BlockNorm): what is left of a dense
// weight when it is pruned to a density. Of blocks with equal norms those are kept
// that StartTopology would draw first, so that of a weight of zeros StartTopology
// is left. Slots follow the positions in ascending order. With a
// from.Growth under a row constraint each block row keeps the number of blocks that
// FanInTopology gives it, chosen in the same way.
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
	if from.Norm > LInf || !from.Growth.Known() {
		return nil, fmt.Errorf("%w: found %s and %s, expected a norm and a growth that are known", ErrArgument, from.Norm, from.Growth)
	}
	norms, err := shape.denseNorms(dense, from.Norm)
	if err != nil {
		return nil, err
	}
	ranks := make([]uint64, len(norms))
	for p, n := range norms {
		ranks[p] = falling(n)
	}
	if !from.Growth.Balanced() {
		return from.best(ranks, nil), nil
	}
	return from.best(ranks, shape.fanIns(from.NNZ)), nil
}

// best returns the topology of the from.NNZ positions with the lowest ranks, or of
// counts[r] in each block row r. It is the one place where the largest blocks are
// chosen: equal ranks are decided by the smaller start key, equal keys by the lower
// position.
func (from NormSpec) best(ranks []uint64, counts []int) *Topology {
	s, key := new(Scratch), startKey(from.Seed, from.Tensor)
	if counts == nil {
		s.first(ranks, 0, from.NNZ, key)
		return from.Shape.at(s.grown)
	}
	cols := from.BlockCols()
	for r, k := range counts {
		s.first(ranks[r*cols:(r+1)*cols], r*cols, k, key)
	}
	return from.Shape.at(s.grown)
}

// first appends to s.grown the k positions with the lowest ranks, ascending. ranks
// are those of the positions from `from` on.
func (s *Scratch) first(ranks []uint64, from, k int, key func(p int) uint64) {
	if k == 0 {
		return
	}
	threshold, ties := s.smallest(ranks, k)
	// The blocks whose rank is the k-th compete by key.
	s.keys = s.keys[:0]
	for i, rank := range ranks {
		if rank == threshold {
			s.keys = append(s.keys, key(from+i))
		}
	}
	last, equal := s.smallest(s.keys, ties)
	next := 0
	for i, rank := range ranks {
		if rank > threshold {
			continue
		}
		if rank == threshold {
			key := s.keys[next]
			next++
			if key > last || key == last && equal == 0 {
				continue
			}
			if key == last {
				equal--
			}
		}
		s.grown = append(s.grown, int32(from+i))
	}
}

// falling maps a norm, which is not negative, to a rank that falls as it rises.
func falling(norm float32) uint64 { return uint64(math.MaxUint32 - math.Float32bits(norm)) }
