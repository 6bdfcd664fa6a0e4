package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
)

// attnOp is an attention, forward or backward. A task is one head of one sequence.
//
// All operands are micro-panels of 16 columns (kernel.AttnTiles says how they meet). The scores
// are micro-panels of queries with the keys for rows, and the softmax runs down a micro-panel.
// That is also the left operand of the products that sum over keys. Side by side, the
// micro-panels of all queries are a packed panel, the left operand of the products that sum
// over queries. So only queries and dctx are ever transposed.
type attnOp struct {
	b                *device
	shape            backend.Attn
	ctx, lse         []float32
	q, k, v          []float32
	lengths          []int32
	drop             dropper
	backward         bool
	dq, dk, dv, dctx []float32
	hidden           int
	padSeq, padHead  int // rounded up to 16
	panelStride      int // from micro-panel to micro-panel; no power of two, which would meet in few sets of a cache
	scale            float32
}

// Attention implements backend.Layers.
func (b *device) Attention(ctx, lse, q, k, v, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	b.attention("Attention", attnOp{b: b, shape: a, drop: b.dropper(d),
		ctx: floats(ctx), lse: floats(lse), q: floats(q), k: floats(k), v: floats(v), lengths: ints(lengths)})
}

// AttentionGrad implements backend.Layers.
func (b *device) AttentionGrad(dq, dk, dv, dctx, q, k, v, ctx, lse, lengths backend.Buffer, a backend.Attn, d backend.Dropout) {
	b.attention("AttentionGrad", attnOp{b: b, shape: a, drop: b.dropper(d), backward: true,
		ctx: floats(ctx), lse: floats(lse), q: floats(q), k: floats(k), v: floats(v), lengths: ints(lengths),
		dq: floats(dq), dk: floats(dk), dv: floats(dv), dctx: floats(dctx)})
}

func (b *device) attention(name string, op attnOp) {
	a := op.shape
	if !b.inRange(name, "lengths", op.lengths[:a.Batch], 0, a.Seq+1) {
		return
	}
	op.hidden = a.Heads * a.Head
	op.padSeq, op.padHead = chunks(a.Seq, 16)*16, chunks(a.Head, 16)*16
	op.panelStride = (op.padSeq + 16) * 16
	op.scale = float32(1 / math.Sqrt(float64(a.Head)))
	o := &b.ops.attn
	*o = op
	b.pool.run(a.Batch*a.Heads, o)
	*o = attnOp{}
}

func (o *attnOp) task(w, i int) {
	s := &o.b.work[w].attn
	a := o.shape
	o.resize(s)
	s.head, s.first, s.keys = i, o.first(i), int(o.lengths[i/a.Heads])
	lse := o.lse[i*a.Seq : (i+1)*a.Seq]
	o.planPrefetch(s, i+1)
	if o.backward {
		o.backwardHead(s, lse)
	} else {
		o.forwardHead(s, lse)
	}
}

// first is where head i's part of every array begins.
func (o *attnOp) first(i int) int {
	a := o.shape
	return i/a.Heads*a.Seq*o.hidden + i%a.Heads*a.Head
}

// zero clears this head's part of dst from row r0 on.
func (o *attnOp) zero(s *attnScratch, dst []float32, r0 int) {
	for r := r0; r < o.shape.Seq; r++ {
		clear(dst[s.first+r*o.hidden:][:o.shape.Head])
	}
}
