package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// CrossEntropy adds loss, count and hits of the labeled rows to stats and, with
// grad, replaces the logits by scale*(softmax - onehot).
func (d *device) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	label, ok := d.integers("CrossEntropy", "labels", labels, rows, noRow, c-1)
	if !ok {
		return
	}
	sums, xs, scale := reals(stats), reals(logits), d.step.MLMScale
	if loss == backend.NSP {
		scale = d.step.NSPScale
	}
	for r := range rows {
		row := xs[r*c : (r+1)*c]
		want := int(label[r])
		if want < 0 {
			if grad {
				clear(row)
			}
			continue
		}
		lse := logSumExp(row)
		sums[0] += lse - row[want]
		sums[1]++
		if firstLargest(row) == want {
			sums[2]++
		}
		if !grad {
			continue
		}
		for j := range row {
			p := math.Exp(row[j] - lse)
			if j == want {
				p--
			}
			row[j] = float64(scale) * p
		}
	}
}

// firstLargest returns the lowest index of the largest element.
func firstLargest(x []float64) int {
	best := 0
	for i, v := range x {
		if v > x[best] {
			best = i
		}
	}
	return best
}
