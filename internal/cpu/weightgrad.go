package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"
)

const (
	// chunkBudget is the number of elements of the narrow activation that a chunk of
	// tokens may have: less than half of a usual second-level cache.
	chunkBudget = 100 << 10
	leastChunk  = 32   // tokens of a chunk, at the least
	mostChunk   = 1024 // and at the most
	biasColumns = 64   // columns of a bias task
)

// gradOp computes weight gradients, dy^T x where the weight is.
//
// The tokens pass in chunks. Of the two activations the narrow one is packed, so
// that a chunk of it stays in the second-level cache. The wide one is passed strip
// after strip: a strip of columns meets all blocks of its rows (or columns) of the
// weight while it is in the nearest cache, and the next strip is asked for meanwhile.
// A task is a range of strips of the wide side and goes through all tokens, so every block
// has one writer and its own order of sums whatever the threads. Tasks beyond
// those sum the bias gradient.
type gradOp struct {
	b       *Backend
	q       *param
	layout  gradLayout
	width   int       // columns of a strip
	byX     bool      // x is the wide side
	bias    []float32 // gradient; nil: none
	dy, x   operand
	t       int
	chunk   int   // tokens that pass at a time
	bounds  []int // of the tasks, in strips of the wide side (by blocks of the view)
	scores  []float32
	visit   []int32 // slots in the order of the wide side's view
	pointer []int32
}

// operand is one of the two activations that a weight gradient multiplies.
type operand struct {
	all []float32
	n   int // columns
}

// gradLayout is how a thread packs a strip: [tokens][width], or turned, a column after
// the other.
type gradLayout uint8

const (
	byToken  gradLayout = iota
	byColumn            // for B < 8, whose kernels run along the tokens
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
	if c.ok() && t > 0 {
		o.split()
		b.pool.run(len(o.bounds)-1+biasTasks, o)
	}
	o.release()
}

// gradient sets up a weight gradient.
func (b *Backend) gradient(c checker, q *param, dy, x backend.Buffer, t int) *gradOp {
	o := &b.ops.grad
	*o = gradOp{b: b, q: q, t: t, bounds: o.bounds, width: kernel.Strip}
	o.dy.n, o.x.n = q.spec.Out, q.spec.In
	o.dy.all, o.x.all = c.floats("dy", dy, t*o.dy.n), c.floats("x", x, t*o.x.n)
	o.byX = o.x.n > o.dy.n
	if q.topo != nil {
		o.width = min(q.topo.Block, kernel.Strip)
		if o.visit, o.pointer = q.topo.RowSlot, q.topo.RowPtr; o.byX {
			o.visit, o.pointer = q.topo.ColSlot, q.topo.ColPtr
		}
	}
	if o.width < 8 {
		o.layout = byColumn
	}
	_, narrow := o.sides()
	o.chunk = min(mostChunk, max(leastChunk, chunkBudget/narrow.n/16*16))
	return o
}

// release drops what belongs to the caller.
func (o *gradOp) release() { *o = gradOp{bounds: o.bounds} }

// sides returns the operands by their width.
func (o *gradOp) sides() (wide, narrow *operand) {
	if o.byX {
		return &o.x, &o.dy
	}
	return &o.dy, &o.x
}

// split cuts the wide side into a range for each thread, of equal numbers of blocks.
// Not more than one: each packs the narrow side for itself.
func (o *gradOp) split() {
	wide, _ := o.sides()
	rows := chunks(wide.n, kernel.Strip)
	if o.q.topo != nil {
		rows = len(o.pointer) - 1
	}
	tasks := min(o.b.pool.threads, rows)
	o.bounds = grow(o.bounds, tasks+1)
	o.bounds[0] = 0
	for i, r := 1, 0; i <= tasks; i++ {
		if o.q.topo == nil {
			r = rows * i / tasks
		} else {
			for r < rows && int(o.pointer[r])*tasks < o.q.topo.NNZ()*i {
				r++
			}
		}
		o.bounds[i] = r
	}
	o.bounds[tasks] = rows
}

func (o *gradOp) task(w, i int) {
	ws := &o.b.work[w]
	if i -= len(o.bounds) - 1; i >= 0 {
		o.biasSums(ws, i)
		return
	}
	i += len(o.bounds) - 1
	for t0 := 0; t0 < o.t; t0 += o.chunk {
		n := min(o.chunk, o.t-t0)
		o.pack(ws, t0, n)
		switch {
		case o.q.topo == nil:
			o.dense(ws, o.bounds[i], o.bounds[i+1], t0, n)
		case o.q.topo.Block == 1:
			o.elements(ws, o.bounds[i], o.bounds[i+1], t0, n)
		default:
			o.blocks(ws, o.bounds[i], o.bounds[i+1], t0, n)
		}
	}
}

// pack packs the narrow side of a chunk into ws.panel, strip s from element
// s*width*stride(n) on.
func (o *gradOp) pack(ws *workspace, t0, n int) {
	_, narrow := o.sides()
	strips := chunks(narrow.n, o.width)
	ws.panel = grow(ws.panel, strips*o.width*stride(n))
	if o.layout == byColumn {
		o.turn(ws.panel, narrow, 0, narrow.n, t0, n)
		return
	}
	for s := range strips {
		o.packStrip(ws.panel[s*o.width*stride(n):], narrow, s*o.width, t0, n)
	}
}

// stride is the number of tokens to which n are padded.
func stride(n int) int { return chunks(n, 16) * 16 }

// packStrip copies a strip of columns of n tokens side by side, zeros for
// columns that there are not.
func (o *gradOp) packStrip(dst []float32, a *operand, col, t0, n int) {
	src := a.all[t0*a.n+col:]
	switch cols := min(o.width, a.n-col); cols {
	case 16:
		o.b.k.Copy16(dst, 16, src, a.n, n)
	default:
		if cols < o.width {
			clear(dst[:n*o.width])
		}
		for r := range n {
			copy(dst[r*o.width:r*o.width+cols], src[r*a.n:])
		}
	}
}

// turn packs columns one after the other, with zeros behind up to stride(n) tokens.
func (o *gradOp) turn(dst []float32, a *operand, col, cols, t0, n int) {
	ld := stride(n)
	o.b.k.Transpose(dst, ld, a.all[t0*a.n+col:], a.n, n, cols)
	if n < ld {
		for c := range cols {
			clear(dst[c*ld+n : (c+1)*ld])
		}
	}
}

// strip returns the wide side's strip from column col on and its row stride: where it
// lies if it can be read there, else packed.
func (o *gradOp) strip(ws *workspace, a *operand, col, t0, n int) ([]float32, int) {
	if o.width == kernel.Strip && col+kernel.Strip <= a.n {
		return a.all[t0*a.n+col:], a.n
	}
	ws.strip = grow(ws.strip, o.width*stride(n))
	if o.layout == byColumn {
		o.turn(ws.strip, a, col, o.width, t0, n)
		return ws.strip, stride(n)
	}
	o.packStrip(ws.strip, a, col, t0, n)
	return ws.strip, o.width
}

// soon returns the memory that the strip from column col on takes in the chunk from
// t0 on, to be asked for, and its stride; something harmless if there is no such strip.
func (o *gradOp) soon(a *operand, col, t0 int) ([]float32, int) {
	if at := t0*a.n + col; col < a.n && at < len(a.all) {
		return a.all[at:], a.n
	}
	return noBias[:], 0
}

// blocks adds the gradients of the blocks of rows lo to hi of the wide side's view.
func (o *gradOp) blocks(ws *workspace, lo, hi, t0, n int) {
	t := o.q.topo
	wide, _ := o.sides()
	size, ld := t.Block, stride(n)
	for r := lo; r < hi; r++ {
		slots := o.visit[o.pointer[r]:o.pointer[r+1]]
		for u := 0; u < size; u += o.width {
			if len(slots) == 0 {
				break
			}
			a, lda := o.strip(ws, wide, r*size+u, t0, n)
			next, step := o.soon(wide, r*size+u+o.width, t0)
			for _, s := range slots {
				c := int(t.Cols[s])
				if o.byX {
					c = int(t.Rows[s])
				}
				for v := 0; v < size; v += o.width {
					p := ws.panel[(c*size+v)*ld:]
					d := int(s)*size*size + u*size + v
					if o.byX {
						d = int(s)*size*size + v*size + u
					}
					o.tile(o.q.grad.f[d:], size, a, lda, p, n, next, step)
					next, step = noBias[:], 0
				}
			}
		}
	}
}

// tile adds one tile: of the wide side's strip a and the narrow side's packed strip p.
func (o *gradOp) tile(d []float32, ldd int, a []float32, lda int, p []float32, n int, next []float32, step int) {
	ldp := o.width
	if o.layout == byColumn {
		ldp = stride(n)
	}
	if o.byX {
		a, lda, p, ldp = p, ldp, a, lda
	}
	switch o.width {
	case 16:
		o.b.k.Outer16(d, ldd, a, lda, p, ldp, n, true, next, step)
	case 8:
		o.b.k.Outer8(d, ldd, a, lda, p, ldp, n, true, next, step)
	default:
		o.b.k.Dots4(d, ldd, a, lda, p, ldp, stride(n))
	}
}

// dense adds the gradients of strips lo to hi of the wide side.
func (o *gradOp) dense(ws *workspace, lo, hi, t0, n int) {
	wide, narrow := o.sides()
	in := o.x.n
	for s := lo; s < hi; s++ {
		a, lda := o.strip(ws, wide, s*16, t0, n)
		next, step := o.soon(wide, s*16+16, t0)
		for v := 0; v < narrow.n; v += 16 {
			row, col := s*16, v
			if o.byX {
				row, col = v, s*16
			}
			rows, cols := min(16, o.dy.n-row), min(16, in-col)
			d, p := o.q.grad.f[row*in+col:], ws.panel[v*stride(n):]
			if rows == 16 && cols == 16 {
				o.tile(d, in, a, lda, p, n, next, step)
			} else {
				tile := ws.tile[:256]
				clear(tile)
				o.tile(tile, 16, a, lda, p, n, next, step)
				for i := range rows {
					for j := range cols {
						d[i*in+j] += tile[i*16+j]
					}
				}
			}
			next, step = noBias[:], 0
		}
	}
}

// elements adds the gradients of 1 x 1 blocks: dot products of columns.
func (o *gradOp) elements(ws *workspace, lo, hi, t0, n int) {
	wide, _ := o.sides()
	ld := stride(n)
	idx := o.q.rowIdx
	if o.byX {
		idx = o.q.colIdx
	}
	for r := lo; r < hi; r++ {
		from, to := o.pointer[r], o.pointer[r+1]
		if from == to {
			continue
		}
		a, _ := o.strip(ws, wide, r, t0, n)
		ws.row = grow(ws.row, int(to-from))
		o.b.k.Dots(ws.row, a[:ld], ws.panel, ld, idx[from:to])
		for j, s := range o.visit[from:to] {
			o.q.grad.f[s] += ws.row[j]
		}
	}
}

// biasSums adds the sums of biasColumns columns of dy.
func (o *gradOp) biasSums(ws *workspace, i int) {
	n := o.dy.n
	lo, hi := i*biasColumns, min((i+1)*biasColumns, n)
	sum := ws.tile[:hi-lo]
	for t0 := 0; t0 < o.t; t0 += 256 {
		clear(sum)
		for t := t0; t < min(t0+256, o.t); t++ {
			o.b.k.Axpy(sum, 1, o.dy.all[t*n+lo:t*n+hi])
		}
		o.b.k.Axpy(o.bias[lo:hi], 1, sum)
	}
}
