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
	o := &b.ops.grad
	*o = gradOp{b: b, q: q, t: t, out: q.spec.Out, in: q.spec.In, dyT: o.dyT, xT: o.xT, kind: gradScores}
	o.dy = c.floats("dy", dy, t*o.out)
	o.x = c.floats("x", x, t*o.in)
	o.scores = q.growScores().f
	if !c.ok() || t == 0 {
		return
	}
	b.pool.run(chunks(o.out, max(16, q.topo.Block)), o)
	o.dy, o.x, o.q = nil, nil, nil
}

// score adds the norms of one block row, or of the block rows that fit in 16
// rows. Only 16 rows of the dense gradient exist at a time.
func (o *gradOp) score(ws *workspace, i int) {
	t := o.q.topo
	size := t.Block
	first := i * max(16, size)
	ws.strip = grow(ws.strip, 16*o.in)
	for row := first; row < min(first+max(16, size), o.out); row += 16 {
		clear(ws.strip)
		o.strip(ws, ws.strip, row)
		for r := row; r < min(row+16, o.out); r++ {
			g := ws.strip[(r-row)*o.in : (r-row+1)*o.in]
			s := o.scores[r/size*t.BlockCols():][:t.BlockCols()]
			for c := range s {
				s[c] += o.b.k.Sum1(g[c*size : (c+1)*size])
			}
		}
	}
}
