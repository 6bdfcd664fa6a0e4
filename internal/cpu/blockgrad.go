package cpu

import "github.com/sparsebert/sparsebert-gpu/internal/backend"

// GrowScores implements backend.Optimiser. A dense parameter has none: that is
// an error.
func (b *Backend) GrowScores(w backend.Param) backend.Buffer {
	c := b.check("GrowScores")
	if q := c.sparse("w", w); q != nil {
		return q.growScores()
	}
	return &buffer{owner: b, name: "growth scores"}
}

// growScores allocates the scores at the first call.
func (p *param) growScores() *buffer {
	if p.scores == nil {
		p.scores = p.owner.alloc(p.spec.Name+" growth scores", backend.F32, p.topo.Positions())
	}
	return p.scores
}

// BlockGradL1 implements backend.Optimiser.
func (b *Backend) BlockGradL1(w backend.Param, dy, x backend.Buffer, t int) {
	c := b.check("BlockGradL1")
	q := c.sparse("w", w)
	c.atLeast("tokens", t, 0)
	if !c.ok() {
		return
	}
	o := b.gradient(c, q, dy, x, t)
	o.scores = q.growScores().f
	if !c.ok() || t == 0 {
		return
	}
	o.run(gradScores, chunks(q.spec.Out, max(16, q.topo.Block)), 0)
}

// score adds the norms of one block row, or of the block rows that fit in 16
// rows. Only 16 rows of the dense gradient exist at a time.
func (o *gradOp) score(ws *workspace, i int) {
	t := o.q.topo
	size := t.Block
	first := i * max(16, size)
	ws.strip = grow(ws.strip, 16*o.x.n)
	for row := first; row < min(first+max(16, size), o.dy.n); row += 16 {
		clear(ws.strip)
		o.strip(ws, ws.strip, row)
		for r := row; r < min(row+16, o.dy.n); r++ {
			g := ws.strip[(r-row)*o.x.n : (r-row+1)*o.x.n]
			s := o.scores[r/size*t.BlockCols():][:t.BlockCols()]
			for c := range s {
				s[c] += o.b.k.Sum1(g[c*size : (c+1)*size])
			}
		}
	}
}
