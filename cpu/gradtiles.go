package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// blocks adds the gradients of the blocks of rows lo to hi of the larger operand's view.
func (o *gradOp) blocks(ws *workspace, lo, hi, t0, n int) {
	t := o.q.topo
	larger, _ := o.operands()
	size, index := t.Block, t.Cols
	cpart := kernel.PanelWidth
	if o.xLarger {
		index, cpart = t.Rows, kernel.PanelWidth*size
	}
	o.startTiles(ws, kernel.GradTiles{LDC: size, CStep: size * size, Index: index, Parts: size / kernel.PanelWidth, CPart: cpart}, n)
	for r := lo; r < hi; r++ {
		slots := o.visit[o.pointer[r]:o.pointer[r+1]]
		if len(slots) == 0 {
			o.unpackedBias(ws, r*size, size, t0, n)
			continue
		}
		for u := 0; u < size; u += min(size, kernel.PanelWidth) {
			a := o.largerPanels(ws, larger, r*size+u, min(size, kernel.PanelWidth), t0, n)
			o.largerBias(ws, r*size+u, min(size, kernel.PanelWidth), a, n)
			if size < kernel.PanelWidth {
				o.smallBlocks(ws, slots, index, a, n)
				continue
			}
			d := u * size
			if o.xLarger {
				d = u
			}
			o.tiles(ws, ws.partial.grad[d:], slots, a, ws.panel)
		}
	}
}

// smallBlocks adds the gradients of blocks of less than 16 columns that share a micro-panel.
func (o *gradOp) smallBlocks(ws *workspace, slots, index []int32, a []float32, n int) {
	g := &ws.gradBlocks
	*g = kernel.GradBlocks{C: ws.partial.grad, A: a, B: ws.panel, Slots: slots, Index: index,
		Step: o.panelSize(n), Lines: stride(n) / o.tokensOfLine(), Packing: &ws.larger.packing}
	g.Every = every(g.Packing, kernel.Passes(o.width, len(slots))*g.Lines, g.Lines, o.tokensOfLine())
	add, transposed := o.b.k.GradBlocks4, o.b.k.GradBlocks4Transposed
	if o.width == 8 {
		add, transposed = o.b.k.GradBlocks8, o.b.k.GradBlocks8Transposed
	}
	if o.xLarger {
		add = transposed
	}
	add(g)
}

// startTiles sets what all tiles of a chunk have in common, beside what t says of them.
func (o *gradOp) startTiles(ws *workspace, t kernel.GradTiles, n int) {
	w := &ws.gradTiles
	*w = t
	w.Size, w.Lines, w.Packing = o.panelSize(n), stride(n)/o.tokensOfLine(), &ws.larger.packing
	part := kernel.PanelWidth / o.width * w.Size
	if o.xLarger {
		w.AStep, w.APart = w.Parts*part, part
	} else {
		w.BStep, w.BPart = w.Parts*part, part
	}
}

// tiles adds to c the tiles of slots, of the larger operand's micro-panels a and the smaller
// one's p.
func (o *gradOp) tiles(ws *workspace, c []float32, slots []int32, a, p []float32) {
	w := &ws.gradTiles
	w.C, w.Slots, w.A, w.B = c, slots, a, p
	if o.xLarger {
		w.A, w.B = p, a
	}
	w.Every = every(w.Packing, kernel.PanelWidth/o.width*len(slots)*w.Parts*w.Lines, w.Lines, kernel.TileTokens/o.tokensOfLine())
	o.b.k.GradTiles(w)
}

// every says how many of lines that are multiplied, most of them at once, lie between two that are
// packed: a multiple of unit. Reads and writes of memory wait less for one another when they
// are spread over all lines.
func every(p *kernel.Packing, lines, most, unit int) int {
	if left := p.Lines - p.Done; left > 0 {
		return max(unit, min(most, lines/left/unit*unit))
	}
	return most
}

// dense adds the gradients of micro-panels lo to hi of the larger operand.
func (o *gradOp) dense(ws *workspace, lo, hi, t0, n int) {
	larger, smaller := o.operands()
	in := o.x.n
	for i := len(ws.each); i < chunks(smaller.n, kernel.PanelWidth); i++ {
		ws.each = append(ws.each, int32(i))
	}
	d, step := in, kernel.PanelWidth
	if o.xLarger {
		d, step = 1, kernel.PanelWidth*in
	}
	inPlace := kernel.GradTiles{LDC: in, CStep: step, Index: ws.each, Parts: 1}
	o.startTiles(ws, inPlace, n)
	for s := lo; s < hi; s++ {
		col := s * kernel.PanelWidth
		a := o.largerPanels(ws, larger, col, kernel.PanelWidth, t0, n)
		o.largerBias(ws, col, kernel.PanelWidth, a, n)
		whole := 0
		if col+kernel.PanelWidth <= larger.n {
			whole = smaller.n / kernel.PanelWidth
		}
		o.tiles(ws, ws.partial.grad[col*d:], ws.each[:whole], a, ws.panel)
		if whole*kernel.PanelWidth == smaller.n {
			continue
		}
		o.startTiles(ws, kernel.GradTiles{LDC: kernel.PanelWidth, Index: ws.each, Parts: 1}, n)
		for v := whole * kernel.PanelWidth; v < smaller.n; v += kernel.PanelWidth {
			row, col := col, v
			if o.xLarger {
				row, col = col, row
			}
			tile := ws.edge[:]
			clear(tile)
			o.tiles(ws, tile, ws.each[:1], a, o.panels(ws.panel, v, n))
			for i := range min(kernel.PanelWidth, o.dy.n-row) {
				for j := range min(kernel.PanelWidth, in-col) {
					ws.partial.grad[(row+i)*in+col+j] += tile[i*kernel.PanelWidth+j]
				}
			}
		}
		o.startTiles(ws, inPlace, n)
	}
}

// elements adds the gradients of 1 x 1 blocks: dot products of columns.
func (o *gradOp) elements(ws *workspace, lo, hi, t0, n int) {
	larger, _ := o.operands()
	ld := stride(n)
	idx := o.q.rowIdx
	if o.xLarger {
		idx = o.q.colIdx
	}
	for r := lo; r < hi; r++ {
		from, to := o.pointer[r], o.pointer[r+1]
		if from == to {
			o.unpackedBias(ws, r, 1, t0, n)
			continue
		}
		a := o.largerPanels(ws, larger, r, 1, t0, n)
		o.largerBias(ws, r, 1, a, n)
		ws.row = grow(ws.row, int(to-from))
		o.b.k.Dots(ws.row, a[:ld], ws.panel, ld, idx[from:to])
		for j, s := range o.visit[from:to] {
			ws.partial.grad[s] += ws.row[j]
		}
	}
}
