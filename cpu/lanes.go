package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// transposeColumns is how many columns are computed before they are transposed and written with
// non-temporal stores: adjacent whole lines, and few enough that memory takes them while the
// next ones are computed.
const transposeColumns = 32

// laneOp runs a product with a weight of 1 x 1, 4 x 4 or 8 x 8 blocks, which are too
// small for vectors of columns. Vectors run along the tokens, kernel.LanesOf(B) of them, and one
// row of blocks after another is computed.
type laneOp struct {
	product
	block    int
	lanes    int // tokens of a task
	byColumn bool
	ptr      []int32 // view

	// Of 1 x 1 blocks, in view order.
	idx  []int32   // inner index of each element
	slot []int32   // its slot
	val  []float32 // its value, gathered by the run

	segs []kernel.Seg // of larger blocks
	vals []float32    // values by slot
}

func (b *device) multiplyLanes(p *product, q *param, byColumn bool) {
	o := &b.ops.lanes
	*o = laneOp{product: *p, block: q.topo.Block, lanes: kernel.LanesOf(q.topo.Block), byColumn: byColumn, val: o.val, vals: q.values.f}
	if o.ptr, o.idx, o.slot, o.segs = q.topo.RowPtr, q.rowIdx, q.topo.RowSlot, q.rowSegs; byColumn {
		o.ptr, o.idx, o.slot, o.segs = q.topo.ColPtr, q.colIdx, q.topo.ColSlot, q.colSegs
	}
	if o.block == 1 {
		o.val = grow(o.val, q.NNZ())
		for i, s := range o.slot {
			o.val[i] = o.vals[s]
		}
	}
	b.pool.run(chunks(p.t, o.lanes), o)
	*o = laneOp{val: o.val}
}

func (o *laneOp) task(w, i int) {
	ws := &o.b.work[w]
	first := i * o.lanes
	tokens := min(o.lanes, o.t-first)
	// The lines that it writes were not prefetched, as a tile's are.
	nonTemporal := o.finish == store && 4*o.t*o.n >= nonTemporalBytes
	rows := o.n // whose sums are kept
	if nonTemporal && o.block > 1 {
		rows = min(rows, transposeColumns)
	}
	ws.panel = grow(ws.panel, (o.k+rows)*o.lanes)
	panel, sums := ws.panel[:o.k*o.lanes], ws.panel[o.k*o.lanes:]
	if tokens < o.lanes {
		clear(panel)
	}
	o.b.k.Transpose(panel, o.lanes, o.src[first*o.k:], o.k, tokens, o.k)

	dst := o.dst[first*o.n : (first+tokens)*o.n]
	out, transpose := dst, o.b.k.Transpose
	if o.finish == add || o.finish == timesGrad {
		ws.result = grow(ws.result, len(dst))
		out = ws.result
	}
	if nonTemporal {
		transpose = o.b.k.TransposeNonTemporal
	}
	for col := 0; col < o.n; col += rows {
		n := min(rows, o.n-col) // all where blocks are single weights
		if o.block == 1 {
			o.elements(sums, panel)
		} else {
			o.blocks(sums, panel, col, n)
		}
		transpose(out[col:], o.n, sums, o.lanes, n, tokens)
	}
	if nonTemporal {
		o.b.k.Fence() // others read the results next
	}
	switch o.finish {
	case add:
		o.b.k.Axpy(dst, 1, out)
	case alsoGELU:
		o.b.k.GELU(o.other[first*o.n:(first+tokens)*o.n], out)
	case timesGrad:
		o.b.k.GELUGrad(dst, out, o.other[first*o.n:(first+tokens)*o.n])
	}
}

func (o *laneOp) elements(sums, panel []float32) {
	for r := range o.n {
		lo, hi := o.ptr[r], o.ptr[r+1]
		start := float32(0)
		if o.bias != nil {
			start = o.bias[r]
		}
		o.b.k.SpMV(sums[r*o.lanes:(r+1)*o.lanes], panel, o.idx[lo:hi], o.val[lo:hi], start)
	}
}

// blocks computes the sums of n columns from first on.
func (o *laneOp) blocks(sums, panel []float32, first, n int) {
	mul, transposed := o.b.k.Lanes4, o.b.k.Lanes4Transposed
	if o.block == 8 {
		mul, transposed = o.b.k.Lanes8, o.b.k.Lanes8Transposed
	}
	if o.byColumn {
		mul = transposed
	}
	start := noBias[:o.block]
	for col := first; col < first+n; col += o.block {
		if o.bias != nil {
			start = o.bias[col : col+o.block]
		}
		r, at := col/o.block, (col-first)*o.lanes
		mul(sums[at:at+o.block*o.lanes], panel, o.segs[o.ptr[r]:o.ptr[r+1]], o.vals, start)
	}
}
