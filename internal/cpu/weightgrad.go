package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"
)

const (
	gradTokens  = 128 // tokens that pass through the tiles before they are stored
	gradTasks   = 32  // tasks of a sparse weight gradient, whatever the threads
	dotTokens   = 256 // tokens of one dot product of a 1 x 1 block
	biasColumns = 64  // columns of a bias task
)

// wholeSegment is the list of a tile with one stretch.
var wholeSegment = []kernel.Seg{{}}

// gradOp computes weight gradients. Tasks beyond those of the weight sum the
// bias gradient.
type gradOp struct {
	b           *Backend
	q           *param
	bias        []float32 // gradient; nil: none
	dy, x       []float32
	t           int
	out, in     int
	kind        gradKind
	weightTasks int
	from, count int       // the tokens that dyT and xT hold
	dyT, xT     []float32 // [out][dotTokens], [in][dotTokens]
	scores      []float32
}

type gradKind uint8

const (
	gradBlocks   gradKind = iota // B > 1
	gradDense                    // strips of 16 rows
	gradTurn                     // transpose dotTokens tokens of dy and x
	gradElements                 // B = 1, from the transposed tokens
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
	o := &b.ops.grad
	*o = gradOp{b: b, q: q, t: t, out: q.spec.Out, in: q.spec.In, dyT: o.dyT, xT: o.xT}
	o.dy = c.floats("dy", dy, t*o.out)
	o.x = c.floats("x", x, t*o.in)
	biasTasks := 0
	if bias != nil {
		if bq := c.dense("b", bias, 1, o.out); bq != nil {
			o.bias, biasTasks = bq.grad.f, chunks(o.out, biasColumns)
		}
	}
	if !c.ok() || t == 0 {
		return
	}
	switch {
	case q.topo == nil:
		o.kind, o.weightTasks = gradDense, chunks(o.out, 16)
	case q.topo.Block > 1:
		o.kind, o.weightTasks = gradBlocks, gradTasks
	default:
		b.elementGradients(o)
		o.weightTasks = 0
	}
	b.pool.run(o.weightTasks+biasTasks, o)
	o.dy, o.x, o.q = nil, nil, nil
}

func (o *gradOp) task(w, i int) {
	ws := &o.b.work[w]
	switch {
	case o.kind == gradTurn:
		o.turn(i)
	case o.kind == gradElements:
		o.elements(i)
	case o.kind == gradScores:
		o.score(ws, i)
	case i >= o.weightTasks:
		o.biasSums(ws, i-o.weightTasks)
	case o.kind == gradDense:
		o.strip(ws, o.q.grad.f[i*16*o.in:], i*16)
	default:
		o.blocks(i)
	}
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
	for t0 := 0; t0 < o.t; t0 += gradTokens {
		n := min(gradTokens, o.t-t0)
		dy, x := o.dy[t0*o.out:], o.x[t0*o.in:]
		for _, s := range t.RowSlot[lo:hi] {
			g := o.q.grad.f[int(s)*size*size : (int(s)+1)*size*size]
			r, c := int(t.Rows[s])*size, int(t.Cols[s])*size
			for u := 0; u < size; u += width {
				for v := 0; v < size; v += width {
					d := g[u*size+v:]
					mul(d, size, dy[r+u:], o.out, x[c+v:], o.in, wholeSegment, n, d, size)
				}
			}
		}
	}
}

// strip adds to dst [16, in] the dense gradient of the rows from row on.
func (o *gradOp) strip(ws *workspace, dst []float32, row int) {
	rows := min(16, o.out-row)
	mul := o.b.k.Outer16
	for t0 := 0; t0 < o.t; t0 += gradTokens {
		n := min(gradTokens, o.t-t0)
		dy, ldy := o.dy[t0*o.out+row:], o.out
		if rows < 16 {
			ws.dyTile = pad16(ws.dyTile, dy, o.out, n, rows)
			dy, ldy = ws.dyTile, 16
		}
		for col := 0; col < o.in; col += 16 {
			cols := min(16, o.in-col)
			x, ldx := o.x[t0*o.in+col:], o.in
			d := dst[col:]
			if rows == 16 && cols == 16 {
				mul(d, o.in, dy, ldy, x, ldx, wholeSegment, n, d, o.in)
				continue
			}
			if cols < 16 {
				ws.xTile = pad16(ws.xTile, x, o.in, n, cols)
				x, ldx = ws.xTile, 16
			}
			tile := ws.tile[:256]
			mul(tile, 16, dy, ldy, x, ldx, wholeSegment, n, noBias[:], 0)
			for i := range rows {
				for j := range cols {
					d[i*o.in+j] += tile[i*16+j]
				}
			}
		}
	}
}

// pad16 copies n rows of cols < 16 columns into rows of 16, zeros behind.
func pad16(dst, src []float32, lds, n, cols int) []float32 {
	dst = grow(dst, gradTokens*16)
	clear(dst)
	for i := range n {
		copy(dst[i*16:i*16+cols], src[i*lds:])
	}
	return dst
}

// biasSums adds the sums of biasColumns columns of dy.
func (o *gradOp) biasSums(ws *workspace, i int) {
	lo, hi := i*biasColumns, min((i+1)*biasColumns, o.out)
	sum := ws.tile[:hi-lo]
	for t0 := 0; t0 < o.t; t0 += gradTokens {
		clear(sum)
		for t := t0; t < min(t0+gradTokens, o.t); t++ {
			o.b.k.Axpy(sum, 1, o.dy[t*o.out+lo:t*o.out+hi])
		}
		o.b.k.Axpy(o.bias[lo:hi], 1, sum)
	}
}

// elementGradients runs the 1 x 1 blocks: chunks of tokens are transposed, so
// that each element's gradient is a dot product of two contiguous rows.
func (b *Backend) elementGradients(o *gradOp) {
	o.dyT, o.xT = grow(o.dyT, o.out*dotTokens), grow(o.xT, o.in*dotTokens)
	for o.from = 0; o.from < o.t; o.from += dotTokens {
		o.count = min(dotTokens, o.t-o.from)
		o.kind = gradTurn
		b.pool.run(chunks(o.out, 64)+chunks(o.in, 64), o)
		o.kind = gradElements
		b.pool.run(gradTasks, o)
	}
	o.kind = gradDense
}

// turn transposes 64 columns of the current tokens, of dy first, then of x.
func (o *gradOp) turn(i int) {
	dst, src, n := o.dyT, o.dy, o.out
	if i >= chunks(o.out, 64) {
		dst, src, n = o.xT, o.x, o.in
		i -= chunks(o.out, 64)
	}
	o.b.k.Transpose(dst[i*64*dotTokens:], dotTokens, src[o.from*n+i*64:], n, o.count, min(64, n-i*64))
}

func (o *gradOp) elements(i int) {
	t := o.q.topo
	lo, hi := span(t.NNZ(), i)
	for _, s := range t.RowSlot[lo:hi] {
		dy := o.dyT[int(t.Rows[s])*dotTokens:][:o.count]
		x := o.xT[int(t.Cols[s])*dotTokens:][:o.count]
		o.q.grad.f[s] += o.b.k.Dot(dy, x)
	}
}
