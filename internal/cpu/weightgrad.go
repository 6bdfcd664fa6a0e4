package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"
)

const (
	// chunkBudget is the number of elements of the narrow activation that a chunk of
	// tokens may have: less than half of a usual second-level cache.
	chunkBudget = 100 << 10
	leastChunk  = 32   // tokens of a chunk, at the least
	mostChunk   = 1024 // and at the most
)

// gradOp computes weight gradients, dy^T x where the weight is.
//
// The tokens pass in chunks, of which the narrower activation stays in the
// second-level cache. The wider one is passed strip after strip: a strip of columns
// meets all blocks of its rows (or columns) of the weight, and the next strip is asked
// for meanwhile. Strips of 16 columns are read where they lie; narrower ones, and
// those at a ragged edge, are packed first.
//
// A task is a range of strips of the wide side and goes through all tokens, so every block
// has one writer and its own order of sums whatever the threads.
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
	byColumn            // for B < 16, whose kernels run along the tokens
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
	if bias != nil {
		if bq := c.dense("b", bias, 1, q.spec.Out); bq != nil {
			o.bias = bq.grad.f
		}
	}
	if c.ok() && t > 0 {
		o.split()
		b.pool.run(len(o.bounds)-1, o)
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
	budget := chunkBudget
	if o.width < kernel.Strip {
		o.layout = byColumn
		budget *= 2 // the sums of the lanes cost as much as many tokens
	}
	_, narrow := o.sides()
	o.chunk = min(mostChunk, max(leastChunk, budget/narrow.n/16*16))
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
		o.biasSums(i, t0, n)
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
		if !o.direct(narrow, s*o.width) {
			o.packStrip(ws.panel[s*o.width*stride(n):], narrow, s*o.width, t0, n)
		}
	}
}

// direct says whether a strip is read where it lies.
func (o *gradOp) direct(a *operand, col int) bool {
	return o.width == kernel.Strip && col+kernel.Strip <= a.n
}

// packed returns the narrow side's strip from column col on and its row stride.
func (o *gradOp) packed(ws *workspace, a *operand, col, t0, n int) ([]float32, int) {
	switch {
	case o.direct(a, col):
		return a.all[t0*a.n+col:], a.n
	case o.layout == byColumn:
		return ws.panel[col*stride(n):], stride(n)
	}
	return ws.panel[col*stride(n):], o.width
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
// lies if it can be read there, else packed. turned is the first column of what
// ws.strip holds of this chunk, -1 at first.
func (o *gradOp) strip(ws *workspace, a *operand, col, t0, n int, turned *int) ([]float32, int) {
	if o.direct(a, col) {
		return a.all[t0*a.n+col:], a.n
	}
	if o.layout == byColumn {
		// Sixteen columns at a time, which are whole cache lines.
		group := col / kernel.Strip * kernel.Strip
		if *turned != group {
			*turned = group
			ws.strip = grow(ws.strip, kernel.Strip*stride(n))
			o.turn(ws.strip, a, group, min(kernel.Strip, a.n-group), t0, n)
		}
		return ws.strip[(col-group)*stride(n):], stride(n)
	}
	ws.strip = grow(ws.strip, o.width*stride(n))
	o.packStrip(ws.strip, a, col, t0, n)
	return ws.strip, o.width
}

// wish is memory that will be read soon, a line every stride elements.
type wish struct {
	next   []float32
	stride int
}

var noWish = wish{noBias[:], 0}

// soon wishes for the strip from column col on of the wide side.
func (o *gradOp) soon(a *operand, col, t0 int) wish {
	if at := t0*a.n + col; col < a.n && at < len(a.all) {
		return wish{a.all[at:], a.n}
	}
	return noWish
}

// later takes n lines of the narrow side's next chunk from rest.
func later(rest *[]float32, n int) wish {
	if n *= kernel.Strip; len(*rest) >= n {
		w := wish{*rest, kernel.Strip}
		*rest = (*rest)[n:]
		return w
	}
	return noWish
}

// blocks adds the gradients of the blocks of rows lo to hi of the wide side's view.
func (o *gradOp) blocks(ws *workspace, lo, hi, t0, n int) {
	t := o.q.topo
	wide, narrow := o.sides()
	size := t.Block
	var rest []float32 // of the next chunk of the narrow side
	turned := -1
	for r := lo; r < hi; r++ {
		slots := o.visit[o.pointer[r]:o.pointer[r+1]]
		if len(slots) == 0 {
			continue
		}
		if rest == nil && r >= hi-(hi-lo+3)/4 { // late, so that it is still there
			rest = narrow.all[min(len(narrow.all), (t0+n)*narrow.n):min(len(narrow.all), (t0+n+o.chunk)*narrow.n)]
		}
		for u := 0; u < size; u += o.width {
			a, lda := o.strip(ws, wide, r*size+u, t0, n, &turned)
			w := o.soon(wide, o.following(r, u, lo, hi), t0)
			for _, s := range slots {
				c := int(t.Cols[s])
				if o.byX {
					c = int(t.Rows[s])
				}
				for v := 0; v < size; v += o.width {
					p, ldp := o.packed(ws, narrow, c*size+v, t0, n)
					d := int(s)*size*size + u*size + v
					if o.byX {
						d = int(s)*size*size + v*size + u
					}
					o.tile(o.q.grad.f[d:], size, a, lda, p, ldp, n, w)
					w = later(&rest, n)
				}
			}
		}
	}
}

// following returns the column of the strip that comes after the one at u in row r,
// in this chunk; behind the last one, of none.
func (o *gradOp) following(r, u, lo, hi int) int {
	size := o.q.topo.Block
	if u += o.width; u < size {
		return r*size + u
	}
	for r++; r < hi; r++ {
		if o.pointer[r] < o.pointer[r+1] {
			return r * size
		}
	}
	return math.MaxInt
}

// tile adds one tile: of the wide side's strip a and the narrow side's strip p.
func (o *gradOp) tile(d []float32, ldd int, a []float32, lda int, p []float32, ldp, n int, w wish) {
	if o.byX {
		a, lda, p, ldp = p, ldp, a, lda
	}
	if o.layout == byColumn {
		o.b.k.Dots4(d, ldd, a, lda, p, ldp, stride(n), o.width/4)
		return
	}
	o.b.k.Outer16(d, ldd, a, lda, p, ldp, n, true, w.next, w.stride)
}

// dense adds the gradients of strips lo to hi of the wide side.
func (o *gradOp) dense(ws *workspace, lo, hi, t0, n int) {
	wide, narrow := o.sides()
	in, turned := o.x.n, -1
	for s := lo; s < hi; s++ {
		a, lda := o.strip(ws, wide, s*16, t0, n, &turned)
		w := noWish
		if s+1 < hi {
			w = o.soon(wide, s*16+16, t0)
		}
		for v := 0; v < narrow.n; v += 16 {
			row, col := s*16, v
			if o.byX {
				row, col = v, s*16
			}
			rows, cols := min(16, o.dy.n-row), min(16, in-col)
			d := o.q.grad.f[row*in+col:]
			p, ldp := o.packed(ws, narrow, v, t0, n)
			if rows == 16 && cols == 16 {
				o.tile(d, in, a, lda, p, ldp, n, w)
			} else {
				tile := ws.tile[:256]
				clear(tile)
				o.tile(tile, 16, a, lda, p, ldp, n, w)
				for i := range rows {
					for j := range cols {
						d[i*in+j] += tile[i*16+j]
					}
				}
			}
			w = noWish
		}
	}
}

// elements adds the gradients of 1 x 1 blocks: dot products of columns.
func (o *gradOp) elements(ws *workspace, lo, hi, t0, n int) {
	wide, _ := o.sides()
	ld, turned := stride(n), -1
	idx := o.q.rowIdx
	if o.byX {
		idx = o.q.colIdx
	}
	for r := lo; r < hi; r++ {
		from, to := o.pointer[r], o.pointer[r+1]
		if from == to {
			continue
		}
		a, _ := o.strip(ws, wide, r, t0, n, &turned)
		ws.row = grow(ws.row, int(to-from))
		o.b.k.Dots(ws.row, a[:ld], ws.panel, ld, idx[from:to])
		for j, s := range o.visit[from:to] {
			o.q.grad.f[s] += ws.row[j]
		}
	}
}

// biasSums adds the sums of the columns of dy over a chunk: each task those of an equal
// share of the strips.
func (o *gradOp) biasSums(i, t0, n int) {
	if o.bias == nil {
		return
	}
	tasks, strips := len(o.bounds)-1, chunks(o.dy.n, kernel.Strip)
	for s := strips * i / tasks; s < strips*(i+1)/tasks; s++ {
		col := s * kernel.Strip
		dy := o.dy.all[t0*o.dy.n+col:]
		if col+kernel.Strip <= o.dy.n {
			o.b.k.Columns16(o.bias[col:], dy, o.dy.n, n)
			continue
		}
		for c := range o.dy.n - col {
			sum := float32(0)
			for r := range n {
				sum += dy[r*o.dy.n+c]
			}
			o.bias[col+c] += sum
		}
	}
}
