package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// tileOp runs a product in tiles of kernel.TileRows tokens by kernel.PanelWidth columns. A task
// is one packed panel of tokens and, of a weight that no cache holds, a part of its columns:
// all panels pass the same part.
type tileOp struct {
	product
	blocks kernel.Blocks

	mul       kernel.Tile
	panel     int // elements of a panel
	panels    int
	part      int // columns of a task
	lastBias  [kernel.PanelWidth]float32
	denseSegs []kernel.Seg // of a dense weight
	densePtr  []int32
}

// noBias starts the sums of a tile at zero.
var noBias [kernel.PanelWidth]float32

const (
	// runColumns is how many columns are computed at a time: few enough that GELU finds them in
	// the L1 or L2 cache, and enough for long loops of it.
	runColumns = 256
	// nonTemporalBytes is the size from which on a result may bypass the caches.
	nonTemporalBytes = 16 << 20
	// partBytes is the size from which on a weight may be multiplied in parts, where the L3
	// cache does not hold it beside the activations.
	partBytes = 8 << 20
	// partSize is the number of elements of such a weight that all panels pass before the next.
	partSize = 1 << 20
)

func (o *tileOp) run() {
	o.mul = o.b.k.Tile16
	if tail := o.n % kernel.PanelWidth; tail != 0 && o.bias != nil {
		o.lastBias = [kernel.PanelWidth]float32{}
		copy(o.lastBias[:], o.bias[o.n-tail:o.n])
	}
	o.panel = chunks(o.k, kernel.PanelWidth) * kernel.PanelWidth * kernel.TileRows
	for w := range o.b.work {
		o.b.work[w].ready = 0
	}
	o.panels, o.part = chunks(o.t, kernel.TileRows), o.n
	if size := len(o.blocks.Values); 4*size > o.b.partFrom {
		o.part = max(1, chunks(o.n, kernel.PanelWidth)*partSize/size) * kernel.PanelWidth
	}
	o.b.pool.run(o.panels*chunks(o.n, o.part), o)
	o.product, o.blocks = product{}, kernel.Blocks{}
}

// tokens returns the tokens of task i, none beyond the last.
func (o *tileOp) tokens(i int) (first, n int) {
	if i >= o.panels*chunks(o.n, o.part) {
		return 0, 0
	}
	first = i % o.panels * kernel.TileRows
	return first, min(kernel.TileRows, o.t-first)
}

// task computes the tokens of one panel, and meanwhile copies the panel of the next
// task, which this thread most probably gets.
func (o *tileOp) task(w, i int) {
	ws := &o.b.work[w]
	first, rows := o.tokens(i)
	if ws.ready != i+1 {
		ws.panel = grow(ws.panel, o.panel)
		o.fill(ws.panel, o.src[first*o.k:], rows)
	} else {
		ws.panel, ws.nextPanel = ws.nextPanel, ws.panel
	}
	from, n := o.tokens(i + 1)
	ws.nextPanel = grow(ws.nextPanel, o.panel)
	next := &ws.overlap
	*next = kernel.Overlap{Src: o.src[from*o.k : (from+n)*o.k], Dst: ws.nextPanel, Cols: o.k}
	begin := i / o.panels * o.part
	cols := min(o.part, o.n-begin)
	// The later it is copied, the less of it has left the cache when it is wanted.
	runs := chunks(cols, runColumns)
	lines := len(o.blocks.Segs) * o.blocks.Subs * kernel.PanelWidth / 2 * cols / o.n
	late := runs - 1 - runs*len(next.Src)/kernel.PanelWidth*5/4/max(lines, 1)

	for r := range runs {
		overlap := next
		if r < late {
			overlap = nil
		}
		o.columns(ws, first, rows, begin+r*runColumns, min(runColumns, cols-r*runColumns), overlap)
	}
	// What did not fit in, from the row on that was begun.
	done := next.Done / o.k
	o.fill(ws.nextPanel[done*kernel.PanelWidth:], next.Src[done*o.k:], n-done)
	ws.ready = i + 2
	o.b.k.Fence() // others read the results next
	*next, ws.prefetch, ws.product = kernel.Overlap{}, kernel.Overlap{}, kernel.Product{}
}

// fill copies rows into a panel. Rows that do not exist stay as they were: what
// is computed of them is thrown away.
func (o *tileOp) fill(dst, src []float32, rows int) {
	if rows == 0 {
		return
	}
	if tail := o.k % kernel.PanelWidth; tail != 0 {
		for r := range rows {
			clear(dst[(o.k-tail)*kernel.TileRows+r*kernel.PanelWidth+tail:][:kernel.PanelWidth-tail])
		}
	}
	o.b.k.PackPanel(dst, src, o.k, rows, o.k)
}

// large says whether results are stored with non-temporal stores: the next operation would not
// find them in a cache. A pre-activation is wanted again in the backward pass only, and its
// GELU is as large. Even a cache that could keep both gains nothing from it, and lines that it
// lacks are not read before they are written.
func (p *product) large() bool {
	from := p.b.nonTemporalFrom
	if p.finish == alsoGELU {
		from = min(from, nonTemporalBytes)
	}
	return 4*p.t*p.n >= from
}

// columns computes the columns from col on for the tokens in ws.panel, of which rows
// exist, and what follows the sums.
func (o *tileOp) columns(ws *workspace, first, rows, col, cols int, overlap *kernel.Overlap) {
	at := first*o.n + col
	out, ld := o.dst[at:], o.n
	mode := kernel.Store
	switch {
	case o.finish == add:
		mode = kernel.AddTo
	case o.finish == store && o.large():
		mode = kernel.NonTemporal
	case o.finish == timesGrad:
		if overlap == nil {
			ws.prefetch = kernel.Overlap{}
			overlap = &ws.prefetch
		}
		overlap.Prefetch, overlap.PrefetchStride = o.other[at:], o.n
	}
	if o.finished(ws, at, rows, col, cols, overlap) {
		return
	}
	// What reaches over the end of the tokens or of the columns is computed in scratch memory,
	// and the part that exists is copied.
	whole := cols / kernel.PanelWidth
	if rows < kernel.TileRows {
		whole = 0
	}
	inScratch := o.finish == timesGrad || o.finish == alsoGELU && o.large()
	if inScratch {
		ws.result = grow(ws.result, kernel.TileRows*runColumns)
		out, ld, whole = ws.result, runColumns, chunks(cols, kernel.PanelWidth)
	}
	ws.product = kernel.Product{C: out, LDC: ld, A: ws.panel, B: &o.blocks, First: col / kernel.PanelWidth, Mode: mode, Overlap: overlap}
	if whole > 0 {
		o.multiply(&ws.product, whole)
	}
	if done := whole * kernel.PanelWidth; done < cols {
		ws.result = grow(ws.result, kernel.TileRows*runColumns)
		edge := ws.result
		for r := range rows {
			if mode == kernel.AddTo {
				copy(edge[r*runColumns:][:cols-done], out[r*ld+done:])
			}
		}
		ws.product = kernel.Product{C: edge, LDC: runColumns, A: ws.panel, B: &o.blocks, First: (col + done) / kernel.PanelWidth, Mode: mode, Overlap: overlap}
		o.multiply(&ws.product, chunks(cols-done, kernel.PanelWidth))
		for r := range rows {
			copy(out[r*ld+done:][:cols-done], edge[r*runColumns:])
		}
	}
	o.activate(out, ld, at, rows, cols)
}

// activate computes what follows the sums of rows of columns, which are in out. at is where they
// begin in dst.
func (o *tileOp) activate(out []float32, ld, at, rows, cols int) {
	switch {
	case o.finish == alsoGELU && o.large():
		o.b.k.GELUNonTemporal(o.other[at:], out, o.dst[at:], o.n, ld, rows, cols)
	case o.finish == timesGrad && o.large():
		o.b.k.GELUGradNonTemporal(o.dst[at:], out, o.other[at:], o.n, ld, rows, cols)
	case o.finish == alsoGELU || o.finish == timesGrad:
		for r := range rows {
			lo, hi, sums := at+r*o.n, at+r*o.n+cols, out[r*ld:][:cols]
			if o.finish == alsoGELU {
				o.b.k.GELU(o.other[lo:hi], sums)
			} else {
				o.b.k.GELUGrad(o.dst[lo:hi], sums, o.other[lo:hi])
			}
		}
	}
}

// finished computes whole tiles with GELU or times its gradient by a tile that does both, if the
// path has one.
func (o *tileOp) finished(ws *workspace, at, rows, col, cols int, overlap *kernel.Overlap) bool {
	tile, mode := o.b.k.GELUTile, kernel.Store
	if o.large() {
		mode = kernel.NonTemporal
	}
	switch {
	case o.finish == timesGrad:
		tile = o.b.k.GELUGradTile
	case o.finish != alsoGELU || mode != kernel.NonTemporal:
		return false
	}
	if tile == nil || rows < kernel.TileRows || cols%kernel.PanelWidth != 0 {
		return false
	}
	ws.result = grow(ws.result, kernel.TileRows*runColumns)
	p := &ws.product
	*p = kernel.Product{C: o.dst[at:], X: o.other[at:], LDC: o.n, A: ws.panel, B: &o.blocks, First: col / kernel.PanelWidth, Panels: cols / kernel.PanelWidth,
		Start: noBias[:], Mode: mode, Overlap: overlap, Scratch: ws.result}
	if o.bias != nil {
		p.Start, p.StartStep = o.bias[col:], kernel.PanelWidth
	}
	return tile(p)
}

// multiply computes n micro-panels of p, from p.First on.
func (o *tileOp) multiply(p *kernel.Product, n int) {
	p.Panels, p.Start = n, noBias[:]
	if o.bias == nil {
		o.mul(p)
		return
	}
	p.Start, p.StartStep = o.bias[p.First*kernel.PanelWidth:], kernel.PanelWidth
	if (p.First+n)*kernel.PanelWidth <= o.n {
		o.mul(p)
		return
	}
	// The last micro-panel's bias is padded.
	if p.Panels--; n > 1 {
		o.mul(p)
	}
	p.C, p.First, p.Panels = p.C[(n-1)*kernel.PanelWidth:], p.First+n-1, 1
	p.Start, p.StartStep, p.Overlap = o.lastBias[:], 0, nil
	o.mul(p)
}
