package traffic

import (
	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Meter is a device that tells of every operation before it hands it on.
type Meter struct {
	backend.Backend
	machine Machine
	observe func(c Call, run func())
	used    map[backend.Param]bool // dense parameters that a product has used: they have a working copy
}

// NewMeter returns inner with a meter before it, which of inner's capabilities has
// SharedInput, KeepsDropout, Rows and Valueless. observe gets what each operation moves on
// that machine, and must call run, which does it, once.
func NewMeter(inner backend.Backend, machine Machine, observe func(c Call, run func())) backend.Backend {
	return &Meter{inner, machine, observe, map[backend.Param]bool{}}
}

// Capabilities are those of the device behind that are metered.
func (m *Meter) Capabilities() backend.Capabilities {
	have := m.Backend.Capabilities()
	known := backend.Capabilities{KeepsDropout: have.KeepsDropout, Rows: have.Rows, Valueless: have.Valueless}
	if have.SharedInput != nil {
		known.SharedInput = sharedMeter{m, have.SharedInput}
	}
	return known
}

type sharedMeter struct {
	*Meter
	inner backend.SharedInput
}

// DSDShared implements backend.SharedInput.
func (m sharedMeter) DSDShared(y []backend.Buffer, x backend.Buffer, w, b []backend.Param, t int) {
	m.use(w...)
	m.observe(m.machine.dsdShared(w, b, t), func() { m.inner.DSDShared(y, x, w, b, t) })
}

// DDSShared implements backend.SharedInput.
func (m sharedMeter) DDSShared(dx backend.Buffer, dy []backend.Buffer, w []backend.Param, t int) {
	m.use(w...)
	m.observe(m.machine.ddsShared(w, t), func() { m.inner.DDSShared(dx, dy, w, t) })
}

// SDDShared implements backend.SharedInput.
func (m sharedMeter) SDDShared(w, b []backend.Param, dy []backend.Buffer, x backend.Buffer, t int) {
	m.observe(m.machine.sddShared(w, b, t), func() { m.inner.SDDShared(w, b, dy, x, t) })
}

// use notes that products need the weights' working copies.
func (m *Meter) use(ws ...backend.Param) {
	for _, w := range ws {
		m.used[w] = true
	}
}

// DSD implements backend.Products.
func (m *Meter) DSD(y, pre, x backend.Buffer, w, b backend.Param, t int) {
	m.use(w)
	m.observe(m.machine.dsd(y, w, b, t, pre != nil), func() { m.Backend.DSD(y, pre, x, w, b, t) })
}

// DDS implements backend.Products.
func (m *Meter) DDS(dx, dy backend.Buffer, w backend.Param, t int, mode backend.DDSMode, pre backend.Buffer) {
	m.use(w)
	m.observe(m.machine.dds(dy, w, t, mode), func() { m.Backend.DDS(dx, dy, w, t, mode, pre) })
}

// SDD implements backend.Products.
func (m *Meter) SDD(w, b backend.Param, dy, x backend.Buffer, t int) {
	m.observe(m.machine.sdd(dy, w, b, t), func() { m.Backend.SDD(w, b, dy, x, t) })
}

// Embed implements backend.Layers.
func (m *Meter) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	m.observe(m.machine.embed(word, pos, typ, t, seq), func() { m.Backend.Embed(z, ids, segments, word, pos, typ, t, seq) })
}

// EmbedGrad implements backend.Layers.
func (m *Meter) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	m.observe(m.machine.embedGrad(word, pos, typ, t, seq), func() { m.Backend.EmbedGrad(word, pos, typ, dz, ids, segments, t, seq) })
}

// AddNorm implements backend.Layers.
func (m *Meter) AddNorm(y, z, mean, rstd, residual, sub backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	m.observe(m.machine.addNorm(gamma, sub != nil, d.Kept != nil, t), func() { m.Backend.AddNorm(y, z, mean, rstd, residual, sub, gamma, beta, t, d) })
}

// AddNormGrad implements backend.Layers.
func (m *Meter) AddNormGrad(dresidual, dsub, dy, z, mean, rstd backend.Buffer, gamma, beta backend.Param, t int, d backend.Dropout) {
	m.observe(m.machine.addNormGrad(gamma, dsub != nil, d.Kept != nil, t), func() {
		m.Backend.AddNormGrad(dresidual, dsub, dy, z, mean, rstd, gamma, beta, t, d)
	})
}

// DropoutApply implements backend.Layers.
func (m *Meter) DropoutApply(y, x backend.Buffer, n int, d backend.Dropout) {
	m.observe(m.machine.elementwise("DropoutApply", 1, n), func() { m.Backend.DropoutApply(y, x, n, d) })
}

// Attention implements backend.Layers.
func (m *Meter) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	m.observe(m.machine.attention(a, d.Kept != nil), func() { m.Backend.Attention(ctx, lse, q, k, v, lengths, a, d) })
}

// AttentionGrad implements backend.Layers.
func (m *Meter) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	m.observe(m.machine.attentionGrad(a, d.Kept != nil), func() { m.Backend.AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths, a, d) })
}

// Gather implements backend.Layers.
func (m *Meter) Gather(dst, src, index backend.Buffer, n, h int) {
	m.observe(m.machine.gather(n, h), func() { m.Backend.Gather(dst, src, index, n, h) })
}

// ScatterAdd implements backend.Layers.
func (m *Meter) ScatterAdd(dst, src, index backend.Buffer, n, h int) {
	m.observe(m.machine.scatterAdd(dst.Len()/h, n, h), func() { m.Backend.ScatterAdd(dst, src, index, n, h) })
}

// Zero implements backend.Layers.
func (m *Meter) Zero(b backend.Buffer, n int) {
	m.observe(zero(n, b.DType().Size()), func() { m.Backend.Zero(b, n) })
}

// Tanh implements backend.Layers.
func (m *Meter) Tanh(y, x backend.Buffer, n int) {
	m.observe(m.machine.elementwise("Tanh", 1, n), func() { m.Backend.Tanh(y, x, n) })
}

// TanhGrad implements backend.Layers.
func (m *Meter) TanhGrad(dx, dy, y backend.Buffer, n int) {
	m.observe(m.machine.elementwise("TanhGrad", 2, n), func() { m.Backend.TanhGrad(dx, dy, y, n) })
}

// GELUGrad implements backend.Layers.
func (m *Meter) GELUGrad(dx, dy, pre backend.Buffer, n int) {
	m.observe(m.machine.elementwise("GELUGrad", 2, n), func() { m.Backend.GELUGrad(dx, dy, pre, n) })
}

// CrossEntropy implements backend.Losses.
func (m *Meter) CrossEntropy(stats, logits, labels backend.Buffer, rows, c int, loss backend.Loss, grad bool) {
	m.observe(m.machine.crossEntropy(rows, c, loss, grad), func() { m.Backend.CrossEntropy(stats, logits, labels, rows, c, loss, grad) })
}

// ZeroGrad implements backend.Optimizer.
func (m *Meter) ZeroGrad(params []backend.Param) {
	m.observe(zeroGrad(params), func() { m.Backend.ZeroGrad(params) })
}

// GradNorm implements backend.Optimizer.
func (m *Meter) GradNorm(norm backend.Buffer, params []backend.Param) {
	m.observe(gradNorm(params), func() { m.Backend.GradNorm(norm, params) })
}

// AdamW implements backend.Optimizer.
func (m *Meter) AdamW(params []backend.Param, norm backend.Buffer, c backend.AdamConfig) {
	used := func(p backend.Param) bool { return m.used[p] }
	m.observe(m.machine.adamW(params, used), func() { m.Backend.AdamW(params, norm, c) })
}

// BlockGradL1 implements backend.Optimizer.
func (m *Meter) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	m.observe(m.machine.blockGrad(w, t), func() { m.Backend.BlockGradL1(w, dy, x, t) })
}

// UpdateTopology implements backend.Optimizer.
func (m *Meter) UpdateTopology(params []backend.Param, u sparse.Update) {
	m.observe(m.machine.updateTopology(params, u), func() { m.Backend.UpdateTopology(params, u) })
}
