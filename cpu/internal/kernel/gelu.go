package kernel

import "math"

// The upper tail of the normal distribution, Q(a) = 1 - Phi(a) for a >= 0, is
// exp(-a^2/2) R(t) with t = 1/(1 + tailP a); R is a polynomial that interpolates
// at the nine Chebyshev nodes of the t of [0, 13.5]. The interpolation error,
// times the exponential, is below 2e-8 everywhere.
const (
	tailP = 0.3
	tail0 = 3.170580775e-06
	tail1 = 0.1195625707
	tail2 = 0.1213356263
	tail3 = 0.09716998724
	tail4 = 0.1362291543
	tail5 = -0.06671513734
	tail6 = 0.2195453879
	tail7 = -0.1645000453
	tail8 = 0.03736930313

	invSqrt2Pi = 0.39894228 // the normal density at 0
)

// tail returns exp(-a^2/2) and Phi(a) = (1 + erf(a/sqrt 2))/2, the latter with an absolute
// error below 2e-7. AVX-512 has piecewise polynomials instead, which are closer
// (gen/piecewise.go).
func tail(a float32) (e, phi float32) {
	abs := math.Float32frombits(math.Float32bits(a) &^ (1 << 31))
	e = Exp(-0.5 * a * a)
	t := 1 / (1 + tailP*abs)
	p := float32(tail8)
	p = p*t + tail7
	p = p*t + tail6
	p = p*t + tail5
	p = p*t + tail4
	p = p*t + tail3
	p = p*t + tail2
	p = p*t + tail1
	p = p*t + tail0
	phi = e * p
	if a >= 0 {
		phi = 1 - phi
	}
	return e, phi
}

// geluRows is GELUNonTemporal with plain stores.
func geluRows(k *Set, y, x, pre []float32, ld, ldx, rows, cols int) {
	for r := range rows {
		copy(pre[r*ld:][:cols], x[r*ldx:])
		k.GELU(y[r*ld:][:cols], x[r*ldx:][:cols])
	}
}

// geluGradRows is GELUGradNonTemporal with plain stores.
func geluGradRows(k *Set, y, r, x []float32, ld, ldr, rows, cols int) {
	for i := range rows {
		k.GELUGrad(y[i*ld:][:cols], r[i*ldr:][:cols], x[i*ld:][:cols])
	}
}

func geluGo(y, x []float32) {
	x = x[:len(y)]
	for i, a := range x {
		_, phi := tail(a)
		y[i] = a * phi
	}
}

func geluGradGo(y, r, x []float32) {
	r, x = r[:len(y)], x[:len(y)]
	for i, a := range x {
		e, phi := tail(a)
		y[i] = r[i] * (phi + a*invSqrt2Pi*e)
	}
}
