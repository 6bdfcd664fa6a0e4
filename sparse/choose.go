package sparse

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/philox"
)

// Choice says how the blocks of a dense tensor that are to be trained are chosen
// (paper, appendix on alternating dense and sparse phases).
type Choice uint8

// The choices.
const (
	ChooseFixed     Choice = iota // those of StartTopology, each time
	ChooseRandom                  // drawn uniformly, anew each time
	ChooseMagnitude               // those with the largest norms, as NormTopology
)

// ChoiceSpec says of which weight blocks are chosen, and how many.
type ChoiceSpec struct {
	Shape
	NNZ    int // blocks to choose
	Norm   Norm
	Seed   uint64
	Number int // of the choice, 1 for the first
	Tensor int // index of the weight among the parameters of its model
}

// Choose returns the topology of from.NNZ blocks:
//
//   - ChooseFixed: StartTopology;
//   - ChooseRandom: the positions with the smallest Key(3, position, Number,
//     Tensor) of the package comment, ties by position;
//   - ChooseMagnitude: NormTopology of values, the dense weight, [Out][In]
//     row-major. The others do not read values.
//
// Slots follow the positions in ascending order.
//
// Errors: ErrShape; ErrArgument for a number out of range or values of another
// length; ErrNotFinite for a norm that is NaN or infinite.
func (c Choice) Choose(from ChoiceSpec, values []float32) (*Topology, error) {
	shape, nnzb := from.Shape, from.NNZ
	if err := checkStart(shape, nnzb, from.Tensor); err != nil {
		return nil, fmt.Errorf("choosing blocks: %w", err)
	}
	if from.Number < 1 || from.Number > math.MaxInt32 {
		return nil, fmt.Errorf("choosing blocks: %w: found choice number %d, expected 1 to %d", ErrArgument, from.Number, math.MaxInt32)
	}
	s := Scratch{active: make([]uint64, words(shape.Positions()))}
	switch c {
	case ChooseFixed:
		return StartTopology(shape, nnzb, from.Seed, from.Tensor)
	case ChooseRandom:
		s.grow(0, shape.Positions(), nnzb, func(p int) uint64 {
			return philox.Key64(from.Seed, philox.Regrow, uint32(p), uint32(from.Number), uint32(from.Tensor))
		})
		return shape.at(s.grown), nil
	case ChooseMagnitude:
		t, err := NormSpec{Shape: shape, NNZ: nnzb, Norm: from.Norm, Seed: from.Seed, Tensor: from.Tensor}.topology(values)
		if err != nil {
			return nil, fmt.Errorf("choosing blocks: %w", err)
		}
		return t, nil
	}
	return nil, fmt.Errorf("choosing blocks: %w: found %s", ErrArgument, c)
}
