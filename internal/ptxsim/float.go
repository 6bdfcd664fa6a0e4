package ptxsim

import "math"

func isFloating(t typ) bool { return t == f32 || t == f64 }

// floatMods are the modifiers of float arithmetic.
type floatMods struct {
	mode     string // rn, rz, rm, rp; "" means rn
	ftz, sat bool
}

func (x *building) floatMods(t typ, modes ...string) floatMods {
	x.class = Float
	f := floatMods{mode: x.opt(modes...)}
	if t == f32 {
		f.ftz, f.sat = x.has("ftz"), x.has("sat")
	} else if f.mode != "" && f.mode != "rn" {
		x.bad("rounding .%s is not supported for .f64", f.mode)
	}
	return f
}

// plain says that nothing but rounding to nearest is asked for.
func (f floatMods) plain() bool { return (f.mode == "" || f.mode == "rn") && !f.ftz && !f.sat }

func (f floatMods) in(v uint64) float32 {
	if f.ftz {
		v = flush(v)
	}
	return fromF32(v)
}

func (f floatMods) out(r float32) uint64 {
	if f.sat {
		return saturate(bits32(r))
	}
	v := bits32(r)
	if f.ftz {
		v = flush(v)
	}
	return v
}

// saturate clamps a float32 to [0, 1]; NaN gives 0.
func saturate(v uint64) uint64 {
	switch r := fromF32(v); {
	case !(r > 0):
		return 0
	case r > 1:
		return 0x3F800000
	}
	return v
}

// buildFloat2 builds d = f(a, b). lacks returns what a float64 result lacks;
// nil where it is exact for float32 operands.
// loop is the same for float32 without modifiers; nil: none.
func buildFloat2(x *building, t typ, f func(a, b float64) float64, lacks func(a, b, s float64) float64, loop loop2) exec {
	o := x.floatMods(t, "rn", "rz", "rm", "rp")
	switch {
	case t == f64:
		return x.op2(t, func(a, b uint64) uint64 { return bits64(f(fromF64(a), fromF64(b))) })
	case o.plain() && loop != nil:
		return x.loop2(t, loop)
	case o.mode == "" || o.mode == "rn":
		// 53 bits are enough for one addition or product of 24-bit numbers: rounding
		// twice to nearest is rounding once.
		return x.op2(t, func(a, b uint64) uint64 { return o.out(float32(f(float64(o.in(a)), float64(o.in(b))))) })
	}
	return x.op2(t, func(a, b uint64) uint64 {
		p, q := float64(o.in(a)), float64(o.in(b))
		s := f(p, q)
		if lacks != nil {
			s = odd(s, lacks(p, q, s))
		}
		return o.out(to32(s, o.mode))
	})
}

func buildFma(x *building) exec {
	return buildFloatFma(x, x.typ(func(t typ) bool { return isFloating(t) || t.kind == kindBF16 }))
}

func buildFloatFma(x *building, t typ) exec {
	if t.kind == kindBF16 {
		return buildBF16Fma(x, t)
	}
	o := x.floatMods(t, "rn", "rz", "rm", "rp")
	if t == f64 {
		return x.op3(t, func(a, b, c uint64) uint64 { return bits64(math.FMA(fromF64(a), fromF64(b), fromF64(c))) })
	}
	if o.plain() {
		return x.loop3(t, fmaLoop)
	}
	return x.op3(t, func(a, b, c uint64) uint64 { return o.out(fma32(o.in(a), o.in(b), o.in(c), o.mode)) })
}

// eachHalf applies f to the one or two 16-bit numbers of a type.
func eachHalf(t typ, f func(shift int) uint64) uint64 {
	r := f(0)
	if t.bits == 32 {
		r |= f(16) << 16
	}
	return r
}

func buildBF16Fma(x *building, t typ) exec {
	x.class = Float
	x.need("rn")
	relu := x.has("relu")
	return x.op3(t, func(a, b, c uint64) uint64 {
		return eachHalf(t, func(n int) uint64 {
			p := float64(fromBF16(a>>n&0xFFFF)) * float64(fromBF16(b>>n&0xFFFF))
			q := float64(fromBF16(c >> n & 0xFFFF))
			s := p + q
			s = odd(s, addError(p, q, s))
			if relu && s < 0 {
				s = 0
			}
			return toBF16(s, "rn")
		})
	})
}

func buildFloatDiv(x *building, t typ) exec {
	o := x.floatMods(t, "rn", "full", "approx")
	if o.mode == "" {
		x.bad("expected one of the modifiers [rn full approx]")
	}
	if t == f64 {
		return x.op2(t, func(a, b uint64) uint64 { return bits64(fromF64(a) / fromF64(b)) })
	}
	return x.op2(t, func(a, b uint64) uint64 { return o.out(o.in(a) / o.in(b)) })
}

func buildRcp(x *building) exec {
	t := x.typ(isFloating)
	o := x.floatMods(t, "rn", "approx")
	if o.mode == "" {
		x.bad("expected one of the modifiers [rn approx]")
	}
	if t == f64 {
		return x.op1(t, func(a uint64) uint64 { return bits64(1 / fromF64(a)) })
	}
	return x.op1(t, func(a uint64) uint64 { return o.out(1 / o.in(a)) })
}

func buildSqrt(x *building) exec {
	t := x.typ(isFloating)
	o := x.floatMods(t, "rn", "approx")
	if o.mode == "" {
		x.bad("expected one of the modifiers [rn approx]")
	}
	if t == f64 {
		return x.op1(t, func(a uint64) uint64 { return bits64(math.Sqrt(fromF64(a))) })
	}
	return x.op1(t, func(a uint64) uint64 { return o.out(float32(math.Sqrt(float64(o.in(a))))) })
}

// approximations are float64 functions rounded once: within 0.51 units in the
// last place, where the hardware is allowed 1 to 2 (and absolute errors of up
// to 2^-21 for sin and cos, relative 2^-11 for tanh).
var approximations = map[string]func(float64) float64{
	"rsqrt": func(v float64) float64 { return 1 / math.Sqrt(v) },
	"ex2":   math.Exp2, "lg2": math.Log2, "sin": math.Sin, "cos": math.Cos, "tanh": math.Tanh,
}

func buildApprox(x *building) exec {
	t := x.typ(func(t typ) bool { return t == f32 })
	x.class = Float
	x.need("approx")
	o := floatMods{ftz: x.has("ftz")}
	f := approximations[x.in.op]
	return x.op1(t, func(a uint64) uint64 { return o.out(float32(f(float64(o.in(a))))) })
}

// decodeFloat reads a number of any floating type; narrow ones exactly.
func decodeFloat(v uint64, t typ) float64 {
	switch {
	case t == f32:
		return float64(fromF32(v))
	case t == f64:
		return fromF64(v)
	case t.kind == kindBF16:
		return float64(fromBF16(v))
	}
	return fromF16(v)
}

func buildFloatMinMax(x *building, t typ, largest bool) exec {
	x.class = Float
	ftz, keepNaN := t == f32 && x.has("ftz"), x.has("NaN")
	one := t
	if t.kind == kindBF16 {
		one = types["bf16"]
	}
	canonical := map[int]uint64{16: nan16, 32: nan32, 64: nan64}[one.bits]
	sel := func(a, b uint64) uint64 {
		p, q := decodeFloat(a, one), decodeFloat(b, one)
		switch {
		case p != p && q != q, keepNaN && (p != p || q != q):
			return canonical
		case p != p:
			return b
		case q != q:
			return a
		case p == q: // -0 < +0
			if (a>>(one.bits-1) != 0) == largest {
				return b
			}
			return a
		case (p < q) == largest:
			return b
		}
		return a
	}
	return x.op2(t, func(a, b uint64) uint64 {
		if t.kind == kindBF16 {
			return eachHalf(t, func(n int) uint64 { return sel(a>>n&0xFFFF, b>>n&0xFFFF) })
		}
		if ftz {
			a, b = flush(a), flush(b)
		}
		return sel(a, b)
	})
}

// buildFloatSign applies f to the number and its sign bits.
func buildFloatSign(x *building, t typ, f func(v, sign uint64) uint64) exec {
	x.class = Float
	ftz := t == f32 && x.has("ftz")
	sign := map[int]uint64{16: 0x8000, 32: sign32, 64: sign64}[t.bits]
	if t.kind == kindBF16 && t.bits == 32 {
		sign = 0x80008000
	}
	return x.op1(t, func(a uint64) uint64 {
		if ftz {
			a = flush(a)
		}
		return f(a, sign)
	})
}

// buildCopysign: b with the sign of a.
func buildCopysign(x *building) exec {
	x.class = Float
	t := x.typ(isFloating)
	sign := uint64(1) << (t.bits - 1)
	return x.op2(t, func(a, b uint64) uint64 { return b&^sign | a&sign })
}

func buildTestp(x *building) exec {
	t := x.typ(isFloating)
	x.class = Float
	x.nargs(2, 2)
	smallest := 0x1p-126
	if t == f64 {
		smallest = 0x1p-1022
	}
	test := map[string]func(v float64) bool{
		"finite":     func(v float64) bool { return !math.IsInf(v, 0) && v == v },
		"infinite":   func(v float64) bool { return math.IsInf(v, 0) },
		"number":     func(v float64) bool { return v == v },
		"notanumber": func(v float64) bool { return v != v },
		"normal":     func(v float64) bool { return math.Abs(v) >= smallest && !math.IsInf(v, 0) },
		"subnormal":  func(v float64) bool { return v != 0 && math.Abs(v) < smallest },
	}[x.need("finite", "infinite", "number", "notanumber", "normal", "subnormal")]
	d, a := x.dstPred(x.in.args[0]), x.src(1, t)
	return func(w *warp, m uint32) {
		p := uint32(0)
		for l := range warpSize {
			if test(decodeFloat(w.r[a][l], t)) {
				p |= 1 << l
			}
		}
		w.setPredicate(d, m, p)
	}
}
