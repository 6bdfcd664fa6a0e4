package ptxsim

import (
	"math"
	"slices"
)

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
	v := bits32(r)
	if f.ftz {
		v = flush(v)
	}
	if f.sat {
		v = saturate(v)
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

// sum and difference and product are the operations of buildFloat2.
var (
	sum = float2{
		f: func(a, b float64) float64 { return a + b }, lacks: addError, f64: add64, loop: addFloatLoop, lanes: lanesFloatAdd, lanes64: lanesDoubleAdd,
		zero: zeroSum,
	}
	difference = float2{
		f: func(a, b float64) float64 { return a - b }, lacks: func(a, b, s float64) float64 { return addError(a, -b, s) },
		f64:   func(a, b float64, mode string) float64 { return add64(a, -b, mode) },
		zero:  func(a, b, s float64, mode string) float64 { return zeroSum(a, -b, s, mode) },
		lanes: lanesFloatSub, lanes64: lanesDoubleSub,
	}
	multiplication = float2{f: func(a, b float64) float64 { return a * b }, f64: mul64, loop: mulFloatLoop, lanes: lanesFloatMul, lanes64: lanesDoubleMul}
)

// float2 is an operation on two floats.
type float2 struct {
	f              func(a, b float64) float64
	lacks          func(a, b, s float64) float64              // what the float64 result lacks; nil where it is exact for float32 operands
	zero           func(a, b, s float64, mode string) float64 // gives an exact zero its sign; nil: f does
	f64            func(a, b float64, mode string) float64    // for float64
	loop           loop2                                      // for float32 without modifiers; nil: none
	lanes, lanes64 uint32                                     // for float32 and float64 without modifiers
}

// buildFloating2 builds d = a op b for a floating type of any width.
func buildFloating2(x *building, t typ, op float2) exec {
	if isHalf(t) {
		return buildHalf2(x, t, op)
	}
	return buildFloat2(x, t, op)
}

// buildFloat2 builds d = a op b.
func buildFloat2(x *building, t typ, op float2) exec {
	o := x.floatMods(t, "rn", "rz", "rm", "rp")
	switch {
	case t == f64 && o.plain():
		return x.as(x.op2(t, func(a, b uint64) uint64 { return bits64(op.f(fromF64(a), fromF64(b))) }), op.lanes64)
	case t == f64:
		return x.op2(t, func(a, b uint64) uint64 { return bits64(op.f64(fromF64(a), fromF64(b), o.mode)) })
	case o.plain() && op.loop != nil:
		return x.as(x.loop2(t, op.loop), op.lanes)
	case o.mode == "" || o.mode == "rn":
		// 53 bits are enough for one addition or product of 24-bit numbers: rounding
		// twice to nearest is rounding once.
		e := x.op2(t, func(a, b uint64) uint64 { return o.out(float32(op.f(float64(o.in(a)), float64(o.in(b))))) })
		return x.asFloat(e, o, op.lanes)
	}
	return x.op2(t, func(a, b uint64) uint64 {
		p, q := float64(o.in(a)), float64(o.in(b))
		s := op.f(p, q)
		if op.lacks != nil {
			s = odd(s, op.lacks(p, q, s))
		}
		if op.zero != nil {
			s = op.zero(p, q, s, o.mode)
		}
		return o.out(to32(s, o.mode))
	})
}

func buildFma(x *building) exec {
	return buildFloatFma(x, x.typ(func(t typ) bool { return isFloating(t) || isHalf(t) }))
}

func buildFloatFma(x *building, t typ) exec {
	if isHalf(t) {
		return buildHalfFma(x, t)
	}
	o := x.floatMods(t, "rn", "rz", "rm", "rp")
	if o.mode == "" {
		x.bad("expected a modifier of rounding")
	}
	if t == f64 {
		e := x.op3(t, func(a, b, c uint64) uint64 { return bits64(fma64(fromF64(a), fromF64(b), fromF64(c), o.mode)) })
		if o.plain() {
			x.wholeLast(lanesDoubleFma)
		}
		return e
	}
	if o.plain() {
		return x.as(x.loop3(t, fmaLoop), lanesFloatFma)
	}
	return x.asFloat(x.op3(t, func(a, b, c uint64) uint64 { return o.out(fma32(o.in(a), o.in(b), o.in(c), o.mode)) }), o, lanesFloatFma)
}

// directions are the modifiers of rounding; those of div, rcp and sqrt beside approx.
var directions = []string{"rn", "rz", "rm", "rp", "approx"}

// exactMods is floatMods for an operation that needs one of the modes.
func (x *building) exactMods(t typ, modes ...string) floatMods {
	o := x.floatMods(t, modes...)
	if o.mode == "" {
		x.bad("expected one of the modifiers %v", modes)
	}
	if o.sat {
		x.bad("modifier .sat is not one of division and roots")
	}
	if o.mode == "approx" || o.mode == "full" {
		o.mode = "rn"
	}
	return o
}

func buildFloatDiv(x *building, t typ) exec {
	if t == f64 {
		o := x.exactMods(t, directions[:4]...)
		e := x.op2(t, func(a, b uint64) uint64 { return bits64(div64(fromF64(a), fromF64(b), o.mode)) })
		if o.plain() {
			x.wholeLast(lanesDoubleDiv)
		}
		return e
	}
	approx := slices.Contains(x.mods, "full") || slices.Contains(x.mods, "approx")
	o := x.exactMods(t, append([]string{"full"}, directions...)...)
	if o.mode == "rn" {
		e := x.asFloat(x.op2(t, func(a, b uint64) uint64 { return o.out(o.in(a) / o.in(b)) }), o, lanesFloatDiv)
		if approx {
			x.perturbDiv(o)
		}
		return e
	}
	return x.op2(t, func(a, b uint64) uint64 { return o.out(div32(o.in(a), o.in(b), o.mode)) })
}

// div32 returns a / b rounded once.
func div32(a, b float32, mode string) float32 {
	p, q := float64(a), float64(b)
	s := p / q
	if !finite(s) {
		return to32(s, mode)
	}
	return to32(odd(s, math.FMA(-s, q, p)*math.Copysign(1, q)), mode)
}

func buildRcp(x *building) exec {
	t := x.typ(isFloating)
	if t == f64 && x.has("approx") {
		x.need("ftz")
		return x.approx64(func(v float64) float64 { return 1 / v })
	}
	approx := slices.Contains(x.mods, "approx")
	o := x.exactMods(t, directions...)
	switch {
	case t == f64:
		return x.op1(t, func(a uint64) uint64 { return bits64(div64(1, fromF64(a), o.mode)) })
	case o.mode == "rn":
		e := x.op1(t, func(a uint64) uint64 { return o.out(1 / o.in(a)) })
		if approx {
			x.perturb1(o, func(v float64) float64 { return 1 / v })
		}
		x.last = [4]int{x.last[0], x.constant(0x3F800000), x.last[1]}
		return x.asFloat(e, o, lanesFloatDiv)
	}
	return x.op1(t, func(a uint64) uint64 { return o.out(div32(1, o.in(a), o.mode)) })
}

// approx64 builds rcp and rsqrt.approx.ftz.f64, which read and give the upper halves of numbers.
func (x *building) approx64(f func(v float64) float64) exec {
	x.class = Float
	upper := func(v uint64) uint64 {
		if v&0x7FF0000000000000 == 0 {
			return v & sign64
		}
		return v &^ 0xFFFFFFFF
	}
	return x.op1(f64, func(a uint64) uint64 { return upper(bits64(f(fromF64(upper(a))))) })
}

func buildSqrt(x *building) exec {
	t := x.typ(isFloating)
	approx := slices.Contains(x.mods, "approx")
	o := x.exactMods(t, directions...)
	switch {
	case t == f64:
		return x.op1(t, func(a uint64) uint64 { return bits64(sqrt64(fromF64(a), o.mode)) })
	case o.mode == "rn":
		e := x.asFloat(x.op1(t, func(a uint64) uint64 { return o.out(float32(math.Sqrt(float64(o.in(a))))) }), o, lanesFloatSqrt)
		if approx {
			x.perturb1(o, math.Sqrt)
		}
		return e
	}
	return x.op1(t, func(a uint64) uint64 {
		v := float64(o.in(a))
		s := math.Sqrt(v)
		if finite(s) {
			s = odd(s, math.FMA(-s, s, v))
		}
		return o.out(to32(s, o.mode))
	})
}

// approximations are float64 functions rounded once: within 0.51 units in the
// last place, where the hardware is allowed 1 to 2 (and absolute errors of up
// to 2^-21 for sin and cos, relative 2^-11 for tanh).
var approximations = map[string]func(float64) float64{
	"rsqrt": func(v float64) float64 { return 1 / math.Sqrt(v) },
	"ex2":   math.Exp2, "lg2": math.Log2, "sin": math.Sin, "cos": math.Cos, "tanh": math.Tanh,
}

func buildApprox(x *building) exec {
	t := x.typ(func(t typ) bool { return t == f32 || t == f64 || isHalf(t) })
	x.class = Float
	if isHalf(t) {
		return buildHalfApprox(x, t)
	}
	x.need("approx")
	if t == f64 {
		f := approximations[x.in.op]
		if x.in.op != "rsqrt" {
			x.bad("type .f64 is not supported")
		}
		if x.has("ftz") {
			return x.approx64(f)
		}
		return x.op1(t, func(a uint64) uint64 { return bits64(f(fromF64(a))) })
	}
	o := floatMods{ftz: x.has("ftz")}
	f := approximations[x.in.op]
	e := x.op1(t, func(a uint64) uint64 { return o.out(float32(f(float64(o.in(a))))) })
	x.perturb1(o, f)
	switch x.in.op {
	case "rsqrt":
		return x.asFloat(e, o, lanesFloatRsqrt)
	case "ex2":
		return x.asFloat(e, o, lanesFloatExp2)
	}
	return e
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
	ftz, keepNaN := (t == f32 || isF16(t)) && x.has("ftz"), x.has("NaN")
	one := half(t)
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
	e := x.op2(t, func(a, b uint64) uint64 {
		if isHalf(t) {
			return eachHalf(t, func(n int) uint64 {
				p, q := a>>n&0xFFFF, b>>n&0xFFFF
				if ftz {
					p, q = flush16(p), flush16(q)
				}
				return sel(p, q)
			})
		}
		if ftz {
			a, b = flush(a), flush(b)
		}
		return sel(a, b)
	})
	switch {
	case t != f32 || keepNaN:
	case largest:
		x.asFloat(e, floatMods{ftz: ftz}, lanesFloatMax)
	default:
		x.asFloat(e, floatMods{ftz: ftz}, lanesFloatMin)
	}
	return e
}

// buildFloatSign applies f to the number and its sign bits.
func buildFloatSign(x *building, t typ, f func(v, sign uint64) uint64) exec {
	x.class = Float
	ftz := (t == f32 || isF16(t)) && x.has("ftz")
	sign := map[int]uint64{16: 0x8000, 32: sign32, 64: sign64}[t.bits]
	if isHalf(t) && t.bits == 32 {
		sign = 0x80008000
	}
	e := x.op1(t, func(a uint64) uint64 {
		switch {
		case ftz && isHalf(t):
			a = eachHalf(t, func(n int) uint64 { return flush16(a >> n & 0xFFFF) })
		case ftz:
			a = flush(a)
		}
		return f(a, sign)
	})
	switch {
	case ftz:
	case x.in.op == "abs":
		x.wholeLast(lanesAndNumber, ^sign&t.mask())
	default:
		x.wholeLast(lanesXorNumber, sign)
	}
	return e
}
