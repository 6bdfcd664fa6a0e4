package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// pointwiseOp is an element by element operation.
type pointwiseOp struct {
	k    *kernel.Set
	work []workspace
	kind pointwiseKind
	y    []float32
	x, z []float32
	drop dropper
}

type pointwiseKind uint8

const (
	dropElements pointwiseKind = iota // y = dropout(x)
	tanhElements                      // y = tanh(x)
	tanhGrad                          // y = x (1 - z^2)
	geluGrad                          // y = x gelu'(z)
)

const pointwiseRange = 4096 // elements of a task, a multiple of 4

// DropoutApply implements backend.Layers.
func (b *device) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	b.pointwise(pointwiseOp{kind: dropElements, drop: b.dropper(d), y: floats(y)[:n], x: floats(x)[:n]})
}

// Tanh implements backend.Layers.
func (b *device) Tanh(y, x backend.Buffer, n int) {
	b.pointwise(pointwiseOp{kind: tanhElements, y: floats(y)[:n], x: floats(x)[:n]})
}

// TanhGrad implements backend.Layers.
func (b *device) TanhGrad(dx, dy, y backend.Buffer, n int) {
	b.pointwise(pointwiseOp{kind: tanhGrad, y: floats(dx)[:n], x: floats(dy)[:n], z: floats(y)[:n]})
}

// GELUGrad implements backend.Layers.
func (b *device) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	b.pointwise(pointwiseOp{kind: geluGrad, y: floats(dx)[:n], x: floats(dy)[:n], z: floats(pre)[:n]})
}

func (b *device) pointwise(op pointwiseOp) {
	o := &b.ops.pointwise
	*o = op
	o.k, o.work = b.k, b.work
	b.pool.run(chunks(len(op.y), pointwiseRange), o)
	*o = pointwiseOp{}
}

func (o *pointwiseOp) task(w, i int) {
	lo := i * pointwiseRange
	hi := min(len(o.y), lo+pointwiseRange)
	y, x := o.y[lo:hi], o.x[lo:hi]
	switch {
	case o.kind == tanhElements:
		for j, v := range x {
			y[j] = float32(math.Tanh(float64(v)))
		}
	case o.kind == tanhGrad:
		for j, v := range o.z[lo:hi] {
			y[j] = x[j] * (1 - v*v)
		}
	case o.kind == geluGrad:
		o.k.GELUGrad(y, x, o.z[lo:hi])
	case o.drop.on:
		o.drop.apply(&o.work[w], o.k, y, x, lo, kernel.Prefetch{})
	default:
		copy(y, x)
	}
}
