package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"
)

const (
	gradTokens  = 256     // tokens that pass through a tile before it is stored
	gradTasks   = 32      // tasks of a sparse weight gradient, whatever the threads
	gradBudget  = 1 << 20 // elements of the packed activations
	packColumns = 128     // columns of a packing task
	longRow     = 512     // rows beyond this length are packed
	biasColumns = 64      // columns of a bias task
)

// wholeSegment is the list of a tile with one stretch.
var wholeSegment = []kernel.Seg{{}}

// gradOp computes weight gradients. Tasks beyond those of the weight sum the
// bias gradient.
//
// Reading 16 columns of many long rows would use a few sets of the cache only,
// so such activations are first packed, as many tokens at a time as the budget allows:
// column c of token k is then element c%16 + 16*(k + stride*(c/16)). The blocks
// of a weight of 1 x 1 blocks want whole columns instead: token k at k + stride*c,
// with zeros behind up to a multiple of 16 tokens.
type gradOp struct {
	b           *Backend
	q           *param
	kind        gradKind
	bias        []float32 // gradient; nil: none
	scores      []float32
	dy, x       operand
	t           int
	from, count int // the tokens of this round
	weightTasks int
}

// operand is one of the two activations that a weight gradient multiplies.
type operand struct {
	all    []float32
	n      int  // columns
	pack   bool // read from packed
	packed []float32
	stride int // tokens that packed holds
}

type gradKind uint8

const (
	gradPack     gradKind = iota // pack the tokens of this round
	gradTurn                     // the same by whole columns
	gradBlocks                   // B > 1
	gradElements                 // B = 1
	gradDense                    // strips of 16 rows
	gradScores                   // L1 norms of the dense gradient's blocks
)

// SDD implements backend.Products.
func (b *Backend) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	c := b.check("SDD")
	q := c.param("w", w)
	c.atLeast("tokens", t, 0)
	if !c.ok() {
		return
	}
	o := b.gradient(c, q, dy, x, t)
	biasTasks := 0
	if bias != nil {
		if bq := c.dense("b", bias, 1, q.spec.Out); bq != nil {
			o.bias, biasTasks = bq.grad.f, chunks(q.spec.Out, biasColumns)
		}
	}
	if !c.ok() || t == 0 {
		return
	}
	switch {
	case q.topo == nil:
		o.run(gradDense, chunks(q.spec.Out, 16), biasTasks)
	case q.topo.Block > 1:
		o.run(gradBlocks, gradTasks, biasTasks)
	default:
		o.run(gradElements, gradTasks, biasTasks)
	}
}

// gradient sets up the operands of a weight gradient.
func (b *Backend) gradient(c checker, q *param, dy, x backend.Buffer, t int) *gradOp {
	o := &b.ops.grad
	*o = gradOp{
		b: b, q: q, t: t,
		dy: operand{n: q.spec.Out, packed: o.dy.packed},
		x:  operand{n: q.spec.In, packed: o.x.packed},
	}
	o.dy.all, o.x.all = c.floats("dy", dy, t*o.dy.n), c.floats("x", x, t*o.x.n)
	return o
}

// run goes through the tokens in rounds: pack, then the weight's tasks.
func (o *gradOp) run(kind gradKind, weightTasks, biasTasks int) {
	columns := 0
	for _, a := range []*operand{&o.dy, &o.x} {
		// A ragged edge is packed too, so that it gets its padding.
		a.pack = kind == gradElements || a.n > longRow || a.n%16 != 0
		if a.pack {
			columns += a.n
		}
	}
	tokens := o.t
	if columns > 0 {
		tokens = min(o.t, max(1, gradBudget/columns/gradTokens)*gradTokens)
	}
	for _, a := range []*operand{&o.dy, &o.x} {
		if a.stride = chunks(tokens, 16) * 16; a.pack {
			a.packed = grow(a.packed, a.stride*chunks(a.n, 16)*16)
		}
	}
	packTasks := o.dy.packTasks() + o.x.packTasks()
	for o.from = 0; o.from < o.t; o.from += tokens {
		o.count = min(tokens, o.t-o.from)
		if o.kind = gradPack; kind == gradElements {
			o.kind = gradTurn
		}
		o.b.pool.run(packTasks, o)
		o.kind, o.weightTasks = kind, weightTasks
		tasks := weightTasks
		if o.from+tokens >= o.t {
			tasks += biasTasks
		}
		o.b.pool.run(tasks, o)
	}
	o.q, o.dy.all, o.x.all, o.bias, o.scores = nil, nil, nil, nil, nil
}

func (a *operand) packTasks() int {
	if !a.pack {
		return 0
	}
	return chunks(a.n, packColumns)
}

func (o *gradOp) task(w, i int) {
	ws := &o.b.work[w]
	switch {
	case o.kind <= gradTurn:
		if n := o.dy.packTasks(); i < n {
			o.packColumns(&o.dy, i*packColumns)
		} else {
			o.packColumns(&o.x, (i-n)*packColumns)
		}
	case o.kind == gradScores:
		o.score(ws, i)
	case i >= o.weightTasks:
		o.biasSums(ws, i-o.weightTasks)
	case o.kind == gradDense:
		o.strip(ws, o.q.grad.f[i*16*o.x.n:], i*16)
	case o.kind == gradElements:
		o.elements(ws, i)
	default:
		o.blocks(i)
	}
}

// packColumns packs the columns from col on for the tokens of this round.
func (o *gradOp) packColumns(a *operand, col int) {
	end := min(a.n, col+packColumns)
	src := a.all[o.from*a.n:]
	if o.kind == gradTurn {
		o.b.k.Transpose(a.packed[col*a.stride:], a.stride, src[col:], a.n, o.count, end-col)
		if o.count%16 != 0 {
			for ; col < end; col++ {
				clear(a.packed[col*a.stride+o.count:][:16-o.count%16])
			}
		}
		return
	}
	for ; col < end; col += 16 {
		dst := a.packed[col*a.stride:]
		if n := end - col; n >= 16 {
			o.b.k.Copy16(dst, 16, src[col:], a.n, o.count)
		} else {
			clear(dst[:o.count*16])
			for r := range o.count {
				copy(dst[r*16:r*16+n], src[r*a.n+col:])
			}
		}
	}
}

// at returns column col from this round's token t0 on, and the row stride.
func (o *gradOp) at(a *operand, col, t0 int) ([]float32, int) {
	if a.pack {
		return a.packed[(col/16*a.stride+t0)*16+col%16:], 16
	}
	return a.all[(o.from+t0)*a.n+col:], a.n
}

// span returns the part of nnzb slots, in row order, that task i handles.
func span(nnzb, i int) (lo, hi int) { return nnzb * i / gradTasks, nnzb * (i + 1) / gradTasks }

// blocks adds the gradients of a span of blocks.
func (o *gradOp) blocks(i int) {
	t := o.q.topo
	size := t.Block
	width, mul := 16, o.b.k.Outer16
	switch size {
	case 8:
		width, mul = 8, o.b.k.Outer8
	case 4:
		width, mul = 4, o.b.k.Outer4
	}
	lo, hi := span(t.NNZ(), i)
	for t0 := 0; t0 < o.count; t0 += gradTokens {
		n := min(gradTokens, o.count-t0)
		for _, s := range t.RowSlot[lo:hi] {
			g := o.q.grad.f[int(s)*size*size : (int(s)+1)*size*size]
			r, c := int(t.Rows[s])*size, int(t.Cols[s])*size
			for u := 0; u < size; u += width {
				dy, ldy := o.at(&o.dy, r+u, t0)
				for v := 0; v < size; v += width {
					x, ldx := o.at(&o.x, c+v, t0)
					d := g[u*size+v:]
					mul(d, size, dy, ldy, x, ldx, wholeSegment, n, d, size)
				}
			}
		}
	}
}

// strip adds to dst [16, in] the dense gradient of the rows from row on.
func (o *gradOp) strip(ws *workspace, dst []float32, row int) {
	rows, in := min(16, o.dy.n-row), o.x.n
	mul := o.b.k.Outer16
	for t0 := 0; t0 < o.count; t0 += gradTokens {
		n := min(gradTokens, o.count-t0)
		dy, ldy := o.at(&o.dy, row, t0)
		for col := 0; col < in; col += 16 {
			cols := min(16, in-col)
			x, ldx := o.at(&o.x, col, t0)
			d := dst[col:]
			if rows == 16 && cols == 16 {
				mul(d, in, dy, ldy, x, ldx, wholeSegment, n, d, in)
				continue
			}
			tile := ws.tile[:256]
			mul(tile, 16, dy, ldy, x, ldx, wholeSegment, n, noBias[:], 0)
			for i := range rows {
				for j := range cols {
					d[i*in+j] += tile[i*16+j]
				}
			}
		}
	}
}

// elements adds the gradients of a span of 1 x 1 blocks: dot products of columns.
func (o *gradOp) elements(ws *workspace, i int) {
	t := o.q.topo
	lo, hi := span(t.NNZ(), i)
	ws.row = grow(ws.row, hi-lo)
	n := chunks(o.count, 16) * 16
	for lo < hi {
		r := t.Rows[t.RowSlot[lo]]
		end := min(hi, int(t.RowPtr[r+1]))
		dots := ws.row[:end-lo]
		o.b.k.Dots(dots, o.dy.packed[int(r)*o.dy.stride:][:n], o.x.packed, o.x.stride, o.q.rowIdx[lo:end])
		for j, s := range t.RowSlot[lo:end] {
			o.q.grad.f[s] += dots[j]
		}
		lo = end
	}
}

// biasSums adds the sums of biasColumns columns of dy.
func (o *gradOp) biasSums(ws *workspace, i int) {
	n := o.dy.n
	lo, hi := i*biasColumns, min((i+1)*biasColumns, n)
	sum := ws.tile[:hi-lo]
	for t0 := 0; t0 < o.t; t0 += gradTokens {
		clear(sum)
		for t := t0; t < min(t0+gradTokens, o.t); t++ {
			o.b.k.Axpy(sum, 1, o.dy.all[t*n+lo:t*n+hi])
		}
		o.b.k.Axpy(o.bias[lo:hi], 1, sum)
	}
}
