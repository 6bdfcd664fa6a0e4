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
)

// gradOp computes weight gradients, dy^T x where the weight is.
//
// The tokens pass in chunks, of which the narrower activation stays in the
// second-level cache. The wider one is passed strip after strip: a strip of columns
// meets all blocks of its rows (or columns) of the weight.
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
		budget *= 2 // adding up the tokens of a line at the end of a block costs as much as many of them
	}
	if o.width == 1 {
		o.layout = byColumn
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
	ws.wide.reset(o, i)
	for t0 := 0; t0 < o.t; t0 += o.chunk {
		n := o.tokens(t0)
		o.pack(ws, t0, n)
		o.narrowBias(ws, i, n)
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

// blocks adds the gradients of the blocks of rows lo to hi of the wide side's view.
func (o *gradOp) blocks(ws *workspace, lo, hi, t0, n int) {
	t := o.q.topo
	wide, _ := o.sides()
	size, index := t.Block, t.Cols
	if o.byX {
		index = t.Rows
	}
	for r := lo; r < hi; r++ {
		slots := o.visit[o.pointer[r]:o.pointer[r+1]]
		if len(slots) == 0 {
			o.bareBias(r*size, size, t0, n)
			continue
		}
		for u := 0; u < size; u += o.width {
			a := o.strip(ws, wide, r*size+u, t0, n)
			o.wideBias(ws, r*size+u, a, n)
			if size < kernel.Strip {
				o.woven(ws, slots, index, a, n)
				continue
			}
			for _, s := range slots {
				c := int(index[s])
				for v := 0; v < size; v += kernel.Strip {
					p := o.packed(ws.panel, c*size+v, n)
					d := int(s)*size*size + u*size + v
					if o.byX {
						d = int(s)*size*size + v*size + u
					}
					o.tile(ws, o.q.grad.f[d:], size, a, p, n)
				}
			}
		}
	}
}

// woven adds the gradients of blocks of less than 16 columns that share a strip.
func (o *gradOp) woven(ws *workspace, slots, index []int32, a []float32, n int) {
	q := &ws.woven
	*q = kernel.Woven{C: o.q.grad.f, A: a, B: ws.panel, Slots: slots, Index: index,
		Step: o.stripSize(n), Lines: stride(n) / o.tokensOfLine(), Move: &ws.wide.move}
	add, turned := o.b.k.Woven4, o.b.k.Woven4Turned
	if o.width == 8 {
		add, turned = o.b.k.Woven8, o.b.k.Woven8Turned
	}
	if o.byX {
		add = turned
	}
	add(q)
}

// tile adds one tile: of the wide side's strip a and the narrow side's strip p.
func (o *gradOp) tile(ws *workspace, d []float32, ldd int, a, p []float32, n int) {
	if o.byX {
		a, p = p, a
	}
	o.b.k.Outer16(d, ldd, a, kernel.Strip, p, kernel.Strip, n, true, &ws.wide.move)
}

// dense adds the gradients of strips lo to hi of the wide side.
func (o *gradOp) dense(ws *workspace, lo, hi, t0, n int) {
	wide, narrow := o.sides()
	in := o.x.n
	for s := lo; s < hi; s++ {
		a := o.strip(ws, wide, s*16, t0, n)
		o.wideBias(ws, s*16, a, n)
		for v := 0; v < narrow.n; v += 16 {
			row, col := s*16, v
			if o.byX {
				row, col = v, s*16
			}
			rows, cols := min(16, o.dy.n-row), min(16, in-col)
			d := o.q.grad.f[row*in+col:]
			p := o.packed(ws.panel, v, n)
			if rows == 16 && cols == 16 {
				o.tile(ws, d, in, a, p, n)
			} else {
				tile := ws.tile[:256]
				clear(tile)
				o.tile(ws, tile, 16, a, p, n)
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
			o.bareBias(r, 1, t0, n)
			continue
		}
		a := o.strip(ws, wide, r, t0, n)
		o.wideBias(ws, r, a, n)
		ws.row = grow(ws.row, int(to-from))
		o.b.k.Dots(ws.row, a[:ld], ws.panel, ld, idx[from:to])
		for j, s := range o.visit[from:to] {
			o.q.grad.f[s] += ws.row[j]
		}
	}
}
