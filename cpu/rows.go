package cpu

import "github.com/sparsebert/sparsebert-gpu/backend"

const (
	copyRows   = 64 // rows of one task that copies or sums rows
	addColumns = 32 // columns of one task that adds rows into shared targets
)

type rowCopyKind uint8

const (
	gatherRows rowCopyKind = iota
	scatterRows
	zeroRanges
)

// rowCopyOp copies rows by index. Scattering is split by columns, so that each target element has
// one writer that takes the rows in order.
type rowCopyOp struct {
	kind     rowCopyKind
	k        func(y []float32, a float32, x []float32)
	dst, src []float32
	index    []int32
	n, h     int
}

const zeroRange = 1 << 16 // elements of one clearing task

// Gather implements backend.Layers.
func (b *device) Gather(dst, src, index backend.Buffer, n, h int) {
	o := &b.ops.rows
	*o = rowCopyOp{kind: gatherRows, k: b.k.Axpy, dst: floats(dst), src: floats(src), index: ints(index)[:n], n: n, h: h}
	if b.below("Gather", o.index, len(o.src)/h) {
		b.pool.run(chunks(n, copyRows), o)
	}
	o.dst, o.src, o.index = nil, nil, nil
}

// ScatterAdd implements backend.Layers.
func (b *device) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	o := &b.ops.rows
	*o = rowCopyOp{kind: scatterRows, k: b.k.Axpy, dst: floats(dst), src: floats(src), index: ints(index)[:n], n: n, h: h}
	if b.below("ScatterAdd", o.index, len(o.dst)/h) {
		b.pool.run(chunks(h, addColumns), o)
	}
	o.dst, o.src, o.index = nil, nil, nil
}

// below fails the operation unless every index is less than the number of rows, and
// says whether they are.
func (b *device) below(op string, index []int32, rows int) bool {
	for i, v := range index {
		if int(v) >= rows {
			b.fail("%s: index[%d]: found %d, expected less than %d", op, i, v, rows)
			return false
		}
	}
	return true
}

// Zero implements backend.Layers for both dtypes.
func (b *device) Zero(x backend.Buffer, n int) {
	if x.DType() == backend.I32 {
		clear(ints(x)[:n])
		return
	}
	b.zero(floats(x)[:n])
}

func (b *device) zero(s []float32) {
	o := &b.ops.rows
	*o = rowCopyOp{kind: zeroRanges, dst: s}
	b.pool.run(chunks(len(s), zeroRange), o)
	o.dst = nil
}

func (o *rowCopyOp) task(_, i int) {
	switch h := o.h; o.kind {
	case zeroRanges:
		clear(o.dst[i*zeroRange : min(len(o.dst), (i+1)*zeroRange)])
	case gatherRows:
		for r := i * copyRows; r < min(o.n, (i+1)*copyRows); r++ {
			dst := o.dst[r*h : (r+1)*h]
			if v := int(o.index[r]); v < 0 {
				clear(dst)
			} else {
				copy(dst, o.src[v*h:])
			}
		}
	default:
		lo, hi := i*addColumns, min(h, (i+1)*addColumns)
		for r, v := range o.index {
			if v >= 0 {
				o.k(o.dst[int(v)*h+lo:int(v)*h+hi], 1, o.src[r*h+lo:r*h+hi])
			}
		}
	}
}
