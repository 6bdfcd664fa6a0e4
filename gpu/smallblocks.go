package gpu

// The products of weights with blocks of 8 and 4 in bfloat16.

// gatheredCopy is a weight's values in the order of one of its views, as
// kernels/include/pack.cuh makes it.
type gatheredCopy struct {
	weight          ptrBF16 // [steps][4 blocks][B][B]
	columns, counts ptrI32  // [steps][4], [groups]
}

// makeGathered gives p a copy for each view: four blocks a step, and steps enough
// for any topology.
func (c checker) makeGathered(p *param) {
	d := p.topo
	for i, groups := range []int{d.BlockRows(), d.BlockCols()} {
		steps := d.nnz/4 + groups
		if d.Block == 4 { // all blocks of a group may want the same two places
			steps = d.nnz/2 + groups
		}
		steps++ // read ahead, never used
		name, weight := p.spec.Name+[]string{" forward", " backward"}[i], 8*int64(steps)*int64(d.BlockSize())
		p.gathered[i] = gatheredCopy{
			weight:  ptrBF16(c.b.take(c.op, name+" copy", weight)),
			columns: ptrI32(c.b.take(c.op, name+" columns", 16*int64(steps))),
			counts:  ptrI32(c.b.take(c.op, name+" counts", 4*int64(groups))),
		}
		c.b.working += weight + 16*int64(steps) + 4*int64(groups)
	}
}

// packGathered makes both copies of p again.
func (b *Backend) packGathered(p *param) {
	pack, d := b.k.packB8, p.topo
	if d.Block == 4 {
		pack = b.k.packB4
	}
	for i, g := range p.gathered {
		ptr, slots, inner, groups := d.rowPtr, d.rowSlot, d.cols, d.BlockRows()
		if i == 1 {
			ptr, slots, inner, groups = d.colPtr, d.colSlot, d.rows, d.BlockCols()
		}
		pack(grid(groups, 4, 4096), Dim3{X: 128}, 0, g.weight, g.columns, g.counts, ptrF32(p.values.p), ptr, slots, inner, int32(groups), int32(i))
	}
}

// dsdGathered and ddsGathered run a product with the shape of stream.cuh for items
// of 16 outputs. False: not even 16 tokens fit shared memory, and nothing ran.
func (b *Backend) dsdGathered(p *param, y, pre, x ptrBF16, bias ptrF32, t int) bool {
	d, g, launch := p.topo, p.gathered[0], b.k.dsdB8
	if d.Block == 4 {
		launch = b.k.dsdB4
	}
	s, ok := narrowFor(b.prop, t, d.In, max(d.Out, 16), 16)
	if ok {
		launch(s.grid, s.block, s.shared, y, pre, x, g.weight, g.columns, d.rowPtr, g.counts, bias, int32(t), int32(d.In), int32(d.Out), int32(s.tile))
	}
	return ok
}

func (b *Backend) ddsGathered(p *param, dx, dy, pre ptrBF16, mode int32, t int) bool {
	d, g, launch := p.topo, p.gathered[1], b.k.ddsB8
	if d.Block == 4 {
		launch = b.k.ddsB4
	}
	s, ok := narrowFor(b.prop, t, d.Out, max(d.In, 16), 16)
	if ok {
		launch(s.grid, s.block, s.shared, dx, dy, g.weight, g.columns, d.colPtr, g.counts, pre, mode, int32(t), int32(d.In), int32(d.Out), int32(s.tile))
	}
	return ok
}

// The constants of kernels/include/outer_pairs.cuh.
const (
	pairsMost   = 336     // pairs of blocks of a thread block
	pairsStatic = 8 << 10 // shared memory of its table, at most
)

// pairsFor chooses the shape of a weight gradient of nnz blocks of 8 over t
// tokens: as few thread blocks along the pairs as the registers allow, and as
// many ranges of tokens as fill the device. It fails when a stage of all columns
// of both sides does not fit shared memory, or a thread block would have no pair.
func pairsFor(p Properties, t, out, in, nnz int) (s outerShape, ok bool) {
	pairs := nnz/2 + max(out, in)/8
	groups := (pairs + pairsMost - 1) / pairsMost
	per := (pairs + groups - 1) / groups
	stage, sums := 16*(2*(out+in)+16), outerSums(out/8, 8)
	room := p.SharedBytes - reservedShared - pairsStatic
	if sums+stage > room || (groups-1)*per >= pairs {
		return s, false
	}
	ranges := max(1, min(p.Multiprocessors/groups, (t+63)/64))
	return outerShape{Dim3{X: groups, Y: ranges}, min(sums+outerStages*stage, room)}, true
}

// sddGathered runs the weight gradient of p: by pairs where they fit, else as a
// dense product.
func (b *Backend) sddGathered(c checker, p, v *param, dy, x ptrBF16, t int) {
	d := p.topo
	s, ok := pairsFor(b.prop, t, d.Out, d.In, d.nnz)
	if !ok || d.Block == 4 {
		b.sddRows(c, p, v, dy, x, t)
		return
	}
	bias, partial, partialBias := b.partials(c, p, v, s.grid.Y)
	if !c.ok() {
		return
	}
	ptr, slots, inner, byColumns := d.rowPtr, d.rowSlot, d.cols, int32(0)
	if d.In > d.Out {
		ptr, slots, inner, byColumns = d.colPtr, d.colSlot, d.rows, 1
	}
	b.k.sddB8(s.grid, Dim3{X: outerThreads}, s.shared, ptrF32(p.grad.p), bias, partial, partialBias, dy, x, ptr, slots, inner,
		int32(t), int32(d.In), int32(d.Out), int32(d.nnz), byColumns, int32(s.shared))
	b.reducePartials(p, v, partial, partialBias, s.grid.Y)
}
