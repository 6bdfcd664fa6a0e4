package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// planPrefetch notes what head i will need, if there is one. Its rows are a few lines each and far
// apart, so the hardware does not prefetch them.
func (o *attnOp) planPrefetch(s *attnScratch, i int) {
	s.next, s.nextArray, s.nextRow = [7][]float32{}, 0, 0
	if i >= o.shape.Batch*o.shape.Heads {
		return
	}
	arrays := [7][]float32{o.q, o.k, o.v, o.ctx}
	if o.backward {
		arrays = [7][]float32{o.q, o.k, o.v, o.dctx, o.dq, o.dk, o.dv}
	}
	for j, x := range arrays {
		if x != nil {
			s.next[j] = x[o.first(i):]
		}
	}
}

// prefetch lets a product prefetch the next rows of what is planned. All products do, a row in
// every 16 steps: the fewer lines are pending at a time, the less the processor waits for them.
func (o *attnOp) prefetch(s *attnScratch) {
	t := &s.tiles
	t.Prefetch, t.PrefetchStride = noBias[:], 0
	if s.nextArray == len(s.next) || s.next[s.nextArray] == nil {
		return
	}
	t.Prefetch, t.PrefetchStride = s.next[s.nextArray][s.nextRow*o.hidden:], o.hidden
	if s.nextRow += t.Tiles * (t.N / 16); s.nextRow >= o.shape.Seq {
		s.nextArray, s.nextRow = s.nextArray+1, 0
	}
}

// scores computes c = x s.transposed, a micro-panel of 16 queries for the keys that exist. x is
// micro-panels of columns with the key for the row.
func (o *attnOp) scores(s *attnScratch, c, x []float32) {
	s.tiles = kernel.AttnTiles{C: c, LDC: 16, A: x, LDA: o.panelStride, B: s.transposed, N: o.padHead,
		Tiles: chunks(s.keys, 16), CStep: 256, AStep: 256}
	o.prefetch(s)
	o.b.k.AttnTiles(&s.tiles)
}

// headProduct is a times b, summed over n steps. b is micro-panels of columns. a is a packed panel
// with the stride lda, or a micro-panel if lda is 0. Micro-panels are paired.
type headProduct struct {
	a   []float32
	lda int
	b   []float32
	n   int
}

// result computes rows r0 on, at most 16, of this head's part of dst.
func (o *attnOp) result(s *attnScratch, dst []float32, r0, rows int, p headProduct) {
	rows = min(rows, 16)
	whole := rows == 16 && o.padHead == o.shape.Head
	dst = dst[s.first+r0*o.hidden:]
	s.tiles = kernel.AttnTiles{C: dst, LDC: o.hidden, A: p.a, LDA: p.lda, B: p.b, N: p.n,
		Tiles: o.padHead / 16, CStep: 16, BStep: o.panelStride}
	o.prefetch(s)
	if !whole {
		s.tiles.C, s.tiles.LDC = s.tile, o.padHead
	}
	if p.lda == 0 {
		o.b.k.AttnTilesTransposed(&s.tiles)
	} else {
		o.b.k.AttnTiles(&s.tiles)
	}
	for r := 0; !whole && r < rows; r++ {
		copy(dst[r*o.hidden:][:o.shape.Head], s.tile[r*o.padHead:])
	}
}

// dropout gives y = p times factor, element by element of a row, and dropout. The rows of p and
// y are keys, their columns the queries from r0 on.
func (o *attnOp) dropout(s *attnScratch, y, p, factor []float32, r0 int) {
	k, seq, keys := o.b.k, o.shape.Seq, s.keys
	first := (s.head*seq + r0) * seq
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
