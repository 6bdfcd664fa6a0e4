package gpu

// The products of dense weights, and of those with blocks of 1, in bfloat16:
// kernels/include/dense.cuh.

// The constants of kernels/include/dense.cuh.
const (
	denseSide    = 128
	denseDepth   = 32
	denseThreads = 128
	denseShared  = denseSide * (denseSide + 8) * 4
)

// pitch is the length of a row of a copy, so that rows start at 16 bytes.
func (p *param) pitch() int { return (p.spec.In + 7) / 8 * 8 }

// makeRows gives p a copy [O][pitch] in bfloat16.
func (c checker) makeRows(p *param) {
	n := 2 * int64(p.spec.Out) * int64(p.pitch())
	p.rows = ptrBF16(c.b.take(c.op, p.spec.Name+" copy", n))
	c.b.working += n
}

// packRows makes the copy of p again.
func (b *Backend) packRows(p *param) {
	d := p.views()
	b.k.packDense(grid(p.spec.Out, 1, 4096), Dim3{X: 128}, 0, p.rows, ptrF32(p.values.p), d.rowPtr, d.rowSlot, d.cols,
		int32(p.spec.In), int32(p.spec.Out), int32(p.pitch()))
}

// needRows makes the copy of a dense p if this is its first product.
func (b *Backend) needRows(c checker, p *param) {
	if p.rows == 0 && c.ok() {
		c.makeRows(p)
		b.packRows(p)
	}
}

func pieces(n int) int { return (n + denseSide - 1) / denseSide }

func (b *Backend) dsdRows(c checker, p *param, y, pre, x ptrBF16, bias ptrF32, t int) {
	b.needRows(c, p)
	if !c.ok() {
		return
	}
	d, in, out := p.views(), p.spec.In, p.spec.Out
	b.k.dsdDense(Dim3{X: pieces(out), Y: pieces(t)}, Dim3{X: denseThreads}, denseShared, y, pre, x, p.rows, bias,
		ptrF32(p.values.p), d.rowPtr, d.rowSlot, d.cols, int32(t), int32(in), int32(out), int32(p.pitch()))
}

func (b *Backend) ddsRows(c checker, p *param, dx, dy, pre ptrBF16, mode int32, t int) {
	b.needRows(c, p)
	if !c.ok() {
		return
	}
	d, in, out := p.views(), p.spec.In, p.spec.Out
	b.k.ddsDense(Dim3{X: pieces(in), Y: pieces(t)}, Dim3{X: denseThreads}, denseShared, dx, dy, p.rows, pre, mode,
		ptrF32(p.values.p), d.colPtr, d.colSlot, d.rows, int32(t), int32(in), int32(out), int32(p.pitch()))
}

// denseRanges chooses into how many ranges the tokens of a weight gradient of so
// many pieces are split: as few as keep nearly all multiprocessors, with two
// thread blocks each, busy to the end. Every range costs a partial result.
func denseRanges(p Properties, pieces, t int) int {
	slots, most := 2*p.Multiprocessors, max(1, min(16, t/(8*denseDepth)))
	best, least := 1, 0.0
	for ranges := 1; ranges <= most; ranges++ {
		rounds := (pieces*ranges + slots - 1) / slots
		// Time in units of one range's worth of a thread block, per token.
		if time := float64(rounds) / float64(ranges); least == 0 || time < 0.95*least {
			best, least = ranges, time
		}
	}
	return best
}

// sddRows runs the weight gradient of p as a dense product.
func (b *Backend) sddRows(c checker, p, v *param, dy, x ptrBF16, t int) {
	d, in, out := p.views(), p.spec.In, p.spec.Out
	g := Dim3{X: pieces(in), Y: pieces(out)}
	g.Z = denseRanges(b.prop, g.X*g.Y, t)
	bias, partial, partialBias := b.partials(c, p, v, g.Z)
	if !c.ok() {
		return
	}
	b.k.sddDense(g, Dim3{X: denseThreads}, denseShared, ptrF32(p.grad.p), bias, partial, partialBias, dy, x, d.rowPtr, d.rowSlot, d.cols,
		int32(t), int32(in), int32(out), p.blockSize(), int32(p.grad.n))
	b.reducePartials(p, v, partial, partialBias, g.Z)
}
