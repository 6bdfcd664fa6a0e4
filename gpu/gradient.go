package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// partials are where a weight gradient puts its sums when the tokens are split
// (split-K): the gradient and the bias gradient of each range, which Reduce adds up
// in the order of the tokens. 0 without splits.
type partials struct{ grad, bias ptrF32 }

// SDD implements backend.Products.
func (b *device) SDD(w, bias backend.Param, dy, x backend.Buffer, t int) {
	c := b.begin("SDD")
	p, v, dys, xs := ownParam(w), ownParam(bias), own(dy), own(x)
	if t == 0 {
		return
	}
	out, in := p.spec.Out, p.spec.In
	plan := c.product(launch.SDD, p, dy, t)
	sums := c.partials(plan, p)
	if !c.ok() {
		return
	}
	args := gradientArgs{
		partials: sums, bias: gradOf(v), dy: dys.p, x: xs.p, pitch: dys.rowPitch(out), tokens: int32(t), in: int32(in), out: int32(out),
	}
	b.k.aside([]Ptr{dys.p, xs.p}, func() {
		if plan.TensorMaps {
			c.gradientByMaps(plan, p, args)
		} else {
			b.k.planned(plan.Launch, sddArguments(plan, p, args))
		}
		if v != nil && plan.BiasSums.Kernel != "" {
			b.k.planned(plan.BiasSums, columnSumsF32Args{sums: gradOf(v), x: ptrF32(dys.p), tokens: int32(t), n: int32(out)})
		}
		if plan.Splits > 1 {
			b.k.planned(plan.Reduce, sddReduceArgs{
				grad: gradOf(p), bias: gradOf(v), partial: sums.grad, partialBias: sums.bias, n: int32(p.grad.n), m: int32(out),
				splits: int32(plan.Partials()), biasSplits: int32(plan.Splits),
			})
		}
	})
}

// partials reserves the memory of the partial results of p's gradient.
func (c operation) partials(plan launch.Plan, p *param) partials {
	return c.partialsOf(plan, p.grad.n, p.spec.Out)
}

// partialsOf is partials for n values and so many outputs.
func (c operation) partialsOf(plan launch.Plan, n, out int) (s partials) {
	if plan.Splits > 1 {
		s.grad = ptrF32(c.b.reserve(c.op, &c.b.weights, "partial sums", 4*(int64(plan.Partials())*int64(n)+int64(plan.Splits)*int64(out))))
		s.bias = s.grad + ptrF32(4*plan.Partials()*n)
	}
	return s
}

// gradientArgs are the operands of SDD.
type gradientArgs struct {
	partials
	bias            ptrF32
	dy, x           Ptr
	pitch           int32 // of dy
	tokens, in, out int32
}

// sddArguments returns the parameters of the kernel that the plan chose for SDD.
func sddArguments(plan launch.Plan, p *param, a gradientArgs) arguments {
	d, grad, dy, x := p.topology(), gradOf(p), ptrBF16(a.dy), ptrBF16(a.x)
	switch plan.Family {
	case launch.Dense:
		return sddDenseArgs{
			grad: grad, bias: a.bias, partial: a.partials.grad, partialBias: a.partials.bias, dy: dy, x: x,
			rowPtr: d.rowPtr, rowSlot: d.rowSlot, cols: d.cols,
			tokens: a.tokens, in: a.in, out: a.out, block: p.blockSize(), size: int32(p.grad.n), dyPitch: a.pitch,
		}
	case launch.Gathered:
		args := sddB8Args{
			grad: grad, bias: a.bias, partial: a.partials.grad, partialBias: a.partials.bias, dy: dy, x: x,
			ptr: d.rowPtr, slots: d.rowSlot, inner: d.cols,
			tokens: a.tokens, in: a.in, out: a.out, nnzb: int32(d.nnz), bytes: int32(plan.Shared),
		}
		if plan.Swapped {
			args.ptr, args.slots, args.inner, args.byColumns = d.colPtr, d.colSlot, d.rows, 1
		}
		return args
	case launch.Fragments:
		args := sddB16Args{
			grad: grad, bias: a.bias, partial: a.partials.grad, partialBias: a.partials.bias, a: dy, b: x,
			ptr: d.rowPtr, slots: d.rowSlot, atA: d.rows, atB: d.cols,
			tokens: a.tokens, larger: a.out, smaller: a.in, nnzb: int32(d.nnz), bytes: int32(plan.Shared), swapped: plan.Swapped,
		}
		if plan.Swapped {
			args.a, args.b, args.larger, args.smaller = x, dy, a.in, a.out
			args.ptr, args.slots, args.atA, args.atB = d.colPtr, d.colSlot, d.cols, d.rows
		}
		return args
	}
	return sddPlainF32Args{
		grad: grad, dy: ptrF32(a.dy), x: ptrF32(a.x), rows: d.rows, cols: d.cols,
		tokens: a.tokens, in: a.in, out: a.out, block: p.blockSize(), count: int64(p.grad.n),
	}
}
