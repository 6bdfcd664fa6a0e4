package ptxsim

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// narrowest returns v rounded to nearest even to so many bits with a smallest
// exponent, by math/big; it is finite and in the range of the type.
func narrowest(v *big.Float, bits uint, lowest int) float64 {
	if v.Sign() == 0 {
		return 0
	}
	if e := v.MantExp(nil) - 1; e < lowest { // fewer bits below the smallest normal number
		if lost := lowest - e; lost > int(bits) {
			return 0
		} else if lost == int(bits) { // a half of the smallest number, or more
			half := new(big.Float).SetMantExp(big.NewFloat(1), lowest-int(bits))
			if new(big.Float).Abs(v).Cmp(half) <= 0 {
				return 0
			}
			f, _ := new(big.Float).SetMantExp(big.NewFloat(float64(v.Sign())), lowest-int(bits)+1).Float64()
			return f
		} else {
			bits -= uint(lost)
		}
	}
	f, _ := new(big.Float).SetPrec(bits).SetMode(big.ToNearestEven).Set(v).Float64()
	return f
}

// Sums, products and fma of f16 and bf16 are the exact ones rounded once.
func TestHalfArithmetic(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for name, c := range map[string]struct {
		digits uint
		lowest int
		decode func(v uint64) float64
		random func() uint64
	}{
		"f16":  {11, -14, fromF16, func() uint64 { return r.Uint64()&0x8000 | r.Uint64N(0x4C00) }}, // below 2^4
		"bf16": {8, -126, func(v uint64) float64 { return float64(fromBF16(v)) }, func() uint64 { return r.Uint64()&0x8000 | 0x3000 + r.Uint64N(0x2000) }},
	} {
		for range 40 {
			a, b, z := c.random(), c.random(), c.random()
			exactly := func(v uint64) *big.Float { return new(big.Float).SetPrec(2000).SetFloat64(c.decode(v)) }
			p := new(big.Float).SetPrec(2000).Mul(exactly(a), exactly(b))
			for op, want := range map[string]*big.Float{
				fmt.Sprintf("add.%s %%h1, %#x, %#x;", name, a, b):            new(big.Float).Add(exactly(a), exactly(b)),
				fmt.Sprintf("sub.rn.%s %%h1, %#x, %#x;", name, a, b):         new(big.Float).Sub(exactly(a), exactly(b)),
				fmt.Sprintf("mul.%s %%h1, %#x, %#x;", name, a, b):            p,
				fmt.Sprintf("fma.rn.%s %%h1, %#x, %#x, %#x;", name, a, b, z): new(big.Float).SetPrec(2000).Add(p, exactly(z)),
			} {
				got := evaluate(t, op)
				if w := narrowest(want, c.digits, c.lowest); c.decode(got) != w {
					t.Errorf("%s: found %v, expected %v", op, c.decode(got), w)
				}
			}
		}
	}
}

func TestHalfInstructions(t *testing.T) {
	for _, c := range []struct {
		body string
		want uint64
	}{
		// 0x3C00 is 1, 0x4000 is 2, 0x0001 the smallest subnormal, 0x7C00 infinity
		{"add.f16x2 %r1, 0x3C004000, 0x40003C00;", 0x42004200},
		{"add.ftz.f16 %h1, 0x0001, 0x0000;", 0},
		{"add.sat.f16 %h1, 0x3C00, 0x3C00;", 0x3C00},
		{"add.sat.f16 %h1, 0x7E00, 0x3C00;", 0},
		{"mul.f16 %h1, 0x7BFF, 0x4000;", 0x7C00},
		{"fma.rn.relu.f16 %h1, 0x3C00, 0xBC00, 0x0000;", 0},
		{"fma.rn.relu.f16 %h1, 0x7E00, 0xBC00, 0x0000;", 0x7FFF},
		{"fma.rn.bf16x2 %r1, 0x3F803F80, 0x40003F80, 0x3F803F80;", 0x40404000},
		{"neg.f16x2 %r1, 0x3C00BC00;", 0xBC003C00},
		{"abs.f16 %h1, 0xBC00;", 0x3C00},
		{"neg.ftz.f16 %h1, 0x0001;", 0x8000},
		{"min.f16 %h1, 0x7E00, 0x3C00;", 0x3C00},
		{"min.NaN.f16 %h1, 0x7E00, 0x3C00;", 0x7FFF},
		{"max.f16x2 %r1, 0x3C008000, 0x40000000;", 0x40000000},
		{"tanh.approx.f16 %h1, 0x7C00;", 0x3C00},
		{"ex2.approx.f16 %h1, 0x4000;", 0x4400},
		{"ex2.approx.ftz.bf16 %h1, 0x4000;", 0x4080},
		{"set.eq.f16.f16 %h1, 0x3C00, 0x3C00;", 0x3C00},
		{"set.lt.u32.f16 %r1, 0x3C00, 0x4000;", 0xFFFFFFFF},
		{"set.nan.f16x2.f16x2 %r1, 0x7E003C00, 0x3C003C00;", 0x3C000000},
		{"set.gt.bf16x2.bf16x2 %r1, 0x40003F80, 0x3F803F80;", 0x3F800000},
		{"set.eq.u32.f16x2 %r1, 0x3C004000, 0x3C003C00;", 0xFFFF0000},
		{"setp.lt.f16 %p1, 0xBC00, 0x0001;", 1},
		{"setp.eq.ftz.f16 %p1, 0x8000, 0x0001;", 1},
		{"setp.gt.f16x2 %p2|%p1, 0x40003C00, 0x3C003C00;", 1},
		{"setp.gt.f16x2 %p1|%p2, 0x40003C00, 0x3C003C00;", 0},
		// conversions
		{"cvt.rn.bf16.f16 %h1, 0x3C01;", 0x3F80},
		{"cvt.rp.bf16.f16 %h1, 0x3C01;", 0x3F81},
		{"cvt.rm.f16.f32 %h1, 0f3F801000;", 0x3C00},
		{"cvt.rp.f16.f32 %h1, 0f3F800001;", 0x3C01},
		{"cvt.rp.f16.f32 %h1, 0fBF801000;", 0xBC00},
		{"cvt.sat.f16.f16 %h1, 0x4000;", 0x3C00},
		{"cvt.rni.f16.f16 %h1, 0x3E00;", 0x4000},
		{"cvt.rn.f16.s64 %h1, -3;", 0xC200},
		{"cvt.rna.tf32.f32 %r1, 0f3F801000;", 0x3F802000},
		{"cvt.rna.tf32.f32 %r1, 0f3F800FFF;", 0x3F800000},
		{"cvt.rn.tf32.f32 %r1, 0f3F801000;", 0x3F800000},
		{"cvt.rz.tf32.f32 %r1, 0fBF803FFF;", 0xBF802000},
		{"cvt.rm.f32.s64 %r1, 0x1000001;", 0x4B800000},
		{"cvt.rp.f32.s64 %r1, 0x1000001;", 0x4B800001},
		{"cvt.rp.f64.u64 %d1, 0x20000000000001;", math.Float64bits(0x1p53 + 2)},
		{"cvt.rz.f64.s64 %d1, 0x8000000000000001;", 0xC3DFFFFFFFFFFFFF},
	} {
		if got := evaluate(t, c.body); got != c.want {
			t.Errorf("%s: found %#x, expected %#x", c.body, got, c.want)
		}
	}
}

// Directed rounding in float32 and float64 brackets the exact result as tightly as can be.
func TestDirectedRounding(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for i := range 30 {
		a, b := r.Float64()*8-4, math.Ldexp(r.Float64()*2-1, i-15)
		x, y := new(big.Float).SetPrec(2000).SetFloat64(a), new(big.Float).SetPrec(2000).SetFloat64(b)
		for op, exactly := range map[string]*big.Float{
			"add": new(big.Float).Add(x, y), "sub": new(big.Float).Sub(x, y),
			"mul": new(big.Float).Mul(x, y), "div": new(big.Float).Quo(x, y),
		} {
			for mode, direction := range map[string]big.RoundingMode{"rm": big.ToNegativeInf, "rp": big.ToPositiveInf, "rz": big.ToZero, "rn": big.ToNearestEven} {
				body := fmt.Sprintf("%s.%s.f64 %%d1, 0d%016X, 0d%016X;", op, mode, math.Float64bits(a), math.Float64bits(b))
				want, _ := new(big.Float).SetPrec(53).SetMode(direction).Set(exactly).Float64()
				if got := math.Float64frombits(evaluate(t, body)); got != want {
					t.Errorf("%s: found %v, expected %v", body, got, want)
				}
			}
		}
		p, q := float32(a), float32(b)
		quotient := new(big.Float).SetPrec(2000).Quo(big.NewFloat(float64(p)).SetPrec(2000), big.NewFloat(float64(q)))
		root := new(big.Float).SetPrec(2000).Sqrt(new(big.Float).SetPrec(2000).SetFloat64(math.Abs(float64(q))))
		for mode, direction := range map[string]big.RoundingMode{"rm": big.ToNegativeInf, "rp": big.ToPositiveInf, "rz": big.ToZero} {
			for body, exactly := range map[string]*big.Float{
				fmt.Sprintf("div.%s.f32 %%r1, 0f%08X, 0f%08X;", mode, math.Float32bits(p), math.Float32bits(q)): quotient,
				fmt.Sprintf("sqrt.%s.f32 %%r1, 0f%08X;", mode, math.Float32bits(q)&0x7FFFFFFF):                  root,
			} {
				want, _ := new(big.Float).SetPrec(24).SetMode(direction).Set(exactly).Float32()
				if got := math.Float32frombits(uint32(evaluate(t, body))); got != want {
					t.Errorf("%s: found %v, expected %v", body, got, want)
				}
			}
		}
	}
	const zero, one, minus = 0, 0x3F800000, sign32
	for _, c := range []struct {
		body string
		want uint64
	}{
		{"add.rm.f32 %r1, 0f3F800000, 0fBF800000;", minus},
		{"add.rp.f32 %r1, 0f3F800000, 0fBF800000;", zero},
		{"add.rm.f32 %r1, 0f00000000, 0f80000000;", minus},
		{"add.rm.f32 %r1, 0f00000000, 0f00000000;", zero},
		{"sub.rm.f32 %r1, 0f3F800000, 0f3F800000;", minus},
		{"sub.rm.f32 %r1, 0f00000000, 0f80000000;", zero},
		{"fma.rm.f32 %r1, 0f3F800000, 0f3F800000, 0fBF800000;", minus},
		{"fma.rz.f32 %r1, 0f3F800000, 0f3F800000, 0fBF800000;", zero},
		{"mul.rm.f32 %r1, 0f3F800000, 0f00000000;", zero},
		{"add.rm.f64 %d1, 0d3FF0000000000000, 0dBFF0000000000000;", sign64},
		{"fma.rm.f64 %d1, 0d3FF0000000000000, 0d3FF0000000000000, 0dBFF0000000000000;", sign64},
		{"mul.rz.f64 %d1, 0d7FEFFFFFFFFFFFFF, 0d4000000000000000;", 0x7FEFFFFFFFFFFFFF},
		{"mul.rp.f64 %d1, 0d0010000000000000, 0d0010000000000000;", 1},
		{"rcp.rp.f64 %d1, 0d4008000000000000;", 0x3FD5555555555556},
		{"rcp.rm.f32 %r1, 0f40400000;", 0x3EAAAAAA},
		{"sqrt.rp.f64 %d1, 0d4000000000000000;", 0x3FF6A09E667F3BCD},
		{"sqrt.rm.f64 %d1, 0d4000000000000000;", 0x3FF6A09E667F3BCC},
		// .ftz before .sat
		{"add.ftz.sat.f32 %r1, 0f00800001, 0f80800000;", 0},
		{"mul.ftz.sat.f32 %r1, 0f00800000, 0f3F000000;", 0},
		{"fma.rn.ftz.sat.f32 %r1, 0f00800000, 0f3F000000, 0f00000000;", 0},
		{"add.ftz.sat.f32 %r1, 0f3F800000, 0f3F800000;", one},
		{"testp.normal.f32 %p1, 0f80000000;", 1},
		{"testp.normal.f64 %p1, 0d0000000000000000;", 1},
		{"testp.subnormal.f32 %p1, 0f00000000;", 0},
		{"testp.normal.f32 %p1, 0f00000001;", 0},
	} {
		if got := evaluate(t, c.body); got != c.want {
			t.Errorf("%s: found %#x, expected %#x", c.body, got, c.want)
		}
	}
}
