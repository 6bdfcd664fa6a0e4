package oracle

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/model"
)

// zeroShare is the share of the whole gradient's norm below which a tensor's
// gradient is zero but for the rounding of float64.
const zeroShare = 1e-13

// Difference says how far one tensor's gradient is from the oracle's.
type Difference struct {
	Name string
	// RelativeError is the Euclidean norm of the difference over Scale. It is NaN
	// when a value on either side is, so test it as !(RelativeError <= tolerance).
	RelativeError float64
	Norm          float64 // of the oracle's gradient of this tensor
	// Scale is Norm. Where Norm is zero but for rounding (at most 1e-13 of the norm
	// of the whole gradient) it is the norm of the whole gradient instead: such a
	// tensor has no scale of its own. The biases of the attention keys are always
	// in that case, since a softmax does not see a number added to all its scores.
	Scale float64
	// Index is the element that differs most, Want and Got its two values.
	Index     int
	Want, Got float64
}

// Compare measures the difference of two gradients, got against the oracle's,
// tensor by tensor in the order of the parameter table of c. Both are dense,
// [Out, In] row-major, by checkpoint name. Zero against zero is an error of 0,
// anything else against a gradient that is zero as a whole an infinite one. A
// tensor that is missing, of the wrong size, or not in the table gives an error
// that wraps ErrInput.
func Compare[F float32 | float64](c model.Config, want map[string][]float64, got map[string][]F) ([]Difference, error) {
	table, err := model.Table(c)
	if err != nil {
		return nil, fmt.Errorf("oracle: parameter table: %w", err)
	}
	if len(want) != len(table) || len(got) != len(table) {
		return nil, fmt.Errorf("%w: found %d tensors to compare with %d, expected %d of each", ErrInput, len(got), len(want), len(table))
	}
	var whole float64
	for _, t := range table {
		if n := t.Out * t.In; len(want[t.Name]) != n || len(got[t.Name]) != n {
			return nil, fmt.Errorf("%w: gradients of %s: found %d elements to compare with %d, expected %d of each",
				ErrInput, t.Name, len(got[t.Name]), len(want[t.Name]), n)
		}
		whole = math.Hypot(whole, norm(want[t.Name]))
	}
	out := make([]Difference, len(table))
	for i, t := range table {
		out[i] = difference(want[t.Name], got[t.Name], whole)
		out[i].Name = t.Name
	}
	return out, nil
}

// difference compares one tensor; whole is the norm of the whole gradient.
func difference[F float32 | float64](want []float64, got []F, whole float64) Difference {
	d := Difference{Norm: norm(want)}
	d.Scale = d.Norm
	if d.Norm <= zeroShare*whole {
		d.Scale = whole
	}
	delta := make([]float64, len(want))
	worst := -1.0
	for i := range want {
		delta[i] = math.Abs(float64(got[i]) - want[i])
		if delta[i] > worst || math.IsNaN(delta[i]) && !math.IsNaN(worst) {
			worst, d.Index = delta[i], i
		}
	}
	d.Want, d.Got = want[d.Index], float64(got[d.Index])
	if e := norm(delta); e != 0 {
		d.RelativeError = e / d.Scale
	}
	return d
}

// norm is the Euclidean norm, without overflow. An infinite element gives NaN,
// so that no comparison with one succeeds.
func norm(x []float64) float64 {
	var largest float64
	for _, v := range x {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return math.NaN()
		}
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 {
		return 0
	}
	var sum float64
	for _, v := range x {
		v /= largest
		sum += v * v
	}
	return largest * math.Sqrt(sum)
}
