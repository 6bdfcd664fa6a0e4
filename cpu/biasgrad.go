package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// A bias gradient is the sum of dy over the tokens. It is taken from dy's packed strips while
// they are near, not in a pass of its own over all of dy.

// narrowBias adds the sums of a chunk where dy is the narrow side: each task those of an equal
// share of the strips.
func (o *gradOp) narrowBias(ws *workspace, i, n int) {
	if o.bias == nil || !o.byX {
		return
	}
	tasks, strips := len(o.bounds)-1, chunks(o.dy.n, o.width)
	for s := strips * i / tasks; s < strips*(i+1)/tasks; s++ {
		o.addBias(ws, s*o.width, o.packed(ws.panel, s*o.width, n), n)
	}
}

// wideBias adds those of columns where dy is the wide side, of which strips are packed.
func (o *gradOp) wideBias(ws *workspace, col, cols int, strips []float32, n int) {
	if o.bias == nil || o.byX {
		return
	}
	for c := 0; c < min(cols, o.dy.n-col); c += o.width {
		o.addBias(ws, col+c, o.packed(strips, c, n), n)
	}
}

// addBias adds the sums of a packed strip, from column col on. Those of each token of a line stay apart
// until join adds them up.
func (o *gradOp) addBias(ws *workspace, col int, strip []float32, n int) {
	if o.layout == byColumn {
		ws.half.bias[col] += o.b.k.Sum(strip[:n])
		return
	}
	m := o.tokensOfLine()
	o.b.k.ColumnSums16(ws.half.sums[col*m:], strip, kernel.PanelWidth, chunks(n, m))
}

// bareBias adds the sums of columns of the wide side that have no block, and so no strip.
func (o *gradOp) bareBias(ws *workspace, col, cols, t0, n int) {
	if o.bias == nil || o.byX {
		return
	}
	bias := ws.half.bias
	for end := col + cols; col < end; {
		dy := o.dy.all[t0*o.dy.n+col:]
		if col+kernel.PanelWidth <= end {
			o.b.k.ColumnSums16(bias[col:], dy, o.dy.n, n)
			col += kernel.PanelWidth
			continue
		}
		sum := float32(0)
		for r := range n {
			sum += dy[r*o.dy.n]
		}
		bias[col] += sum
		col++
	}
}
