package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// normal emits the density (times sqrt(2 pi)) and the distribution function of the normal
// distribution at x, for AVX2; see kernel's tail. AVX-512 has piecewise polynomials instead.
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

// gelus emits GELU and its gradient, of a slice and of rows with non-temporal stores.
func gelus(s isa) {
	value, slope := gelu(s), geluGrad(s)
	end := func() {
		VZEROUPPER()
		RET()
	}
	declare("gelu"+s.name, "func(y, x []float32)")
	f := value()
	loop(s, []string{"y", "x"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[1], x)
		VMOVUPS(f(x), at[0])
	})
	end()
	declare("geluGrad"+s.name, "func(y, r, x []float32)")
	f = slope()
	loop(s, []string{"y", "r", "x"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[2], x)
		d := f(x)
		VMULPS(at[1], d, d)
		VMOVUPS(d, at[0])
	})
	end()
	declare("geluNonTemporal"+s.name, "func(y, x, pre []float32, ld, ldx, rows, cols int)",
		"is geluRows for y and pre at multiples of a vector's size.")
	f = value()
	loopRows(s, []string{"y", "x", "pre"}, []string{"ld", "ldx", "ld"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[1], x)
		VMOVNTPS(x, at[2])
		VMOVNTPS(f(x), at[0])
	})
	end()
	declare("geluGradNonTemporal"+s.name, "func(y, r, x []float32, ld, ldr, rows, cols int)",
		"is geluGradRows for y at multiples of a vector's size.")
	f = slope()
	loopRows(s, []string{"y", "r", "x"}, []string{"ld", "ldr", "ld"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[2], x)
		d := f(x)
		VMULPS(at[1], d, d)
		VMOVNTPS(d, at[0])
	})
	end()
}

// function emits what a loop needs to compute f, and returns what emits f(x). That may
// overwrite x.
type function func() func(x reg.VecVirtual) reg.VecVirtual

// gelu returns GELU.
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

// geluGrad returns GELU's gradient.
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
