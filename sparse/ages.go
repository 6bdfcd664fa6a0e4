package sparse

import (
	"fmt"
	"math"
	"slices"
)

// Ages are the factors that make an update compare scores fairly between blocks of
// different ages: a block's score is multiplied by the factor of its birth, in float32.
//
// Under noise alone Adam takes a weight on a random walk with steps of the learning rate
// lr. After the steps since birth its variance is v0 + sum of lr^2, where v0 is the
// variance of the start, and 0 for a block that an update activated. So a newborn has a
// small norm whether it is worth anything or not. [AgeFactor] gives the factors that
// take the age out of the norm.
type Ages struct {
	Start []float32 // factor of a block of the start, by tensor
	From  []int32   // ascending: steps after which updates activated blocks
	Scale []float32 // factor of a block whose Born is From[i] or later, but before From[i+1]
}

// AgeFactor returns variance^(-alpha/2), at most the largest float32: the factor of a
// norm for weights of that variance. alpha 0 leaves norms as they are, 1 divides them by
// the standard deviation. For L2, which is a sum of squares, it is variance^(-alpha).
func AgeFactor(alpha, variance float64, n Norm) float32 {
	exponent := -alpha / 2
	if n == L2 {
		exponent = -alpha
	}
	return float32(min(math.Pow(variance, exponent), math.MaxFloat32))
}

// factor returns the factor of a block.
func (a *Ages) factor(start bool, born int32, tensor int) float32 {
	if start {
		return a.Start[tensor]
	}
	if len(a.From) == 0 {
		return 1
	}
	i, found := slices.BinarySearch(a.From, born)
	if !found {
		i = max(i, 1) - 1 // the last From below born
	}
	return a.Scale[i]
}

// check returns an error (ErrArgument) that names what is wrong.
func (a *Ages) check() error {
	if a == nil {
		return nil
	}
	if len(a.From) != len(a.Scale) {
		return fmt.Errorf("%w: found %d factors for the births after %d steps, expected one each", ErrArgument, len(a.Scale), len(a.From))
	}
	for i, from := range a.From {
		if i > 0 && from <= a.From[i-1] {
			return fmt.Errorf("%w: found births after step %d behind those after %d, expected them in ascending order", ErrArgument, from, a.From[i-1])
		}
	}
	for _, list := range [][]float32{a.Start, a.Scale} {
		for _, x := range list {
			if !finite(x) || x < 0 {
				return fmt.Errorf("%w: found the factor of an age %v, expected a finite number of 0 or more", ErrArgument, x)
			}
		}
	}
	return nil
}
