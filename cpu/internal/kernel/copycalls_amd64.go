//go:build !noasm

package kernel

// The copies as Go calls them: slices for pointers, and Go loops for what is less than the
// assembly takes at a time.

type (
	transposeFunc  = func(dst []float32, ldd int, src []float32, lds int, rows, cols int)
	interleaveFunc = func(dst []float32, step int, src []float32, lds int, lines, cols16 int)
)

func pairRows(dst, src []float32, ld, rows, cols int) {
	if rows > 0 && cols > 0 {
		pairRowsAVX512(&dst[0], &src[0], ld, rows/2, cols/PanelWidth)
	}
}

func interleaveCall(f func(dst *float32, step int, src *float32, lds int, lines, cols16 int)) interleaveFunc {
	return func(dst []float32, step int, src []float32, lds int, lines, cols16 int) {
		if lines > 0 && cols16 > 0 {
			f(&dst[0], step, &src[0], lds, lines, cols16)
		}
	}
}

// transposeCall transposes whole squares of size x size by f and the edges by edge.
func transposeCall(size int, f func(dst *float32, ldd int, src *float32, lds int, rows, cols int), edge transposeFunc) transposeFunc {
	return func(dst []float32, ldd int, src []float32, lds int, rows, cols int) {
		r, c := rows/size*size, cols/size*size
		if r > 0 && c > 0 {
			f(&dst[0], ldd, &src[0], lds, r/size, c/size)
		} else {
			r, c = 0, 0
		}
		if c < cols && r > 0 {
			edge(dst[c*ldd:], ldd, src[c:], lds, r, cols-c)
		}
		if r < rows {
			edge(dst[r:], ldd, src[r*lds:], lds, rows-r, cols)
		}
	}
}

// wholeLines uses f where dst has rows of whole cache lines, and other elsewhere.
func wholeLines(f, other transposeFunc) transposeFunc {
	return func(dst []float32, ldd int, src []float32, lds int, rows, cols int) {
		if address(dst)%64 == 0 && ldd%16 == 0 {
			f(dst, ldd, src, lds, rows, cols)
		} else {
			other(dst, ldd, src, lds, rows, cols)
		}
	}
}

// packPanelCall leaves a last micro-panel that is not whole, and rows beyond a multiple of 4, to
// the Go loop.
func packPanelCall(f func(dst, src []float32, lds int, fours, panels int)) func(dst, src []float32, lds, rows, cols int) {
	return func(dst, src []float32, lds, rows, cols int) {
		r, c := rows&^3, cols/PanelWidth*PanelWidth
		if r > 0 && c > 0 {
			f(dst, src, lds, r/4, c/PanelWidth)
		}
		if r < rows {
			packPanelGo(dst[r*PanelWidth:], src[r*lds:], lds, rows-r, cols)
		}
		if c < cols && r > 0 {
			packPanelGo(dst[c*TileRows:], src[c:], lds, r, cols-c)
		}
	}
}
