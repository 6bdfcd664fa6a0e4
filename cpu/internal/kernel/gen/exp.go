package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The constants of kernel/exp.go, under the same names.
const (
	expMin = -87.33654
	expMax = 88
	log2e  = 1.44269504
	ln2Hi  = 0.693145751953125
	ln2Lo  = 1.42860682e-6

	tailP      = 0.3
	invSqrt2Pi = 0.39894228
)

var (
	expPoly = []float32{1, 1, 0.5000000047, 0.1666641451, 0.04166635164, 0.008375210201, 0.001394121311}
	tail    = []float32{3.170580775e-06, 0.1195625707, 0.1213356263, 0.09716998724, 0.1362291543,
		-0.06671513734, 0.2195453879, -0.1645000453, 0.03736930313}
)

// source returns the constant of a name: where it is in memory, or the register that holds it.
type source func(name string, word uint32) Op

// inMemory is the source of constants that stay in memory.
func inMemory(name string, word uint32) Op { return constant(name, word) }

// inRegisters returns a source that loads each constant of exp once, for loops that so many
// loads would slow down. AVX2 has no registers for it.
func inRegisters(s isa) source {
	if s != avx512 {
		return inMemory
	}
	held := map[string]Op{}
	from := func(name string, word uint32) Op {
		if held[name] == nil {
			v := s.vec()
			with(VMOVUPS, VBROADCASTSS, constant(name, word), v)
			held[name] = v
		}
		return held[name]
	}
	from("expMin", math.Float32bits(expMin))
	from("expMax", math.Float32bits(expMax))
	from("log2e", math.Float32bits(log2e))
	from("ln2Hi", math.Float32bits(ln2Hi))
	from("ln2Lo", math.Float32bits(ln2Lo))
	for i, c := range expPoly {
		from("exp"+string(rune('0'+i)), math.Float32bits(c))
	}
	return from
}

// horner emits the polynomial with coefficients c at x.
func horner(s isa, name string, c []float32, x reg.VecVirtual, from source) reg.VecVirtual {
	p := s.vec()
	for i := len(c) - 1; i >= 0; i-- {
		m := from(name+string(rune('0'+i)), math.Float32bits(c[i]))
		if i == len(c)-1 {
			with(VMOVUPS, VBROADCASTSS, m, p)
		} else {
			with(VFMADD213PS, VFMADD213PS_BCST, m, x, p)
		}
	}
	return p
}

// exp emits exp(x), see kernel.Exp. It overwrites x. A NaN is the second source of the two
// clamps, and that is the one which they return.
func exp(s isa, x reg.VecVirtual, from source) reg.VecVirtual {
	float := func(name string, v float32) Op { return from(name, math.Float32bits(v)) }
	n, f := s.vec(), s.vec()
	with(VMOVUPS, VBROADCASTSS, float("expMin", expMin), f)
	VMAXPS(x, f, x)
	with(VMOVUPS, VBROADCASTSS, float("expMax", expMax), f)
	VMINPS(x, f, x)
	with(VMULPS, VMULPS_BCST, float("log2e", log2e), x, n)
	if s == avx512 {
		VRNDSCALEPS(U8(8), n, n) // to the nearest whole number
		f = n
	} else {
		VCVTPS2DQ(n, n) // to the nearest
		VCVTDQ2PS(n, f)
	}
	with(VFNMADD231PS, VFNMADD231PS_BCST, float("ln2Hi", ln2Hi), f, x)
	with(VFNMADD231PS, VFNMADD231PS_BCST, float("ln2Lo", ln2Lo), f, x)
	p := horner(s, "exp", expPoly, x, from)
	if s == avx512 {
		VSCALEFPS(n, p, p) // p 2^n
		return p
	}
	VPADDD(from("bias", 127), n, n)
	VPSLLD(U8(23), n, n)
	VMULPS(n, p, p)
	return p
}

// exponentials emits expShift.
func exponentials(s isa) {
	declare("expShift"+s.name, "func(y, x []float32, shift float32) (sum float32)")
	shift, sum := scalar(s, "shift"), zero(s)
	loop(s, []string{"y", "x"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[1], x)
		VSUBPS(shift, x, x)
		e := exp(s, x, inMemory)
		VMOVUPS(e, at[0])
		VADDPS(e, sum, sum)
	})
	reduce(s, sum, add, "sum")
	VZEROUPPER()
	RET()
}
