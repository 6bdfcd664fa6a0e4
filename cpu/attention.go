package cpu

import (
	"math"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"
)

// attnOp is an attention, forward or backward. A task is one head of one sequence.
//
// All operands are strips of 16 columns (kernel.AttnTiles says how they meet). The scores
// are strips of queries with the keys for rows: the softmax runs down a strip, and a strip
// is at once the left operand of the products that sum over keys, and with the other
// queries' strips a panel, which is the left operand of the products that sum over queries.
// So only queries and dctx are ever transposed.
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
	strip            int // from strip to strip: more than a power of two, which would meet in few sets of a cache
	scale            float32
}

// attnSpace is a thread's scratch for one head.
type attnSpace struct {
	q, k, v, o []float32 // strips of columns; o is dctx
	turned     []float32 // 16 queries, or rows of dctx, in a strip with the column for the row
	p          []float32 // probabilities of 16 queries
	w, ds      []float32 // strips: p times the factors of dropout, and the gradient of the scores
	left       []float32 // of ds, with rows paired
	right      []float32 // of k, with rows paired
	tile       []float32 // 16 rows of a result that is no whole number of tiles
	rows       []float32 // dropout factors of 16 queries, where their rows start within a block
	factors    []float32 // the same in a strip
	top, sum   [16]float32
	four       [4]float32
	squares    kernel.AttnTiles
	soon       [7][]float32 // what the next head reads and writes, from its part on
	soonArray  int          // the array and row that come next in asking for it
	soonRow    int
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
	op.strip = (op.padSeq + 16) * 16
	op.scale = float32(1 / math.Sqrt(float64(a.Head)))
	o := &b.ops.attn
	*o = op
	b.pool.run(a.Batch*a.Heads, o)
	*o = attnOp{}
}

func (o *attnOp) resize(s *attnSpace) {
	columns, scores := o.padHead/16*o.strip, o.padSeq*16
	s.q, s.k, s.v = grow(s.q, columns), grow(s.k, columns), grow(s.v, columns)
	s.right, s.left = grow(s.right, columns), grow(s.left, scores)
	s.turned, s.tile = grow(s.turned, o.padHead*16), grow(s.tile, o.padHead*16)
	s.p = grow(s.p, scores)
	if o.drop.on && o.shape.Seq%4 != 0 {
		s.rows, s.factors = grow(s.rows, scores), grow(s.factors, scores)
	}
	if o.backward {
		s.o = grow(s.o, columns)
		s.w, s.ds = grow(s.w, o.padSeq/16*o.strip), grow(s.ds, o.padSeq/16*o.strip)
	}
}

func (o *attnOp) task(w, i int) {
	s := &o.b.work[w].attn
	a := o.shape
	o.resize(s)
	first, keys := o.first(i), int(o.lengths[i/a.Heads])
	lse := o.lse[i*a.Seq : (i+1)*a.Seq]
	o.expect(s, i+1)
	if o.backward {
		o.headGrad(s, i, first, keys, lse)
	} else {
		o.head(s, i, first, keys, lse)
	}
}

// first is where head i's part of every array begins.
func (o *attnOp) first(i int) int {
	a := o.shape
	return i/a.Heads*a.Seq*o.hidden + i%a.Heads*a.Head
}

// expect notes what head i will need, if there is one. Its rows are a few lines each and far
// apart, so the processor does not foresee them.
func (o *attnOp) expect(s *attnSpace, i int) {
	s.soon, s.soonArray, s.soonRow = [7][]float32{}, 0, 0
	if i >= o.shape.Batch*o.shape.Heads {
		return
	}
	arrays := [7][]float32{o.q, o.k, o.v, o.ctx}
	if o.backward {
		arrays = [7][]float32{o.q, o.k, o.v, o.dctx, o.dq, o.dk, o.dv}
	}
	for j, x := range arrays {
		if x != nil {
			s.soon[j] = x[o.first(i):]
		}
	}
}

// ask lets a product ask for the next rows of what was expected. All products do, a row in every 16 steps:
// the fewer lines are on their way at a time, the less the processor waits for them.
func (o *attnOp) ask(s *attnSpace, q *kernel.AttnTiles) {
	q.Prefetch, q.PrefetchStride = noBias[:], 0
	if s.soonArray == len(s.soon) || s.soon[s.soonArray] == nil {
		return
	}
	q.Prefetch, q.PrefetchStride = s.soon[s.soonArray][s.soonRow*o.hidden:], o.hidden
	if s.soonRow += q.Tiles * (q.N / 16); s.soonRow >= o.shape.Seq {
		s.soonArray, s.soonRow = s.soonArray+1, 0
	}
}

// pack copies this head's part of src into strips of columns, from row r0 to row r1. Columns
// that the head does not have become zeros.
func (o *attnOp) pack(dst, src []float32, first, r0, r1 int) {
	for col := 0; col < o.shape.Head; col += 16 {
		d, from := dst[col/16*o.strip+r0*16:], first+r0*o.hidden+col
		n := o.shape.Head - col
		if n >= 16 {
			o.b.k.Copy16(d, 16, src[from:], o.hidden, r1-r0)
			continue
		}
		for r := range r1 - r0 {
			copy(d[r*16:], src[from+r*o.hidden:][:n])
			clear(d[r*16+n : r*16+16])
		}
	}
}

// packQueries is pack for the 16 rows from r0 on of an array of queries. Rows that do not
// exist become zeros.
func (o *attnOp) packQueries(dst, src []float32, first, r0 int) {
	r1 := min(r0+16, o.shape.Seq)
	o.pack(dst, src, first, r0, r1)
	for col := 0; r1 < r0+16 && col < o.shape.Head; col += 16 {
		clear(dst[col/16*o.strip:][r1*16 : (r0+16)*16])
	}
}

// turn packs the 16 rows from r0 on of this head's part of src into dst, and transposes them for
// the right of a product.
func (o *attnOp) turn(s *attnSpace, dst, src []float32, first, r0 int) {
	o.packQueries(dst, src, first, r0)
	for col := 0; col < o.padHead; col += 16 {
		o.b.k.Transpose(s.turned[col*16:], 16, dst[col/16*o.strip+r0*16:], 16, 16, 16)
	}
	o.pair(s.turned, s.turned, o.padHead)
}

// pair pairs rows of a strip where the tiles want that, and returns the strip that they want. There is a
// row of zeros behind an odd number of rows.
func (o *attnOp) pair(dst, src []float32, rows int) []float32 {
	if o.b.k.PairRows == nil {
		return src
	}
	if rows%2 != 0 {
		clear(src[rows*16 : (rows+1)*16])
	}
	o.b.k.PairRows(dst, src, 16, o.steps(rows), 16)
	return dst
}

// pairColumns does so with strips of columns.
func (o *attnOp) pairColumns(dst, src []float32, rows int) []float32 {
	if o.b.k.PairRows == nil {
		return src
	}
	for at := 0; at < o.padHead/16*o.strip; at += o.strip {
		o.pair(dst[at:], src[at:], rows)
	}
	return dst
}

// steps is the number of inner steps for rows of a strip.
func (o *attnOp) steps(rows int) int {
	if o.b.k.PairRows == nil {
		return rows
	}
	return chunks(rows, 2) * 2
}

// scores computes c = x turned, a strip of 16 queries for the keys that exist; x is strips of
// columns with the key for the row.
func (o *attnOp) scores(s *attnSpace, c, x []float32, keys int) {
	s.squares = kernel.AttnTiles{C: c, LDC: 16, A: x, LDA: o.strip, B: s.turned, N: o.padHead,
		Tiles: chunks(keys, 16), CStep: 256, AStep: 256}
	o.ask(s, &s.squares)
	o.b.k.AttnTiles(&s.squares)
}

// result computes rows r0 on, at most 16, of this head's part of dst: a, summed over n steps,
// times the strips of columns b. lda is 0 if a is a strip, else a is a panel. Strips are paired.
func (o *attnOp) result(s *attnSpace, dst []float32, first, r0, rows int, a []float32, lda int, b []float32, n int) {
	rows = min(rows, 16)
	whole := rows == 16 && o.padHead == o.shape.Head
	dst = dst[first+r0*o.hidden:]
	s.squares = kernel.AttnTiles{C: dst, LDC: o.hidden, A: a, LDA: lda, B: b, N: n,
		Tiles: o.padHead / 16, CStep: 16, BStep: o.strip}
	o.ask(s, &s.squares)
	if !whole {
		s.squares.C, s.squares.LDC = s.tile, o.padHead
	}
	if lda == 0 {
		o.b.k.AttnTilesTransposed(&s.squares)
	} else {
		o.b.k.AttnTiles(&s.squares)
	}
	for r := 0; !whole && r < rows; r++ {
		copy(dst[r*o.hidden:][:o.shape.Head], s.tile[r*o.padHead:])
	}
}

// zero clears this head's part of dst from row r0 on.
func (o *attnOp) zero(dst []float32, first, r0 int) {
	for r := r0; r < o.shape.Seq; r++ {
		clear(dst[first+r*o.hidden:][:o.shape.Head])
	}
}

// dropout gives y = p times factor, element by element of a row, and dropout. The rows of p and
// y are keys, their columns the queries from r0 on of head i.
func (o *attnOp) dropout(s *attnSpace, y, p, factor []float32, i, r0, keys int) {
	k, seq := o.b.k, o.shape.Seq
	first := (i*seq + r0) * seq
	if seq%4 == 0 {
		n := chunks(keys, 4) * 64
		k.DropoutPanel(y[:n], p[:n], factor, uint32(first/4), uint32(seq/4), &o.drop.site)
		return
	}
	rows := min(16, seq-r0)
	for r := range rows {
		o.drop.factors(k, s.rows[r*o.padSeq:][:keys], first+r*seq, &s.four, kernel.Prefetch{})
	}
	k.Transpose(s.factors, 16, s.rows, o.padSeq, rows, keys)
	n := keys * 16
	for r := rows; r < 16; r++ {
		for at := r; at < n; at += 16 {
			s.factors[at] = 0
		}
	}
	k.Times(y[:n], p[:n], s.factors[:n])
	k.ScalePanel(y[:n], y[:n], factor)
}

func (o *attnOp) head(s *attnSpace, i, first, keys int, lse []float32) {
	if keys == 0 {
		o.zero(o.ctx, first, 0)
		for j := range lse {
			lse[j] = float32(math.Inf(-1))
		}
		return
	}
	o.pack(s.k, o.k, first, 0, keys)
	o.pack(s.v, o.v, first, 0, keys)
	v := o.pairColumns(s.v, s.v, keys)
	p := s.p[:keys*16]
	for r0 := 0; r0 < o.shape.Seq; r0 += 16 {
		o.turn(s, s.q, o.q, first, r0)
		o.scores(s, s.p, s.k, keys)
		o.b.k.SoftmaxPanel(p, s.top[:], s.sum[:], o.scale)
		rows := min(16, o.shape.Seq-r0)
		for j := range rows {
			lse[r0+j] = s.top[j] + float32(math.Log(float64(s.sum[j])))
		}
		for j, v := range s.sum {
			s.sum[j] = 1 / v
		}
		if o.drop.on {
			o.dropout(s, s.p, s.p, s.sum[:], i, r0, keys)
		} else {
			o.b.k.ScalePanel(p, p, s.sum[:])
		}
		o.result(s, o.ctx, first, r0, rows, o.pair(s.p, s.p, keys), 0, v, o.steps(keys))
	}
}

// ones are the factors of dropout where there is no other factor.
var ones = [16]float32{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}

// headGrad: with P the probabilities, M the dropout factors, W = P M and dO = dctx,
//
//	dV = W^T dO,  dP = dO V^T,  dS = (W dP - P rowsum(W dP)) scale,
//	dQ = dS K,  dK = dS^T Q.
//
// The row sums are the ones of dO ctx as well.
func (o *attnOp) headGrad(s *attnSpace, i, first, keys int, lse []float32) {
	o.zero(o.dk, first, keys)
	o.zero(o.dv, first, keys)
	if keys == 0 {
		o.zero(o.dq, first, 0)
		return
	}
	k, seq := o.b.k, o.shape.Seq
	o.pack(s.k, o.k, first, 0, keys)
	o.pack(s.v, o.v, first, 0, keys)
	right := o.pairColumns(s.right, s.k, keys)
	n := keys * 16
	for r0 := 0; r0 < seq; r0 += 16 {
		o.turn(s, s.q, o.q, first, r0)
		w, ds := s.w[r0/16*o.strip:][:o.padSeq*16], s.ds[r0/16*o.strip:][:o.padSeq*16]
		p := w
		if o.drop.on {
			p = s.p
		}
		o.scores(s, p, s.k, keys)
		rows := copy(s.top[:], lse[r0:])
		clear(s.top[rows:])
		k.ExpPanel(p[:n], s.top[:], o.scale)
		if o.drop.on {
			o.dropout(s, w, p, ones[:], i, r0, keys)
		}
		o.turn(s, s.o, o.dctx, first, r0)
		o.scores(s, ds, s.v, keys)
		k.SoftmaxGradPanel(ds[:n], p[:n], w[:n], ds[:n], o.scale)
		o.result(s, o.dq, first, r0, seq-r0, o.pair(s.left, ds, keys), 0, right, o.steps(keys))
	}
	do, q := o.pairColumns(s.o, s.o, o.padSeq), o.pairColumns(s.q, s.q, o.padSeq)
	for key := 0; key < keys; key += 16 {
		o.result(s, o.dv, first, key, keys-key, s.w[key*16:], o.strip, do, o.padSeq)
		o.result(s, o.dk, first, key, keys-key, s.ds[key*16:], o.strip, q, o.padSeq)
	}
}
