package sparse

import (
	"fmt"
	"math"
	"math/bits"
)

// Schedule says how the pruning ratio changes over training.
type Schedule uint8

// The schedules. Cosine is the paper's.
const (
	Cosine   Schedule = iota // pr/2 (1 + cos(pi t/T))
	Constant                 // pr
	Linear                   // pr (1 - t/T)
)

// PruneRatio returns pr(t), where pr is the maximum and step and total are t and
// T in optimizer steps. Steps outside 0..total count as the nearer end.
func (s Schedule) PruneRatio(pr float64, step, total int64) float64 {
	x := 0.0
	if total > 0 {
		x = min(1, max(0, float64(step)/float64(total)))
	}
	switch s {
	case Constant:
		return pr
	case Linear:
		return pr * (1 - x)
	default:
		return pr * 0.5 * (1 + math.Cos(math.Pi*x))
	}
}

// UpdateSteps returns the steps after which the topology is updated when total
// training steps are cut into n phases. The paper trains T/n steps, updates,
// and so on, and makes n-1 updates, as one after the last step would be wasted.
// So update i = 1..n-1 comes after step round(i total/n), halves up. The steps
// rise strictly and lie in 1..total-1; n = 1 gives none.
//
// Error: ErrArgument when n is not in 1..total.
func UpdateSteps(total int64, n int) ([]int64, error) {
	if n < 1 || int64(n) > total {
		return nil, fmt.Errorf("%w: found %d phases in %d training steps, expected 1 to %d",
			ErrArgument, n, total, max(1, total))
	}
	steps := make([]int64, n-1)
	for i := range steps {
		// (i+1) total / n in 128 bits: the quotient fits, as i+1 < n.
		hi, lo := bits.Mul64(uint64(i+1), uint64(total))
		quotient, rest := bits.Div64(hi, lo, uint64(n))
		if rest >= uint64(n)-rest {
			quotient++
		}
		steps[i] = int64(quotient)
	}
	return steps, nil
}

// LearningRateFactor returns eta(s)/eta(0) = exp(1.969 s^2 + 0.2905 s), the
// factor on the dense model's best learning rate at sparsity s (paper,
// appendix on learning rates).
func LearningRateFactor(s float64) float64 { return math.Exp(1.969*s*s + 0.2905*s) }
