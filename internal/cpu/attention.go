package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/internal/backend"
)

// attnOp is an attention, forward or backward. A task is one head of one sequence.
//
// Scores are kept with the key first, [key][query]: then the softmax runs along
// whole vectors of queries, and the array is at once the left operand of the
// product with the values. In what follows Sp and Dp are the sequence length and the
// head size rounded up to 16.
type attnOp struct {
	b                       *Backend
	shape                   backend.Attn
	ctx, lse                []float32
	q, k, v                 []float32
	lengths                 []int32
	drop                    dropper
	backward                bool
	dq, dk, dv, dctx        []float32
	hidden, padSeq, padHead int
	scale                   float32
}

// attnSpace is a thread's scratch for one head.
type attnSpace struct {
	qT, kT, vT, oT []float32 // [D][Sp], transposed
	q, k, v, o     []float32 // [Sp][Dp]; o is the output, or its gradient
	p              []float32 // [Sp keys][Sp queries]
	dp, turned     []float32 // of the same shape; turned is [query][key]
	dropped        []float32 // dropout factors, then P times them
	shift, sum     []float32 // [Sp]
	four           [4]float32
}

// Attention implements backend.Layers.
func (b *Backend) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	c := b.check("Attention")
	b.attention(c, attnOp{b: b, shape: a, drop: c.dropper(d, a.Batch*a.Heads*a.Seq*a.Seq)}, ctx, lse, q, k, v, lengths, [4]backend.Buffer{})
}

// AttentionGrad implements backend.Layers.
func (b *Backend) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	c := b.check("AttentionGrad")
	b.attention(c, attnOp{b: b, shape: a, drop: c.dropper(d, a.Batch*a.Heads*a.Seq*a.Seq), backward: true}, ctx, lse, q, k, v, lengths,
		[4]backend.Buffer{dq, dk, dv, dctx})
}

func (b *Backend) attention(c checker, op attnOp, ctx, lse, q, k, v, lengths backend.Buffer, grads [4]backend.Buffer) {
	a := op.shape
	c.atLeast("batch", a.Batch, 0)
	c.atLeast("sequence length", a.Seq, 1)
	c.atLeast("heads", a.Heads, 1)
	c.atLeast("head size", a.Head, 1)
	if !c.ok() {
		return
	}
	op.hidden = a.Heads * a.Head
	n := a.Batch * a.Seq * op.hidden
	op.ctx, op.lse = c.floats("ctx", ctx, n), c.floats("lse", lse, a.Batch*a.Heads*a.Seq)
	op.q, op.k, op.v = c.floats("q", q, n), c.floats("k", k, n), c.floats("v", v, n)
	op.lengths = c.ints("lengths", lengths, a.Batch)
	if op.backward {
		op.dq, op.dk = c.floats("dq", grads[0], n), c.floats("dk", grads[1], n)
		op.dv, op.dctx = c.floats("dv", grads[2], n), c.floats("dctx", grads[3], n)
	}
	if !c.ok() {
		return
	}
	c.inRange("lengths", op.lengths[:a.Batch], 0, a.Seq+1)
	op.padSeq, op.padHead = chunks(a.Seq, 16)*16, chunks(a.Head, 16)*16
	op.scale = float32(1 / math.Sqrt(float64(a.Head)))
	if c.ok() {
		o := &b.ops.attn
		*o = op
		b.pool.run(a.Batch*a.Heads, o)
		*o = attnOp{}
	}
}

func (s *attnSpace) resize(head, padSeq, padHead int) {
	s.qT, s.kT = grow(s.qT, head*padSeq), grow(s.kT, head*padSeq)
	s.vT, s.oT = grow(s.vT, head*padSeq), grow(s.oT, head*padSeq)
	s.q, s.k = grow(s.q, padSeq*padHead), grow(s.k, padSeq*padHead)
	s.v, s.o = grow(s.v, padSeq*padHead), grow(s.o, padSeq*padHead)
	s.p, s.dp = grow(s.p, padSeq*padSeq), grow(s.dp, padSeq*padSeq)
	s.turned, s.dropped = grow(s.turned, padSeq*padSeq), grow(s.dropped, padSeq*padSeq)
	s.shift, s.sum = grow(s.shift, padSeq), grow(s.sum, padSeq)
}

func (o *attnOp) task(w, i int) {
	s := &o.b.work[w].attn
	a := o.shape
	s.resize(a.Head, o.padSeq, o.padHead)
	batch, head := i/a.Heads, i%a.Heads
	first := batch*a.Seq*o.hidden + head*a.Head // of this head's part of every array
	keys := int(o.lengths[batch])
	lse := o.lse[i*a.Seq : (i+1)*a.Seq]
	if o.backward {
		o.headGrad(s, i, first, keys, lse)
	} else {
		o.head(s, i, first, keys, lse)
	}
}

// multiply computes c [m][ldc] = sum over k < inner of a[k][i] b[k][j], i < m, j < n,
// with m and n rounded up to 16. The padding of c becomes arbitrary.
func (o *attnOp) multiply(c []float32, ldc int, a []float32, lda int, b []float32, ldb, m, n, inner int) {
	for i := 0; i < m; i += 16 {
		for j := 0; j < n; j += 16 {
			o.b.k.Outer16(c[i*ldc+j:], ldc, a[i:], lda, b[j:], ldb, inner, false, noBias[:], 0)
		}
	}
}

// load copies this head's rows of src into dst [Sp][Dp].
func (o *attnOp) load(dst, src []float32, first, rows int) {
	for r := range rows {
		copy(dst[r*o.padHead:r*o.padHead+o.shape.Head], src[first+r*o.hidden:])
	}
}

// save copies rows of [Sp][Dp] into this head's part of dst, zeros from row
// valid on.
func (o *attnOp) save(dst, src []float32, first, valid int) {
	for r := range o.shape.Seq {
		d := dst[first+r*o.hidden:][:o.shape.Head]
		if r < valid {
			copy(d, src[r*o.padHead:])
		} else {
			clear(d)
		}
	}
}

// scores computes s.p = k q^T, unscaled, for the keys that exist.
func (o *attnOp) scores(s *attnSpace, first, keys int) {
	a := o.shape
	o.b.k.Transpose(s.qT, o.padSeq, o.q[first:], o.hidden, a.Seq, a.Head)
	o.b.k.Transpose(s.kT, o.padSeq, o.k[first:], o.hidden, keys, a.Head)
	o.multiply(s.p, o.padSeq, s.kT, o.padSeq, s.qT, o.padSeq, keys, a.Seq, a.Head)
}

func (o *attnOp) head(s *attnSpace, i, first, keys int, lse []float32) {
	a, k, n := o.shape, o.b.k, o.padSeq
	if keys == 0 {
		o.save(o.ctx, nil, first, 0)
		for j := range lse {
			lse[j] = float32(math.Inf(-1))
		}
		return
	}
	o.scores(s, first, keys)
	copy(s.shift, s.p[:n])
	for key := 1; key < keys; key++ {
		k.MaxInto(s.shift, s.p[key*n:(key+1)*n])
	}
	k.Scale(s.shift, o.scale)
	clear(s.sum)
	for key := range keys {
		row := s.p[key*n : (key+1)*n]
		k.ExpSum(row, row, s.shift, s.sum, o.scale)
	}
	for j := range lse {
		lse[j] = s.shift[j] + float32(math.Log(float64(s.sum[j])))
	}
	if o.drop.on {
		o.dropFactors(s, i, keys)
		k.Times(s.p[:keys*n], s.p[:keys*n], s.dropped)
	}
	o.load(s.v, o.v, first, keys)
	o.multiply(s.o, o.padHead, s.p, n, s.v, o.padHead, a.Seq, a.Head, keys)
	for r := range a.Seq {
		k.Scale(s.o[r*o.padHead:r*o.padHead+a.Head], 1/s.sum[r])
	}
	o.save(o.ctx, s.o, first, a.Seq)
}

// dropFactors sets s.dropped to the dropout factors of head i, [key][query].
func (o *attnOp) dropFactors(s *attnSpace, i, keys int) {
	seq := o.shape.Seq
	for query := range seq {
		o.drop.factors(o.b.k, s.turned[query*o.padSeq:][:keys], (i*seq+query)*seq, &s.four)
	}
	o.b.k.Transpose(s.dropped, o.padSeq, s.turned, o.padSeq, seq, keys)
}

// headGrad: with P the probabilities, M the dropout factors and dO = dctx,
//
//	dV = (P M)^T dO,  dP = (dO V^T) M,  dS = P (dP - rowsum(dO ctx)) scale,
//	dQ = dS K,  dK = dS^T Q.
func (o *attnOp) headGrad(s *attnSpace, i, first, keys int, lse []float32) {
	a, k, n := o.shape, o.b.k, o.padSeq
	if keys == 0 {
		for _, d := range [][]float32{o.dq, o.dk, o.dv} {
			o.save(d, nil, first, 0)
		}
		return
	}
	o.scores(s, first, keys)
	clear(s.shift)
	copy(s.shift, lse)
	for key := range keys {
		row := s.p[key*n : (key+1)*n]
		k.ExpSum(row, row, s.shift, s.sum, o.scale)
	}
	k.Transpose(s.vT, n, o.v[first:], o.hidden, keys, a.Head)
	k.Transpose(s.oT, n, o.dctx[first:], o.hidden, a.Seq, a.Head)
	o.load(s.o, o.dctx, first, a.Seq)
	o.load(s.q, o.q, first, a.Seq)
	o.load(s.k, o.k, first, keys)
	delta := s.sum
	clear(delta)
	for r := range a.Seq {
		at := first + r*o.hidden
		delta[r] = k.Dot(o.dctx[at:at+a.Head], o.ctx[at:at+a.Head])
	}

	o.multiply(s.dp, n, s.vT, n, s.oT, n, keys, a.Seq, a.Head)
	dropped := s.p
	if o.drop.on {
		o.dropFactors(s, i, keys)
		dropped = s.dropped[:keys*n]
		k.Times(s.dp[:keys*n], s.dp[:keys*n], dropped)
		k.Times(dropped, s.p[:keys*n], dropped)
	}
	k.Transpose(s.turned, n, dropped, n, keys, a.Seq)
	o.multiply(s.v, o.padHead, s.turned, n, s.o, o.padHead, keys, a.Head, a.Seq)
	o.save(o.dv, s.v, first, keys)
	for key := range keys {
		lo, hi := key*n, (key+1)*n
		k.SoftmaxGrad(s.dp[lo:hi], s.p[lo:hi], s.dp[lo:hi], delta, o.scale)
	}
	o.multiply(s.v, o.padHead, s.dp, n, s.k, o.padHead, a.Seq, a.Head, keys)
	o.save(o.dq, s.v, first, a.Seq)
	k.Transpose(s.turned, n, s.dp, n, keys, a.Seq)
	o.multiply(s.v, o.padHead, s.turned, n, s.q, o.padHead, keys, a.Head, a.Seq)
	o.save(o.dk, s.v, first, keys)
}
