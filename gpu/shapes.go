package gpu

// The launch shapes of the tensor-core products. They depend on shapes and on
// the device, never on the topology, so that a captured launch stays right when
// the topology moves.

// reservedShared is what the hardware keeps of each thread block's shared memory.
const reservedShared = 1024

// streamShape is a launch of kernels/include/stream.cuh or, with wide, wide.cuh.
type streamShape struct {
	grid, block  Dim3
	tile, shared int
	wide         bool
}

// stream chooses the shape of a product of t tokens with contraction k and n
// outputs of which nnz blocks are active.
func (b *Backend) stream(c checker, t, k, n, block, nnz int) streamShape {
	s, ok := streamFor(b.prop, t, k, n, block, nnz)
	if !ok {
		c.fail("weight: found a contraction of %d and %d outputs, expected less (rows or lists of them must fit the %d bytes of shared memory of this device)",
			k, n, b.prop.SharedBytes)
	}
	return s
}

// streamFor keeps the inputs where the contraction is the narrow side, else the
// sums, or the other where one does not fit.
func streamFor(p Properties, t, k, n, block, nnz int) (streamShape, bool) {
	narrow, narrowFits := narrowFor(p, t, k, n, block)
	wide, wideFits := wideFor(p, t, k, n, block, nnz)
	if wideFits && (k > n || !narrowFits) {
		return wide, true
	}
	return narrow, narrowFits
}

// narrowFor is stream.cuh: the most tokens whose rows fit shared memory, of 64,
// 32 and 16, two thread blocks to a multiprocessor if that leaves at least 32
// (one loads while the other multiplies). When the tokens do not fill the
// device, the outputs are split.
func narrowFor(p Properties, t, k, n, block int) (s streamShape, ok bool) {
	row := 2*k + 16
	fits := func(tile, blocks int) bool {
		return tile*row <= p.SharedBytes-reservedShared && blocks*(tile*row+reservedShared) <= p.SharedPerSM
	}
	s.block = Dim3{X: 256}
	switch {
	case fits(64, 2):
		s.tile = 64
	case fits(32, 2):
		s.tile = 32
	case fits(32, 1):
		s.tile, s.block.X = 32, 512
	case fits(16, 1):
		s.tile, s.block.X = 16, 512
	default:
		return s, false
	}
	for s.tile > 16 && t <= s.tile/2 {
		s.tile /= 2
	}
	s.shared = s.tile * row
	tiles, items := (t+s.tile-1)/s.tile, n/min(block, 32)
	s.grid = Dim3{X: tiles, Y: max(1, min(items, p.Multiprocessors/tiles))}
	s.block.X = min(s.block.X, 32*max(4, items/s.grid.Y))
	return s, true
}

// The constants of kernels/include/wide.cuh.
const (
	wideTile    = 64 // tokens, and outputs of a warp
	wideWarps   = 12
	wideStages  = 3
	wideColumns = 256
)

// wideFor is wide.cuh: 64 tokens, and of the outputs as many as twelve warps
// hold, or fewer when the tokens do not fill the device or the lists of active
// blocks, at their longest, do not fit.
func wideFor(p Properties, t, k, n, block, nnz int) (s streamShape, ok bool) {
	s.wide = true
	tiles, all := (t+wideTile-1)/wideTile, (n+wideTile-1)/wideTile
	warps := min(wideWarps, all)
	if parts := min(all, p.Multiprocessors/tiles); parts > 1 {
		warps = min(warps, (all+parts-1)/parts)
	}
	for ; warps > 0; warps-- {
		list := min(nnz, warps*wideTile/block*(k/block))
		s.shared = wideStages*wideTile*(2*wideColumns+16) + 8*list
		if s.shared <= p.SharedBytes-reservedShared {
			break
		}
	}
	if warps == 0 {
		return s, false
	}
	s.block = Dim3{X: 32 * warps}
	s.grid = Dim3{X: tiles, Y: (all + warps - 1) / warps}
	return s, true
}

// The constants of kernels/include/outer.cuh.
const (
	outerThreads = 384
	outerPieces  = 192 // pieces of 16 x 16 a thread block
	outerStages  = 4
	outerStatic  = 8 << 10 // shared memory of the tables, at most
)

// outerShape is a launch of kernels/include/outer.cuh.
type outerShape struct {
	grid   Dim3
	shared int
}

// outerFor chooses the shape of a weight gradient of nnz blocks over t tokens:
// as few thread blocks along the active blocks as the registers allow, so that x
// and dy are read by few of them, and as many ranges of tokens as fill the device.
func outerFor(p Properties, t, out, in, block, nnz int) outerShape {
	side, room := block/16, p.SharedBytes-outerStatic
	groups := (nnz*side*side + outerPieces - 1) / outerPieces
	for ; ; groups++ {
		// One stage of the worst case, in which all rows and columns differ, must fit.
		per := (nnz + groups - 1) / groups
		rows, cols := min(per, out/block), min(per, in/block)
		stage, sums := 16*((rows+cols)*2*block+16), outerSums(max(rows, cols), block)
		if stage+sums > room && per > 1 {
			continue
		}
		ranges := max(1, min(p.Multiprocessors/groups, (t+63)/64))
		return outerShape{Dim3{X: groups, Y: ranges}, min(sums+outerStages*stage, room)}
	}
}

// outerSums is the bytes of the column sums of so many block rows.
func outerSums(rows, block int) int { return (rows*block*4 + 127) / 128 * 128 }

// outer runs the weight gradient of p, and the bias gradient if v is not nil.
func (b *Backend) outer(c checker, p, v *param, dy, x ptrBF16, t int) {
	d := p.topo
	s := outerFor(b.prop, t, d.Out, d.In, d.Block, d.nnz)
	bias, partial, partialBias := b.partials(c, p, v, s.grid.Y)
	if !c.ok() {
		return
	}
	launch := map[int]func(grid, block Dim3, shared int, grad, bias, partial, partialBias ptrF32, a, b ptrBF16, ptr, slots, atA, atB ptrI32, tokens, wide, narrow, nnzb, bytes int32, swapped bool){
		16: b.k.sddB16, 32: b.k.sddB32, 64: b.k.sddB64}[d.Block]
	if d.In > d.Out {
		launch(s.grid, Dim3{X: outerThreads}, s.shared, ptrF32(p.grad.p), bias, partial, partialBias, x, dy, d.colPtr, d.colSlot, d.cols, d.rows,
			int32(t), int32(d.In), int32(d.Out), int32(d.nnz), int32(s.shared), true)
	} else {
		launch(s.grid, Dim3{X: outerThreads}, s.shared, ptrF32(p.grad.p), bias, partial, partialBias, dy, x, d.rowPtr, d.rowSlot, d.rows, d.cols,
			int32(t), int32(d.Out), int32(d.In), int32(d.nnz), int32(s.shared), false)
	}
	b.reducePartials(p, v, partial, partialBias, s.grid.Y)
}

// partials returns where a weight gradient puts its sums: the bias gradient, 0
// when v is nil, and, for more than one range of tokens, each range's own.
func (b *Backend) partials(c checker, p, v *param, ranges int) (bias, partial, partialBias ptrF32) {
	if v != nil {
		bias = ptrF32(v.grad.p)
	}
	if n := p.grad.n; ranges > 1 {
		partial = ptrF32(b.reserve(c.op, &b.scratch, "partial sums", 4*int64(ranges)*int64(n+p.spec.Out)))
		partialBias = partial + ptrF32(4*ranges*n)
	}
	return bias, partial, partialBias
}

// reducePartials adds them to the gradients, in the order of the tokens.
func (b *Backend) reducePartials(p, v *param, partial, partialBias ptrF32, ranges int) {
	if ranges < 2 {
		return
	}
	add := func(to *param, partial ptrF32) {
		n := to.grad.n
		b.k.sddReduce(grid(n, 256, 4*b.prop.Multiprocessors), Dim3{X: 256}, 0, ptrF32(to.grad.p), partial, int32(n), int32(ranges))
	}
	add(p, partial)
	if v != nil {
		add(v, partialBias)
	}
}
