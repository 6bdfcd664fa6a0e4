package cpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// embedOp is the sum of the three embeddings, or the gradient of their tables.
// The gradient is split by columns, see rowCopyOp.
type embedOp struct {
	b              *device
	z              []float32 // z or dz
	word, pos, typ []float32 // values or gradients
	ids, segments  []int32
	t, h, seq      int
	backward       bool
}

// Embed implements backend.Layers.
func (b *device) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	qw, qp, qt := word.(*param), pos.(*param), typ.(*param)
	o := &b.ops.embed
	*o = embedOp{b: b, z: floats(z), word: qw.values.f, pos: qp.values.f, typ: qt.values.f, t: t, h: qw.spec.In, seq: seq}
	if o.index("Embed", ids, segments, qw, qt) {
		b.pool.run(chunks(t, copyRows), o)
	}
	*o = embedOp{}
}

// EmbedGrad implements backend.Layers.
func (b *device) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	qw, qp, qt := word.(*param), pos.(*param), typ.(*param)
	o := &b.ops.embed
	*o = embedOp{b: b, z: floats(dz), word: qw.grad.f, pos: qp.grad.f, typ: qt.grad.f, t: t, h: qw.spec.In, seq: seq, backward: true}
	if o.index("EmbedGrad", ids, segments, qw, qt) {
		b.pool.run(chunks(o.h, addColumns), o)
	}
	*o = embedOp{}
}

// index sets the ids and segments of the tokens. One outside its table is an error, and
// the answer false.
func (o *embedOp) index(op string, ids, segments backend.Buffer, word, typ *param) bool {
	o.ids, o.segments = ints(ids)[:o.t], ints(segments)[:o.t]
	return o.b.inRange(op, "ids", o.ids, 0, word.spec.Out) && o.b.inRange(op, "segments", o.segments, 0, typ.spec.Out)
}

func (o *embedOp) task(_, i int) {
	h := o.h
	if o.backward {
		lo, hi := i*addColumns, min(h, (i+1)*addColumns)
		axpy := o.b.k.Axpy
		for t := range o.t {
			dz := o.z[t*h+lo : t*h+hi]
			w, p, s := int(o.ids[t])*h, t%o.seq*h, int(o.segments[t])*h
			axpy(o.word[w+lo:w+hi], 1, dz)
			axpy(o.pos[p+lo:p+hi], 1, dz)
			axpy(o.typ[s+lo:s+hi], 1, dz)
		}
		return
	}
	for t := i * copyRows; t < min(o.t, (i+1)*copyRows); t++ {
		z := o.z[t*h : (t+1)*h]
		w := o.word[int(o.ids[t])*h:][:h]
		p := o.pos[t%o.seq*h:][:h]
		s := o.typ[int(o.segments[t])*h:][:h]
		for j := range z {
			z[j] = w[j] + p[j] + s[j]
		}
	}
}
