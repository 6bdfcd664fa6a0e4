package cpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

const (
	// chunkBudget is the number of elements of the smaller operand that a chunk of tokens may
	// have: less than half of a usual L2 cache.
	chunkBudget = 128 << 10
	// interleavedBudget is the same for blocks of less than 16 x 16. Adding up the tokens of a line
	// at the end of a block costs as much as many of them.
	interleavedBudget = 200 << 10
	leastChunk        = 32   // tokens of a chunk, at the least
	mostChunk         = 1024 // and at the most
)

// gradOp computes weight gradients, dy^T x on the weight's blocks.
//
// The tokens pass in chunks, of which the smaller operand stays in the L2 cache. The larger one
// is passed micro-panel after micro-panel: each meets all blocks of its rows (or columns) of
// the weight.
//
// A task is a range of micro-panels of the larger operand and goes through all tokens, or half
// of them. So every block has one writer in each partial and its own order of sums, whatever
// the number of threads.
type gradOp struct {
	b        *device
	q        *param
	layout   packedLayout
	width    int       // columns of a micro-panel
	xLarger  bool      // x is the larger operand
	bias     []float32 // gradient; nil: none
	dy, x    operand
	t        int
	chunk    int   // tokens that pass at a time
	bounds   []int // of the ranges, in micro-panels of the larger operand (by blocks of the view)
	partials [2]partialGrad
	split    int // how many there are
	scores   []float32
	visit    []int32 // slots in the order of the larger operand's view
	pointer  []int32
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
		o.partition()
		b.pool.run(o.split*(len(o.bounds)-1), o)
		o.addPartials()
	}
	o.release()
}

// gradient sets up a weight gradient.
func (b *device) gradient(q *param, dy, x backend.Buffer, t int) *gradOp {
	o := &b.ops.grad
	*o = gradOp{b: b, q: q, t: t, bounds: o.bounds, partials: o.partials, width: b.k.GradWidth}
	o.dy.n, o.x.n = q.spec.Out, q.spec.In
	o.dy.all, o.x.all = floats(dy), floats(x)
	o.xLarger = o.x.n > o.dy.n
	if q.topo != nil {
		if q.topo.Block < kernel.PanelWidth {
			o.width = q.topo.Block
		}
		if o.visit, o.pointer = q.topo.RowSlot, q.topo.RowPtr; o.xLarger {
			o.visit, o.pointer = q.topo.ColSlot, q.topo.ColPtr
		}
	}
	budget := chunkBudget
	if q.topo != nil && q.topo.Block < kernel.PanelWidth {
		budget = interleavedBudget
	}
	if o.width == 1 {
		o.layout = byColumn
	}
	_, smaller := o.operands()
	o.chunk = min(mostChunk, max(leastChunk, budget/smaller.n/16*16))
	return o
}

// release drops what belongs to the caller.
func (o *gradOp) release() {
	o.partials[0].grad, o.partials[0].bias = nil, nil
	*o = gradOp{bounds: o.bounds, partials: o.partials}
}

// operands returns the operands by their number of columns.
func (o *gradOp) operands() (larger, smaller *operand) {
	if o.xLarger {
		return &o.x, &o.dy
	}
	return &o.dy, &o.x
}

// partition makes tasks: ranges of the larger operand with equal numbers of blocks, and partials.
// There are no more ranges than threads need, for each packs the smaller operand for itself.
func (o *gradOp) partition() {
	o.startPartials()
	threads := o.b.pool.threads
	if o.split == 2 && threads%2 == 0 {
		threads /= 2
	}
	larger, _ := o.operands()
	rows := chunks(larger.n, kernel.PanelWidth)
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
	p, r := &o.partials[i/ranges], i%ranges
	lo, hi := o.bounds[r], o.bounds[r+1]
	ws.partial = p
	ws.larger.reset(lo, hi, p.to, o.b.k.Group*kernel.PanelWidth)
	for t0 := p.from; t0 < p.to; t0 += o.chunk {
		n := o.tokens(t0)
		o.packSmaller(ws, t0, n)
		o.smallerBias(ws, r, n)
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
