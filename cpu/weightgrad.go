package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

const (
	// chunkBudget is the number of elements of the narrow activation that a chunk of
	// tokens may have: less than half of a usual second-level cache.
	chunkBudget = 128 << 10
	// wovenBudget is the same for blocks of less than 16 x 16: adding up the tokens of a line at the end of a
	// block costs as much as many of them.
	wovenBudget = 200 << 10
	leastChunk  = 32   // tokens of a chunk, at the least
	mostChunk   = 1024 // and at the most
)

// gradOp computes weight gradients, dy^T x where the weight is.
//
// The tokens pass in chunks, of which the narrower activation stays in the
// second-level cache. The wider one is passed strip after strip: a strip of columns
// meets all blocks of its rows (or columns) of the weight.
//
// A task is a range of strips of the wide side and goes through all tokens, or a half of them, so
// every block has one writer in each half and its own order of sums whatever the threads.
type gradOp struct {
	b       *device
	q       *param
	layout  gradLayout
	width   int       // columns of a strip
	byX     bool      // x is the wide side
	bias    []float32 // gradient; nil: none
	dy, x   operand
	t       int
	chunk   int   // tokens that pass at a time
	bounds  []int // of the ranges, in strips of the wide side (by blocks of the view)
	halves  [2]gradHalf
	split   int // how many there are
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
func (b *device) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	o := b.gradient(w.(*param), dy, x, t)
	if bias != nil {
		o.bias = bias.(*param).grad.f
	}
	if t > 0 {
		o.cut()
		b.pool.run(o.split*(len(o.bounds)-1), o)
		o.join()
	}
	o.release()
}

// gradient sets up a weight gradient.
func (b *device) gradient(q *param, dy, x backend.Buffer, t int) *gradOp {
	o := &b.ops.grad
	*o = gradOp{b: b, q: q, t: t, bounds: o.bounds, halves: o.halves, width: b.k.GradWidth}
	o.dy.n, o.x.n = q.spec.Out, q.spec.In
	o.dy.all, o.x.all = floats(dy), floats(x)
	o.byX = o.x.n > o.dy.n
	if q.topo != nil {
		if q.topo.Block < kernel.PanelWidth {
			o.width = q.topo.Block
		}
		if o.visit, o.pointer = q.topo.RowSlot, q.topo.RowPtr; o.byX {
			o.visit, o.pointer = q.topo.ColSlot, q.topo.ColPtr
		}
	}
	budget := chunkBudget
	if q.topo != nil && q.topo.Block < kernel.PanelWidth {
		budget = wovenBudget
	}
	if o.width == 1 {
		o.layout = byColumn
	}
	_, narrow := o.sides()
	o.chunk = min(mostChunk, max(leastChunk, budget/narrow.n/16*16))
	return o
}

// release drops what belongs to the caller.
func (o *gradOp) release() {
	o.halves[0].grad, o.halves[0].bias = nil, nil
	*o = gradOp{bounds: o.bounds, halves: o.halves}
}

// sides returns the operands by their width.
func (o *gradOp) sides() (wide, narrow *operand) {
	if o.byX {
		return &o.x, &o.dy
	}
	return &o.dy, &o.x
}

// cut makes tasks: ranges of the wide side, of equal numbers of blocks, and halves of the tokens.
// There are no more ranges than it takes, for each packs the narrow side for itself.
func (o *gradOp) cut() {
	o.startHalves()
	threads := o.b.pool.threads
	if o.split == 2 && threads%2 == 0 {
		threads /= 2
	}
	wide, _ := o.sides()
	rows := chunks(wide.n, kernel.PanelWidth)
	if o.q.topo != nil {
		rows = len(o.pointer) - 1
	}
	tasks := min(threads, rows)
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
	ws, ranges := &o.b.work[w], len(o.bounds)-1
	h, r := &o.halves[i/ranges], i%ranges
	lo, hi := o.bounds[r], o.bounds[r+1]
	ws.half = h
	ws.wide.reset(lo, hi, h.to, o.b.k.Group*kernel.PanelWidth)
	for t0 := h.from; t0 < h.to; t0 += o.chunk {
		n := o.tokens(t0)
		o.pack(ws, t0, n)
		o.narrowBias(ws, r, n)
		switch {
		case o.q.topo == nil:
			o.dense(ws, lo, hi, t0, n)
		case o.q.topo.Block == 1:
			o.elements(ws, lo, hi, t0, n)
		default:
			o.blocks(ws, lo, hi, t0, n)
		}
	}
}

// blocks adds the gradients of the blocks of rows lo to hi of the wide side's view.
func (o *gradOp) blocks(ws *workspace, lo, hi, t0, n int) {
	t := o.q.topo
	wide, _ := o.sides()
	size, index := t.Block, t.Cols
	cpart := kernel.PanelWidth
	if o.byX {
		index, cpart = t.Rows, kernel.PanelWidth*size
	}
	o.startTiles(ws, kernel.GradTiles{LDC: size, CStep: size * size, Index: index, Parts: size / kernel.PanelWidth, CPart: cpart}, n)
	for r := lo; r < hi; r++ {
		slots := o.visit[o.pointer[r]:o.pointer[r+1]]
		if len(slots) == 0 {
			o.bareBias(ws, r*size, size, t0, n)
			continue
		}
		for u := 0; u < size; u += min(size, kernel.PanelWidth) {
			a := o.strip(ws, wide, r*size+u, min(size, kernel.PanelWidth), t0, n)
			o.wideBias(ws, r*size+u, min(size, kernel.PanelWidth), a, n)
			if size < kernel.PanelWidth {
				o.woven(ws, slots, index, a, n)
				continue
			}
			d := u * size
			if o.byX {
				d = u
			}
			o.tiles(ws, ws.half.grad[d:], slots, a, ws.panel)
		}
	}
}

// woven adds the gradients of blocks of less than 16 columns that share a strip.
func (o *gradOp) woven(ws *workspace, slots, index []int32, a []float32, n int) {
	q := &ws.gradBlocks
	*q = kernel.GradBlocks{C: ws.half.grad, A: a, B: ws.panel, Slots: slots, Index: index,
		Step: o.stripSize(n), Lines: stride(n) / o.tokensOfLine(), Packing: &ws.wide.move}
	q.Every = every(q.Packing, kernel.Passes(o.width, len(slots))*q.Lines, q.Lines, o.tokensOfLine())
	add, turned := o.b.k.GradBlocks4, o.b.k.GradBlocks4Transposed
	if o.width == 8 {
		add, turned = o.b.k.GradBlocks8, o.b.k.GradBlocks8Transposed
	}
	if o.byX {
		add = turned
	}
	add(q)
}

// startTiles sets what all tiles of a chunk have in common, besides what t says of them.
func (o *gradOp) startTiles(ws *workspace, t kernel.GradTiles, n int) {
	w := &ws.gradTiles
	*w = t
	w.Size, w.Lines, w.Packing = o.stripSize(n), stride(n)/o.tokensOfLine(), &ws.wide.move
	part := kernel.PanelWidth / o.width * w.Size
	if o.byX {
		w.AStep, w.APart = w.Parts*part, part
	} else {
		w.BStep, w.BPart = w.Parts*part, part
	}
}

// tiles adds to c the tiles of slots of the wide side's strips a and the narrow side's strips p.
func (o *gradOp) tiles(ws *workspace, c []float32, slots []int32, a, p []float32) {
	w := &ws.gradTiles
	w.C, w.Slots, w.A, w.B = c, slots, a, p
	if o.byX {
		w.A, w.B = p, a
	}
	w.Every = every(w.Packing, kernel.PanelWidth/o.width*len(slots)*w.Parts*w.Lines, w.Lines, kernel.TileTokens/o.tokensOfLine())
	o.b.k.GradTiles(w)
}

// every says how many of lines that are multiplied, most of them at once, lie between two that are
// packed: a multiple of unit. Spread over all of them, reads and writes of memory wait less for one
// another.
func every(move *kernel.Packing, lines, most, unit int) int {
	if left := move.Lines - move.Done; left > 0 {
		return max(unit, min(most, lines/left/unit*unit))
	}
	return most
}

// dense adds the gradients of strips lo to hi of the wide side.
func (o *gradOp) dense(ws *workspace, lo, hi, t0, n int) {
	wide, narrow := o.sides()
	in := o.x.n
	for i := len(ws.each); i < chunks(narrow.n, kernel.PanelWidth); i++ {
		ws.each = append(ws.each, int32(i))
	}
	d, step := in, kernel.PanelWidth
	if o.byX {
		d, step = 1, kernel.PanelWidth*in
	}
	inPlace := kernel.GradTiles{LDC: in, CStep: step, Index: ws.each, Parts: 1}
	o.startTiles(ws, inPlace, n)
	for s := lo; s < hi; s++ {
		col := s * kernel.PanelWidth
		a := o.strip(ws, wide, col, kernel.PanelWidth, t0, n)
		o.wideBias(ws, col, kernel.PanelWidth, a, n)
		whole := 0
		if col+kernel.PanelWidth <= wide.n {
			whole = narrow.n / kernel.PanelWidth
		}
		o.tiles(ws, ws.half.grad[col*d:], ws.each[:whole], a, ws.panel)
		if whole*kernel.PanelWidth == narrow.n {
			continue
		}
		o.startTiles(ws, kernel.GradTiles{LDC: kernel.PanelWidth, Index: ws.each, Parts: 1}, n)
		for v := whole * kernel.PanelWidth; v < narrow.n; v += kernel.PanelWidth {
			row, col := col, v
			if o.byX {
				row, col = col, row
			}
			tile := ws.edge[:]
			clear(tile)
			o.tiles(ws, tile, ws.each[:1], a, o.packed(ws.panel, v, n))
			for i := range min(kernel.PanelWidth, o.dy.n-row) {
				for j := range min(kernel.PanelWidth, in-col) {
					ws.half.grad[(row+i)*in+col+j] += tile[i*kernel.PanelWidth+j]
				}
			}
		}
		o.startTiles(ws, inPlace, n)
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
			o.bareBias(ws, r, 1, t0, n)
			continue
		}
		a := o.strip(ws, wide, r, 1, t0, n)
		o.wideBias(ws, r, 1, a, n)
		ws.row = grow(ws.row, int(to-from))
		o.b.k.Dots(ws.row, a[:ld], ws.panel, ld, idx[from:to])
		for j, s := range o.visit[from:to] {
			ws.half.grad[s] += ws.row[j]
		}
	}
}
