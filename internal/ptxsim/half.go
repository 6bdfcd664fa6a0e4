package ptxsim

import (
	"math"
	"slices"
)

// Arithmetic of f16 and bf16, alone and in pairs. It is done in float64 and rounded
// once to the narrow type.

// isHalf says that t is one or two 16-bit floats.
func isHalf(t typ) bool {
	return t.kind == kindBF16 || t.kind == kindHalf2 || t.kind == kindFloat && t.bits == 16
}

func isF16(t typ) bool { return isHalf(t) && t.kind != kindBF16 }

// half returns the type of one of the numbers of t, which is t where it is not a pair.
func half(t typ) typ {
	switch t.kind {
	case kindBF16:
		return typ{kindBF16, 16}
	case kindHalf2:
		return typ{kindFloat, 16}
	}
	return t
}

// eachHalf applies f to the one or two 16-bit numbers of a type.
func eachHalf(t typ, f func(shift int) uint64) uint64 {
	r := f(0)
	if t.bits == 32 {
		r |= f(16) << 16
	}
	return r
}

// flush16 turns a subnormal f16 into a zero of its sign.
func flush16(v uint64) uint64 {
	if v&0x7C00 == 0 {
		return v & 0x8000
	}
	return v
}

// halfMods are the modifiers of arithmetic on 16-bit floats.
type halfMods struct {
	one            typ
	ftz, sat, relu bool
}

func (x *building) halfMods(t typ) halfMods {
	x.class = Float
	x.opt("rn")
	return halfMods{half(t), isF16(t) && x.has("ftz"), isF16(t) && x.has("sat"), x.in.op == "fma" && x.has("relu")}
}

func (o halfMods) in(v uint64) float64 {
	if v &= 0xFFFF; o.ftz {
		v = flush16(v)
	}
	return decodeFloat(v, o.one)
}

func (o halfMods) out(s float64) uint64 {
	v := encodeFloat(s, o.one, "rn")
	if o.ftz {
		v = flush16(v)
	}
	switch r := decodeFloat(v, o.one); {
	case o.sat && !(r > 0), o.relu && r <= 0:
		return 0
	case o.sat && r > 1:
		return 0x3C00
	}
	return v
}

func buildHalf2(x *building, t typ, op float2) exec {
	o := x.halfMods(t)
	return x.op2(t, func(a, b uint64) uint64 {
		return eachHalf(t, func(n int) uint64 {
			p, q := o.in(a>>n), o.in(b>>n)
			s := op.f(p, q)
			if op.lacks != nil && finite(s) {
				s = odd(s, op.lacks(p, q, s))
			}
			return o.out(s)
		})
	})
}

func buildHalfFma(x *building, t typ) exec {
	if !slices.Contains(x.mods, "rn") {
		x.bad("expected modifier .rn")
	}
	o := x.halfMods(t)
	return x.op3(t, func(a, b, c uint64) uint64 {
		return eachHalf(t, func(n int) uint64 {
			p, q := o.in(a>>n)*o.in(b>>n), o.in(c>>n) // the product is exact
			s := p + q
			if finite(s) {
				s = odd(s, addError(p, q, s))
			}
			return o.out(s)
		})
	})
}

// buildHalfApprox: tanh.approx and ex2.approx, within a unit in the last place.
func buildHalfApprox(x *building, t typ) exec {
	f := map[string]func(float64) float64{"tanh": math.Tanh, "ex2": math.Exp2}[x.in.op]
	if f == nil {
		x.bad("type %v is not supported", t)
	}
	x.need("approx")
	if t.kind == kindBF16 && x.in.op == "ex2" {
		x.need("ftz") // subnormal numbers need nothing of it: 2 to their power is 1
	}
	return x.op1(t, func(a uint64) uint64 {
		return eachHalf(t, func(n int) uint64 {
			one := half(t)
			return encodeFloat(f(decodeFloat(a>>n&0xFFFF, one)), one, "rn")
		})
	})
}
