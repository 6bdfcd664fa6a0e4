package ptxsim

import (
	"math"
	"math/big"
)

// Float64 arithmetic in the directions that Go does not round in: the result to
// nearest is moved by one number where the exact result, in math/big, lies on
// its other side. Kernels hardly use it, so it may be slow.

// directed64 returns the neighbor of f, the exact result rounded to nearest, that mode asks for.
// side is the sign of the exact result less f.
func directed64(f float64, side int, mode string) float64 {
	up, down := math.Inf(1), math.Inf(-1)
	switch {
	case f != f || side == 0:
		return f
	case mode == "rp" && side > 0:
		return math.Nextafter(f, up)
	case mode == "rm" && side < 0:
		return math.Nextafter(f, down)
	case mode == "rz" && side < 0 && (f > 0 || f == 0 && !math.Signbit(f)), mode == "rz" && side > 0 && f <= 0 && (f < 0 || math.Signbit(f)):
		return math.Nextafter(f, 0)
	}
	return f
}

func finite(v ...float64) bool {
	for _, f := range v {
		if f-f != 0 {
			return false
		}
	}
	return true
}

func exact(v float64) *big.Float {
	return new(big.Float).SetPrec(0).SetMode(big.ToNearestEven).SetFloat64(v)
}

// wide is enough for every bit of a sum or product of float64 numbers.
const wide = 6500

func exactly() *big.Float { return new(big.Float).SetPrec(wide) }

// side returns the sign of x less f. Where f overflowed, x is on the side of 0.
func side(x *big.Float, f float64) int {
	if math.IsInf(f, 0) {
		return -int(math.Copysign(1, f))
	}
	return x.Cmp(exact(f))
}

// fma64 returns a b + c rounded once.
func fma64(a, b, c float64, mode string) float64 {
	f := math.FMA(a, b, c)
	if mode == "rn" || mode == "" || !finite(a, b, c) {
		return f
	}
	x := exactly().Mul(exact(a), exact(b))
	x.Add(x, exact(c))
	if x.Sign() == 0 {
		return zeroSum(signedZero(math.Signbit(a) != math.Signbit(b)), c, f, mode)
	}
	return directed64(f, side(x, f), mode)
}

func add64(a, b float64, mode string) float64 {
	f := a + b
	if mode == "rn" || mode == "" || !finite(a, b) {
		return f
	}
	if f == 0 {
		return zeroSum(a, b, f, mode)
	}
	return directed64(f, side(exactly().Add(exact(a), exact(b)), f), mode)
}

func mul64(a, b float64, mode string) float64 {
	f := a * b
	if mode == "rn" || mode == "" || !finite(a, b) {
		return f
	}
	return directed64(f, side(exactly().Mul(exact(a), exact(b)), f), mode)
}

func div64(a, b float64, mode string) float64 {
	f := a / b
	if mode == "rn" || mode == "" || !finite(a, b) || b == 0 {
		return f
	}
	if math.IsInf(f, 0) {
		return directed64(f, side(nil, f), mode)
	}
	// a / b - f has the sign of (a - f b) / b.
	s := exact(a).Cmp(exactly().Mul(exact(f), exact(b)))
	if b < 0 {
		s = -s
	}
	return directed64(f, s, mode)
}

func sqrt64(a float64, mode string) float64 {
	f := math.Sqrt(a)
	if mode == "rn" || mode == "" || !finite(f) {
		return f
	}
	return directed64(f, exact(a).Cmp(exactly().Mul(exact(f), exact(f))), mode)
}

func signedZero(negative bool) float64 {
	if negative {
		return math.Copysign(0, -1)
	}
	return 0
}

// zeroSum returns s, the sum of a and b, with the sign that IEEE 754 gives an exact
// zero: that of the operands if they have one, else + or, rounding down, -.
func zeroSum(a, b, s float64, mode string) float64 {
	if s == 0 && mode == "rm" && math.Signbit(a) != math.Signbit(b) {
		return math.Copysign(0, -1)
	}
	return s
}
