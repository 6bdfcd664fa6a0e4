package othercompilers

import "math"

// element is a type of the elements of a buffer.
type element struct {
	size   int
	signed bool
	encode func(v float64) uint64 // of floats
	decode func(v uint64) float64
}

func integers(size int, signed bool) element {
	return element{size: size, signed: signed}
}

// integer returns the value of an integer's low bits.
func (e element) integer(v uint64) int64 {
	s := 64 - 8*e.size
	if e.signed {
		return int64(v<<s) >> s
	}
	return int64(v << s >> s)
}

var elements = map[string]element{
	"i8": integers(1, true), "i16": integers(2, true), "i32": integers(4, true), "i64": integers(8, true),
	"u8": integers(1, false), "u16": integers(2, false), "u32": integers(4, false), "u64": integers(8, false),
	"f64":  {size: 8, encode: math.Float64bits, decode: math.Float64frombits},
	"f32":  {size: 4, encode: func(v float64) uint64 { return uint64(math.Float32bits(float32(v))) }, decode: func(v uint64) float64 { return float64(math.Float32frombits(uint32(v))) }},
	"f16":  narrow(5, 10),
	"bf16": narrow(8, 7),
}

// narrow is a 16-bit float of so many bits of exponent and of fraction.
func narrow(exponent, fraction int) element {
	bias := 1<<(exponent-1) - 1
	decode := func(v uint64) float64 {
		e, f := int(v>>fraction)&(1<<exponent-1), float64(v&(1<<fraction-1))
		sign := 1 - 2*float64(v>>15)
		switch {
		case e == 1<<exponent-1 && f != 0:
			return math.NaN()
		case e == 1<<exponent-1:
			return math.Inf(int(sign))
		case e == 0:
			return sign * math.Ldexp(f, 1-bias-fraction)
		}
		return sign * math.Ldexp(f+float64(int(1)<<fraction), e-bias-fraction)
	}
	encode := func(v float64) uint64 { // finite and not too large
		sign := uint64(0)
		if math.Signbit(v) {
			sign, v = 1<<15, -v
		}
		_, e := math.Frexp(v)
		e = max(e-1, 1-bias)                                     // of the first digit, as normal numbers have it
		q := uint64(math.RoundToEven(math.Ldexp(v, fraction-e))) // carries into the exponent by itself
		return sign | q + uint64(e+bias-1)<<fraction
	}
	return element{size: 2, encode: encode, decode: decode}
}
