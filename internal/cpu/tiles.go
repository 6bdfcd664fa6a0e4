package cpu

import "github.com/sparsebert/sparsebert-gpu/internal/cpu/kernel"

// tileOp runs a product in tiles of kernel.Rows tokens by width columns.
//
// Strip s covers the columns from s*width on. Its segments are those of row (or
// column) s/subs of the view, and the weights start sub*width elements into
// each block: a block wider than a tile is subs strips.
type tileOp struct {
	product
	width, subs int
	segs        []kernel.Seg
	ptr         []int32
	kseg, ldb   int
	weights     []float32

	mul       kernel.Mul
	group     int // panels of a task
	lastBias  [16]float32
	stripSegs []kernel.Seg
	stripPtr  []int32
}

// noBias starts the sums of a tile at zero.
var noBias [16]float32

// panelBudget is the number of elements that the panels of a task may fill: half of
// a usual second-level cache.
const panelBudget = 1 << 17

func (o *tileOp) run() {
	switch k := o.b.k; o.width {
	case 16:
		o.mul = k.Tile16
	case 8:
		o.mul = k.Tile8
	default:
		o.mul = k.Tile4
	}
	if tail := o.n % o.width; tail != 0 && o.bias != nil {
		o.lastBias = [16]float32{}
		copy(o.lastBias[:], o.bias[o.n-tail:o.n])
	}
	// Several panels share the weights that pass through the nearest cache, as
	// long as there is a good number of tasks.
	panels := chunks(o.t, kernel.Rows)
	o.group = min(max(panels/16, 1), 4, max(panelBudget/(o.k*kernel.Rows), 1))
	o.b.pool.run(chunks(panels, o.group), o)
	o.product = product{}
}

// task computes the tokens of one group of panels.
func (o *tileOp) task(w, i int) {
	ws := &o.b.work[w]
	first := i * o.group * kernel.Rows
	tokens := min(o.group*kernel.Rows, o.t-first)
	panel := o.k * kernel.Rows
	ws.panel = grow(ws.panel, o.group*panel)
	for p := 0; p*kernel.Rows < tokens; p++ {
		rows := min(kernel.Rows, tokens-p*kernel.Rows)
		dst := ws.panel[p*panel : (p+1)*panel]
		if rows < kernel.Rows {
			clear(dst)
		}
		o.b.k.Transpose(dst, kernel.Rows, o.src[(first+p*kernel.Rows)*o.k:], o.k, rows, o.k)
	}

	out := o.dst[first*o.n : (first+tokens)*o.n]
	if o.finish == timesGrad {
		ws.result = grow(ws.result, len(out))
		out = ws.result
	}
	for s := range chunks(o.n, o.width) {
		o.strip(ws, s, out, tokens)
	}
	switch rows := o.other; o.finish {
	case alsoGELU:
		o.b.k.GELU(rows[first*o.n:(first+tokens)*o.n], out)
	case timesGrad:
		o.b.k.GELUGrad(o.dst[first*o.n:(first+tokens)*o.n], out, rows[first*o.n:(first+tokens)*o.n])
	}
}

// strip computes width columns for the tokens in ws.panel.
func (o *tileOp) strip(ws *workspace, s int, out []float32, tokens int) {
	view, sub := s/o.subs, s%o.subs
	segs := o.segs[o.ptr[view]:o.ptr[view+1]]
	weights := o.weights[sub*o.width:]
	col := s * o.width
	cols := min(o.width, o.n-col)
	start := noBias[:]
	if o.bias != nil {
		if start = o.bias[col:]; cols < o.width {
			start = o.lastBias[:]
		}
	}
	for p := 0; p*kernel.Rows < tokens; p++ {
		panel := ws.panel[p*o.k*kernel.Rows:]
		rows := min(kernel.Rows, tokens-p*kernel.Rows)
		c := out[p*kernel.Rows*o.n+col:]
		switch {
		case rows == kernel.Rows && cols == o.width && o.finish == add:
			o.mul(c, o.n, panel, kernel.Rows, weights, o.ldb, segs, o.kseg, c, o.n)
		case rows == kernel.Rows && cols == o.width:
			o.mul(c, o.n, panel, kernel.Rows, weights, o.ldb, segs, o.kseg, start, 0)
		default:
			o.edge(ws, c, rows, cols, panel, weights, segs, start)
		}
	}
}

// edge is a tile that reaches over the end of the tokens or of the columns: it
// is computed whole beside the matrix, and the part that exists is copied.
func (o *tileOp) edge(ws *workspace, c []float32, rows, cols int, panel, weights []float32, segs []kernel.Seg, start []float32) {
	tile := ws.tile[:]
	ldi := 0
	if o.finish == add {
		for i := range rows {
			copy(tile[i*o.width:i*o.width+cols], c[i*o.n:])
		}
		start, ldi = tile, o.width
	}
	o.mul(tile, o.width, panel, kernel.Rows, weights, o.ldb, segs, o.kseg, start, ldi)
	for i := range rows {
		copy(c[i*o.n:i*o.n+cols], tile[i*o.width:])
	}
}
