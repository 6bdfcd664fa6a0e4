package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// attentionTilePairs emits a row or column of 16 x 16 tiles, 8 rows at a time and two steps at
// once. The rows of the right operand are paired, and if transposed those of the left one too.
func attentionTilePairs(transposed bool) {
	name, panel := "attnTiles", !transposed
	if transposed {
		name += "Transposed"
	}
	declare(name+"AVX512", "func(q *AttnTiles)")
	const half = panelWidth / 2
	q := Load(Param("q"), GP64())
	field, stride := fieldsOf(q)
	c, a, b, tiles := field(attnC), field(attnA), field(attnB), field(attnTiles)
	ldc := stride(attnLDC)
	next, nextStride := field(attnPrefetch), stride(attnPrefetchStride)
	var lda reg.Register
	if panel {
		lda = stride(attnLDA)
	}
	ap, bp, n, k := GP64(), GP64(), GP64(), GP64()
	acc := accumulators(half, 2, panelWidth)
	Label("tile")
	prefetchRows(c, ldc, panelWidth)
	for h := range 2 {
		label := func(s string) string { return fmt.Sprintf("%s%d", s, h) }
		// prefetch emits prefetches for four lines in the eight pairs of the first half.
		prefetch := func(p int) {
			if h == 0 && p%2 == 0 {
				PREFETCHT1(Mem{Base: next, Disp: 32 * p})
			}
			if h == 0 && p == panelWidth/2-1 {
				ADDQ(nextStride, next)
			}
		}
		for _, r := range acc {
			VXORPS(r[0].AsX(), r[0].AsX(), r[0].AsX())
			VXORPS(r[1].AsX(), r[1].AsX(), r[1].AsX())
		}
		MOVQ(a, ap)
		MOVQ(b, bp)
		MOVQ(Mem{Base: q, Disp: attnN}, n)
		if panel {
			SUBQ(U8(panelWidth), n)
			JL(LabelRef(label("sums")))
			Label(label("segment"))
			for p := range panelWidth / 2 {
				prefetch(p)
				multiplyPair(acc, ap, 4*panelWidth, 4*panelWidth*half*h+8*p, Mem{Base: bp, Disp: 128 * p}, Mem{Base: bp, Disp: 128*p + 64})
			}
			ADDQ(lda, ap)
			ADDQ(U32(4*panelWidth*panelWidth), bp)
			SUBQ(U8(panelWidth), n)
			JGE(LabelRef(label("segment")))
		} else {
			pair := func(p int) {
				multiplyPair(acc, ap, 8, 128*p+64*h, Mem{Base: bp, Disp: 128 * p}, Mem{Base: bp, Disp: 128*p + 64})
			}
			MOVQ(n, k)
			SHRQ(U8(4), k)
			JZ(LabelRef(label("rest")))
			Label(label("steps"))
			for p := range panelWidth / 2 {
				prefetch(p)
				pair(p)
			}
			ADDQ(U32(64*panelWidth), ap)
			ADDQ(U32(64*panelWidth), bp)
			DECQ(k)
			JNZ(LabelRef(label("steps")))
			Label(label("rest"))
			ANDQ(U8(panelWidth-1), n)
			JZ(LabelRef(label("sums")))
			Label(label("one"))
			pair(0)
			ADDQ(U32(128), ap)
			ADDQ(U32(128), bp)
			SUBQ(U8(2), n)
			JNZ(LabelRef(label("one")))
		}
		Label(label("sums"))
		// Transposed, a line of pairs holds two rows of every four.
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
			addEvenOdd(r[0], r[1])
			VMOVUPS(r[0], Mem{Base: p})
		}
	}
	nextTile(q, tiles, c, a, b)
}
