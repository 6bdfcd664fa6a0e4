package gpu

import (
	"slices"

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
		c.pack([]*param{p})
	}
}

// pitch is the length of a row of the copy of rows, as a kernel takes it.
func (p *param) pitch() int32 { return int32(launch.CopiesOf(p.owner.act, p.weight()).Pitch) }

// The constants of kernels/include/pack.cuh.
const (
	partThreads  = 128
	partUnits    = launch.CopyUnits
	fragmentUnit = 1024
)

// Kinds of working copies, as enum CopyKind of kernels/include/pack.cuh numbers them.
const (
	copyRows = int32(iota)
	copyFragments
	copyPairs
	copyQuads
)

// workingCopy is struct WorkingCopy of kernels/include/pack.cuh.
type workingCopy struct {
	weight, transposed                     ptrBF16
	columns, counts                        ptrI32
	values                                 ptrF32
	ptr, slots, inner                      ptrI32
	kind, block, units, down, n, rowsPitch int32
	_                                      int64
}

// workingCopies describes the copies of p to the kernel that makes them.
func (p *param) workingCopies() []workingCopy {
	d, c := p.topology(), workingCopy{values: ptrF32(p.values.p), block: p.blockSize(), n: int32(p.values.n)}
	switch {
	case p.family == launch.Fragments:
		c.kind, c.weight, c.transposed = copyFragments, p.forward, p.backward
		c.units = int32((p.values.n + fragmentUnit - 1) / fragmentUnit)
		return []workingCopy{c}
	case p.family == launch.Gathered:
		if c.kind = copyPairs; d.Block == 4 {
			c.kind = copyQuads
		}
		var list []workingCopy
		for i, v := range p.views {
			c.weight, c.columns, c.counts, c.down = v.weight, v.columns, v.counts, int32(i)
			c.ptr, c.slots, c.inner, c.units = d.rowPtr, d.rowSlot, d.cols, int32(d.BlockRows())
			if i == 1 {
				c.ptr, c.slots, c.inner, c.units = d.colPtr, d.colSlot, d.rows, int32(d.BlockCols())
			}
			list = append(list, c)
		}
		return list
	case p.rows != 0:
		c.kind, c.weight, c.units, c.n, c.rowsPitch = copyRows, p.rows, int32(p.spec.Out), int32(p.spec.In), p.pitch()
		c.ptr, c.slots, c.inner = d.rowPtr, d.rowSlot, d.cols
		return []workingCopy{c}
	}
	return nil
}

// copyList is the copies of a list of parameters in device memory, cut into parts.
type copyList struct {
	params []*param
	host   []workingCopy
	copies ptrWorkingCopy
	parts  ptrInt2 // index of the copy, first unit
	n      int     // parts
}

// copyList returns the tables of the copies of params. They are made at the first call
// with that list, and anew where a dense parameter has got its copy since: a recorded
// launch may name them. nil where there are no copies, and after an error.
func (c operation) copyList(params []*param) *copyList {
	var host []workingCopy
	for _, p := range params {
		host = append(host, p.workingCopies()...)
	}
	if len(host) == 0 {
		return nil
	}
	lists := &c.b.copyLists
	i := slices.IndexFunc(*lists, func(l *copyList) bool { return slices.Equal(l.params, params) })
	if i >= 0 && slices.Equal((*lists)[i].host, host) {
		return (*lists)[i]
	}
	if i >= 0 {
		c.b.release(c.op, Ptr((*lists)[i].copies))
		c.b.release(c.op, Ptr((*lists)[i].parts))
		*lists = slices.Delete(*lists, i, i+1)
	}
	l := &copyList{params: slices.Clone(params), host: host}
	var parts [][2]int32
	for i, w := range host {
		for first := int32(0); first < w.units; first += partUnits {
			parts = append(parts, [2]int32{int32(i), first})
		}
	}
	l.n = len(parts)
	l.copies = ptrWorkingCopy(c.table(bytesOf(host)))
	l.parts = ptrInt2(c.table(bytesOf(parts)))
	if !c.ok() {
		return nil
	}
	*lists = append(*lists, l)
	return l
}

// pack queues one launch that makes the working copies of params again, from their
// values and, but for fragments, their views. It depends on shapes alone, so it may
// follow an update or a step of the optimizer inside a recorded graph.
func (c operation) pack(params []*param) {
	if !c.ok() {
		return
	}
	if l := c.copyList(params); l != nil && c.ok() {
		c.b.k.packCopies(config{Dim3{X: l.n}, Dim3{X: partThreads}, 0}, packCopiesArgs{copies: l.copies, parts: l.parts})
	}
}

// follow makes the copies of params again after AdamW and UpdateTopology, which keep
// fragments up to date themselves.
func (c operation) follow(params []*param) {
	var list []*param
	for _, p := range params {
		if p.family != launch.Fragments {
			list = append(list, p)
		}
	}
	c.pack(list)
}

// Refresh implements backend.Backend: it makes the working copies again.
func (b *device) Refresh(params []backend.Param) { b.begin("Refresh").pack(ownParams(params)) }
