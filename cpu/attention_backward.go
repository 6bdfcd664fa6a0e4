package cpu

// ones are the factors of dropout where there is no other factor.
var ones = [16]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}

// backwardHead computes dq, dk and dv of a head. With P the probabilities, M the dropout factors,
// W = P M and dO = dctx,
//
//	dV = W^T dO,  dP = dO V^T,  dS = (W dP - P rowsum(W dP)) scale,
//	dQ = dS K,  dK = dS^T Q.
//
// The row sums are the ones of dO ctx as well.
func (o *attnOp) backwardHead(s *attnScratch, lse []float32) {
	keys := s.keys
	o.zero(s, o.dk, keys)
	o.zero(s, o.dv, keys)
	if keys == 0 {
		o.zero(s, o.dq, 0)
		return
	}
	k, seq := o.b.k, o.shape.Seq
	o.pack(s, s.k, o.k, 0, keys)
	o.pack(s, s.v, o.v, 0, keys)
	right := o.pairColumns(s.right, s.k, keys)
	n := keys * 16
	for r0 := 0; r0 < seq; r0 += 16 {
		o.packTransposed(s, s.q, o.q, r0)
		w, ds := s.w[r0/16*o.panelStride:][:o.padSeq*16], s.ds[r0/16*o.panelStride:][:o.padSeq*16]
		p := w
		if o.drop.on {
			p = s.p
		}
		o.scores(s, p, s.k)
		rows := copy(s.top[:], lse[r0:])
		clear(s.top[rows:])
		k.ExpPanel(p[:n], s.top[:], o.scale)
		if o.drop.on {
			o.dropout(s, w, p, ones[:], r0)
		}
		o.packTransposed(s, s.o, o.dctx, r0)
		o.scores(s, ds, s.v)
		k.SoftmaxGradPanel(ds[:n], p[:n], w[:n], ds[:n], o.scale)
		o.result(s, o.dq, r0, seq-r0, headProduct{o.pair(s.left, ds, keys), 0, right, o.steps(keys)})
	}
	do, q := o.pairColumns(s.o, s.o, o.padSeq), o.pairColumns(s.q, s.q, o.padSeq)
	for key := 0; key < keys; key += 16 {
		o.result(s, o.dv, key, keys-key, headProduct{s.w[key*16:], o.panelStride, do, o.padSeq})
		o.result(s, o.dk, key, keys-key, headProduct{s.ds[key*16:], o.panelStride, q, o.padSeq})
	}
}
