package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// The products of query, key and value, which share a tensor, in one pass over it:
// kernels/include/qkv.cuh. Other numbers of weights, and weights that are not
// alike, go one by one.

// fused returns the parameters behind weights and biases, and the plan of their product
// op, whose kernel is "" where they go one by one. biases may be nil, or each of them.
func (c operation) fused(op launch.Op, w, biases []backend.Param, t int) (ps, vs []*param, plan launch.Plan) {
	alike := true
	vs = make([]*param, len(w))
	var weights []launch.Weight
	for i := range w {
		p := ownParam(w[i])
		ps, weights = append(ps, p), append(weights, p.weight())
		vs[i] = ownParam(biasAt(biases, i))
		alike = alike && (vs[i] == nil) == (vs[0] == nil)
	}
	if alike && t > 0 {
		if q, ok := launch.QKV(c.b.traits(), c.b.act, op, weights, t); ok {
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

// bf16Of and bf16At return the address of an activation.
func bf16Of(x *buffer) ptrBF16        { return ptrBF16(x.p) }
func bf16At(x backend.Buffer) ptrBF16 { return ptrBF16(address(x)) }

// DSDShared implements backend.SharedInput.
func (b *device) DSDShared(y []backend.Buffer, x backend.Buffer, w, biases []backend.Param, t int) {
	ps, vs, plan := b.begin("DSDShared").fused(launch.DSD, w, biases, t)
	if plan.Kernel == "" {
		for i := range w {
			if b.ok() {
				b.DSD(y[i], nil, x, w[i], biasAt(biases, i), t)
			}
		}
		return
	}
	out, in := ps[0].spec.Out, ps[0].spec.In
	to, bias := each(y, bf16At), each(vs, valuesOf)
	weight := each(ps, func(p *param) ptrBF16 { return p.forward })
	ptr := each(ps, func(p *param) ptrI32 { return p.topo.rowPtr })
	slot := each(ps, func(p *param) ptrI32 { return p.topo.rowSlot })
	col := each(ps, func(p *param) ptrI32 { return p.topo.cols })
	b.k.planned(plan.Launch, dsdQkvB16Args{
		y0: to[0], y1: to[1], y2: to[2], x: bf16At(x),
		weight0: weight[0], weight1: weight[1], weight2: weight[2],
		rowPtr0: ptr[0], rowPtr1: ptr[1], rowPtr2: ptr[2],
		rowSlot0: slot[0], rowSlot1: slot[1], rowSlot2: slot[2],
		cols0: col[0], cols1: col[1], cols2: col[2],
		bias0: bias[0], bias1: bias[1], bias2: bias[2],
		tokens: int32(t), in: int32(in), out: int32(out), tile: int32(plan.Tile),
	})
}

// DDSShared implements backend.SharedInput.
func (b *device) DDSShared(dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
	ps, _, plan := b.begin("DDSShared").fused(launch.DDS, w, nil, t)
	if plan.Kernel == "" {
		for i := range w {
			if b.ok() {
				b.DDS(dx, dy[i], w[i], t, backend.Accumulate, nil)
			}
		}
		return
	}
	out, in := ps[0].spec.Out, ps[0].spec.In
	from := each(dy, bf16At)
	weight := each(ps, func(p *param) ptrBF16 { return p.backward })
	ptr := each(ps, func(p *param) ptrI32 { return p.topo.colPtr })
	slot := each(ps, func(p *param) ptrI32 { return p.topo.colSlot })
	row := each(ps, func(p *param) ptrI32 { return p.topo.rows })
	b.k.beside(Ptr(bf16At(dx)), func() {
		b.k.planned(plan.Launch, ddsQkvB16Args{
			dx: bf16At(dx), dy0: from[0], dy1: from[1], dy2: from[2],
			weight0: weight[0], weight1: weight[1], weight2: weight[2],
			colPtr0: ptr[0], colPtr1: ptr[1], colPtr2: ptr[2],
			colSlot0: slot[0], colSlot1: slot[1], colSlot2: slot[2],
			rows0: row[0], rows1: row[1], rows2: row[2],
			tokens: int32(t), in: int32(in), out: int32(out), stages: int32(plan.Stages),
		})
	})
}

// SDDShared implements backend.SharedInput.
func (b *device) SDDShared(w, biases []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
	c := b.begin("SDDShared")
	ps, vs, plan := c.fused(launch.SDD, w, biases, t)
	if plan.Kernel == "" {
		for i := range w {
			if b.ok() {
				b.SDD(w[i], biasAt(biases, i), dy[i], x, t)
			}
		}
		return
	}
	d, n := ps[0].topo, ps[0].grad.n
	sums := c.partialsOf(plan, launch.Fused*n, launch.Fused*d.Out)
	if !c.ok() {
		return
	}
	grad, bias, from := each(ps, gradOf), each(vs, gradOf), each(dy, bf16At)
	ptr := each(ps, func(p *param) ptrI32 { return p.topo.rowPtr })
	slot := each(ps, func(p *param) ptrI32 { return p.topo.rowSlot })
	row := each(ps, func(p *param) ptrI32 { return p.topo.rows })
	col := each(ps, func(p *param) ptrI32 { return p.topo.cols })
	b.k.aside([]Ptr{Ptr(from[0]), Ptr(from[1]), Ptr(from[2]), Ptr(bf16At(x))}, func() {
		b.k.planned(plan.Launch, sddQkvB16Args{
			grad0: grad[0], grad1: grad[1], grad2: grad[2], bias0: bias[0], bias1: bias[1], bias2: bias[2],
			partial: sums.grad, partialBias: sums.bias, dy0: from[0], dy1: from[1], dy2: from[2], x: bf16At(x),
			ptr0: ptr[0], ptr1: ptr[1], ptr2: ptr[2], slots0: slot[0], slots1: slot[1], slots2: slot[2],
			rows0: row[0], rows1: row[1], rows2: row[2], cols0: col[0], cols1: col[1], cols2: col[2],
			tokens: int32(t), in: int32(d.In), out: int32(d.Out), nnzb: int32(d.nnz), bytes: int32(plan.Shared),
		})
		if plan.Splits > 1 {
			b.k.planned(plan.Reduce, sddQkvReduceArgs{
				grad0: grad[0], grad1: grad[1], grad2: grad[2], bias0: bias[0], bias1: bias[1], bias2: bias[2],
				partial: sums.grad, partialBias: sums.bias, n: int32(n), m: int32(d.Out),
				splits: int32(plan.Partials()), biasSplits: int32(plan.Splits),
			})
		}
	})
}

// biasAt is the i-th of the biases, nil of none.
func biasAt(biases []backend.Param, i int) backend.Param {
	if biases == nil {
		return nil
	}
	return biases[i]
}
