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
	b.k.embed(b.warps(t), embedArgs{
		z: ptrAct(e.z.p), ids: e.ids, segments: e.segments,
		word: ptrF32(e.word.values.p), pos: ptrF32(e.pos.values.p), typ: ptrF32(e.typ.values.p),
		words: int32(e.word.spec.Out), types: int32(e.typ.spec.Out), tokens: int32(t), seq: int32(seq), h: int32(e.h),
		badId: e.badID, badSegment: e.badType,
	})
}

// EmbedGrad implements backend.Layers.
func (b *Backend) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	c := b.check("EmbedGrad")
	e := c.embedding("dz", dz, ids, segments, word, pos, typ, t, seq)
	if !c.ok() || t == 0 {
		return
	}
	s := c.sortRows(sortLists{
		rows: []int{e.word.spec.Out, e.typ.spec.Out, e.pos.spec.Out}, n: t, h: e.h, index: e.ids, segments: e.segments, seq: seq,
		badIndex: e.badID, badSegment: e.badType,
	})
	if !c.ok() {
		return
	}
	to := [3]Ptr{e.word.grad.p, e.typ.grad.p, e.pos.grad.p}
	b.k.addRows(s.config, s.add(to, e.z.p))
	b.k.joinRowsF32(s.config, s.join(to))
}
