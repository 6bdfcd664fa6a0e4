package ptxsim

import "math"

// Every float32 operation is computed in float64. Where that result is not
// exact it is first rounded to odd: the last bit is set if anything was cut off.
// Rounding an odd-rounded number once more, to any narrower format and in any
// direction, then gives what one rounding of the exact result gives (Boldo and
// Melquiond, "When double rounding is odd", 2005).

const (
	nan16  = 0x7FFF
	nan32  = 0x7FFFFFFF
	nan64  = 0x7FF8000000000000
	sign32 = 1 << 31
	sign64 = 1 << 63
)

func fromF32(v uint64) float32 { return math.Float32frombits(uint32(v)) }
func fromF64(v uint64) float64 { return math.Float64frombits(v) }

// bits32 returns a float's bits, with the one NaN that PTX's float32 instructions give.
func bits32(f float32) uint64 {
	if f != f {
		return nan32
	}
	return uint64(math.Float32bits(f))
}

func bits64(f float64) uint64 {
	if f != f {
		return nan64
	}
	return math.Float64bits(f)
}

// flush turns a subnormal float32 into a zero of its sign.
func flush(v uint64) uint64 {
	if v&0x7F800000 == 0 {
		return v & sign32
	}
	return v
}

// addError returns what s, the rounded sum of a and b, lacks (Knuth's two-sum).
func addError(a, b, s float64) float64 {
	t := s - a
	return (a - (s - t)) + (b - t)
}

// odd rounds s to odd, where e is what s lacks; NaN in e means exact.
func odd(s, e float64) float64 {
	if (e > 0 || e < 0) && math.Float64bits(s)&1 == 0 {
		if (e > 0) == (s > 0) {
			return math.Float64frombits(math.Float64bits(s) + 1)
		}
		return math.Float64frombits(math.Float64bits(s) - 1)
	}
	return s
}

// to32 rounds x to float32: rn to nearest even, rz to zero, rm down, rp up.
func to32(x float64, mode string) float32 {
	f := float32(x)
	if mode == "rn" || mode == "" || float64(f) == x || f != f {
		return f
	}
	above := float64(f) > x
	switch {
	case mode == "rz" && above == (x > 0):
		return math.Nextafter32(f, 0)
	case mode == "rm" && above:
		return math.Nextafter32(f, float32(math.Inf(-1)))
	case mode == "rp" && !above:
		return math.Nextafter32(f, float32(math.Inf(1)))
	}
	return f
}

// fma32 returns a b + c rounded once.
func fma32(a, b, c float32, mode string) float32 {
	p := float64(a) * float64(b) // exact: 48 bits
	s := zeroSum(p, float64(c), p+float64(c), mode)
	return to32(odd(s, addError(p, float64(c), s)), mode)
}

// toBF16 rounds x to bfloat16: rn to nearest even, rz to zero.
func toBF16(x float64, mode string) uint64 {
	if x != x {
		return nan16
	}
	f := to32(x, "rz")
	u := math.Float32bits(f)
	if float64(f) != x {
		u |= 1
	}
	if mode == "rz" {
		return uint64(u >> 16)
	}
	return uint64((u + 0x7FFF + u>>16&1) >> 16)
}

func fromBF16(v uint64) float32 { return math.Float32frombits(uint32(v) << 16) }

// toF16 rounds x to IEEE half precision: rn to nearest even, rz to zero.
func toF16(x float64, mode string) uint64 {
	if x != x {
		return nan16
	}
	sign := uint64(0)
	if math.Signbit(x) {
		sign, x = 0x8000, -x
	}
	_, e := math.Frexp(x)        // x < 2^e
	quantum := max(e-11, -24)    // exponent of the last place
	q := math.Ldexp(x, -quantum) // exact
	if mode == "rz" {
		q = math.Trunc(q)
	} else {
		q = math.RoundToEven(q)
	}
	v := math.Ldexp(q, quantum)
	switch {
	case v > 65504 && mode == "rz" && !math.IsInf(x, 0):
		return sign | 0x7BFF
	case v > 65504:
		return sign | 0x7C00
	case v < 0x1p-14:
		return sign | uint64(math.Ldexp(v, 24))
	}
	f, e := math.Frexp(v)
	return sign | uint64(e+14)<<10 | uint64(math.Ldexp(f, 11))&0x3FF
}

func fromF16(v uint64) float64 {
	m, e, s := float64(v&0x3FF), int(v>>10&31), 1.0
	if v&0x8000 != 0 {
		s = -1
	}
	switch {
	case e == 31 && m != 0:
		return math.NaN()
	case e == 31:
		return math.Inf(int(s))
	case e == 0:
		return s * math.Ldexp(m, -24)
	}
	return s * math.Ldexp(1024+m, e-25)
}

// directed16 rounds x to a 16-bit float, rm down or rp up: to nearest, and then to
// the neighbor where that is on the wrong side.
func directed16(x float64, t typ, mode string) uint64 {
	v := encodeFloat(x, t, "rn")
	got := decodeFloat(v, t)
	switch {
	case mode == "rm" && got > x:
		return step16(v, false)
	case mode == "rp" && got < x:
		return step16(v, true)
	}
	return v
}

// step16 returns the next 16-bit float up or down.
func step16(v uint64, up bool) uint64 {
	switch negative := v>>15 != 0; {
	case v&0x7FFF == 0 && up:
		return 1
	case v&0x7FFF == 0:
		return 0x8001
	case negative == up:
		return v - 1
	}
	return v + 1
}
