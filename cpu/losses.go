package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// lossOp is the cross-entropy; a task is one row.
type lossOp struct {
	b      *Backend
	logits []float32
	labels []int32
	c      int
	scale  float32
	grad   bool
	loss   []float64 // [rows]
	hit    []bool    // [rows] the label has the largest logit
}

// CrossEntropy implements backend.Losses. A label at or beyond c is an error.
func (b *Backend) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	k := b.check("CrossEntropy")
	k.atLeast("rows", rows, 0)
	k.atLeast("classes", c, 1)
	if !k.ok() {
		return
	}
	o := &b.ops.loss
	*o = lossOp{b: b, c: c, grad: grad, loss: grow(o.loss, rows), hit: grow(o.hit, rows)}
	s := k.floats("stats", stats, 3)
	o.logits, o.labels = k.floats("logits", logits, rows*c), k.ints("labels", labels, rows)
	switch loss {
	case backend.MLM:
		o.scale = b.step.MLMScale
	case backend.NSP:
		o.scale = b.step.NSPScale
	default:
		b.fail("cpu: CrossEntropy: loss: found %d, expected MLM or NSP", loss)
	}
	if !k.ok() {
		return
	}
	o.labels = o.labels[:rows]
	k.inRange("labels", o.labels, math.MinInt32, c)
	if !k.ok() {
		return
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
