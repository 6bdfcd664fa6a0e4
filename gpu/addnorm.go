package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// norm checks the parameters of a LayerNorm and returns its width.
func (c checker) norm(gamma, beta backend.Param, t int) (qg, qb *param, h int) {
	c.count("tokens", t, 0)
	if q := c.param("gamma", gamma); q != nil {
		h = q.spec.In
	}
	return c.dense("gamma", gamma, 1, h), c.dense("beta", beta, 1, h), h
}

// AddNorm implements backend.Layers.
func (b *Backend) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	c := b.check("AddNorm")
	qg, qb, h := c.norm(gamma, beta, t)
	rate, site := c.dropout(d, t*h)
	ys, zs := c.act("y", y, t*h), c.act("z", z, t*h)
	means, rstds := c.buffer("mean", mean, backend.F32, t), c.buffer("rstd", rstd, backend.F32, t)
	res, subs := c.act("residual", residual, t*h), c.optional("sub", sub, t*h)
	c.apart("y and z", ys, zs)
	c.apart("mean and rstd", means, rstds)
	if !c.ok() || t == 0 {
		return
	}
	b.k.addNorm(b.warps(t), addNormArgs{
		y: ptrAct(ys.p), z: ptrAct(zs.p), mean: ptrF32(means.p), rstd: ptrF32(rstds.p),
		residual: ptrAct(res.p), sub: ptrAct(at(subs)), gamma: ptrF32(qg.values.p), beta: ptrF32(qb.values.p),
		step: b.scalars(), rate: rate, site: site, tokens: int32(t), h: int32(h),
	})
}

// AddNormGrad implements backend.Layers.
func (b *Backend) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	c := b.check("AddNormGrad")
	qg, qb, h := c.norm(gamma, beta, t)
	rate, site := c.dropout(d, t*h)
	dres, subs := c.act("dresidual", dresidual, t*h), c.optional("dsub", dsub, t*h)
	dys, zs := c.act("dy", dy, t*h), c.act("z", z, t*h)
	means, rstds := c.buffer("mean", mean, backend.F32, t), c.buffer("rstd", rstd, backend.F32, t)
	c.apart("dresidual and dsub", dres, subs)
	if !c.ok() || t == 0 {
		return
	}
	l, ok := launch.LayerNormGrad(b.device(), t, h)
	if !ok {
		c.fail("columns: found %d, expected at most %d (8 bytes a column must fit the %d bytes of shared memory of this device)", h, b.prop.SharedBytes/8, b.prop.SharedBytes)
		return
	}
	blocks := l.Grid.X
	partial := ptrF32(b.reserve(c.op, &b.scratch, "partial sums", 8*int64(blocks)*int64(h)))
	if !c.ok() {
		return
	}
	b.k.addNormGrad(configOf(l), addNormGradArgs{
		dresidual: ptrAct(dres.p), dsub: ptrAct(at(subs)), dy: ptrAct(dys.p), z: ptrAct(zs.p),
		mean: ptrF32(means.p), rstd: ptrF32(rstds.p), gamma: ptrF32(qg.values.p), partial: partial,
		step: b.scalars(), rate: rate, site: site, tokens: int32(t), h: int32(h),
	})
	b.k.addNormReduce(config{grid(2*h, 32, 1<<20), Dim3{X: 32 * min(32, blocks)}, 0}, addNormReduceArgs{
		dgamma: ptrF32(qg.grad.p), dbeta: ptrF32(qb.grad.p), partial: partial, blocks: int32(blocks), h: int32(h),
	})
}
