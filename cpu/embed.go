package cpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// embedOp is the sum of the three embeddings, or the gradient of their tables.
// The gradient is cut by columns; see rowCopyOp.
type embedOp struct {
	b              *Backend
	z              []float32 // z or dz
	word, pos, typ []float32 // values or gradients
	ids, segments  []int32
	t, h, seq      int
	backward       bool
}

// Embed implements backend.Layers. An id or segment outside its table is an error.
func (b *Backend) Embed(z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	b.embed("Embed", "z", z, ids, segments, word, pos, typ, t, seq)
}

// EmbedGrad implements backend.Layers.
func (b *Backend) EmbedGrad(word, pos, typ backend.Param, dz, ids, segments backend.Buffer, t, seq int) {
	b.embed("EmbedGrad", "dz", dz, ids, segments, word, pos, typ, t, seq)
}

func (b *Backend) embed(op, name string, z, ids, segments backend.Buffer, word, pos, typ backend.Param, t, seq int) {
	c := b.check(op)
	c.atLeast("tokens", t, 0)
	c.atLeast("sequence length", seq, 1)
	qw := c.param("word", word)
	if !c.ok() {
		return
	}
	h := qw.spec.In
	qw = c.dense("word", word, qw.spec.Out, h)
	qp, qt := c.param("pos", pos), c.param("typ", typ)
	if !c.ok() {
		return
	}
	qp, qt = c.dense("pos", pos, qp.spec.Out, h), c.dense("typ", typ, qt.spec.Out, h)
	if !c.ok() {
		return
	}
	c.atLeast("positions", qp.spec.Out, min(seq, t))
	o := &b.ops.embed
	*o = embedOp{b: b, t: t, h: h, seq: seq, backward: op == "EmbedGrad"}
	o.z = c.floats(name, z, t*h)
	o.ids, o.segments = c.ints("ids", ids, t), c.ints("segments", segments, t)
	if !c.ok() {
		return
	}
	o.ids, o.segments = o.ids[:t], o.segments[:t]
	c.inRange("ids", o.ids, 0, qw.spec.Out)
	c.inRange("segments", o.segments, 0, qt.spec.Out)
	if !c.ok() {
		return
	}
	if o.backward {
		o.word, o.pos, o.typ = qw.grad.f, qp.grad.f, qt.grad.f
		b.pool.run(chunks(h, addColumns), o)
	} else {
		o.word, o.pos, o.typ = qw.values.f, qp.values.f, qt.values.f
		b.pool.run(chunks(t, copyRows), o)
	}
	*o = embedOp{}
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
