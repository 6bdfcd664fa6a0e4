package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pairSquares emits a row or column of 16 x 16 tiles, of 8 rows at a time, two steps at once: the rows
// of the right operand are paired, and those of the left one if it is a strip.
func pairSquares(name string, panel bool) {
	TEXT(name+"AVX512", NOSPLIT, "func(q *byte)")
	const half = strip / 2
	q := Load(Param("q"), GP64())
	field, stride := fieldsOf(q)
	c, a, b, tiles := field(squaresC), field(squaresA), field(squaresB), field(squaresTiles)
	ldc := stride(squaresLDC)
	next, nextStride := field(squaresNext), stride(squaresStride)
	var lda reg.Register
	if panel {
		lda = stride(squaresLDA)
	}
	ap, bp, n, k := GP64(), GP64(), GP64(), GP64()
	acc := accumulators(half, 2, strip)
	Label("tile")
	claim(c, ldc, strip)
	for h := range 2 {
		label := func(s string) string { return fmt.Sprintf("%s%d", s, h) }
		// ask asks for four lines in the eight pairs of the first half.
		ask := func(p int) {
			if h == 0 && p%2 == 0 {
				PREFETCHT1(Mem{Base: next, Disp: 32 * p})
			}
			if h == 0 && p == strip/2-1 {
				ADDQ(nextStride, next)
			}
		}
		for _, r := range acc {
			VXORPS(r[0].AsX(), r[0].AsX(), r[0].AsX())
			VXORPS(r[1].AsX(), r[1].AsX(), r[1].AsX())
		}
		MOVQ(a, ap)
		MOVQ(b, bp)
		MOVQ(Mem{Base: q, Disp: squaresN}, n)
		if panel {
			SUBQ(U8(strip), n)
			JL(LabelRef(label("sums")))
			Label(label("segment"))
			for p := range strip / 2 {
				ask(p)
				multiplyPair(acc, ap, 4*strip, 4*strip*half*h+8*p, Mem{Base: bp, Disp: 128 * p}, Mem{Base: bp, Disp: 128*p + 64})
			}
			ADDQ(lda, ap)
			ADDQ(U32(4*strip*strip), bp)
			SUBQ(U8(strip), n)
			JGE(LabelRef(label("segment")))
		} else {
			pair := func(p int) {
				multiplyPair(acc, ap, 8, 128*p+64*h, Mem{Base: bp, Disp: 128 * p}, Mem{Base: bp, Disp: 128*p + 64})
			}
			MOVQ(n, k)
			SHRQ(U8(4), k)
			JZ(LabelRef(label("rest")))
			Label(label("steps"))
			for p := range strip / 2 {
				ask(p)
				pair(p)
			}
			ADDQ(U32(64*strip), ap)
			ADDQ(U32(64*strip), bp)
			DECQ(k)
			JNZ(LabelRef(label("steps")))
			Label(label("rest"))
			ANDQ(U8(strip-1), n)
			JZ(LabelRef(label("sums")))
			Label(label("one"))
			pair(0)
			ADDQ(U32(128), ap)
			ADDQ(U32(128), bp)
			SUBQ(U8(2), n)
			JNZ(LabelRef(label("one")))
		}
		Label(label("sums"))
		// Of a strip, a line of pairs holds two rows of every four.
		row, p := 0, GP64()
		MOVQ(c, p)
		for i, r := range acc {
			at := half*h + i
			if !panel {
				at = i/2*4 + 2*h + i%2
			}
			for ; row < at; row++ {
				ADDQ(ldc, p)
			}
			foldPair(r[0], r[1])
			VMOVUPS(r[0], Mem{Base: p})
		}
	}
	nextSquare(q, tiles, c, a, b)
}
