package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// A bias gradient is the sum of dy over the tokens. It is taken from dy's packed micro-panels
// while they are in the cache, not in a pass of its own over all of dy.

// smallerBias adds the sums of a chunk where dy is the smaller operand. Each task adds those of an
// equal share of the micro-panels.
func (o *gradOp) smallerBias(ws *workspace, i, n int) {
	if o.bias == nil || !o.xLarger {
		return
	}
	tasks, panels := len(o.bounds)-1, chunks(o.dy.n, o.width)
	for s := panels * i / tasks; s < panels*(i+1)/tasks; s++ {
		o.addBias(ws, s*o.width, o.panels(ws.panel, s*o.width, n), n)
	}
}

// largerBias adds the sums of packed columns where dy is the larger operand.
func (o *gradOp) largerBias(ws *workspace, col, cols int, packed []float32, n int) {
	if o.bias == nil || o.xLarger {
		return
	}
	for c := 0; c < min(cols, o.dy.n-col); c += o.width {
		o.addBias(ws, col+c, o.panels(packed, c, n), n)
	}
}

// addBias adds the sums of a micro-panel, from column col on. Those of each token of a line stay
// apart until addPartials adds them up.
func (o *gradOp) addBias(ws *workspace, col int, panel []float32, n int) {
	if o.layout == byColumn {
		ws.partial.bias[col] += o.b.k.Sum(panel[:n])
		return
	}
	m := o.tokensOfLine()
	o.b.k.ColumnSums16(ws.partial.sums[col*m:], panel, kernel.PanelWidth, chunks(n, m))
}

// unpackedBias adds the sums of columns of the larger operand that have no block and so are not
// packed.
func (o *gradOp) unpackedBias(ws *workspace, col, cols, t0, n int) {
	if o.bias == nil || o.xLarger {
		return
	}
	bias := ws.partial.bias
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
