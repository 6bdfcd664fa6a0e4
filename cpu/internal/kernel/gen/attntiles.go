package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.AttnTiles by their offsets. A test compares them.
const (
	attnC              = 0
	attnLDC            = 24
	attnA              = 32
	attnLDA            = 56
	attnB              = 64
	attnN              = 88
	attnTiles          = 96
	attnCStep          = 104
	attnAStep          = 112
	attnBStep          = 120
	attnPrefetch       = 128
	attnPrefetchStride = 152
)

// fieldsOf returns what loads a field of kernel.AttnTiles, and what loads a stride in bytes.
func fieldsOf(q reg.Register) (field, stride func(disp int) reg.Register) {
	field = func(disp int) reg.Register {
		r := GP64()
		MOVQ(Mem{Base: q, Disp: disp}, r)
		return r
	}
	stride = func(disp int) reg.Register {
		r := field(disp)
		SHLQ(U8(2), r)
		return r
	}
	return field, stride
}

// nextTile emits the step to the next tile, and the end behind the last.
func nextTile(q, tiles, c, a, b reg.Register) {
	step := GP64()
	for _, p := range []struct {
		at   reg.Register
		disp int
	}{{c, attnCStep}, {a, attnAStep}, {b, attnBStep}} {
		MOVQ(Mem{Base: q, Disp: p.disp}, step)
		LEAQ(Mem{Base: p.at, Index: step, Scale: 4}, p.at)
	}
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// attentionTiles emits a row or column of 16 x 16 tiles. AVX2 takes four rows at a time, AVX-512
// all, with multiplications that broadcast from memory. The left operand is a packed panel,
// whose rows are rows of the tile, or if transposed a micro-panel, whose rows are inner steps.
func attentionTiles(s isa, transposed bool) {
	name, panel := "attnTiles", !transposed
	if transposed {
		name += "Transposed"
	}
	part, vectors, lanes, suffix, bias := 4, 2, s.lanes, s.name, 0
	if s == avx512 {
		part, vectors, suffix = panelWidth, 1, s.name+bcstSuffix
		if panel {
			bias = 512 // so that most displacements are short
		}
	}
	declare(name+suffix, "func(q *AttnTiles)")
	q := Load(Param("q"), GP64())
	field, stride := fieldsOf(q)
	c, a, b, tiles := field(attnC), field(attnA), field(attnB), field(attnTiles)
	ldc := stride(attnLDC)
	var lda, next, nextStride reg.Register
	if panel {
		lda = stride(attnLDA)
	}
	if s == avx512 {
		next, nextStride = field(attnPrefetch), stride(attnPrefetchStride)
	}
	ap, bp, n, k := GP64(), GP64(), GP64(), GP64()
	Label("tile")
	var to, from, left reg.Register = c, a, nil
	if part < panelWidth {
		to, from, left = GP64(), GP64(), GP64()
		MOVQ(c, to)
		MOVQ(a, from)
		MOVQ(U32(panelWidth/part), left)
		Label("rows")
	} else {
		prefetchRows(c, ldc, panelWidth)
	}
	acc, row := accumulators(part, vectors, lanes), make([]reg.VecVirtual, vectors)
	for i := range acc {
		for v := range acc[i] {
			acc[i][v] = zero(s)
		}
	}
	for v := range row {
		row[v] = s.vec()
	}
	value := s.vec()
	step := func(i, rowStep, disp int) {
		for v := range row {
			VMOVUPS(Mem{Base: bp, Disp: 64*i + 4*lanes*v}, row[v])
		}
		for r := range acc {
			from := Mem{Base: ap, Disp: rowStep*r + disp - bias}
			if s == avx512 {
				VFMADD231PS_BCST(from, row[0], acc[r][0])
				continue
			}
			VBROADCASTSS(from, value)
			for v := range row {
				VFMADD231PS(row[v], value, acc[r][v])
			}
		}
	}
	LEAQ(Mem{Base: from, Disp: bias}, ap)
	MOVQ(b, bp)
	MOVQ(Mem{Base: q, Disp: attnN}, n)
	// prefetch emits prefetches for four lines in sixteen steps.
	prefetch := func(i int) {
		if next != nil && i%4 == 0 {
			PREFETCHT1(Mem{Base: next, Disp: 16 * i})
		}
		if next != nil && i == panelWidth-1 {
			ADDQ(nextStride, next)
		}
	}
	if panel {
		SUBQ(U8(panelWidth), n)
		JL(LabelRef("sums"))
		Label("segment")
		for i := range panelWidth {
			prefetch(i)
			step(i, 4*panelWidth, 4*i)
		}
		ADDQ(lda, ap)
		ADDQ(U32(64*panelWidth), bp)
		SUBQ(U8(panelWidth), n)
		JGE(LabelRef("segment"))
	} else {
		MOVQ(n, k)
		SHRQ(U8(4), k)
		JZ(LabelRef("rest"))
		Label("steps")
		for i := range panelWidth {
			prefetch(i)
			step(i, 4, 64*i)
		}
		ADDQ(U32(64*panelWidth), ap)
		ADDQ(U32(64*panelWidth), bp)
		DECQ(k)
		JNZ(LabelRef("steps"))
		Label("rest")
		ANDQ(U8(panelWidth-1), n)
		JZ(LabelRef("sums"))
		Label("one")
		step(0, 4, 0)
		ADDQ(U8(64), ap)
		ADDQ(U8(64), bp)
		DECQ(n)
		JNZ(LabelRef("one"))
	}
	Label("sums")
	put(to, ldc, acc, lanes, func(r, m Op) { VMOVUPS(r, m) })
	if part < panelWidth {
		for range part {
			ADDQ(ldc, to)
		}
		if panel {
			ADDQ(U32(4*panelWidth*part), from)
		} else {
			ADDQ(U8(4*part), from)
		}
		DECQ(left)
		JNZ(LabelRef("rows"))
	}
	nextTile(q, tiles, c, a, b)
}
