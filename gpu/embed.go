package gpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// embedding is the arguments of Embed and EmbedGrad.
type embedding struct {
	z              Ptr // or its gradient
	ids, segments  ptrI32
	word, pos, typ *param
	h              int
	badID, badType ptrU64
}

func (c operation) embedding(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) (e embedding) {
	c.limit("tokens", t)
	c.limit("sequence length", seq)
	e.word, e.pos, e.typ = ownParam(word), ownParam(pos), ownParam(typ)
	e.z, e.ids, e.segments, e.h = address(z), ptrI32(address(ids)), ptrI32(address(segments)), e.word.spec.In
	e.badID, e.badType = c.slot("ids", upTo(e.word.spec.Out-1)), c.slot("segments", upTo(e.typ.spec.Out-1))
	return e
}

// Embed implements backend.Layers.
func (b *device) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	c := b.begin("Embed")
	e := c.embedding(z, ids, segments, word, pos, typ, t, seq)
	if !c.ok() || t == 0 {
		return
	}
	b.k.embed(b.warps(t), embedArgs{
		z: ptrAct(e.z), ids: e.ids, segments: e.segments,
		word: ptrF32(e.word.values.p), pos: ptrF32(e.pos.values.p), typ: ptrF32(e.typ.values.p),
		words: int32(e.word.spec.Out), types: int32(e.typ.spec.Out), tokens: int32(t), seq: int32(seq), h: int32(e.h),
		badId: e.badID, badSegment: e.badType,
	})
}

// EmbedGrad implements backend.Layers.
func (b *device) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	c := b.begin("EmbedGrad")
	e := c.embedding(dz, ids, segments, word, pos, typ, t, seq)
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
	b.k.addRows(s.config, s.add(to, e.z))
	b.k.joinRowsF32(s.config, s.join(to))
}
