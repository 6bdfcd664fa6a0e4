package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// lossOp is the cross-entropy; a task is one row.
type lossOp struct {
	b      *device
	logits []float32
	labels []int32
	c      int
	scale  float32
	grad   bool
	loss   []float64 // [rows]
	hit    []bool    // [rows] the label has the largest logit
}

// CrossEntropy implements backend.Losses.
func (b *device) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	list := ints(labels)[:rows]
	if !b.inRange("CrossEntropy", "labels", list, math.MinInt32, c) {
		return
	}
	o := &b.ops.loss
	*o = lossOp{b: b, logits: floats(logits), labels: list, c: c, scale: b.step.MLMScale, grad: grad,
		loss: grow(o.loss, rows), hit: grow(o.hit, rows)}
	if loss == backend.NSP {
		o.scale = b.step.NSPScale
	}
	b.pool.run(rows, o)
	sum, count, hits := 0.0, 0, 0
	for i, label := range o.labels {
		if label < 0 {
			continue
		}
		sum += o.loss[i]
		count++
		if o.hit[i] {
			hits++
		}
	}
	s := floats(stats)
	s[0] += float32(sum)
	s[1] += float32(count)
	s[2] += float32(hits)
	o.logits, o.labels = nil, nil
}

func (o *lossOp) task(w, i int) {
	ws, k := &o.b.work[w], o.b.k
	row := o.logits[i*o.c : (i+1)*o.c]
	label := int(o.labels[i])
	if label < 0 {
		if o.grad {
			clear(row)
		}
		return
	}
	top, at := k.Max(row), row[label]
	o.hit[i] = at == top
	for _, v := range row[:label] {
		if v == at {
			o.hit[i] = false // a lower index wins the tie
			break
		}
	}
	ws.row = grow(ws.row, o.c)
	p := ws.row
	if o.grad {
		p = row
	}
	sum := k.ExpShift(p, row, top)
	o.loss[i] = math.Log(float64(sum)) - (float64(at) - float64(top))
	if o.grad {
		k.Scale(p, o.scale/sum)
		// scale (p - 1), written so that the two terms keep their precision.
		p[label] -= o.scale
	}
}
