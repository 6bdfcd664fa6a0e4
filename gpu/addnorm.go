package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

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
	g, block, width := b.warps(t), Dim3{X: rowThreads}, int32(h)
	mu, r, gs, bs := ptrF32(means.p), ptrF32(rstds.p), ptrF32(qg.values.p), ptrF32(qb.values.p)
	if b.act == backend.BF16 {
		b.k.addNormBf16(g, block, 0, ptrBF16(ys.p), ptrBF16(zs.p), mu, r, ptrBF16(res.p), ptrBF16(at(subs)), gs, bs, b.scalars(), rate, site, int32(t), width)
		return
	}
	b.k.addNormF32(g, block, 0, ptrF32(ys.p), ptrF32(zs.p), mu, r, ptrF32(res.p), ptrF32(at(subs)), gs, bs, b.scalars(), rate, site, int32(t), width)
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
	s := b.normGradShape(t, h)
	if s.block.X == 0 {
		c.fail("columns: found %d, expected at most %d (8 bytes a column must fit the %d bytes of shared memory of this device)", h, b.prop.SharedBytes/8, b.prop.SharedBytes)
		return
	}
	blocks := s.grid.X
	partial := ptrF32(b.reserve(c.op, &b.scratch, "partial sums", 8*int64(blocks)*int64(h)))
	if !c.ok() {
		return
	}
	mu, r, gs, width := ptrF32(means.p), ptrF32(rstds.p), ptrF32(qg.values.p), int32(h)
	if b.act == backend.BF16 {
		b.k.addNormGradBf16(s.grid, s.block, s.shared, ptrBF16(dres.p), ptrBF16(at(subs)), ptrBF16(dys.p), ptrBF16(zs.p), mu, r, gs, partial, b.scalars(), rate, site, int32(t), width)
	} else {
		b.k.addNormGradF32(s.grid, s.block, s.shared, ptrF32(dres.p), ptrF32(at(subs)), ptrF32(dys.p), ptrF32(zs.p), mu, r, gs, partial, b.scalars(), rate, site, int32(t), width)
	}
	b.k.addNormReduce(grid(2*h, 32, 1<<20), Dim3{X: 32 * min(32, blocks)}, 0, ptrF32(qg.grad.p), ptrF32(qb.grad.p), partial, int32(blocks), width)
}

// normGrad is a launch of add_norm_grad.
type normGrad struct {
	grid, block Dim3
	shared      int
}

// normGradShape gives each row a warp, with as many warps as the column sums of
// each leave room for, up to 8 a block, and two blocks to a multiprocessor.
func (b *Backend) normGradShape(t, h int) normGrad {
	warps := min(rowThreads/32, b.prop.SharedBytes/(8*h), t)
	if warps == 0 {
		return normGrad{}
	}
	return normGrad{grid(t, warps, 2*b.prop.Multiprocessors), Dim3{X: 32 * warps}, warps * 8 * h}
}
