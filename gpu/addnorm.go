package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// AddNorm implements backend.Layers.
func (b *device) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	c := b.begin("AddNorm")
	c.limit("tokens", t)
	if !c.ok() || t == 0 {
		return
	}
	b.k.addNorm(b.warps(t), addNormArgs{
		y: ptrAct(address(y)), z: ptrAct(address(z)), mean: ptrF32(address(mean)), rstd: ptrF32(address(rstd)),
		residual: ptrAct(address(residual)), sub: ptrAct(address(sub)), gamma: valuesOf(ownParam(gamma)), beta: valuesOf(ownParam(beta)), kept: ptrU32(address(d.Kept)),
		step: b.scalars(), rate: d.Rate, site: int32(d.Site), tokens: int32(t), h: int32(gamma.Spec().In),
	})
}

// AddNormGrad implements backend.Layers.
func (b *device) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	c := b.begin("AddNormGrad")
	c.limit("tokens", t)
	if !c.ok() || t == 0 {
		return
	}
	h := gamma.Spec().In
	l, ok := launch.LayerNormGrad(b.traits(), t, h)
	if !ok {
		c.fail("columns: found %d, expected at most %d (8 bytes a column must fit the %d bytes of shared memory of this device)", h, b.prop.SharedBytes/8, b.prop.SharedBytes)
		return
	}
	blocks := l.Grid.X
	if dsub == nil {
		d.Rate = 0 // nothing is dropped
	}
	scratch, kept := c.kept(d, t, h, 8*int64(blocks)*int64(h))
	partial := ptrF32(scratch)
	if !c.ok() {
		return
	}
	b.k.addNormGrad(configOf(l), addNormGradArgs{
		dresidual: ptrAct(address(dresidual)), dsub: ptrAct(address(dsub)), dy: ptrAct(address(dy)), z: ptrAct(address(z)),
		mean: ptrF32(address(mean)), rstd: ptrF32(address(rstd)), gamma: valuesOf(ownParam(gamma)), kept: kept, partial: partial,
		step: b.scalars(), rate: d.Rate, tokens: int32(t), h: int32(h),
	})
	b.k.addNormReduce(config{grid(2*h, 32, 1<<20), Dim3{X: 32 * min(32, blocks)}, 0}, addNormReduceArgs{
		dgamma: gradOf(ownParam(gamma)), dbeta: gradOf(ownParam(beta)), partial: partial, blocks: int32(blocks), h: int32(h),
	})
}
