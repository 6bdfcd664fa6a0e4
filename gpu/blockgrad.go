package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// normSide is the side of the part of a dense gradient that a thread block of
// kernels/include/block_grad.cuh works out.
const normSide = 64

// BlockGradL1 implements backend.Optimizer.
func (b *Backend) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	c := b.check("BlockGradL1")
	p := c.sparse("w", w)
	c.atLeast("t", t, 0)
	if !c.ok() {
		return
	}
	s := p.topo.Shape
	dys, xs := c.act("dy", dy, t*s.Out), c.act("x", x, t*s.In)
	scores := p.growScores()
	if !c.ok() || t == 0 {
		return
	}
	g, to := Dim3{X: (s.In + normSide - 1) / normSide, Y: (s.Out + normSide - 1) / normSide}, ptrF32(scores.p)
	tokens, in, out, block := int32(t), int32(s.In), int32(s.Out), int32(s.Block)
	switch {
	case b.act == backend.F32:
		b.k.blockGradPlainF32(g, Dim3{X: 256}, 0, to, ptrF32(dys.p), ptrF32(xs.p), tokens, in, out, block)
	case s.In%8 == 0 && s.Out%8 == 0:
		b.k.blockGrad(g, Dim3{X: 128}, 0, to, ptrBF16(dys.p), ptrBF16(xs.p), tokens, in, out, block)
	default:
		b.k.blockGradPlainBf16(g, Dim3{X: 256}, 0, to, ptrBF16(dys.p), ptrBF16(xs.p), tokens, in, out, block)
	}
}
