package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// The products of query, key and value, which share a tensor, in one pass over it:
// kernels/include/three.cuh. Other numbers of weights, and weights that are not
// alike, go one by one.

// fused checks the weights and their lists and returns the plan of their product op,
// whose kernel is "" where they go one by one. biases may be nil, or each of them.
func (c checker) fused(op launch.Op, w, biases []backend.Param, bufs []backend.Buffer, t int) (ps, vs []*param, plan launch.Plan) {
	if len(w) == 0 || len(bufs) != len(w) || biases != nil && len(biases) != len(w) {
		c.fail("found %d weights, %d biases and %d buffers, expected as many of each, and one at least", len(w), len(biases), len(bufs))
		return nil, nil, plan
	}
	alike := true
	vs = make([]*param, len(w))
	var weights []launch.Weight
	for i := range w {
		p, out, in := c.matrix(w[i])
		if !c.ok() {
			return nil, nil, plan
		}
		ps = append(ps, p)
		if first := ps[0].spec; out != first.Out || in != first.In {
			c.fail("w[%d] (%s): found shape [%d, %d], expected [%d, %d] as of w[0]", i, p.spec.Name, out, in, first.Out, first.In)
			return nil, nil, plan
		}
		if biases != nil {
			vs[i] = c.bias(biases[i], out)
		}
		alike = alike && (vs[i] == nil) == (vs[0] == nil)
		weights = append(weights, p.weight())
	}
	if alike && c.ok() && t > 0 {
		if q, ok := launch.QKV(c.b.device(), c.b.act, op, weights, t); ok {
			plan = q
		}
	}
	return ps, vs, plan
}

// triple is what the kernels take of each of query, key and value.
type triple[T any] [launch.Fused]T

// each returns of(x) for each of the three.
func each[X, T any](xs []X, of func(x X) T) (a triple[T]) {
	for i, x := range xs {
		a[i] = of(x)
	}
	return a
}

// bf16Of returns the address of an activation.
func bf16Of(x *buffer) ptrBF16 { return ptrBF16(x.p) }

// DSDShared implements backend.SharedInput.
func (b *Backend) DSDShared(y []backend.Buffer, x backend.Buffer, w, biases []backend.Param, t int) {
	c := b.check("DSDShared")
	c.atLeast("t", t, 0)
	ps, vs, plan := c.fused(launch.DSD, w, biases, y, t)
	if !c.ok() {
		return
	}
	if plan.Kernel == "" {
		for i := range w {
			b.DSD(y[i], nil, x, w[i], biasAt(biases, i), t)
		}
		return
	}
	out, in := ps[0].spec.Out, ps[0].spec.In
	xs, ys := c.act("x", x, t*in), make([]*buffer, launch.Fused)
	for i := range ys {
		ys[i] = c.act("y", y[i], t*out)
		c.apart("y and x", ys[i], xs)
		for _, other := range ys[:i] {
			c.apart("two of y", ys[i], other)
		}
	}
	if !c.ok() {
		return
	}
	to, bias := each(ys, bf16Of), each(vs, valuesOf)
	weight := each(ps, func(p *param) ptrBF16 { return p.forward })
	ptr := each(ps, func(p *param) ptrI32 { return p.topo.rowPtr })
	slot := each(ps, func(p *param) ptrI32 { return p.topo.rowSlot })
	col := each(ps, func(p *param) ptrI32 { return p.topo.cols })
	b.k.planned(plan.Launch, dsdThreeB16Args{
		y0: to[0], y1: to[1], y2: to[2], x: bf16Of(xs),
		weight0: weight[0], weight1: weight[1], weight2: weight[2],
		rowPtr0: ptr[0], rowPtr1: ptr[1], rowPtr2: ptr[2],
		rowSlot0: slot[0], rowSlot1: slot[1], rowSlot2: slot[2],
		cols0: col[0], cols1: col[1], cols2: col[2],
		bias0: bias[0], bias1: bias[1], bias2: bias[2],
		tokens: int32(t), in: int32(in), out: int32(out), tile: int32(plan.Tile),
	})
}

// DDSShared implements backend.SharedInput.
func (b *Backend) DDSShared(dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
	c := b.check("DDSShared")
	c.atLeast("t", t, 0)
	ps, _, plan := c.fused(launch.DDS, w, nil, dy, t)
	if !c.ok() {
		return
	}
	if plan.Kernel == "" {
		for i := range w {
			b.DDS(dx, dy[i], w[i], t, backend.Accumulate, nil)
		}
		return
	}
	out, in := ps[0].spec.Out, ps[0].spec.In
	dxs, dys := c.act("dx", dx, t*in), make([]*buffer, launch.Fused)
	for i := range dys {
		dys[i] = c.act("dy", dy[i], t*out)
		c.apart("dx and dy", dxs, dys[i])
	}
	if !c.ok() {
		return
	}
	from := each(dys, bf16Of)
	weight := each(ps, func(p *param) ptrBF16 { return p.backward })
	ptr := each(ps, func(p *param) ptrI32 { return p.topo.colPtr })
	slot := each(ps, func(p *param) ptrI32 { return p.topo.colSlot })
	row := each(ps, func(p *param) ptrI32 { return p.topo.rows })
	b.k.planned(plan.Launch, ddsThreeB16Args{
		dx: bf16Of(dxs), dy0: from[0], dy1: from[1], dy2: from[2],
		weight0: weight[0], weight1: weight[1], weight2: weight[2],
		colPtr0: ptr[0], colPtr1: ptr[1], colPtr2: ptr[2],
		colSlot0: slot[0], colSlot1: slot[1], colSlot2: slot[2],
		rows0: row[0], rows1: row[1], rows2: row[2],
		tokens: int32(t), in: int32(in), out: int32(out),
	})
}

// SDDShared implements backend.SharedInput.
func (b *Backend) SDDShared(w, biases []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
	c := b.check("SDDShared")
	c.atLeast("t", t, 0)
	ps, vs, plan := c.fused(launch.SDD, w, biases, dy, t)
	if !c.ok() {
		return
	}
	if plan.Kernel == "" {
		for i := range w {
			b.SDD(w[i], biasAt(biases, i), dy[i], x, t)
		}
		return
	}
	d, n := ps[0].topo, ps[0].grad.n
	xs, dys := c.act("x", x, t*d.In), make([]*buffer, launch.Fused)
	for i := range dys {
		dys[i] = c.act("dy", dy[i], t*d.Out)
		for _, p := range ps[:i] {
			if p == ps[i] {
				c.fail("%s: found the weight twice, expected once", p.spec.Name)
			}
		}
	}
	var partial ptrF32
	if plan.Splits > 1 && c.ok() {
		partial = ptrF32(b.reserve(c.op, &b.scratch, "partial sums", 4*launch.Fused*int64(plan.Splits)*int64(n+d.Out)))
	}
	if !c.ok() {
		return
	}
	grad, bias, from := each(ps, gradOf), each(vs, gradOf), each(dys, bf16Of)
	ptr := each(ps, func(p *param) ptrI32 { return p.topo.rowPtr })
	slot := each(ps, func(p *param) ptrI32 { return p.topo.rowSlot })
	row := each(ps, func(p *param) ptrI32 { return p.topo.rows })
	col := each(ps, func(p *param) ptrI32 { return p.topo.cols })
	swapped := d.In > d.Out // x is the larger operand
	if swapped {
		ptr = each(ps, func(p *param) ptrI32 { return p.topo.colPtr })
		slot = each(ps, func(p *param) ptrI32 { return p.topo.colSlot })
	}
	b.k.planned(plan.Launch, sddThreeB16Args{
		grad0: grad[0], grad1: grad[1], grad2: grad[2], bias0: bias[0], bias1: bias[1], bias2: bias[2], partial: partial,
		dy0: from[0], dy1: from[1], dy2: from[2], x: bf16Of(xs),
		ptr0: ptr[0], ptr1: ptr[1], ptr2: ptr[2], slots0: slot[0], slots1: slot[1], slots2: slot[2],
		rows0: row[0], rows1: row[1], rows2: row[2], cols0: col[0], cols1: col[1], cols2: col[2],
		tokens: int32(t), in: int32(d.In), out: int32(d.Out), nnzb: int32(d.nnz), bytes: int32(plan.Shared), swapped: swapped,
	})
	if plan.Splits > 1 {
		b.k.planned(plan.Reduce, sddThreeReduceArgs{
			grad0: grad[0], grad1: grad[1], grad2: grad[2], bias0: bias[0], bias1: bias[1], bias2: bias[2],
			partial: partial, n: int32(n), m: int32(d.Out), ranges: int32(plan.Splits),
		})
	}
}

// biasAt is the i-th of the biases, nil of none.
func biasAt(biases []backend.Param, i int) backend.Param {
	if biases == nil {
		return nil
	}
	return biases[i]
}

var _ backend.SharedInput = (*Backend)(nil)
