package cpu

import "math"

// forwardHead computes ctx and lse = log sum exp of a head: P = softmax(Q K^T scale), then
// ctx = dropout(P) V. Without keys ctx is 0 and lse -Inf.
func (o *attnOp) forwardHead(s *attnScratch, lse []float32) {
	keys := s.keys
	if keys == 0 {
		o.zero(s, o.ctx, 0)
		for j := range lse {
			lse[j] = float32(math.Inf(-1))
		}
		return
	}
	o.pack(s, s.k, o.k, 0, keys)
	o.pack(s, s.v, o.v, 0, keys)
	v := o.pairColumns(s.v, s.v, keys)
	p := s.p[:keys*16]
	for r0 := 0; r0 < o.shape.Seq; r0 += 16 {
		o.packTransposed(s, s.q, o.q, r0)
		o.scores(s, s.p, s.k)
		o.b.k.SoftmaxPanel(p, s.top[:], s.sum[:], o.scale)
		rows := min(16, o.shape.Seq-r0)
		for j := range rows {
			lse[r0+j] = s.top[j] + float32(math.Log(float64(s.sum[j])))
		}
		for j, v := range s.sum {
			s.sum[j] = 1 / v
		}
		if o.drop.on {
			o.dropout(s, s.p, s.p, s.sum[:], r0)
		} else {
			o.b.k.ScalePanel(p, p, s.sum[:])
		}
		o.result(s, o.ctx, r0, rows, headProduct{o.pair(s.p, s.p, keys), 0, v, o.steps(keys)})
	}
}
