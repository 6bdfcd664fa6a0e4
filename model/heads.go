package model

import "github.com/sparsebert/sparsebert-gpu/backend"

// mlmHead queues the masked-language loss over rows gathered positions:
//
//	logits = LayerNorm(gelu(x Wt^T + bt)) E^T + b, E the token embedding
//
// With grad the logits become their gradient.
func (m *Model) mlmHead(rows int, grad bool) {
	b, a := m.b, m.act
	b.Gather(a.masked, m.lastHidden(), a.maskedPos, rows, m.cfg.Hidden)
	b.DSD(a.transZ, a.transPre, a.masked, m.net.transform.w, m.net.transform.b, rows)
	b.AddNorm(a.transY, a.transZ, a.transMean, a.transRstd, a.transZ, nil,
		m.net.transformNorm.gamma, m.net.transformNorm.beta, rows, backend.Dropout{})
	b.DSD(a.logits, nil, a.transY, m.net.word, m.net.decoderBias, rows)
	b.CrossEntropy(a.mlmStats, a.logits, a.maskedLabels, rows, m.cfg.VocabSize, backend.MLM, grad)
}

// mlmHeadGrad adds the head's share to gradY, the gradient of lastHidden.
func (m *Model) mlmHeadGrad(rows int) {
	b, a := m.b, m.act
	b.SDD(m.net.word, m.net.decoderBias, a.logits, a.transY, rows)
	d := a.transY
	b.DDS(d, a.logits, m.net.word, rows, backend.Assign, nil)
	b.AddNormGrad(d, nil, d, a.transZ, a.transMean, a.transRstd,
		m.net.transformNorm.gamma, m.net.transformNorm.beta, rows, backend.Dropout{})
	b.GELUGrad(d, d, a.transPre, rows*m.cfg.Hidden)
	m.weightGrad(m.net.transform, d, a.masked, rows)
	b.DDS(a.transZ, d, m.net.transform.w, rows, backend.Assign, nil)
	b.ScatterAdd(a.gradY, a.transZ, a.maskedPos, rows, m.cfg.Hidden)
}

// nspHead queues the next-sentence loss of n sequences:
//
//	logits = tanh(x_[CLS] Wp^T + bp) Wn^T + bn
//
// With grad the logits become their gradient.
func (m *Model) nspHead(n int, grad bool) {
	b, a := m.b, m.act
	b.Gather(a.cls, m.lastHidden(), a.clsRows, n, m.cfg.Hidden)
	b.DSD(a.pooled, nil, a.cls, m.net.pooler.w, m.net.pooler.b, n)
	b.Tanh(a.pooled, a.pooled, n*m.cfg.Hidden)
	b.DSD(a.nspLogits, nil, a.pooled, m.net.nsp.w, m.net.nsp.b, n)
	b.CrossEntropy(a.nspStats, a.nspLogits, a.nspLabels, n, 2, backend.NSP, grad)
}

// nspHeadGrad adds the head's share to gradY.
func (m *Model) nspHeadGrad(n int) {
	b, a := m.b, m.act
	m.weightGrad(m.net.nsp, a.nspLogits, a.pooled, n)
	b.DDS(a.gradPooled, a.nspLogits, m.net.nsp.w, n, backend.Assign, nil)
	b.TanhGrad(a.gradPooled, a.gradPooled, a.pooled, n*m.cfg.Hidden)
	m.weightGrad(m.net.pooler, a.gradPooled, a.cls, n)
	b.DDS(a.pooled, a.gradPooled, m.net.pooler.w, n, backend.Assign, nil)
	b.ScatterAdd(a.gradY, a.pooled, a.clsRows, n, m.cfg.Hidden)
}
