package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// tileOp runs a product in tiles of kernel.TileRows tokens by kernel.PanelWidth columns. A task is
// one panel of tokens and, of a weight that no cache holds, a part of its columns: all panels
// pass the same part.
type tileOp struct {
	product
	blocks kernel.Blocks

	mul       kernel.Tile
	panel     int // elements of a panel
	panels    int
	part      int // columns of a task
	lastBias  [kernel.PanelWidth]float32
	stripSegs []kernel.Seg // of a dense weight
	stripPtr  []int32
}

// noBias starts the sums of a tile at zero.
var noBias [kernel.PanelWidth]float32

const (
	// runColumns is how many columns are computed at a time: few enough for GELU
	// to find them in a near cache, enough to make long runs for it.
	runColumns = 256
	// streamBytes is the size from which on a result may go past the caches.
	streamBytes = 16 << 20
	// partBytes is the size from which on a weight may be multiplied in parts, where the third-level
	// cache does not hold it beside the activations.
	partBytes = 8 << 20
	// partSize is how many numbers of such a weight all panels pass before the next ones.
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
		ws.panel, ws.ahead = ws.ahead, ws.panel
	}
	from, n := o.tokens(i + 1)
	ws.ahead = grow(ws.ahead, o.panel)
	ahead := &ws.copying
	*ahead = kernel.Overlap{Src: o.src[from*o.k : (from+n)*o.k], Dst: ws.ahead, Cols: o.k}
	begin := i / o.panels * o.part
	cols := min(o.part, o.n-begin)
	// The later, the less of it has left the cache when it is wanted.
	runs := chunks(cols, runColumns)
	lines := len(o.blocks.Segs) * o.blocks.Subs * kernel.PanelWidth / 2 * cols / o.n
	late := runs - 1 - runs*len(ahead.Src)/kernel.PanelWidth*5/4/max(lines, 1)

	for r := range runs {
		meanwhile := ahead
		if r < late {
			meanwhile = nil
		}
		o.columns(ws, first, rows, begin+r*runColumns, min(runColumns, cols-r*runColumns), meanwhile)
	}
	// What did not fit in, from the row on that was begun.
	done := ahead.Done / o.k
	o.fill(ws.ahead[done*kernel.PanelWidth:], ahead.Src[done*o.k:], n-done)
	ws.ready = i + 2
	o.b.k.Fence() // others read the results next
	*ahead, ws.asking = kernel.Overlap{}, kernel.Overlap{}
}

// fill copies rows into a panel. Rows that there are not are left as they were: what
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

// large says whether results go past the caches: the next operation would not find them there. A
// pre-activation is wanted again in the backward pass only, and its GELU is as large: even a cache that could
// keep both gains nothing from it, and lines that it lacks are not read before they are written.
func (p *product) large() bool {
	from := p.b.streamFrom
	if p.finish == alsoGELU {
		from = min(from, streamBytes)
	}
	return 4*p.t*p.n >= from
}

// columns computes the columns from col on for the tokens in ws.panel, of which rows
// exist, and what follows the sums.
func (o *tileOp) columns(ws *workspace, first, rows, col, cols int, ahead *kernel.Overlap) {
	at := first*o.n + col
	out, ld := o.dst[at:], o.n
	mode := kernel.Store
	switch {
	case o.finish == add:
		mode = kernel.AddTo
	case o.finish == store && o.large():
		mode = kernel.NonTemporal
	case o.finish == timesGrad:
		if ahead == nil {
			ws.asking = kernel.Overlap{}
			ahead = &ws.asking
		}
		ahead.Prefetch, ahead.PrefetchStride = o.other[at:], o.n
	}
	if o.finished(ws, at, rows, col, cols, ahead) {
		return
	}
	// What reaches over the end of the tokens or of the columns is computed beside the
	// matrix, and the part that exists is copied.
	whole := cols / kernel.PanelWidth
	if rows < kernel.TileRows {
		whole = 0
	}
	near := o.finish == timesGrad || o.finish == alsoGELU && o.large() // in scratch first
	if near {
		ws.result = grow(ws.result, kernel.TileRows*runColumns)
		out, ld, whole = ws.result, runColumns, chunks(cols, kernel.PanelWidth)
	}
	if whole > 0 {
		o.microPanels(ws, out, ld, col, whole, mode, ahead)
	}
	if done := whole * kernel.PanelWidth; done < cols {
		beside := grow(ws.result, kernel.TileRows*runColumns)
		ws.result = beside
		for r := range rows {
			if mode == kernel.AddTo {
				copy(beside[r*runColumns:][:cols-done], out[r*ld+done:])
			}
		}
		o.microPanels(ws, beside, runColumns, col+done, chunks(cols-done, kernel.PanelWidth), mode, ahead)
		for r := range rows {
			copy(out[r*ld+done:][:cols-done], beside[r*runColumns:])
		}
	}
	switch {
	case o.finish == alsoGELU && near:
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

// finished computes whole tiles with GELU or times its gradient by a tile that does both, if the path has one.
func (o *tileOp) finished(ws *workspace, at, rows, col, cols int, ahead *kernel.Overlap) bool {
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
	p := &ws.tile
	*p = kernel.Product{C: o.dst[at:], X: o.other[at:], LDC: o.n, A: ws.panel, B: &o.blocks, First: col / kernel.PanelWidth, Panels: cols / kernel.PanelWidth,
		Start: noBias[:], Mode: mode, Overlap: ahead, Scratch: ws.result}
	if o.bias != nil {
		p.Start, p.StartStep = o.bias[col:], kernel.PanelWidth
	}
	return tile(p)
}

// microPanels computes n micro-panels of columns from col on into c.
func (o *tileOp) microPanels(ws *workspace, c []float32, ldc, col, n int, mode kernel.Mode, ahead *kernel.Overlap) {
	p := &ws.tile
	*p = kernel.Product{C: c, LDC: ldc, A: ws.panel, B: &o.blocks, First: col / kernel.PanelWidth, Panels: n, Start: noBias[:], Mode: mode, Overlap: ahead}
	if o.bias == nil {
		o.mul(p)
		return
	}
	p.Start, p.StartStep = o.bias[col:], kernel.PanelWidth
	if col+n*kernel.PanelWidth <= o.n {
		o.mul(p)
		return
	}
	// The last micro-panel's bias is padded.
	if p.Panels--; n > 1 {
		o.mul(p)
	}
	p.C, p.First, p.Panels = c[(n-1)*kernel.PanelWidth:], p.First+n-1, 1
	p.Start, p.StartStep, p.Overlap = o.lastBias[:], 0, nil
	o.mul(p)
}
