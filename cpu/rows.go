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
	zeroPieces
)

// rowCopyOp moves rows by index. Scattering is cut by columns, so that each
// target element has one writer that takes the rows in order.
type rowCopyOp struct {
	kind     rowCopyKind
	k        func(y []float32, a float32, x []float32)
	dst, src []float32
	index    []int32
	n, h     int
}

const zeroPiece = 1 << 16 // elements of one clearing task

// Gather implements backend.Layers.
func (b *Backend) Gather(dst, src, index backend.Buffer, n, h int) {
	b.moveRows("Gather", gatherRows, dst, src, index, n, h)
}

// ScatterAdd implements backend.Layers.
func (b *Backend) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	b.moveRows("ScatterAdd", scatterRows, dst, src, index, n, h)
}

func (b *Backend) moveRows(op string, kind rowCopyKind, dst, src, index backend.Buffer, n, h int) {
	c := b.check(op)
	c.atLeast("rows", n, 0)
	c.atLeast("columns", h, 1)
	if !c.ok() {
		return
	}
	o := &b.ops.rows
	*o = rowCopyOp{kind: kind, k: b.k.Axpy, n: n, h: h}
	needDst, needSrc := n*h, 0
	if kind == scatterRows {
		needDst, needSrc = 0, n*h
	}
	o.dst, o.src, o.index = c.floats("dst", dst, needDst), c.floats("src", src, needSrc), c.ints("index", index, n)
	if !c.ok() {
		return
	}
	c.apart("src and dst", o.src, o.dst)
	o.index = o.index[:n]
	indexed := o.src
	if kind == scatterRows {
		indexed = o.dst
	}
	for i, v := range o.index {
		if int(v) >= len(indexed)/h {
			b.fail("cpu: %s: index[%d]: found %d, expected less than %d", op, i, v, len(indexed)/h)
			return
		}
	}
	switch {
	case !c.ok():
	case kind == gatherRows:
		b.pool.run(chunks(n, copyRows), o)
	default:
		b.pool.run(chunks(h, addColumns), o)
	}
	o.dst, o.src, o.index = nil, nil, nil
}

// Zero implements backend.Layers for both dtypes.
func (b *Backend) Zero(x backend.Buffer, n int) {
	c := b.check("Zero")
	c.atLeast("elements", n, 0)
	if x != nil && x.DType() == backend.I32 {
		if s := c.ints("buffer", x, n); s != nil {
			clear(s[:n])
		}
		return
	}
	if s := c.floats("buffer", x, n); s != nil {
		b.zero(s[:n])
	}
}

func (b *Backend) zero(s []float32) {
	o := &b.ops.rows
	*o = rowCopyOp{kind: zeroPieces, dst: s}
	b.pool.run(chunks(len(s), zeroPiece), o)
	o.dst = nil
}

func (o *rowCopyOp) task(_, i int) {
	switch h := o.h; o.kind {
	case zeroPieces:
		clear(o.dst[i*zeroPiece : min(len(o.dst), (i+1)*zeroPiece)])
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
