package cpu

import "github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"

// spmvOp runs a product with a weight of 1 x 1 blocks: along the tokens,
// kernel.Lanes at a time, one output column after another.
type spmvOp struct {
	product
	ptr  []int32   // view
	idx  []int32   // inner index of each element, in view order
	slot []int32   // its slot
	val  []float32 // its value, gathered by the run
	vals []float32 // values by slot
}

func (b *Backend) multiplyElements(p *product, q *param, byColumn bool) {
	o := &b.ops.spmv
	*o = spmvOp{product: *p, val: grow(o.val, q.NNZ()), vals: q.values.f}
	if byColumn {
		o.ptr, o.idx, o.slot = q.topo.ColPtr, q.colIdx, q.topo.ColSlot
	} else {
		o.ptr, o.idx, o.slot = q.topo.RowPtr, q.rowIdx, q.topo.RowSlot
	}
	for i, s := range o.slot {
		o.val[i] = o.vals[s]
	}
	b.pool.run(chunks(p.t, kernel.Lanes), o)
	o.product = product{}
}

func (o *spmvOp) task(w, i int) {
	ws := &o.b.work[w]
	first := i * kernel.Lanes
	tokens := min(kernel.Lanes, o.t-first)
	ws.panel = grow(ws.panel, (o.k+o.n)*kernel.Lanes)
	panel, sums := ws.panel[:o.k*kernel.Lanes], ws.panel[o.k*kernel.Lanes:]
	if tokens < kernel.Lanes {
		clear(panel)
	}
	o.b.k.Transpose(panel, kernel.Lanes, o.src[first*o.k:], o.k, tokens, o.k)
	for r := range o.n {
		lo, hi := o.ptr[r], o.ptr[r+1]
		start := float32(0)
		if o.bias != nil {
			start = o.bias[r]
		}
		o.b.k.SpMV(sums[r*kernel.Lanes:(r+1)*kernel.Lanes], panel, o.idx[lo:hi], o.val[lo:hi], start)
	}

	dst := o.dst[first*o.n : (first+tokens)*o.n]
	out := dst
	if o.finish == add || o.finish == timesGrad {
		ws.result = grow(ws.result, len(dst))
		out = ws.result
	}
	o.b.k.Transpose(out, o.n, sums, kernel.Lanes, o.n, tokens)
	switch o.finish {
	case add:
		o.b.k.Axpy(dst, 1, out)
	case alsoGELU:
		o.b.k.GELU(o.other[first*o.n:(first+tokens)*o.n], out)
	case timesGrad:
		o.b.k.GELUGrad(dst, out, o.other[first*o.n:(first+tokens)*o.n])
	}
}
