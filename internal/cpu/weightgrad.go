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
	leastChunk  = 32          // tokens of a chunk, at the least
	mostChunk   = 1024        // and at the most
	none        = math.MaxInt // no column

	// turnedColumns is how many columns of the wide side are turned at a time: memory is
	// read faster in longer stretches.
	turnedColumns = 64
)

// gradOp computes weight gradients, dy^T x where the weight is.
//
// The tokens pass in chunks, of which the narrower activation stays in the
// second-level cache. The wider one is passed strip after strip: a strip of columns
// meets all blocks of its rows (or columns) of the weight. Strips are packed first, for
// rows some thousands of bytes apart fall on few sets of the first-level cache; the wide
// side's next strip is copied while the tiles of the one before are computed.
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
	ws.turned, ws.moved = none, none
	if o.layout == byColumn {
		ws.panel = grow(ws.panel, chunks(narrow.n, o.width)*o.width*stride(n))
		o.turn(ws.panel, narrow, 0, narrow.n, t0, n)
		return
	}
	ws.panel = grow(ws.panel, chunks(narrow.n, kernel.Strip)*stripSize(n))
	o.packRows(ws.panel, narrow, 0, narrow.n, t0, n)
}

// stripSize is the number of elements of a packed strip of n tokens, and of a line more: so that
// the lines of one token do not all fall on one set of a cache.
func stripSize(n int) int { return (n + 1) * kernel.Strip }

// packRows packs columns from col on of n tokens, row after row, as they lie.
func (o *gradOp) packRows(dst []float32, a *operand, col, cols, t0, n int) {
	whole, tail := cols/kernel.Strip, cols%kernel.Strip
	for r := range n {
		if row := a.all[(t0+r)*a.n+col:]; whole > 0 {
			o.b.k.Copy16(dst[r*kernel.Strip:], stripSize(n), row, kernel.Strip, whole)
		}
	}
	if tail > 0 {
		o.packStrip(dst[whole*stripSize(n):], a, col+whole*kernel.Strip, t0, n)
	}
}

// packed returns the strip from column col on of packed columns, and its row stride.
func (o *gradOp) packed(columns []float32, col, n int) ([]float32, int) {
	if o.layout == byColumn {
		return columns[col*stride(n):], stride(n)
	}
	return columns[col/kernel.Strip*stripSize(n):], kernel.Strip
}

// stride is the number of tokens to which n are padded.
func stride(n int) int { return chunks(n, 16) * 16 }

// packStrip copies a strip of columns of n tokens side by side, zeros for
// columns that there are not.
func (o *gradOp) packStrip(dst []float32, a *operand, col, t0, n int) {
	src := a.all[t0*a.n+col:]
	cols := min(kernel.Strip, a.n-col)
	if cols == kernel.Strip {
		o.b.k.Copy16(dst, kernel.Strip, src, a.n, n)
		return
	}
	clear(dst[:n*kernel.Strip])
	for r := range n {
		copy(dst[r*kernel.Strip:r*kernel.Strip+cols], src[r*a.n:])
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

// strip returns the wide side's strip from column col on and its row stride. The one from column
// next on, if there is one, is copied while the tiles of this one are computed.
func (o *gradOp) strip(ws *workspace, a *operand, col, next, t0, n int) ([]float32, int) {
	if o.layout == byColumn {
		group := col / turnedColumns * turnedColumns
		if ws.turned != group {
			ws.turned = group
			ws.strip = grow(ws.strip, turnedColumns*stride(n))
			o.turn(ws.strip, a, group, min(turnedColumns, a.n-group), t0, n)
		}
		return o.packed(ws.strip, col-group, n)
	}
	if ws.moved == col {
		ws.move.Finish(o.b.k)
		ws.strip, ws.ahead = ws.ahead, ws.strip
	} else {
		ws.strip = grow(ws.strip, n*kernel.Strip)
		o.packStrip(ws.strip, a, col, t0, n)
	}
	ws.moved, ws.move = none, kernel.Move{}
	if next <= a.n-kernel.Strip {
		ws.ahead = grow(ws.ahead, n*kernel.Strip)
		ws.moved = next
		ws.move = kernel.Move{Src: a.all[t0*a.n+next:], Stride: a.n, Dst: ws.ahead, Lines: n}
	}
	return ws.strip, kernel.Strip
}

// blocks adds the gradients of the blocks of rows lo to hi of the wide side's view.
func (o *gradOp) blocks(ws *workspace, lo, hi, t0, n int) {
	t := o.q.topo
	wide, _ := o.sides()
	size := t.Block
	for r := lo; r < hi; r++ {
		slots := o.visit[o.pointer[r]:o.pointer[r+1]]
		if len(slots) == 0 {
			continue
		}
		for u := 0; u < size; u += o.width {
			a, lda := o.strip(ws, wide, r*size+u, o.following(r, u, lo, hi), t0, n)
			for _, s := range slots {
				c := int(t.Cols[s])
				if o.byX {
					c = int(t.Rows[s])
				}
				for v := 0; v < size; v += o.width {
					p, ldp := o.packed(ws.panel, c*size+v, n)
					d := int(s)*size*size + u*size + v
					if o.byX {
						d = int(s)*size*size + v*size + u
					}
					o.tile(ws, o.q.grad.f[d:], size, a, lda, p, ldp, n)
				}
			}
		}
	}
}

// following returns the column of the strip that comes after the one at u in row r,
// in this chunk; behind the last one, none.
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
	return none
}

// tile adds one tile: of the wide side's strip a and the narrow side's strip p.
func (o *gradOp) tile(ws *workspace, d []float32, ldd int, a []float32, lda int, p []float32, ldp, n int) {
	if o.byX {
		a, lda, p, ldp = p, ldp, a, lda
	}
	if o.layout == byColumn {
		o.b.k.Dots4(d, ldd, a, lda, p, ldp, stride(n), o.width/4)
		return
	}
	o.b.k.Outer16(d, ldd, a, lda, p, ldp, n, true, &ws.move)
}

// dense adds the gradients of strips lo to hi of the wide side.
func (o *gradOp) dense(ws *workspace, lo, hi, t0, n int) {
	wide, narrow := o.sides()
	in := o.x.n
	for s := lo; s < hi; s++ {
		next := none
		if s+1 < hi {
			next = s*16 + 16
		}
		a, lda := o.strip(ws, wide, s*16, next, t0, n)
		for v := 0; v < narrow.n; v += 16 {
			row, col := s*16, v
			if o.byX {
				row, col = v, s*16
			}
			rows, cols := min(16, o.dy.n-row), min(16, in-col)
			d := o.q.grad.f[row*in+col:]
			p, ldp := o.packed(ws.panel, v, n)
			if rows == 16 && cols == 16 {
				o.tile(ws, d, in, a, lda, p, ldp, n)
			} else {
				tile := ws.tile[:256]
				clear(tile)
				o.tile(ws, tile, 16, a, lda, p, ldp, n)
				for i := range rows {
					for j := range cols {
						d[i*in+j] += tile[i*16+j]
					}
				}
			}
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
		a, _ := o.strip(ws, wide, r, none, t0, n)
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
