package kernel

import "math"

// The constants of exp: x = n ln 2 + r with |r| <= ln(2)/2, ln 2 in two parts
// (the first one exact in 15 bits, so that n*ln2Hi is exact), and a polynomial
// for exp(r) that interpolates it at the seven Chebyshev nodes of that interval
// (relative error 2.6e-9).
const (
	expMin = -87.33654 // log(2^-126): the smallest result is a normal number
	expMax = 88        // n stays at most 127
	log2e  = 1.44269504
	ln2Hi  = 0.693145751953125
	ln2Lo  = 1.42860682e-6

	exp2 = 0.5000000047
	exp3 = 0.1666641451
	exp4 = 0.04166635164
	exp5 = 0.008375210201
	exp6 = 0.001394121311
)

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

// Exp is exp(x) in float32 with a relative error below 2^-22 for x in
// [-87.33, 88]. Outside, x is moved to the nearer end: results never exceed
// 1.7e38 nor fall below 2^-126, which is close enough for sums in which 1 is the largest
// term. Exp(NaN) is NaN.
func Exp(x float32) float32 {
	if x < expMin {
		x = expMin
	} else if x > expMax {
		x = expMax
	}
	if x != x {
		return x
	}
	n := float32(math.RoundToEven(float64(x * log2e)))
	r := (x - n*ln2Hi) - n*ln2Lo
	p := float32(exp6)
	p = p*r + exp5
	p = p*r + exp4
	p = p*r + exp3
	p = p*r + exp2
	p = p*r + 1
	p = p*r + 1
	return p * math.Float32frombits(uint32(int32(n)+127)<<23)
}

// tail returns exp(-a^2/2) and Phi(a) = (1 + erf(a/sqrt 2))/2, the latter with an absolute
// error below 2e-7. AVX-512 has polynomials in 32 pieces of a in its place (gen/pieces.go), which are
// closer.
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

func expShiftGo(y, x []float32, shift float32) float32 {
	x = x[:len(y)]
	var s [16]float32
	for i := range y {
		e := Exp(x[i] - shift)
		y[i] = e
		s[i&15] += e
	}
	return sumGo(s[:])
}

func geluRows(k *Set, y, x, pre []float32, ld, ldx, rows, cols int) {
	for r := range rows {
		copy(pre[r*ld:][:cols], x[r*ldx:])
		k.GELU(y[r*ld:][:cols], x[r*ldx:][:cols])
	}
}

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
