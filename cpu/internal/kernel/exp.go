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
