package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// embedding is the checked arguments of Embed and EmbedGrad.
type embedding struct {
	z              *buffer // or its gradient
	ids, segments  ptrI32
	word, pos, typ *param
	h              int
	badID, badType ptrU64
}

func (c checker) embedding(name string, z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) (e embedding) {
	c.count("tokens", t, 0)
	c.count("sequence length", seq, 1)
	w, p, s := c.param("word", word), c.param("pos", pos), c.param("typ", typ)
	if !c.ok() {
		return e
	}
	e.h = w.spec.In
	e.word, e.pos, e.typ = c.dense("word", w, w.spec.Out, e.h), c.dense("pos", p, p.spec.Out, e.h), c.dense("typ", s, s.spec.Out, e.h)
	if !c.ok() {
		return e
	}
	c.atLeast("positions", p.spec.Out, min(seq, t))
	e.z = c.act(name, z, t*e.h)
	list, types := c.buffer("ids", ids, backend.I32, t), c.buffer("segments", segments, backend.I32, t)
	if !c.ok() {
		return e
	}
	e.ids, e.segments = ptrI32(list.p), ptrI32(types.p)
	e.badID, e.badType = c.slot("ids", upTo(w.spec.Out-1)), c.slot("segments", upTo(s.spec.Out-1))
	return e
}

// Embed implements backend.Layers.
func (b *Backend) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	c := b.check("Embed")
	e := c.embedding("z", z, ids, segments, word, pos, typ, t, seq)
	if !c.ok() || t == 0 {
		return
	}
	g, block := b.warps(t), Dim3{X: rowThreads}
	w, p, s := ptrF32(e.word.values.p), ptrF32(e.pos.values.p), ptrF32(e.typ.values.p)
	words, types := int32(e.word.spec.Out), int32(e.typ.spec.Out)
	if b.act == backend.BF16 {
		b.k.embedBf16(g, block, 0, ptrBF16(e.z.p), e.ids, e.segments, w, p, s, words, types, int32(t), int32(seq), int32(e.h), e.badID, e.badType)
		return
	}
	b.k.embedF32(g, block, 0, ptrF32(e.z.p), e.ids, e.segments, w, p, s, words, types, int32(t), int32(seq), int32(e.h), e.badID, e.badType)
}

// EmbedGrad implements backend.Layers.
func (b *Backend) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	c := b.check("EmbedGrad")
	e := c.embedding("dz", dz, ids, segments, word, pos, typ, t, seq)
	if !c.ok() || t == 0 {
		return
	}
	rows := [3]int{e.word.spec.Out, e.typ.spec.Out, e.pos.spec.Out}
	s := c.sortRows(3, t, e.h, e.ids, e.segments, rows, seq, false, e.badID, e.badType)
	if !c.ok() {
		return
	}
	w, k, p := ptrF32(e.word.grad.p), ptrF32(e.typ.grad.p), ptrF32(e.pos.grad.p)
	r0, r1, r2, n, h, block := int32(rows[0]), int32(rows[1]), int32(rows[2]), int32(t), int32(e.h), Dim3{X: rowThreads}
	if b.act == backend.BF16 {
		b.k.addRowsBf16(s.grid, block, 0, w, k, p, r0, r1, r2, s.pairs, s.edges, ptrBF16(e.z.p), n, h)
	} else {
		b.k.addRowsF32(s.grid, block, 0, w, k, p, r0, r1, r2, s.pairs, s.edges, ptrF32(e.z.p), n, h)
	}
	b.k.joinRowsF32(s.grid, block, 0, w, k, p, r0, r1, r2, s.pairs, s.edges, n, h)
}
