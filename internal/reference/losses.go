package reference

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// CrossEntropy adds loss, count and hits of the labeled rows to stats and, with
// grad, replaces the logits by scale*(softmax - onehot).
func (b *Backend) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	a := b.begin("CrossEntropy")
	a.size("rows", rows, 0)
	a.size("c", c, 1)
	sums, xs := a.row("stats", stats, 3), a.act("logits", logits, rows*c)
	label := a.ints("labels", labels, rows, minIndex, c-1)
	scale := b.step.MLMScale
	switch loss {
	case backend.MLM:
	case backend.NSP:
		scale = b.step.NSPScale
	default:
		a.failf("loss: found %d, expected MLM or NSP", loss)
	}
	if !a.ok {
		return
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
