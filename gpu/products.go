package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// weight is what the choice of a launch depends on of p.
func (p *param) weight() launch.Weight {
	w := launch.Weight{Out: p.spec.Out, In: p.spec.In}
	if p.topo != nil {
		w.Block, w.NNZB = p.topo.Block, p.topo.nnz
	}
	return w
}

// traits is what the choice depends on of the device.
func (b *device) traits() launch.Device {
	return launch.Device{Multiprocessors: b.prop.Multiprocessors, SharedBytes: b.prop.SharedBytes, SharedPerSM: b.prop.SharedPerSM,
		Wgmma: b.prop.Wgmma(), Sample: launch.Sample(b.options.Sample)}
}

// blockSize returns the block size for kernels: 0 when dense.
func (p *param) blockSize() int32 { return int32(p.weight().Block) }

// topology returns the topology's arrays, all 0 for a dense weight.
func (p *param) topology() deviceTopology {
	if p.topo == nil {
		return deviceTopology{}
	}
	return *p.topo
}

// at returns the address of an optional buffer.
func at(x *buffer) Ptr {
	if x == nil {
		return 0
	}
	return x.p
}

// valuesOf and gradOf return the addresses of an optional parameter's floats.
func valuesOf(p *param) ptrF32 {
	if p == nil {
		return 0
	}
	return ptrF32(p.values.p)
}

func gradOf(p *param) ptrF32 {
	if p == nil {
		return 0
	}
	return ptrF32(p.grad.p)
}

// product returns the plan of a product of p, whose working copies are there then. outputs
// are the activations on the side of its outputs.
func (c operation) product(op launch.Op, p *param, outputs backend.Buffer, t int) launch.Plan {
	w := p.weight()
	w.Rows = own(outputs).columns > 0
	plan, err := launch.Product(c.b.traits(), c.b.act, op, w, t)
	if err != nil {
		c.fail("%w", err)
	}
	if plan.Family == launch.Dense && op != launch.SDD {
		c.needRows(p)
	}
	return plan
}

// DSD implements backend.Products.
func (b *device) DSD(y, pre, x backend.Buffer, w, bias backend.Param, t int) {
	c := b.begin("DSD")
	p := ownParam(w)
	if t == 0 {
		return
	}
	plan := c.product(launch.DSD, p, y, t)
	if !c.ok() {
		return
	}
	args := forwardArgs{
		y: address(y), pre: address(pre), x: address(x), bias: valuesOf(ownParam(bias)),
		tokens: int32(t), in: int32(p.spec.In), out: int32(p.spec.Out), tile: int32(plan.Tile), pitch: own(y).rowPitch(p.spec.Out),
	}
	if plan.TensorMaps {
		c.forwardByMaps(plan, p, args)
		return
	}
	b.k.planned(plan.Launch, dsdArguments(plan, p, args))
}

// forwardArgs are the operands of DSD.
type forwardArgs struct {
	y, pre, x             Ptr
	pitch                 int32 // of y
	bias                  ptrF32
	tokens, in, out, tile int32
}

// dsdArguments returns the parameters of the kernel that the plan chose for DSD.
func dsdArguments(plan launch.Plan, p *param, a forwardArgs) arguments {
	d := p.topology()
	y, pre, x := ptrBF16(a.y), ptrBF16(a.pre), ptrBF16(a.x)
	switch plan.Family {
	case launch.Dense:
		return dsdDenseArgs{
			y: y, pre: pre, x: x, weight: p.rows, bias: a.bias, values: ptrF32(p.values.p),
			rowPtr: d.rowPtr, rowSlot: d.rowSlot, cols: d.cols, tokens: a.tokens, in: a.in, out: a.out, pitch: p.pitch(), yPitch: a.pitch,
		}
	case launch.Gathered:
		v := p.views[0]
		return dsdB4Args{
			y: y, pre: pre, x: x, weight: v.weight, columns: v.columns, rowPtr: d.rowPtr, counts: v.counts,
			bias: a.bias, tokens: a.tokens, in: a.in, out: a.out, tile: a.tile,
		}
	case launch.Fragments:
		if plan.OutputStationary {
			return dsdOsB16Args{
				y: y, pre: pre, x: x, weight: p.forward, rowPtr: d.rowPtr, rowSlot: d.rowSlot, cols: d.cols,
				bias: a.bias, tokens: a.tokens, in: a.in, out: a.out, stages: int32(plan.Stages),
			}
		}
		return dsdB16Args{
			y: y, pre: pre, x: x, weight: p.forward, rowPtr: d.rowPtr, rowSlot: d.rowSlot, cols: d.cols,
			bias: a.bias, tokens: a.tokens, in: a.in, out: a.out, tile: a.tile,
		}
	}
	return dsdPlainArgs{
		y: ptrAct(a.y), pre: ptrAct(a.pre), x: ptrAct(a.x), values: ptrF32(p.values.p),
		rowPtr: d.rowPtr, rowSlot: d.rowSlot, cols: d.cols, bias: a.bias, tokens: a.tokens, in: a.in, out: a.out, block: p.blockSize(),
	}
}

// DDS implements backend.Products.
func (b *device) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	c := b.begin("DDS")
	p := ownParam(w)
	if t == 0 {
		return
	}
	plan := c.product(launch.DDS, p, dy, t)
	if !c.ok() {
		return
	}
	args := backwardArgs{
		dx: address(dx), dy: address(dy), pre: address(pre), mode: int32(mode),
		tokens: int32(t), in: int32(p.spec.In), out: int32(p.spec.Out), tile: int32(plan.Tile), pitch: own(dy).rowPitch(p.spec.Out),
	}
	if plan.TensorMaps {
		if plan.Splits > 1 {
			args.partial = ptrF32(b.reserve(c.op, &b.scratch, "partial sums", 4*int64(plan.Splits)*int64(t)*int64(p.spec.In)))
		}
	}
	b.k.beside(args.dx, func() {
		if plan.TensorMaps {
			c.backwardByMaps(plan, p, args)
		} else {
			b.k.planned(plan.Launch, ddsArguments(plan, p, args))
		}
	})
}

// backwardArgs are the operands of DDS.
type backwardArgs struct {
	dx, dy, pre                 Ptr
	pitch                       int32 // of dy
	partial                     ptrF32
	mode, tokens, in, out, tile int32
}

// ddsArguments returns the parameters of the kernel that the plan chose for DDS.
func ddsArguments(plan launch.Plan, p *param, a backwardArgs) arguments {
	d := p.topology()
	dx, dy, pre := ptrBF16(a.dx), ptrBF16(a.dy), ptrBF16(a.pre)
	switch plan.Family {
	case launch.Dense:
		return ddsDenseArgs{
			dx: dx, dy: dy, weight: p.rows, pre: pre, mode: a.mode, values: ptrF32(p.values.p),
			colPtr: d.colPtr, colSlot: d.colSlot, rows: d.rows, tokens: a.tokens, in: a.in, out: a.out, pitch: p.pitch(), dyPitch: a.pitch,
		}
	case launch.Gathered:
		v := p.views[1]
		return ddsB4Args{
			dx: dx, dy: dy, weight: v.weight, columns: v.columns, colPtr: d.colPtr, counts: v.counts,
			pre: pre, mode: a.mode, tokens: a.tokens, in: a.in, out: a.out, tile: a.tile,
		}
	case launch.Fragments:
		if plan.OutputStationary {
			return ddsOsB16Args{
				dx: dx, dy: dy, weight: p.backward, colPtr: d.colPtr, colSlot: d.colSlot, rows: d.rows,
				pre: pre, mode: a.mode, tokens: a.tokens, in: a.in, out: a.out, stages: int32(plan.Stages),
			}
		}
		return ddsB16Args{
			dx: dx, dy: dy, weight: p.backward, colPtr: d.colPtr, colSlot: d.colSlot, rows: d.rows,
			pre: pre, mode: a.mode, tokens: a.tokens, in: a.in, out: a.out, tile: a.tile,
		}
	}
	return ddsPlainArgs{
		dx: ptrAct(a.dx), dy: ptrAct(a.dy), values: ptrF32(p.values.p), colPtr: d.colPtr, colSlot: d.colSlot, rows: d.rows,
		pre: ptrAct(a.pre), mode: a.mode, tokens: a.tokens, in: a.in, out: a.out, block: p.blockSize(),
	}
}
