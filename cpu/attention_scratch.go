package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// attnScratch is a thread's scratch for one head.
type attnScratch struct {
	head       int       // its number
	first      int       // where its part of every array begins
	keys       int       // its number of keys
	q, k, v, o []float32 // micro-panels of columns; o is dctx
	transposed []float32 // 16 queries, or rows of dctx, in a micro-panel with the column for the row
	p          []float32 // probabilities of 16 queries
	w, ds      []float32 // micro-panels: p times the factors of dropout, and the gradient of the scores
	left       []float32 // of ds, with rows paired
	right      []float32 // of k, with rows paired
	tile       []float32 // 16 rows of a result that is no whole number of tiles
	rows       []float32 // dropout factors of 16 queries, where their rows start within a block
	factors    []float32 // the same in a micro-panel
	top, sum   [16]float32
	four       [4]float32
	tiles      kernel.AttnTiles
	next       [7][]float32 // what the next head reads and writes, from its part on
	nextArray  int          // the array and row of it to prefetch next
	nextRow    int
}

// resize makes the scratch as large as the shape needs.
func (o *attnOp) resize(s *attnScratch) {
	columns, scores := o.padHead/16*o.panelStride, o.padSeq*16
	s.q, s.k, s.v = grow(s.q, columns), grow(s.k, columns), grow(s.v, columns)
	s.right, s.left = grow(s.right, columns), grow(s.left, scores)
	s.transposed, s.tile = grow(s.transposed, o.padHead*16), grow(s.tile, o.padHead*16)
	s.p = grow(s.p, scores)
	if o.drop.on && o.shape.Seq%4 != 0 {
		s.rows, s.factors = grow(s.rows, scores), grow(s.factors, scores)
	}
	if o.backward {
		s.o = grow(s.o, columns)
		s.w, s.ds = grow(s.w, o.padSeq/16*o.panelStride), grow(s.ds, o.padSeq/16*o.panelStride)
	}
}

// pack copies rows r0 to r1 of this head's part of src into micro-panels of columns. Columns that
// the head does not have become zeros.
func (o *attnOp) pack(s *attnScratch, dst, src []float32, r0, r1 int) {
	for col := 0; col < o.shape.Head; col += 16 {
		d, from := dst[col/16*o.panelStride+r0*16:], s.first+r0*o.hidden+col
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
func (o *attnOp) packQueries(s *attnScratch, dst, src []float32, r0 int) {
	r1 := min(r0+16, o.shape.Seq)
	o.pack(s, dst, src, r0, r1)
	for col := 0; r1 < r0+16 && col < o.shape.Head; col += 16 {
		clear(dst[col/16*o.panelStride:][r1*16 : (r0+16)*16])
	}
}

// packTransposed packs the 16 rows from r0 on of this head's part of src into dst, and transposes
// them for the right of a product.
func (o *attnOp) packTransposed(s *attnScratch, dst, src []float32, r0 int) {
	o.packQueries(s, dst, src, r0)
	for col := 0; col < o.padHead; col += 16 {
		o.b.k.Transpose(s.transposed[col*16:], 16, dst[col/16*o.panelStride+r0*16:], 16, 16, 16)
	}
	o.pair(s.transposed, s.transposed, o.padHead)
}

// pair pairs the rows of a micro-panel if the path has PairRows, and returns the micro-panel that
// its tiles want. Behind an odd number of rows comes a row of zeros.
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

// pairColumns is pair for the micro-panels of all columns.
func (o *attnOp) pairColumns(dst, src []float32, rows int) []float32 {
	if o.b.k.PairRows == nil {
		return src
	}
	for at := 0; at < o.padHead/16*o.panelStride; at += o.panelStride {
		o.pair(dst[at:], src[at:], rows)
	}
	return dst
}

// steps is the number of inner steps for the rows of a micro-panel.
func (o *attnOp) steps(rows int) int {
	if o.b.k.PairRows == nil {
		return rows
	}
	return chunks(rows, 2) * 2
}
