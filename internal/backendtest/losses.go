package backendtest

import (
	"fmt"
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// lossCase is a call of CrossEntropy.
type lossCase struct {
	rows, classes int
	scale         float64 // of the logits
	loss          backend.Loss
	grad          bool
	ignoreAll     bool
}

func (c lossCase) String() string {
	return fmt.Sprintf("rows=%d/c=%d/scale=%v/loss=%d/grad=%v/ignore all=%v", c.rows, c.classes, c.scale, c.loss, c.grad, c.ignoreAll)
}

func lossCases() []lossCase {
	var list []lossCase
	for k, rows := range []int{1, 3, 7, 33, 130} {
		for j, classes := range []int{2, 5, 67, 1003} {
			for _, grad := range []bool{false, true} {
				list = append(list, lossCase{rows: rows, classes: classes, grad: grad,
					loss: backend.Loss((k + j) % 2), scale: []float64{3, 90, 0}[(k+j)%3], ignoreAll: k == 2 && j == 1})
			}
		}
	}
	return list
}

// draw returns logits and labels: about a fifth of the rows are ignored, and
// every third row has two equal largest logits, of which the lower one, the
// higher one, or neither is the label. A scale of 0 makes all logits equal.
func (c lossCase) draw(d *draws) (logits []float32, labels []int32) {
	logits, labels = d.reals(c.rows*c.classes, c.scale), d.ids(c.rows, 0, c.classes)
	for r := range c.rows {
		row := logits[r*c.classes : (r+1)*c.classes]
		switch r % 15 {
		case 0, 3, 6, 9, 12:
			low := d.stream.IntN(c.classes - 1)
			high := low + 1 + d.stream.IntN(c.classes-1-low)
			row[low], row[high] = float32(c.scale)+1, float32(c.scale)+1
			labels[r] = []int32{int32(low), int32(high), labels[r]}[r/3%3]
		case 4, 8, 13:
			labels[r] = -1 - int32(r)*1000
		}
		if c.ignoreAll {
			labels[r] = -1
		}
	}
	return d.rounded(logits), labels
}

func crossEntropyChecks() []check {
	var list []check
	for _, c := range lossCases() {
		list = append(list, check{name: c.String(), prepare: func(d *draws) (script, bounds) {
			logits, labels := c.draw(d)
			stats := []float32{d.uniform(1, 5)[0], 3, 2}
			run := func(r *harness) {
				x := r.input
				if c.grad {
					x = r.inout
				}
				r.b.CrossEntropy(r.rowInout("stats", stats), x("logits", logits), r.ints("labels", labels), c.rows, c.classes, c.loss, c.grad)
			}
			return run, func(ref *harness) { boundCrossEntropy(ref, d.column, c, logits, labels, stats) }
		}})
	}
	return list
}

// boundCrossEntropy leaves counts and hits without a bound: they are exact. So
// are the zeros of ignored rows.
func boundCrossEntropy(ref *harness, col column, c lossCase, logits []float32, labels []int32, stats []float32) {
	scale := float64(defaultStep().MLMScale)
	if c.loss == backend.NSP {
		scale = float64(defaultStep().NSPScale)
	}
	total, sizes := 0.0, 0.0
	limits := make([]float64, len(logits))
	for r := range c.rows {
		if labels[r] < 0 {
			continue
		}
		row := logits[r*c.classes : (r+1)*c.classes]
		top, least := math.Inf(-1), math.Inf(1)
		for _, v := range row {
			top, least = max(top, float64(v)), min(least, float64(v))
		}
		sum := 0.0
		for _, v := range row {
			sum += math.Exp(float64(v) - top)
		}
		lse, span := top+math.Log(sum), top-least
		want := float64(row[labels[r]])
		total += col.limit("log sum exp", c.classes, 1) + float32Unit*(span+2*math.Abs(lse)+math.Abs(want))
		sizes += math.Abs(lse - want)
		rel := col.limit("softmax", c.classes, 1) + 3*float32Unit*span
		for j, v := range row {
			p := math.Exp(float64(v) - lse)
			limits[r*c.classes+j] = scale * (p*rel + col.limit("one hot", 0, p))
			if int32(j) == labels[r] {
				limits[r*c.classes+j] += scale * col.limit("one hot", 0, 1)
			}
		}
	}
	ref.allow("stats", func(i int) float64 {
		if i > 0 {
			return 0
		}
		return total + col.limit("loss sum", 0, sizes+math.Abs(float64(stats[0])))
	})
	if c.grad {
		x := ref.value("logits")
		ref.allow("logits", func(i int) float64 { return limits[i] + col.stored(x[i]) })
	}
}
