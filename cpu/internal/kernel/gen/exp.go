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

func float(name string, v float32) Mem { return constant(name, math.Float32bits(v)) }

// with emits an instruction with a constant or a register for its first operand. The linker
// places 64 bytes at multiples of 32, and vectors across two cache lines take twice the reads:
// AVX-512 repeats one number of the constant.
func with(plain, repeating func(ops ...Op), ops ...Op) {
	m, ok := ops[0].(Mem)
	if to := ops[len(ops)-1].(reg.Register); ok && m.Symbol.Name != "" && to.Size() == 64 {
		repeating(ops...)
	} else {
		plain(ops...)
	}
}

// source tells where the constant of a name is.
type source func(name string, word uint32) Op

func inMemory(name string, word uint32) Op { return constant(name, word) }

// inRegisters returns a source that loads each constant of exp once, for loops that would
// be slowed down by so many loads. AVX2 has no registers for it.
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

// horner emits the polynomial of the constants at x.
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

// exp emits exp(x), see kernel.Exp. It overwrites x. A NaN is the second source of the
// two clamps, which is the one that they return.
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

func exponentials(s isa) {
	TEXT("expShift"+s.name, NOSPLIT, "func(y, x []float32, shift float32) (sum float32)")
	shift, sum := scalar(s, "shift"), zero(s)
	loop(s, []string{"y", "x"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[1], x)
		VSUBPS(shift, x, x)
		e := exp(s, x, inMemory)
		VMOVUPS(e, at[0])
		VADDPS(e, sum, sum)
	})
	horizontal(s, sum, add, "sum")
	VZEROUPPER()
	RET()
}

// normal emits the density (times sqrt(2 pi)) and the distribution function of
// the normal distribution at x, for AVX2; see kernel's tail. AVX-512 has pieces in its place.
func normal(x reg.VecVirtual) (density, phi reg.VecVirtual) {
	arg, t, one, scale := YMM(), YMM(), YMM(), YMM()
	VMULPS(x, x, arg)
	VMULPS(float("minusHalf", -0.5), arg, arg)
	density = exp(avx2, arg, inMemory)
	VANDPS(constant("absMask", 1<<31-1), x, t)
	VMOVUPS(float("one", 1), one)
	VMOVUPS(float("tailP", tailP), scale)
	VFMADD213PS(one, scale, t)
	VDIVPS(t, one, t)
	q := horner(avx2, "tail", tail, t, inMemory)
	VMULPS(density, q, q)
	// phi = (x < 0 ? 0 : 1) - (q with the sign of x), by bits.
	phi, sign := YMM(), YMM()
	VPSRAD(U8(31), x, phi)
	VANDPS(constant("signMask", 1<<31), x, sign)
	VANDNPS(one, phi, phi)
	VXORPS(sign, q, q)
	VSUBPS(q, phi, phi)
	return density, phi
}

// gelus emits GELU and its gradient, of a run, and of rows with results past the caches, and returns what emits
// them elsewhere.
func gelus(s isa) (value, slope function) {
	value, slope = gelu(s), geluGrad(s)
	end := func() {
		VZEROUPPER()
		RET()
	}
	TEXT("gelu"+s.name, NOSPLIT, "func(y, x []float32)")
	f := value()
	loop(s, []string{"y", "x"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[1], x)
		VMOVUPS(f(x), at[0])
	})
	end()
	TEXT("geluGrad"+s.name, NOSPLIT, "func(y, r, x []float32)")
	f = slope()
	loop(s, []string{"y", "r", "x"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[2], x)
		d := f(x)
		VMULPS(at[1], d, d)
		VMOVUPS(d, at[0])
	})
	end()
	TEXT("geluStream"+s.name, NOSPLIT, "func(y, x, pre []float32, ld, ldx, rows, cols int)")
	f = value()
	loopRows(s, []string{"y", "x", "pre"}, []string{"ld", "ldx", "ld"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[1], x)
		VMOVNTPS(x, at[2])
		VMOVNTPS(f(x), at[0])
	})
	end()
	TEXT("geluGradStream"+s.name, NOSPLIT, "func(y, r, x []float32, ld, ldr, rows, cols int)")
	f = slope()
	loopRows(s, []string{"y", "r", "x"}, []string{"ld", "ldr", "ld"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[2], x)
		d := f(x)
		VMULPS(at[1], d, d)
		VMOVNTPS(d, at[0])
	})
	end()
	return value, slope
}

// function emits what a loop over x needs, and returns what emits f(x), which may overwrite x.
type function func() func(x reg.VecVirtual) reg.VecVirtual

func gelu(s isa) function {
	var tail *table
	if s == avx512 {
		tail = fit("geluTail", upperTail)
	}
	return func() func(x reg.VecVirtual) reg.VecVirtual {
		phi := func(x reg.VecVirtual) reg.VecVirtual { _, phi := normal(x); return phi }
		if tail != nil {
			phi = tail.load().tail
		}
		return func(x reg.VecVirtual) reg.VecVirtual {
			p := phi(x)
			VMULPS(x, p, p)
			return p
		}
	}
}

func geluGrad(s isa) function {
	if s == avx512 {
		tail := fit("geluSlopeTail", slopeTail)
		return func() func(x reg.VecVirtual) reg.VecVirtual { return tail.load().tail }
	}
	return func() func(x reg.VecVirtual) reg.VecVirtual {
		return func(x reg.VecVirtual) reg.VecVirtual {
			density, phi := normal(x)
			VMULPS(float("invSqrt2Pi", invSqrt2Pi), x, x)
			VFMADD231PS(density, x, phi)
			return phi
		}
	}
}
