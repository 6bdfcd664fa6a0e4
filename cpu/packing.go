package cpu

import "github.com/sparsebert/sparsebert-gpu/cpu/internal/kernel"

// packedLayout is how a weight gradient packs its operands.
type packedLayout uint8

const (
	interleaved packedLayout = iota // micro-panels as kernel.Packing says
	byColumn                        // one column after the other, for B = 1
)

// tokens is the number of tokens of the chunk from t0 on, none behind the last.
func (o *gradOp) tokens(t0 int) int { return max(0, min(o.chunk, o.t-t0)) }

// packSmaller packs the smaller operand's chunk into ws.panel.
func (o *gradOp) packSmaller(ws *workspace, t0, n int) {
	_, smaller := o.operands()
	ws.panel = grow(ws.panel, o.packedSize(smaller.n, n))
	o.packColumns(ws, ws.panel, smaller, 0, smaller.n, t0, n)
}

// stride is the number of tokens to which n are padded.
func stride(n int) int { return chunks(n, 16) * 16 }

// tokensOfLine is how many tokens a line of a micro-panel holds.
func (o *gradOp) tokensOfLine() int { return kernel.PanelWidth / o.width }

// panelSize is the number of elements of a packed micro-panel of n tokens. It has one line more
// than the tokens need, so that the lines of a token do not all fall on one set of a cache.
func (o *gradOp) panelSize(n int) int {
	if o.layout == byColumn {
		return o.width * stride(n)
	}
	return o.width*stride(n) + kernel.PanelWidth
}

// packedSize is the number of elements of packed columns, rounded up to whole tiles.
func (o *gradOp) packedSize(cols, n int) int {
	return chunks(cols, kernel.PanelWidth) * kernel.PanelWidth / o.width * o.panelSize(n)
}

// panels returns the micro-panels from column col on of packed columns.
func (o *gradOp) panels(columns []float32, col, n int) []float32 {
	return columns[col/o.width*o.panelSize(n):]
}

// packColumns packs columns from col on of n tokens.
func (o *gradOp) packColumns(ws *workspace, dst []float32, a *operand, col, cols, t0, n int) {
	if o.layout == byColumn {
		o.transposeColumns(dst, a, col, cols, t0, n)
		return
	}
	o.b.k.PackInterleaved(dst, o.panelSize(n), a.all[t0*a.n+col:], a.n, n/o.tokensOfLine(), cols/kernel.PanelWidth, o.width)
	o.packTail(ws, dst, a, col, cols, t0, n)
}

// packTail packs what PackInterleaved leaves: the columns of less than 16, the tokens of less
// than a line, and zeros for those that do not exist.
func (o *gradOp) packTail(ws *workspace, dst []float32, a *operand, col, cols, t0, n int) {
	m, size := o.tokensOfLine(), o.panelSize(n)
	whole := n / m * m
	if c := cols / kernel.PanelWidth * kernel.PanelWidth; c < cols {
		// A copy with zeros behind, which is packed as all others are.
		ws.padded = grow(ws.padded, whole*kernel.PanelWidth)
		clear(ws.padded)
		for r := range whole {
			copy(ws.padded[r*kernel.PanelWidth:], a.all[(t0+r)*a.n+col+c:][:cols-c])
		}
		o.b.k.PackInterleaved(dst[c/o.width*size:], size, ws.padded, kernel.PanelWidth, whole/m, 1, o.width)
	}
	for r := whole; r < stride(n); r++ {
		for c := range chunks(cols, kernel.PanelWidth) * kernel.PanelWidth {
			v := float32(0)
			if r < n && c < cols {
				v = a.all[(t0+r)*a.n+col+c]
			}
			dst[c/o.width*size+r/m*kernel.PanelWidth+c%o.width*m+r%m] = v
		}
	}
}

// transposeColumns packs columns one after the other, with zeros behind up to stride(n) tokens.
func (o *gradOp) transposeColumns(dst []float32, a *operand, col, cols, t0, n int) {
	ld := stride(n)
	o.b.k.Transpose(dst, ld, a.all[t0*a.n+col:], a.n, n, cols)
	if n < ld {
		for c := range cols {
			clear(dst[c*ld+n : (c+1)*ld])
		}
	}
}
