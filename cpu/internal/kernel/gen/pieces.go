package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// AVX-512 finds one of 32 numbers in two registers in one instruction, by ports that do not
// multiply. So the tails of GELU are polynomials of low degree in 32 pieces, in the place of an
// exponential, a reciprocal and one long polynomial.
const (
	pieces     = 32
	pieceTerms = 5    // of each polynomial
	pieceWidth = 0.19 // of |x|; the last piece, from 5.795 on, is 0
)

// Both functions of gelu at -a, as parts of it: gelu(-a) = -a upperTail(a), gelu'(-a) = slopeTail(a).
// At a they are 1 less the same.
func upperTail(a float64) float64 { return math.Erfc(a/math.Sqrt2) / 2 }
func slopeTail(a float64) float64 {
	return upperTail(a) - a*math.Exp(-a*a/2)/math.Sqrt(2*math.Pi)
}

// piecewise is a function of a >= 0: near a = pieceWidth n, the polynomial in
// r = a/pieceWidth - n, |r| <= 1/2, whose coefficient of r^k is number n of table k.
type piecewise struct {
	name  string
	terms [pieceTerms][pieces]float32
}

// fit interpolates f at the Chebyshev nodes of each piece.
func fit(name string, f func(a float64) float64) *table {
	p := piecewise{name: name}
	for n := range pieces - 1 {
		var nodes, c [pieceTerms]float64
		for i := range nodes {
			nodes[i] = math.Cos(math.Pi*(float64(i)+0.5)/pieceTerms) / 2
			c[i] = f(pieceWidth * (float64(n) + nodes[i]))
		}
		for k := 1; k < pieceTerms; k++ { // divided differences
			for i := pieceTerms - 1; i >= k; i-- {
				c[i] = (c[i] - c[i-1]) / (nodes[i] - nodes[i-k])
			}
		}
		var sum [pieceTerms]float64 // Newton's form multiplied out
		for i := pieceTerms - 1; i >= 0; i-- {
			for k := pieceTerms - 1; k > 0; k-- {
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
type table struct{ at [pieceTerms]Mem }

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
	terms                     [pieceTerms][2]reg.VecVirtual
	limit, scale, magic, none reg.VecVirtual
	one                       reg.VecVirtual
}

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
	l.limit = number("pieceLimit", pieceWidth*(pieces-1))
	l.scale = number("pieceScale", 1/pieceWidth)
	l.magic = number("pieceMagic", 3<<22) // what is added to it is rounded, and the last bits are the whole number
	l.one = number("one", 1)
	l.none = zero(avx512)
	return l
}

// tail emits the function of |x| where x is negative, and 1 less it elsewhere.
func (l *loaded) tail(x reg.VecVirtual) reg.VecVirtual {
	a, n, whole := ZMM(), ZMM(), ZMM()
	VPANDD_BCST(constant("absMask", 1<<31-1), x, a)
	VMINPS(a, l.limit, a) // a NaN is the source that it returns
	VMOVAPS(l.magic, n)
	VFMADD231PS(l.scale, a, n)
	VSUBPS(l.magic, n, whole)
	VFMSUB132PS(l.scale, whole, a)
	var p reg.VecVirtual
	for k := pieceTerms - 1; k >= 0; k-- {
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
