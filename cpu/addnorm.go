package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

const (
	normRows = 64    // rows of a task, and of one partial sum of gamma's and beta's gradients
	normEps  = 1e-12 // BERT's LayerNorm epsilon
)

// normOp is residual + dropout + LayerNorm, forward or backward.
type normOp struct {
	b             *device
	y, z          []float32
	mean, rstd    []float32
	residual, sub []float32 // sub nil: none
	gamma, beta   []float32
	drop          dropper
	t, h          int

	backward bool
	dres, dy []float32
	dsub     []float32 // nil: not wanted
	partial  []float32 // [tasks][2][H] gradients of gamma and beta
}

// AddNorm implements backend.Layers.
func (b *device) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	qg, qb := gamma.(*param), beta.(*param)
	o := &b.ops.norm
	*o = normOp{b: b, t: t, h: qg.spec.In, partial: o.partial, drop: b.dropper(d), gamma: qg.values.f, beta: qb.values.f}
	o.y, o.z, o.mean, o.rstd = floats(y), floats(z), floats(mean), floats(rstd)
	o.residual, o.sub = floats(residual), floats(sub)
	b.pool.run(chunks(t, normRows), o)
	*o = normOp{partial: o.partial}
}

// AddNormGrad implements backend.Layers.
func (b *device) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	qg, qb := gamma.(*param), beta.(*param)
	h, tasks := qg.spec.In, chunks(t, normRows)
	o := &b.ops.norm
	*o = normOp{b: b, t: t, h: h, backward: true, partial: grow(o.partial, tasks*2*h), drop: b.dropper(d), gamma: qg.values.f}
	o.dres, o.dsub, o.dy, o.z = floats(dresidual), floats(dsub), floats(dy), floats(z)
	o.mean, o.rstd = floats(mean), floats(rstd)
	b.pool.run(tasks, o)
	for i := range tasks {
		b.k.Axpy(qg.grad.f, 1, o.partial[(2*i)*h:(2*i+1)*h])
		b.k.Axpy(qb.grad.f, 1, o.partial[(2*i+1)*h:(2*i+2)*h])
	}
	*o = normOp{partial: o.partial}
}

func (o *normOp) task(w, i int) {
	ws := &o.b.work[w]
	for t := i * normRows; t < min(o.t, (i+1)*normRows); t++ {
		if o.backward {
			p := o.partial[2*i*o.h : 2*(i+1)*o.h]
			if t == i*normRows {
				clear(p)
			}
			o.rowGrad(ws, t, p[:o.h], p[o.h:])
		} else {
			o.row(ws, t)
		}
	}
}

func (o *normOp) row(ws *workspace, t int) {
	h, k := o.h, o.b.k
	lo, hi := t*h, (t+1)*h
	z := o.z[lo:hi]
	residual := o.residual[lo:hi]
	switch {
	case o.sub == nil:
		copy(z, residual)
	case o.drop.on:
		ws.factors = grow(ws.factors, h)
		sub := o.sub[lo:hi]
		o.drop.factors(k, ws.factors, lo, &ws.four, kernel.Prefetch{residual, sub, o.y[lo:hi]})
		k.SumTimes(z, residual, sub, ws.factors)
	default:
		// z may be either of the two.
		sub := o.sub[lo:hi]
		if &z[0] == &sub[0] {
			residual, sub = sub, residual
		}
		if &z[0] != &residual[0] {
			copy(z, residual)
		}
		k.Axpy(z, 1, sub)
	}
	mean := k.Sum(z) / float32(h)
	variance := float64(k.SumSqDiff(z, mean)) / float64(h)
	rstd := float32(1 / math.Sqrt(variance+normEps))
	o.mean[t], o.rstd[t] = mean, rstd
	k.Normalize(o.y[lo:hi], z, o.gamma, o.beta, mean, rstd)
}

// rowGrad is the backward of a row. With xhat = (z - mean) rstd and g = gamma dy:
// dz = rstd (g - mean(g) - xhat mean(g xhat)).
func (o *normOp) rowGrad(ws *workspace, t int, dgamma, dbeta []float32) {
	h, k := o.h, o.b.k
	lo, hi := t*h, (t+1)*h
	dy, z := o.dy[lo:hi], o.z[lo:hi]
	if o.dsub != nil && o.drop.on {
		ws.factors = grow(ws.factors, h)
		o.drop.factors(k, ws.factors, lo, &ws.four, kernel.Prefetch{o.dres[lo:hi], o.dsub[lo:hi], dy})
	}
	mean, rstd := o.mean[t], o.rstd[t]
	sum, dot := k.NormSums(dgamma, dbeta, dy, z, o.gamma, mean, rstd)
	dz := o.dres[lo:hi]
	k.NormGrad(dz, dy, z, o.gamma, mean, rstd, sum/float32(h), dot/float32(h))
	switch {
	case o.dsub == nil:
	case o.drop.on:
		k.Times(o.dsub[lo:hi], dz, ws.factors)
	default:
		copy(o.dsub[lo:hi], dz)
	}
}
