//go:build !noasm

package kernel

import "unsafe"

// vectorFuncs are the assembly functions of an instruction set that take whole vectors.
type vectorFuncs struct {
	dot                 func(x, y []float32) float32
	sum                 func(x []float32) float32
	sumSqDiff           func(x []float32, mean float32) float32
	max                 func(x []float32) float32
	sumSq               func(x []float32) float64
	axpy                func(y []float32, a float32, x []float32)
	scale               func(y []float32, a float32)
	normalize           func(y, x, gamma, beta []float32, mean, rstd float32)
	normSums            func(dy, dgamma, dbeta, x, gamma []float32, mean, rstd float32) (sum, dot float32)
	normGrad            func(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32)
	expShift            func(y, x []float32, shift float32) float32
	gelu                func(y, x []float32)
	geluGrad            func(y, r, x []float32)
	geluNonTemporal     func(y, x, pre []float32, ld, ldx, rows, cols int)
	geluGradNonTemporal func(y, r, x []float32, ld, ldr, rows, cols int)
	adam                func(w, g, m, v []float32, a *AdamStep)
	times               func(y, x, f []float32)
	sumTimes            func(y, a, x, f []float32)
	dropout             func(f []float32, block uint32, d *DropoutSite, a, b, c *float32)
	dots                func(dst, y, x []float32, stride int, idx []int32)
}

// useVectors sets the vector functions: assembly for the multiple of lanes, the Go loop for what
// is left.
func useVectors(s *Set, lanes int, f *vectorFuncs) {
	mask := lanes - 1
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
	s.GELUNonTemporal = func(y, x, pre []float32, ld, ldx, rows, cols int) {
		switch {
		case rows == 0 || cols == 0:
		case aligned(y, ld, cols) && aligned(pre, ld, cols):
			f.geluNonTemporal(y, x, pre, ld, ldx, rows, cols)
		default:
			geluRows(s, y, x, pre, ld, ldx, rows, cols)
		}
	}
	s.GELUGradNonTemporal = func(y, r, x []float32, ld, ldr, rows, cols int) {
		switch {
		case rows == 0 || cols == 0:
		case aligned(y, ld, cols):
			f.geluGradNonTemporal(y, r, x, ld, ldr, rows, cols)
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
	s.Dropout = func(x []float32, block uint32, d *DropoutSite, p Prefetch) {
		n := len(x) &^ (4*lanes - 1)
		for i, a := range p {
			if len(a) == 0 {
				p[i] = x // which is in the cache
			}
		}
		f.dropout(x[:n], block, d, unsafe.SliceData(p[0]), unsafe.SliceData(p[1]), unsafe.SliceData(p[2]))
		dropoutGo(x[n:], block+uint32(n/4), d)
	}
	s.Adam = func(w, g, m, v []float32, a *AdamStep) {
		n := len(w) &^ mask
		f.adam(w[:n], g[:n], m[:n], v[:n], a)
		adamGo(w[n:], g[n:], m[n:], v[n:], a)
	}
}
