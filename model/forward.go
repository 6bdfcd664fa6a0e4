package model

import "github.com/sparsebert/sparsebert-gpu/backend"

// Dropout sites (backend.Dropout.Site): one for the embeddings, three for each
// layer. The numbers are part of what makes a run repeatable: never renumber.
const (
	siteEmbedding  = 0
	siteAttention  = 1 // of layer 0: the attention probabilities
	siteAttnOut    = 2 // of layer 0: the attention sublayer's output
	siteFFN        = 3 // of layer 0: the feed-forward sublayer's output
	sitesPerLayer  = 3
	sitesBefore    = siteFFN + 1 - sitesPerLayer
	sitesAvailable = 1 << 16
)

// Every layer's sites must fit 16 bits.
const _ = uint(sitesAvailable - (sitesBefore + sitesPerLayer*maxLayers))

// dropout returns the dropout of a site of layer 0 moved to layer l. kept is the
// layer's buffer for what it keeps, if any.
func (m *Model) dropout(site, l int, kept backend.Buffer) backend.Dropout {
	return backend.Dropout{Rate: float32(m.cfg.Dropout), Site: uint16(site + sitesPerLayer*l), Kept: kept}
}

// attn is the shape of every attention of a batch of n sequences.
func (m *Model) attn(n int) backend.Attn {
	return backend.Attn{Batch: n, Seq: m.opt.SeqLen, Heads: m.cfg.Heads, Head: m.cfg.HeadSize()}
}

// lastHidden is the encoder's output, [T, H].
func (m *Model) lastHidden() backend.Buffer { return m.layerInput(m.cfg.Layers) }

// layerInput is the input of layer l, [T, H].
func (m *Model) layerInput(l int) backend.Buffer {
	if l == 0 {
		return m.act.embY
	}
	return m.act.layers[l-1].ffnY
}

// encode queues embeddings and encoder for n sequences.
func (m *Model) encode(n int) {
	b, a, t := m.b, m.act, n*m.opt.SeqLen
	b.Embed(a.embZ, a.ids, a.segments, m.net.word, m.net.pos, m.net.typ, t, m.opt.SeqLen)
	b.AddNorm(a.embY, a.embZ, a.embMean, a.embRstd, a.embZ, nil,
		m.net.embNorm.gamma, m.net.embNorm.beta, t, backend.Dropout{})
	if m.cfg.Dropout > 0 {
		b.DropoutApply(a.embY, a.embY, t*m.cfg.Hidden, m.dropout(siteEmbedding, 0, nil))
	}
	for l := range m.net.layers {
		m.encodeLayer(l, n)
	}
}

// encodeLayer queues layer l:
//
//	ctx = attention(x Wq^T + bq, x Wk^T + bk, x Wv^T + bv)
//	y1  = LayerNorm(x + dropout(ctx Wo^T + bo))
//	y   = LayerNorm(y1 + dropout(gelu(y1 Wu^T + bu) Wd^T + bd))
func (m *Model) encodeLayer(l, n int) {
	b, a, p, x, t := m.b, &m.act.layers[l], &m.net.layers[l], m.layerInput(l), n*m.opt.SeqLen

	m.project(p, []backend.Buffer{a.q, a.k, a.v}, x, t)
	b.Attention(a.ctx, a.lse, a.q, a.k, a.v, m.act.lengths, m.attn(n), m.dropout(siteAttention, l, a.probsKept))
	b.DSD(a.attnZ, nil, a.ctx, p.attnOut.w, p.attnOut.b, t)
	b.AddNorm(a.attnY, a.attnZ, a.attnMean, a.attnRstd, x, a.attnZ,
		p.attnNorm.gamma, p.attnNorm.beta, t, m.dropout(siteAttnOut, l, a.attnKept))

	b.DSD(a.up, a.pre, a.attnY, p.up.w, p.up.b, t)
	b.DSD(a.ffnZ, nil, a.up, p.down.w, p.down.b, t)
	b.AddNorm(a.ffnY, a.ffnZ, a.ffnMean, a.ffnRstd, a.attnY, a.ffnZ,
		p.ffnNorm.gamma, p.ffnNorm.beta, t, m.dropout(siteFFN, l, a.ffnKept))
}

// project queues the query, key and value of a layer: out[i] = x Wi^T + bi, in one
// pass over x where the device can.
func (m *Model) project(p *layer, out []backend.Buffer, x backend.Buffer, t int) {
	w, bias := p.projections()
	if s := m.b.Capabilities().SharedInput; s != nil {
		s.DSDShared(out, x, w, bias, t)
		return
	}
	for i := range w {
		m.b.DSD(out[i], nil, x, w[i], bias[i], t)
	}
}
