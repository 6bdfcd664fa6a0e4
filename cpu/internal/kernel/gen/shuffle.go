package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unpacked emits the interleaving of two vectors: lo gets x0 y0 x1 y1 and hi x2 y2 x3 y3 of
// each four lanes. hi takes the place of x.
func unpacked(x, y reg.Register) (lo, hi reg.Register) {
	lo = alike(x)
	VUNPCKLPS(y, x, lo)
	VUNPCKHPS(y, x, x)
	return lo, x
}

// unpackedPairs is unpacked for pairs of lanes: lo gets x0 x1 y0 y1, hi x2 x3 y2 y3.
func unpackedPairs(x, y reg.Register) (lo, hi reg.Register) {
	lo = alike(x)
	VUNPCKLPD(y, x, lo)
	VUNPCKHPD(y, x, x)
	return lo, x
}

// alike returns a new register of the same size.
func alike(x reg.Register) reg.Register { return vector(int(x.Size()) / 4) }

// evenOddLanes emits the even and the odd groups of four lanes of two vectors. odd takes the
// place of x.
func evenOddLanes(x, y reg.VecVirtual) (even, odd reg.VecVirtual) {
	even = ZMM()
	VSHUFF32X4(U8(0x88), y, x, even)
	VSHUFF32X4(U8(0xdd), y, x, x)
	return even, x
}

// sumQuads emits the sums of each four lanes of four vectors: lane i of every four lanes of
// the result is the sum of those lanes of vector i.
func sumQuads(a, b, c, d reg.Register) reg.VecVirtual {
	for _, p := range [][2]reg.Register{{a, b}, {c, d}} {
		lo, hi := unpacked(p[0], p[1])
		VADDPS(lo, hi, hi)
	}
	lo, hi := unpackedPairs(a, c)
	VADDPS(lo, hi, hi)
	return a.(reg.VecVirtual)
}

// sumPairs is sumQuads for the lower two of each four lanes, and for the upper two.
func sumPairs(a, b, c, d reg.Register) (lower, upper reg.VecVirtual) {
	lab, hab := unpacked(a, b)
	lcd, hcd := unpacked(c, d)
	l0, l1 := unpackedPairs(lab, lcd)
	VADDPS(l0, l1, l1)
	h0, h1 := unpackedPairs(hab, hcd)
	VADDPS(h0, h1, h1)
	return l1.(reg.VecVirtual), h1.(reg.VecVirtual)
}

// sumLanes emits the sums of all lanes of four vectors, in four lanes. The only new registers
// are those of upper halves: VHADDPS has no name for registers above the sixteenth.
func sumLanes(s isa, v []reg.VecVirtual) reg.Register {
	y := make([]reg.Register, 4)
	for i := range y {
		y[i] = v[i].AsY()
		if s == avx512 {
			half := YMM()
			VEXTRACTF64X4(U8(1), v[i], half)
			VADDPS(half, y[i], y[i])
		}
	}
	VHADDPS(y[1], y[0], y[0])
	VHADDPS(y[3], y[2], y[2])
	VHADDPS(y[2], y[0], y[0])
	high, low := v[1].AsX(), v[0].AsX()
	VEXTRACTF128(U8(1), y[0], high)
	VADDPS(high, low, low)
	return low
}

// addEvenOdd adds the sums of even and of odd steps into x. Of every four columns x holds those
// of the first two and y those of the others.
func addEvenOdd(x, y reg.VecVirtual) {
	odd := ZMM()
	VSHUFPS(U8(0xdd), y, x, odd)
	VSHUFPS(U8(0x88), y, x, x)
	VADDPS(odd, x, x)
}

// addNeighbors emits the sums of neighbors in x, and behind them those in y, into x.
func addNeighbors(x, y, even, odd reg.VecVirtual) {
	other := ZMM()
	VMOVAPS(x, other)
	VPERMT2PS(y, even, x)
	VPERMT2PS(y, odd, other)
	VADDPS(other, x, x)
}

// everySecond loads the indices of the even (odd 0) or odd lanes (odd 1) of two vectors.
func everySecond(odd int) reg.VecVirtual {
	v := ZMM()
	VMOVUPS(indices([]string{"evenLanes", "oddLanes"}[odd], func(i int) int { return 2*i + odd }), v)
	return v
}

// transposed4 returns the indices that transpose a 4 x 4 matrix.
func transposed4() Mem { return indices("transposed4", func(i int) int { return i%4*4 + i/4 }) }
