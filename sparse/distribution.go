package sparse

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Distribution says how a model's density is shared among its tensors.
type Distribution uint8

// The distributions. Uniform is the paper's.
const (
	Uniform Distribution = iota // the same density everywhere
	ERK                         // density proportional to (Out+In)/(Out*In) (Erdos-Renyi, as RigL uses it)
)

// EmptyTensorError says which tensor a density leaves without a block. It is an
// ErrEmptyTensor.
type EmptyTensorError struct {
	Index   int     // of the tensor in Distribute's shapes
	Density float64 // asked for
	Enough  float64 // a density that gives the tensor a block
}

// Error names the tensor by its index.
func (e *EmptyTensorError) Error() string {
	return fmt.Sprintf("%v: tensor %d: found density %.6g, expected at least %.6g",
		ErrEmptyTensor, e.Index, e.Density, e.Enough)
}

// Unwrap returns ErrEmptyTensor.
func (e *EmptyTensorError) Unwrap() error { return ErrEmptyTensor }

// Distribute returns nnzb of each tensor, at least 1 and at most its positions,
// for density d = 1 - s, 0 < d <= 1.
//
// Uniform gives each round(d * positions). ERK makes the density of each
// proportional to (Out+In)/(Out*In), at most 1; what is cut off there is shared
// by the others in the same proportion. The total number of active elements is
// then d times the dense one, and with one block size for all tensors the number
// of blocks is exactly round(d * all positions), the fractions going to the
// largest remainders, ties to the lower index.
//
// Errors: ErrArgument for a density out of range; ErrShape; ErrEmptyTensor, an
// *EmptyTensorError, for the first tensor that would get no block.
func Distribute(shapes []Shape, density float64, d Distribution) ([]int, error) {
	if !(density > 0 && density <= 1) {
		return nil, fmt.Errorf("%w: found density %v, expected more than 0 and at most 1", ErrArgument, density)
	}
	for i, s := range shapes {
		if err := CheckShape(s); err != nil {
			return nil, fmt.Errorf("tensor %d: %w", i, err)
		}
	}
	var nnzb []int
	switch d {
	case Uniform:
		nnzb = uniform(shapes, density)
	case ERK:
		nnzb = erk(shapes, density)
	default:
		return nil, fmt.Errorf("%w: found %s", ErrArgument, d)
	}
	if i := slices.Index(nnzb, 0); i >= 0 {
		return nil, &EmptyTensorError{Index: i, Density: density, Enough: enough(shapes, i, d)}
	}
	return nnzb, nil
}

// Densities returns the density that Distribute aims at in each tensor, before it is
// rounded to whole blocks. d and density are as there.
func Densities(shapes []Shape, density float64, d Distribution) []float64 {
	if d == ERK {
		elements := 0.0
		for _, s := range shapes {
			elements += float64(s.Positions() * s.BlockSize())
		}
		return erkDensities(shapes, density*elements)
	}
	return slices.Repeat([]float64{density}, len(shapes))
}

func uniform(shapes []Shape, density float64) []int {
	nnzb := make([]int, len(shapes))
	for i, s := range shapes {
		nnzb[i] = int(math.Round(density * float64(s.Positions())))
	}
	return nnzb
}

func erk(shapes []Shape, density float64) []int {
	oneBlock := true
	elements := 0.0
	for _, s := range shapes {
		oneBlock = oneBlock && s.Block == shapes[0].Block
		elements += float64(s.Positions() * s.BlockSize())
	}
	nnzb := make([]int, len(shapes))
	if len(shapes) == 0 {
		return nnzb
	}
	if !oneBlock {
		for i, share := range erkDensities(shapes, density*elements) {
			nnzb[i] = int(math.Round(share * float64(shapes[i].Positions())))
		}
		return nnzb
	}
	size := float64(shapes[0].BlockSize())
	total := math.Round(density * elements / size)
	left := int(total)
	type remainder struct {
		index    int
		fraction float64
	}
	var rest []remainder
	for i, share := range erkDensities(shapes, total*size) {
		quota := share * float64(shapes[i].Positions())
		nnzb[i] = min(int(quota), shapes[i].Positions())
		left -= nnzb[i]
		rest = append(rest, remainder{i, quota - float64(nnzb[i])})
	}
	slices.SortStableFunc(rest, func(a, b remainder) int { return cmp.Compare(b.fraction, a.fraction) })
	for _, r := range rest {
		if left > 0 && nnzb[r.index] < shapes[r.index].Positions() {
			nnzb[r.index]++
			left--
		}
	}
	return nnzb
}

// erkWeight is the factor of a tensor's ERK density.
func erkWeight(s Shape) float64 { return float64(s.Out+s.In) / (float64(s.Out) * float64(s.In)) }

// erkDensities returns min(1, eps*erkWeight) of each tensor, with eps such that
// budget elements are active in all.
func erkDensities(shapes []Shape, budget float64) []float64 {
	density := make([]float64, len(shapes))
	full := make([]bool, len(shapes))
	for {
		left, demand := budget, 0.0
		for i, s := range shapes {
			size := float64(s.Out) * float64(s.In)
			if full[i] {
				left -= size
			} else {
				demand += erkWeight(s) * size
			}
		}
		capped := false
		for i, s := range shapes {
			if full[i] {
				continue
			}
			density[i] = left / demand * erkWeight(s)
			if density[i] >= 1 {
				density[i], full[i], capped = 1, true, true
			}
		}
		if !capped {
			return density
		}
	}
}

// enough returns a density that gives tensor i a block, rounded up to six digits.
func enough(shapes []Shape, i int, d Distribution) float64 {
	if d == Uniform {
		return roundUp(0.5 / float64(shapes[i].Positions()))
	}
	// Raise eps until the tensor's share is a whole block, and see what that
	// takes of the others; a half more covers the rounding of the total.
	eps := 1 / (erkWeight(shapes[i]) * float64(shapes[i].Positions()))
	active, all := 0.5*float64(shapes[i].BlockSize()), 0.0
	for _, s := range shapes {
		size := float64(s.Out) * float64(s.In)
		active += min(1, eps*erkWeight(s)) * size
		all += size
	}
	return min(1, roundUp(active/all))
}

// roundUp returns x rounded up to six significant digits.
func roundUp(x float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(x))-5)
	return math.Ceil(x/unit) * unit
}
