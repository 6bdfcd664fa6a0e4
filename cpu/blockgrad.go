package cpu

import "github.com/sparsebert/sparsebert-gpu/backend"

// GrowScores implements backend.Optimizer.
func (b *device) GrowScores(w backend.Param) backend.Buffer { return w.(*param).growScores() }

// growScores allocates the scores at the first call.
func (p *param) growScores() *buffer {
	if p.scores == nil {
		p.scores = p.owner.alloc(p.spec.Name+" growth scores", backend.F32, p.topo.Positions())
	}
	return p.scores
}

// scoreOp adds the L1 norms of the blocks of a dense gradient to the scores. A task is one block
// row, or the block rows that fit in 16 rows. No more of the dense gradient exists at a time.
type scoreOp struct{ gradOp }

// BlockGradL1 implements backend.Optimizer.
func (b *device) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	q := w.(*param)
	scores := q.growScores().f
	if b.err != nil { // no memory for them
		return
	}
	o := &b.ops.score
	o.gradOp = *b.gradient(q, dy, x, t)
	o.scores = scores
	if t > 0 {
		b.pool.run(chunks(q.spec.Out, max(16, q.topo.Block)), o)
	}
	o.release()
	b.ops.grad.release()
}

func (o *scoreOp) task(w, i int) {
	ws, t := &o.b.work[w], o.q.topo
	size, in := t.Block, o.x.n
	first := i * max(16, size)
	ws.row = grow(ws.row, 16*in)
	for row := first; row < min(first+max(16, size), o.dy.n); row += 16 {
		o.rows(ws, ws.row, row)
		for r := row; r < min(row+16, o.dy.n); r++ {
			g := ws.row[(r-row)*in : (r-row+1)*in]
			s := o.scores[r/size*t.BlockCols():][:t.BlockCols()]
			for c := range s {
				s[c] += o.b.k.SumAbs(g[c*size : (c+1)*size])
			}
		}
	}
}

// rows computes 16 rows of the dense gradient, of all tokens. The operands are read
// where they lie: an update comes once in many steps.
func (o *scoreOp) rows(ws *workspace, dst []float32, row int) {
	in := o.x.n
	clear(dst)
	for t0 := 0; t0 < o.t; t0 += o.chunk {
		n := min(o.chunk, o.t-t0)
		ws.panel = grow(ws.panel, 2*16*stride(n))
		dy, lddy := o.dy.all[t0*o.dy.n+row:], o.dy.n
		if row+16 > o.dy.n {
			dy, lddy = ws.panel, 16
			edge(dy, o.dy.all[t0*o.dy.n+row:], o.dy.n, n, o.dy.n-row)
		}
		for col := 0; col < in; col += 16 {
			if col+16 <= in {
				o.b.k.Outer16(dst[col:], in, dy, lddy, o.x.all[t0*in+col:], in, n, true)
				continue
			}
			x, tile := ws.panel[16*stride(n):], ws.edge[:]
			edge(x, o.x.all[t0*in+col:], in, n, in-col)
			o.b.k.Outer16(tile, 16, dy, lddy, x, 16, n, false)
			for i := range 16 {
				for j := range in - col {
					dst[i*in+col+j] += tile[i*16+j]
				}
			}
		}
	}
}

// edge copies less than 16 columns of n rows into rows of 16, with zeros for the other columns.
func edge(dst, src []float32, lds, n, cols int) {
	for r := range n {
		row := dst[r*16 : (r+1)*16]
		clear(row[copy(row, src[r*lds:r*lds+cols]):])
	}
}
