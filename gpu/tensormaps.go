package gpu

import "github.com/sparsebert/sparsebert-gpu/internal/launch"

// Rows of the boxes that kernels/include/dense_wgmma.cuh copies at a time: of a factor whose
// rows lie along the contraction, and of one whose rows lie across it.
const boxAlong, boxAcross = 128, 64

// tensorMap has the driver make the map of a factor of a product.
func (c operation) tensorMap(p Ptr, rows, columns, pitch int32, boxRows int) TensorMap {
	if !c.ok() {
		return TensorMap{}
	}
	t, err := c.b.drv.EncodeTensorMap(Matrix{Address: p, Rows: int(rows), Columns: int(columns), Pitch: int(pitch), BoxRows: boxRows})
	c.b.keep(c.op, err)
	return t
}

// planned queues a kernel whose arguments had no errors.
func (c operation) planned(l launch.Launch, a arguments) {
	if c.ok() {
		c.b.k.planned(l, a)
	}
}

// forwardByMaps is DSD by a kernel that takes tensor maps.
func (c operation) forwardByMaps(plan launch.Plan, p *param, a forwardArgs) {
	d := p.topology()
	c.planned(plan.Launch, dsdDenseSm90aArgs{
		xMap: c.tensorMap(a.x, a.tokens, a.in, a.in, boxAlong), weightMap: c.tensorMap(Ptr(p.rows), a.out, a.in, p.pitch(), boxAlong),
		y: ptrBF16(a.y), pre: ptrBF16(a.pre), x: ptrBF16(a.x), bias: a.bias, values: ptrF32(p.values.p),
		rowPtr: d.rowPtr, rowSlot: d.rowSlot, cols: d.cols, tokens: a.tokens, in: a.in, out: a.out, yPitch: a.pitch,
	})
}

// backwardByMaps is DDS by such a kernel.
func (c operation) backwardByMaps(plan launch.Plan, p *param, a backwardArgs) {
	d := p.topology()
	c.planned(plan.Launch, ddsDenseSm90aArgs{
		dyMap: c.tensorMap(a.dy, a.tokens, a.out, a.pitch, boxAlong), weightMap: c.tensorMap(Ptr(p.rows), a.out, a.in, p.pitch(), boxAcross),
		dx: ptrBF16(a.dx), dy: ptrBF16(a.dy), pre: ptrBF16(a.pre), mode: a.mode, partial: a.partial, values: ptrF32(p.values.p),
		colPtr: d.colPtr, colSlot: d.colSlot, rows: d.rows, tokens: a.tokens, in: a.in, out: a.out, dyPitch: a.pitch,
	})
	if plan.Splits > 1 {
		c.planned(plan.Reduce, ddsReduceArgs{
			dx: ptrBF16(a.dx), partial: a.partial, pre: ptrBF16(a.pre), mode: a.mode, tokens: a.tokens, in: a.in, splits: int32(plan.Splits),
		})
	}
}

// gradientByMaps is SDD by such a kernel.
func (c operation) gradientByMaps(plan launch.Plan, p *param, a gradientArgs) {
	d := p.topology()
	c.planned(plan.Launch, sddDenseSm90aArgs{
		dyMap: c.tensorMap(a.dy, a.tokens, a.out, a.pitch, boxAcross), xMap: c.tensorMap(a.x, a.tokens, a.in, a.in, boxAcross),
		grad: gradOf(p), bias: a.bias, partial: a.partials.grad, partialBias: a.partials.bias,
		rowPtr: d.rowPtr, rowSlot: d.rowSlot, cols: d.cols, tokens: a.tokens, in: a.in, out: a.out, block: p.blockSize(), size: int32(p.grad.n),
	})
}
