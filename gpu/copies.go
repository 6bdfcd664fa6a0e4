package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// copies are the working copies in bfloat16 of a weight's values, for the products;
// 0 where no kernel reads them. Refresh makes them again.
type copies struct {
	forward, backward ptrBF16     // fragments of W and W^T, [nnzb][B][B] in the order of fragment_index (kernels/include/input_stationary.cuh)
	views             [2]viewCopy // blocks of 8 and 4: of the row view and of the column view
	rows              ptrBF16     // dense and blocks of 1: [O][pitch]
}

// viewCopy is a weight's values in the order of one of its views, as
// kernels/include/pack.cuh makes it.
type viewCopy struct {
	weight          ptrBF16 // [steps][4 blocks][B][B]
	columns, counts ptrI32  // [steps][4], [groups]
}

// makeCopies gives p its working copies, of zeros until refresh fills them. A dense
// parameter gets its copy from its first product: many have none.
func (c operation) makeCopies(p *param) {
	sizes := launch.CopiesOf(c.b.act, p.weight())
	take := func(label string, n int64) Ptr { return c.b.take(c.op, p.spec.Name+label, n) }
	p.forward = ptrBF16(take(" forward copy", sizes.Fragments))
	p.backward = ptrBF16(take(" backward copy", sizes.Fragments))
	for i, v := range sizes.Views {
		direction := []string{" forward", " backward"}[i]
		p.views[i] = viewCopy{
			weight:  ptrBF16(take(direction+" copy", v.Weight)),
			columns: ptrI32(take(direction+" columns", v.Columns)),
			counts:  ptrI32(take(direction+" counts", v.Counts)),
		}
	}
	p.rows = ptrBF16(take(" copy", sizes.Rows))
}

// needRows makes the copy of a dense p if this is its first product.
func (c operation) needRows(p *param) {
	if p.rows == 0 && c.ok() {
		c.makeCopies(p)
		c.b.refresh(p)
	}
}

// pitch is the length of a row of the copy of rows, as a kernel takes it.
func (p *param) pitch() int32 { return int32(launch.CopiesOf(p.owner.act, p.weight()).Pitch) }

// refresh queues the launches that make the working copies of p again, from its
// values and, but for fragments, its views. They depend on shapes alone, so they
// may follow an update or a step of the optimizer inside a recorded graph.
func (b *device) refresh(p *param) {
	switch values := ptrF32(p.values.p); {
	case p.family == launch.Fragments:
		b.k.packFragments(config{grid(p.values.n, 256, 4096), Dim3{X: 256}, 0}, packFragmentsArgs{
			forward: p.forward, backward: p.backward, values: values, block: p.blockSize(), nnzb: int32(p.topo.nnz),
		})
	case p.family == launch.Gathered:
		b.packViews(p)
	case p.rows != 0:
		d := p.topology()
		b.k.packDense(config{grid(p.spec.Out, 1, 4096), Dim3{X: 128}, 0}, packDenseArgs{
			copy: p.rows, values: values, rowPtr: d.rowPtr, rowSlot: d.rowSlot, cols: d.cols,
			in: int32(p.spec.In), out: int32(p.spec.Out), pitch: p.pitch(),
		})
	}
}

// packViews makes both copies of p again.
func (b *device) packViews(p *param) {
	pack, d := b.k.packB8, p.topo
	if d.Block == 4 {
		pack = b.k.packB4
	}
	for i, v := range p.views {
		a := packB4Args{weight: v.weight, columns: v.columns, counts: v.counts, values: ptrF32(p.values.p), down: int32(i)}
		groups := d.BlockRows()
		a.ptr, a.slots, a.inner = d.rowPtr, d.rowSlot, d.cols
		if i == 1 {
			groups = d.BlockCols()
			a.ptr, a.slots, a.inner = d.colPtr, d.colSlot, d.rows
		}
		a.groups = int32(groups)
		pack(config{grid(groups, 4, 4096), Dim3{X: 128}, 0}, a)
	}
}

// follow makes the copies of p again after AdamW and UpdateTopology, which keep
// fragments up to date themselves, and those of a new p, whose fragments are zeros.
func (b *device) follow(p *param) {
	if p.family != launch.Fragments {
		b.refresh(p)
	}
}

// Refresh implements backend.Backend: it makes the working copies again.
func (b *device) Refresh(params []backend.Param) {
	for _, p := range params {
		b.refresh(ownParam(p))
	}
}
