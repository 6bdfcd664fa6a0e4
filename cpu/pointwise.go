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

const pointwisePiece = 4096 // elements of a task, a multiple of 4

// DropoutApply implements backend.Layers.
func (b *Backend) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	c := b.check("DropoutApply")
	b.pointwise(c, pointwiseOp{kind: dropElements, drop: c.dropper(d, n)}, "y", y, "x", x, "", nil, n)
}

// Tanh implements backend.Layers.
func (b *Backend) Tanh(y, x backend.Buffer, n int) {
	b.pointwise(b.check("Tanh"), pointwiseOp{kind: tanhElements}, "y", y, "x", x, "", nil, n)
}

// TanhGrad implements backend.Layers.
func (b *Backend) TanhGrad(dx, dy, y backend.Buffer, n int) {
	b.pointwise(b.check("TanhGrad"), pointwiseOp{kind: tanhGrad}, "dx", dx, "dy", dy, "y", y, n)
}

// GELUGrad implements backend.Layers.
func (b *Backend) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	b.pointwise(b.check("GELUGrad"), pointwiseOp{kind: geluGrad}, "dx", dx, "dy", dy, "pre", pre, n)
}

func (b *Backend) pointwise(c checker, op pointwiseOp, yn string, y backend.Buffer, xn string, x backend.Buffer, zn string, z backend.Buffer, n int) {
	c.atLeast("elements", n, 0)
	op.y, op.x = c.floats(yn, y, n), c.floats(xn, x, n)
	if zn != "" {
		op.z = c.floats(zn, z, n)
	}
	if !c.ok() {
		return
	}
	op.y, op.x = op.y[:n], op.x[:n]
	o := &b.ops.pointwise
	*o = op
	o.k, o.work = b.k, b.work
	b.pool.run(chunks(n, pointwisePiece), o)
	*o = pointwiseOp{}
}

func (o *pointwiseOp) task(w, i int) {
	lo := i * pointwisePiece
	hi := min(len(o.y), lo+pointwisePiece)
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
