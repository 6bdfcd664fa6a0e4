package model

import "github.com/sparsebert/sparsebert-gpu/backend"

// weightGrad queues a layer's weight and bias gradient, w += dy^T x and b +=
// column sums of dy, and the growth scores when this pass collects them.
func (m *Model) weightGrad(p linear, dy, x backend.Buffer, t int) {
	m.b.SDD(p.w, p.b, dy, x, t)
	m.growthScores(p.w, dy, x, t)
}

// growthScores queues a sparse weight's growth scores when this pass collects them.
func (m *Model) growthScores(w backend.Param, dy, x backend.Buffer, t int) {
	if m.grow && w.Sparse() {
		m.b.BlockGradL1(w, dy, x, t)
	}
}

// embedGrad queues the backward pass of the embeddings for n sequences, once gradY is the
// gradient of the first layer's input.
func (m *Model) embedGrad(n int) {
	b, a, t := m.b, m.act, n*m.opt.SeqLen
	if m.cfg.Dropout > 0 {
		b.DropoutApply(a.gradY, a.gradY, t*m.cfg.Hidden, m.dropout(siteEmbedding, 0, nil))
	}
	b.AddNormGrad(a.gradY, nil, a.gradY, a.embZ, a.embMean, a.embRstd,
		m.net.embNorm.gamma, m.net.embNorm.beta, t, backend.Dropout{})
	b.EmbedGrad(m.net.word, m.net.pos, m.net.typ, a.gradY, a.ids, a.segments, t, m.opt.SeqLen)
}

// complete says that the gradients of a bucket are complete.
func (m *Model) complete(layer int) {
	if m.finished != nil {
		m.finished(layer)
	}
}

// encodeLayerGrad turns gradY from the gradient of layer l's output into that of
// its input. Buffers of the layer that have been read for the last time take the
// gradients in between (see activations).
func (m *Model) encodeLayerGrad(l, n int) {
	b, a, p, x, t := m.b, &m.act.layers[l], &m.net.layers[l], m.layerInput(l), n*m.opt.SeqLen
	dy, dsub := m.act.gradY, m.act.gradSub

	b.AddNormGrad(dy, dsub, dy, a.ffnZ, a.ffnMean, a.ffnRstd,
		p.ffnNorm.gamma, p.ffnNorm.beta, t, m.dropout(siteFFN, l, a.ffnKept))
	m.weightGrad(p.down, dsub, a.up, t)
	dpre := a.pre
	b.DDS(dpre, dsub, p.down.w, t, backend.TimesGELU, a.pre)
	m.weightGrad(p.up, dpre, a.attnY, t)
	b.DDS(dy, dpre, p.up.w, t, backend.Accumulate, nil)

	b.AddNormGrad(dy, dsub, dy, a.attnZ, a.attnMean, a.attnRstd,
		p.attnNorm.gamma, p.attnNorm.beta, t, m.dropout(siteAttnOut, l, a.attnKept))
	m.weightGrad(p.attnOut, dsub, a.ctx, t)
	dctx, dq, dk, dv := a.ffnZ, a.attnZ, a.attnY, a.ffnY
	b.DDS(dctx, dsub, p.attnOut.w, t, backend.Assign, nil)
	b.AttentionGrad(dq, dk, dv, dctx, a.q, a.k, a.v, a.ctx, a.lse, m.act.lengths, m.attn(n), m.dropout(siteAttention, l, a.probsKept))
	m.projectGrad(p, dy, []backend.Buffer{dq, dk, dv}, x, t)
}

// projectGrad is the backward of project: weight and bias gradients from d, those of
// query, key and value, and dx += sum of d[i] Wi.
func (m *Model) projectGrad(p *layer, dx backend.Buffer, d []backend.Buffer, x backend.Buffer, t int) {
	w, bias := p.projections()
	s := m.b.Capabilities().SharedInput
	if s != nil {
		s.SDDShared(w, bias, d, x, t)
	}
	for i := range w {
		if s == nil {
			m.b.SDD(w[i], bias[i], d[i], x, t)
		}
		m.growthScores(w[i], d[i], x, t)
	}
	if s != nil {
		s.DDSShared(dx, d, w, t)
		return
	}
	for i := range w {
		m.b.DDS(dx, d[i], w[i], t, backend.Accumulate, nil)
	}
}
