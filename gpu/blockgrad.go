package gpu

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/internal/launch"
)

// BlockGradL1 implements backend.Optimizer.
func (b *device) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	p, dys, xs := ownParam(w), own(dy), own(x)
	s, scores := p.topo.Shape, p.growScores()
	if !b.ok() || t == 0 {
		return
	}
	const side = launch.ScoreTile
	g := Dim3{X: (s.In + side - 1) / side, Y: (s.Out + side - 1) / side}
	if b.act == backend.BF16 && s.In%8 == 0 && s.Out%8 == 0 {
		b.k.blockGrad(config{grid: g, block: Dim3{X: 128}}, blockGradArgs{
			scores: ptrF32(scores.p), dy: bf16Of(dys), x: bf16Of(xs), tokens: int32(t), in: int32(s.In), out: int32(s.Out), block: int32(s.Block),
		})
		return
	}
	b.k.blockGradPlain(config{grid: g, block: Dim3{X: 256}}, blockGradPlainArgs{
		scores: ptrF32(scores.p), dy: ptrAct(dys.p), x: ptrAct(xs.p), tokens: int32(t), in: int32(s.In), out: int32(s.Out), block: int32(s.Block),
	})
}
