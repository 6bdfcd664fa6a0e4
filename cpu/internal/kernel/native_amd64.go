//go:build !noasm

package kernel

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// native returns the assembly loops of a path, or nil where the processor
// cannot run them. Functions that the assembly lacks are the Go ones.
func native(p Path) *Set {
	s := goSet()
	s.Path = p
	switch {
	case (p == AVX512 || p == AVX512Bcst) && cpu.X86.HasAVX512F && cpu.X86.HasAVX512VL && cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		s.Tile16 = runs(tile16AVX512)
		s.PairRows = func(dst, src []float32, ld, rows, cols int) {
			if rows > 0 && cols > 0 {
				pairRowsAVX512(&dst[0], &src[0], ld, rows/2, cols/Strip)
			}
		}
		s.Outer16 = outer16AVX512
		s.Lanes4, s.Lanes4Turned = lanes4AVX512, lanes4TurnedAVX512
		s.Lanes8, s.Lanes8Turned = lanes8AVX512, lanes8TurnedAVX512
		s.Woven4, s.Woven4Turned, s.Woven8, s.Woven8Turned = woven4AVX512, woven4TurnedAVX512, woven8AVX512, woven8TurnedAVX512
		s.GradTiles, s.Weave4, s.Weave8 = gradTilesAVX512, weave(weave4AVX512), weave(weave8AVX512)
		s.Panel, s.Columns16 = wholeStrips(panelAVX512), columnsAVX512
		s.SpMV = spmvAVX512
		s.PanelSquares, s.StripSquares = panelSquaresAVX512, stripSquaresAVX512
		if p == AVX512Bcst {
			s.Tile16, s.PairRows = runs(tile16AVX512Bcst), nil
			s.GELUTile, s.GELUGradTile = wholeLines(finished(geluTileAVX512Bcst)), finished(geluGradTileAVX512Bcst)
			s.PanelSquares, s.StripSquares = panelSquaresAVX512Bcst, stripSquaresAVX512Bcst
			s.GradTiles, s.TileWidth, s.Weave16, s.Group = gradTilesAVX512Bcst, 16, weave(weave16AVX512), 4
			s.AsksAhead = true
			s.Woven4, s.Woven4Turned, s.Woven8, s.Woven8Turned = woven4AVX512Bcst, woven4TurnedAVX512Bcst, woven8AVX512Bcst, woven8TurnedAVX512Bcst
		}
		s.SoftmaxStrip, s.ExpStrip, s.ScaleStrip = softmaxStripAVX512, expStripAVX512, scaleStripAVX512
		s.DropStrip, s.SoftmaxGradStrip = dropStripAVX512, softmaxGradStripAVX512
		vectors(s, 16, &assembly{
			dotAVX512, sumAVX512, sumSqDiffAVX512, maxAVX512, sumSqAVX512,
			axpyAVX512, scaleAVX512,
			normalizeAVX512, normSumsAVX512, normGradAVX512,
			expShiftAVX512, geluAVX512, geluGradAVX512, geluStreamAVX512, geluGradStreamAVX512, adamAVX512,
			timesAVX512, sumTimesAVX512, dropoutAVX512, dotsAVX512,
		})
	case p == AVX2 && cpu.X86.HasAVX2 && cpu.X86.HasFMA:
		s.Tile16 = runs(tile16AVX2)
		s.Outer16 = outer16AVX2
		s.Lanes4, s.Lanes4Turned = lanes4AVX2, lanes4TurnedAVX2
		s.Lanes8, s.Lanes8Turned = lanes8AVX2, lanes8TurnedAVX2
		s.Woven4, s.Woven4Turned, s.Woven8, s.Woven8Turned = woven4AVX2, woven4TurnedAVX2, woven8AVX2, woven8TurnedAVX2
		s.GradTiles, s.Weave4, s.Weave8 = gradTilesAVX2, weave(weave4AVX2), weave(weave8AVX2)
		s.Panel, s.Columns16 = wholeStrips(panelAVX2), columnsAVX2
		s.SpMV = spmvAVX2
		s.PanelSquares, s.StripSquares = panelSquaresAVX2, stripSquaresAVX2
		s.SoftmaxStrip, s.ExpStrip, s.ScaleStrip = softmaxStripAVX2, expStripAVX2, scaleStripAVX2
		s.DropStrip, s.SoftmaxGradStrip = dropStripAVX2, softmaxGradStripAVX2
		vectors(s, 8, &assembly{
			dotAVX2, sumAVX2, sumSqDiffAVX2, maxAVX2, sumSqAVX2,
			axpyAVX2, scaleAVX2,
			normalizeAVX2, normSumsAVX2, normGradAVX2,
			expShiftAVX2, geluAVX2, geluGradAVX2, geluStreamAVX2, geluGradStreamAVX2, adamAVX2,
			timesAVX2, sumTimesAVX2, dropoutAVX2, dotsAVX2,
		})
	default:
		return nil
	}
	s.Fence = fenceSSE
	s.Transpose, s.Copy16 = transpose(8, transposeAVX2, transposeGo), copy16AVX2
	s.StreamTranspose = s.Transpose
	if p == AVX512 || p == AVX512Bcst {
		edge := s.Transpose
		s.Transpose, s.Copy16 = transpose(16, transposeAVX512, edge), copy16AVX512
		stream := transpose(16, streamTransposeAVX512, edge)
		s.StreamTranspose = func(dst []float32, ldd int, src []float32, lds int, rows, cols int) {
			if address(dst)%64 == 0 && ldd%16 == 0 {
				stream(dst, ldd, src, lds, rows, cols)
			} else {
				s.Transpose(dst, ldd, src, lds, rows, cols)
			}
		}
	}
	return s
}

// weave makes a function of slices of one of pointers.
func weave(f func(dst *float32, step int, src *float32, lds int, lines, squares int)) func(dst []float32, step int, src []float32, lds int, lines, squares int) {
	return func(dst []float32, step int, src []float32, lds int, lines, squares int) {
		if lines > 0 && squares > 0 {
			f(&dst[0], step, &src[0], lds, lines, squares)
		}
	}
}

// transpose does the whole squares of 16 x 16 or 8 x 8 in assembly, the edges by the next
// smaller means.
func transpose(size int, squares func(dst *float32, ldd int, src *float32, lds int, rows, cols int),
	edge func(dst []float32, ldd int, src []float32, lds int, rows, cols int)) func(dst []float32, ldd int, src []float32, lds int, rows, cols int) {
	return func(dst []float32, ldd int, src []float32, lds int, rows, cols int) {
		r, c := rows/size*size, cols/size*size
		if r > 0 && c > 0 {
			squares(&dst[0], ldd, &src[0], lds, r/size, c/size)
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

// wholeStrips leaves a last strip that is not whole, and rows beyond a multiple of 4, to
// the Go loop.
func wholeStrips(panel func(dst, src []float32, lds int, fours, strips int)) func(dst, src []float32, lds, rows, cols int) {
	return func(dst, src []float32, lds, rows, cols int) {
		r, c := rows&^3, cols/Strip*Strip
		if r > 0 && c > 0 {
			panel(dst, src, lds, r/4, c/Strip)
		}
		if r < rows {
			panelGo(dst[r*Strip:], src[r*lds:], lds, rows-r, cols)
		}
		if c < cols && r > 0 {
			panelGo(dst[c*Rows:], src[c:], lds, r, cols-c)
		}
	}
}

// tileRun is what a tile's assembly gets, and its state from strip to strip: pointers
// as numbers, since they may end up behind their arrays, and strides in bytes.
type tileRun struct {
	c, ldc, a, b, ldb uintptr
	segs, ptr, per    uintptr
	subs, strips      int
	start, startStep  uintptr
	from, end, to     uintptr // what is copied meanwhile
	left, row, wrap   uintptr
	add, stream, sub  uint64
	last              uintptr // segment of the weight
	first             uintptr // and of the strip
	ask, askStride    uintptr // stride 0: nothing
	other, near       uintptr
}

// intel says whether Intel has made the processor.
func intel() bool {
	b, d, c := vendor()
	return b == 'G'|'e'<<8|'n'<<16|'u'<<24 && d == 'i'|'n'<<8|'e'<<16|'I'<<24 && c == 'n'|'t'<<8|'e'<<16|'l'<<24
}

// Pause lets some cycles pass, for a loop that waits for another thread.
func Pause() { pauseSSE() }

// FlushSubnormals makes this thread count numbers below 2^-126 as zeros, in what it reads and
// what it computes, and keeps the goroutine on it until Restore. Where such numbers are kept,
// each instruction that meets one takes an Intel processor a hundred cycles and more, and
// gradients of little-used weights and their moments are full of them.
func FlushSubnormals() (mode uint32) {
	const readAsZero, writeAsZero = 1 << 6, 1 << 15
	runtime.LockOSThread()
	mode = modeSSE()
	setModeSSE(mode | readAsZero | writeAsZero)
	return mode
}

// Restore ends what FlushSubnormals began, which returned mode.
func Restore(mode uint32) {
	setModeSSE(mode)
	runtime.UnlockOSThread()
}

func address(x []float32) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(x))) }

// runs makes a Tile of the assembly.
func runs(f func(*tileRun)) Tile {
	tile := finished(f)
	return func(c []float32, ldc int, a []float32, b *Blocks, first, strips int, start []float32, step int, mode Mode, ahead *Ahead) {
		tile(c, nil, ldc, a, b, first, strips, start, step, mode, ahead, nil)
	}
}

// wholeLines restricts a tile to pairs of strips and to whole lines.
func wholeLines(f FinishedTile) FinishedTile {
	return func(c, x []float32, ldc int, a []float32, b *Blocks, first, strips int, start []float32, step int, mode Mode, ahead *Ahead, near []float32) bool {
		if strips%2 != 0 || strips > 0 && (address(c)%64 != 0 || address(x)%64 != 0 || ldc%Strip != 0) {
			return false
		}
		return f(c, x, ldc, a, b, first, strips, start, step, mode, ahead, near)
	}
}

// finished makes one whose sums are finished at once.
func finished(f func(*tileRun)) FinishedTile {
	return func(c, x []float32, ldc int, a []float32, b *Blocks, first, strips int, start []float32, step int, mode Mode, ahead *Ahead, near []float32) bool {
		if strips <= 0 {
			return true
		}
		r := tileRun{
			c: address(c), ldc: 4 * uintptr(ldc), a: address(a),
			b: address(b.Values) + uintptr(4*Strip*(first%b.Subs)), ldb: 4 * uintptr(b.LDB),
			segs: uintptr(unsafe.Pointer(unsafe.SliceData(b.Segs))), ptr: uintptr(unsafe.Pointer(&b.Ptr[first/b.Subs])), per: uintptr(b.Per),
			subs: b.Subs, strips: strips, sub: uint64(b.Subs - first%b.Subs),
			start: address(start), startStep: 4 * uintptr(step), other: address(x), near: address(near),
		}
		if n := len(b.Segs); n > 0 {
			r.last = r.segs + uintptr(n-1)*unsafe.Sizeof(Seg{})
		}
		if mode == AddTo {
			r.add = 1
		}
		if mode == Stream && r.c%64 == 0 && r.ldc%64 == 0 {
			r.stream = 1
		}
		if ahead != nil && len(ahead.Ask) > 0 {
			r.ask, r.askStride = address(ahead.Ask), 4*uintptr(ahead.AskStride)
		}
		copies := ahead != nil && len(ahead.Src) > 0 && ahead.Cols%(2*Strip) == 0
		if copies {
			row, at := ahead.Done/ahead.Cols, ahead.Done%ahead.Cols
			from := address(ahead.Src)
			r.from, r.end = from+4*uintptr(ahead.Done), from+4*uintptr(len(ahead.Src))
			r.to = address(ahead.Dst) + 4*uintptr(at*Rows+row*Strip)
			r.row = uintptr(ahead.Cols / Strip)
			r.left = r.row - uintptr(at/Strip)
			r.wrap = r.row*4*Strip*Rows - 4*Strip
		}
		f(&r)
		if copies {
			ahead.Done = int(r.from-address(ahead.Src)) / 4
		}
		// Numbers keep no memory from being collected: the caller may hold no pointer to it.
		runtime.KeepAlive(unsafe.SliceData(c))
		runtime.KeepAlive(unsafe.SliceData(a))
		runtime.KeepAlive(unsafe.SliceData(start))
		runtime.KeepAlive(unsafe.SliceData(x))
		runtime.KeepAlive(unsafe.SliceData(near))
		runtime.KeepAlive(b)
		runtime.KeepAlive(ahead)
		return true
	}
}

// assembly holds the functions of one instruction set that take whole vectors.
type assembly struct {
	dot        func(x, y []float32) float32
	sum        func(x []float32) float32
	sumSqDiff  func(x []float32, mean float32) float32
	max        func(x []float32) float32
	sumSq      func(x []float32) float64
	axpy       func(y []float32, a float32, x []float32)
	scale      func(y []float32, a float32)
	normalize  func(y, x, gamma, beta []float32, mean, rstd float32)
	normSums   func(dy, dgamma, dbeta, x, gamma []float32, mean, rstd float32) (sum, dot float32)
	normGrad   func(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32)
	expShift   func(y, x []float32, shift float32) float32
	gelu       func(y, x []float32)
	geluGrad   func(y, r, x []float32)
	streamGELU func(y, x, pre []float32, ld, ldx, rows, cols int)
	streamGrad func(y, r, x []float32, ld, ldr, rows, cols int)
	adam       func(w, g, m, v []float32, a *AdamStep)
	times      func(y, x, f []float32)
	sumTimes   func(y, a, x, f []float32)
	dropout    func(f []float32, block uint32, d *DropSite, a, b, c *float32)
	dots       func(dst, y, x []float32, stride int, idx []int32)
}

// vectors fills in the vector functions: assembly for the multiple of lanes,
// the Go loop for what is left.
func vectors(s *Set, lanes int, f *assembly) {
	mask := lanes - 1
	s.Dot = func(x, y []float32) float32 {
		n := len(x) &^ mask
		sum := f.dot(x[:n], y[:n])
		if n < len(x) {
			sum += dotGo(x[n:], y[n:])
		}
		return sum
	}
	s.Sum = func(x []float32) float32 {
		n := len(x) &^ mask
		sum := f.sum(x[:n])
		if n < len(x) {
			sum += sumGo(x[n:])
		}
		return sum
	}
	s.SumSqDiff = func(x []float32, mean float32) float32 {
		n := len(x) &^ mask
		sum := f.sumSqDiff(x[:n], mean)
		if n < len(x) {
			sum += sumSqDiffGo(x[n:], mean)
		}
		return sum
	}
	s.SumSq = func(x []float32) float64 {
		n := len(x) &^ mask
		sum := f.sumSq(x[:n])
		if n < len(x) {
			sum += sumSqGo(x[n:])
		}
		return sum
	}
	s.Max = func(x []float32) float32 {
		n := len(x) &^ mask
		if n == 0 {
			return maxGo(x)
		}
		top := f.max(x[:n])
		if n < len(x) {
			top = max(top, maxGo(x[n:]))
		}
		return top
	}
	s.Axpy = func(y []float32, a float32, x []float32) {
		n := len(y) &^ mask
		f.axpy(y[:n], a, x[:n])
		if n < len(y) {
			axpyGo(y[n:], a, x[n:])
		}
	}
	s.Scale = func(y []float32, a float32) {
		n := len(y) &^ mask
		f.scale(y[:n], a)
		scaleGo(y[n:], a)
	}
	s.Normalize = func(y, x, gamma, beta []float32, mean, rstd float32) {
		n := len(y) &^ mask
		f.normalize(y[:n], x[:n], gamma[:n], beta[:n], mean, rstd)
		normalizeGo(y[n:], x[n:], gamma[n:], beta[n:], mean, rstd)
	}
	s.NormSums = func(dgamma, dbeta, dy, x, gamma []float32, mean, rstd float32) (float32, float32) {
		n := len(dy) &^ mask
		sum, dot := f.normSums(dy[:n], dgamma[:n], dbeta[:n], x[:n], gamma[:n], mean, rstd)
		if n < len(dy) {
			s, d := normSumsGo(dgamma[n:], dbeta[n:], dy[n:], x[n:], gamma[n:], mean, rstd)
			sum, dot = sum+s, dot+d
		}
		return sum, dot
	}
	s.NormGrad = func(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32) {
		n := len(y) &^ mask
		f.normGrad(y[:n], dy[:n], x[:n], gamma[:n], mean, rstd, m1, m2)
		normGradGo(y[n:], dy[n:], x[n:], gamma[n:], mean, rstd, m1, m2)
	}
	s.ExpShift = func(y, x []float32, shift float32) float32 {
		n := len(y) &^ mask
		sum := f.expShift(y[:n], x[:n], shift)
		if n < len(y) {
			sum += expShiftGo(y[n:], x[n:], shift)
		}
		return sum
	}
	s.GELU = func(y, x []float32) {
		n := len(y) &^ mask
		f.gelu(y[:n], x[:n])
		geluGo(y[n:], x[n:])
	}
	s.GELUGrad = func(y, r, x []float32) {
		n := len(y) &^ mask
		f.geluGrad(y[:n], r[:n], x[:n])
		geluGradGo(y[n:], r[n:], x[n:])
	}
	aligned := func(y []float32, ld, cols int) bool {
		return cols&mask == 0 && ld&mask == 0 && address(y)%uintptr(4*lanes) == 0
	}
	s.StreamGELU = func(y, x, pre []float32, ld, ldx, rows, cols int) {
		switch {
		case rows == 0 || cols == 0:
		case aligned(y, ld, cols) && aligned(pre, ld, cols):
			f.streamGELU(y, x, pre, ld, ldx, rows, cols)
		default:
			geluRows(s, y, x, pre, ld, ldx, rows, cols)
		}
	}
	s.StreamGELUGrad = func(y, r, x []float32, ld, ldr, rows, cols int) {
		switch {
		case rows == 0 || cols == 0:
		case aligned(y, ld, cols):
			f.streamGrad(y, r, x, ld, ldr, rows, cols)
		default:
			geluGradRows(s, y, r, x, ld, ldr, rows, cols)
		}
	}
	s.Dots = func(dst, y, x []float32, stride int, idx []int32) {
		n := len(idx) &^ 3
		f.dots(dst[:n], y, x, stride, idx[:n])
		for j := n; j < len(idx); j++ {
			dst[j] = f.dot(y, x[int(idx[j])*stride:int(idx[j])*stride+len(y)])
		}
	}
	s.Times = func(y, x, factor []float32) {
		n := len(y) &^ mask
		f.times(y[:n], x[:n], factor[:n])
		timesGo(y[n:], x[n:], factor[n:])
	}
	s.SumTimes = func(y, a, x, factor []float32) {
		n := len(y) &^ mask
		f.sumTimes(y[:n], a[:n], x[:n], factor[:n])
		sumTimesGo(y[n:], a[n:], x[n:], factor[n:])
	}
	s.Dropout = func(x []float32, block uint32, d *DropSite, soon Soon) {
		n := len(x) &^ (4*lanes - 1)
		for i, a := range soon {
			if len(a) == 0 {
				soon[i] = x // which is near
			}
		}
		f.dropout(x[:n], block, d, unsafe.SliceData(soon[0]), unsafe.SliceData(soon[1]), unsafe.SliceData(soon[2]))
		dropoutGo(x[n:], block+uint32(n/4), d)
	}
	s.Adam = func(w, g, m, v []float32, a *AdamStep) {
		n := len(w) &^ mask
		f.adam(w[:n], g[:n], m[:n], v[:n], a)
		adamGo(w[n:], g[n:], m[n:], v[n:], a)
	}
}
