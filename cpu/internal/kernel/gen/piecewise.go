package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// AVX-512 looks up one of 32 elements of two registers in one instruction, on a port that does
// not multiply. So GELU's tails are polynomials of low degree on 32 intervals. They stand for an
// exponential, a reciprocal and one long polynomial.
const (
	intervals     = 32
	polyTerms     = 5    // of each polynomial
	intervalWidth = 0.19 // of |x|; the last interval, from 5.795 on, has 0
)

// upperTail is GELU at -a as a part of it: gelu(-a) = -a upperTail(a), and
// gelu(a) = a (1 - upperTail(a)).
func upperTail(a float64) float64 { return math.Erfc(a/math.Sqrt2) / 2 }

// slopeTail is GELU's gradient at -a: gelu'(-a) = slopeTail(a), gelu'(a) = 1 - slopeTail(a).
func slopeTail(a float64) float64 {
	return upperTail(a) - a*math.Exp(-a*a/2)/math.Sqrt(2*math.Pi)
}

// piecewise is a function of a >= 0. Near a = intervalWidth n it is a polynomial in
// r = a/intervalWidth - n, |r| <= 1/2, whose coefficient of r^k is terms[k][n].
type piecewise struct {
	name  string
	terms [polyTerms][intervals]float32
}

// fit interpolates f at the Chebyshev nodes of each interval.
func fit(name string, f func(a float64) float64) *table {
	p := piecewise{name: name}
	for n := range intervals - 1 {
		var nodes, c [polyTerms]float64
		for i := range nodes {
			nodes[i] = math.Cos(math.Pi*(float64(i)+0.5)/polyTerms) / 2
			c[i] = f(intervalWidth * (float64(n) + nodes[i]))
		}
		for k := 1; k < polyTerms; k++ { // divided differences
			for i := polyTerms - 1; i >= k; i-- {
				c[i] = (c[i] - c[i-1]) / (nodes[i] - nodes[i-k])
			}
		}
		var sum [polyTerms]float64 // Newton's form multiplied out
		for i := polyTerms - 1; i >= 0; i-- {
			for k := polyTerms - 1; k > 0; k-- {
				sum[k] = sum[k-1] - nodes[i]*sum[k]
			}
			sum[0] = c[i] - nodes[i]*sum[0]
		}
		for k, v := range sum {
			p.terms[k][n] = float32(v)
		}
	}
	return p.emit()
}

// table is a piecewise function in memory.
type table struct{ at [polyTerms]Mem }

// emit emits the tables of coefficients.
func (p *piecewise) emit() *table {
	t := new(table)
	for k, terms := range p.terms {
		t.at[k] = GLOBL(p.name+string(rune('0'+k)), RODATA|NOPTR)
		for i, v := range terms {
			DATA(4*i, F32(v))
		}
	}
	return t
}

// loaded is a piecewise function in registers.
type loaded struct {
	terms                     [polyTerms][2]reg.VecVirtual
	limit, scale, magic, none reg.VecVirtual
	one                       reg.VecVirtual
}

// load emits the loading of the coefficients.
func (p *table) load() *loaded {
	l := new(loaded)
	for k := range p.at {
		for half := range 2 {
			l.terms[k][half] = ZMM()
			VMOVUPS(p.at[k].Offset(64*half), l.terms[k][half])
		}
	}
	number := func(name string, v float32) reg.VecVirtual {
		r := ZMM()
		VBROADCASTSS(float(name, v), r)
		return r
	}
	l.limit = number("intervalLimit", intervalWidth*(intervals-1))
	l.scale = number("intervalScale", 1/intervalWidth)
	l.magic = number("intervalMagic", 3<<22) // adding it rounds: the last bits are the integer
	l.one = number("one", 1)
	l.none = zero(avx512)
	return l
}

// tail emits f(|x|) where x is negative, and 1 - f(|x|) elsewhere.
func (l *loaded) tail(x reg.VecVirtual) reg.VecVirtual {
	a, n, whole := ZMM(), ZMM(), ZMM()
	VPANDD_BCST(constant("absMask", 1<<31-1), x, a)
	VMINPS(a, l.limit, a) // a NaN is the source that it returns
	VMOVAPS(l.magic, n)
	VFMADD231PS(l.scale, a, n)
	VSUBPS(l.magic, n, whole)
	VFMSUB132PS(l.scale, whole, a)
	var p reg.VecVirtual
	for k := polyTerms - 1; k >= 0; k-- {
		c := n
		if k > 0 {
			c = ZMM()
			VMOVAPS(n, c)
		}
		VPERMI2PS(l.terms[k][1], l.terms[k][0], c)
		if p != nil {
			VFMADD231PS(p, a, c)
		}
		p = c
	}
	negative, y := K(), ZMM()
	VPCMPGTD(x, l.none, negative)
	VSUBPS(p, l.one, y)
	VMOVAPS(p, negative, y)
	return y
}
