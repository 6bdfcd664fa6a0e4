package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.GradTiles by their offsets. A test compares them.
const (
	tilesC       = 0
	tilesLDC     = 24
	tilesCStep   = 32
	tilesA       = 40
	tilesAStep   = 64
	tilesB       = 72
	tilesBStep   = 96
	tilesSlots   = 104
	tilesIndex   = 128
	tilesSize    = 152
	tilesLines   = 160
	tilesPacking = 168
	tilesEvery   = 176
	tilesParts   = 184
	tilesCPart   = 192
	tilesAPart   = 200
	tilesBPart   = 208
)

// gradTiles emits tiles of 16 x 16 of a weight gradient. A vector holds two tokens of columns of
// b, and two tokens of a column of a are broadcast for several of them, so that there are fewer
// loads than multiplications. The sums of the tokens are added at the end. The accumulators
// of AVX-512 are 8 x 16, those of AVX2 4 x 8.
//
// With bcst a vector holds one token of 16 columns, each multiplication broadcasts an element
// of a from memory, and the accumulators are all 16 x 16.
func gradTiles(s isa, bcst bool) {
	const distance = 8 // lines from the prefetch of one to its use
	width, rows, panels, unroll, suffix := 8, 8, 2, 2, s.name
	switch {
	case s == avx2:
		rows, panels = 4, 1
	case bcst:
		width, rows, panels, unroll, suffix = 16, 16, 1, 4, s.name+bcstSuffix
	}
	declare("gradTiles"+suffix, "func(w *GradTiles)")
	parts := panelWidth / s.lanes // vectors of a line
	slot, part := AllocLocal(8), AllocLocal(8)
	tile, left, right := AllocLocal(8), AllocLocal(8), AllocLocal(8)
	w := func() reg.Register { return Load(Param("w"), GP64()) }
	var m *packer
	loadPacking := func() reg.Register {
		packing := w()
		MOVQ(Mem{Base: packing, Disp: tilesPacking}, packing)
		return packing
	}
	if s == avx512 {
		packing := loadPacking()
		m = newPacker(packing, width, group(bcst))
		if bcst {
			m.next = loadPacking
		}
	}
	none := GP64()
	XORQ(none, none)
	MOVQ(none, slot)
	Label("slot")
	i := GP64()
	r := w()
	MOVQ(slot, i)
	CMPQ(i, Mem{Base: r, Disp: tilesSlots + 8})
	JGE(LabelRef("done"))
	INCQ(slot)
	c, a, b, index := GP64(), GP64(), GP64(), GP64()
	MOVQ(Mem{Base: r, Disp: tilesSlots}, c)
	MOVLQSX(Mem{Base: c, Index: i, Scale: 4}, c)
	MOVQ(Mem{Base: r, Disp: tilesIndex}, index)
	MOVLQSX(Mem{Base: index, Index: c, Scale: 4}, index)
	place := func(p reg.Register, step, base int) {
		IMULQ(Mem{Base: r, Disp: step}, p)
		SHLQ(U8(2), p)
		ADDQ(Mem{Base: r, Disp: base}, p)
	}
	MOVQ(index, a)
	MOVQ(index, b)
	place(c, tilesCStep, tilesC)
	place(a, tilesAStep, tilesA)
	place(b, tilesBStep, tilesB)
	MOVQ(c, tile)
	MOVQ(a, left)
	MOVQ(b, right)
	MOVQ(Mem{Base: r, Disp: tilesParts}, i)
	MOVQ(i, part)
	Label("part")
	acc := accumulators(rows, panels*parts, s.lanes)
	for half := range panelWidth / width {
		for row := 0; row < width; row += rows {
			for column := 0; column < panelWidth/width; column += panels {
				label := func(s string) string { return fmt.Sprintf("%s%dx%dx%d", s, half, row, column) }
				// The sums of a row lie in one line, which is seldom in the L1 or L2 cache.
				rowsOfTile := func() (c, ldc reg.Register) {
					r := w()
					c, ldc = GP64(), GP64()
					MOVQ(Mem{Base: r, Disp: tilesLDC}, ldc)
					SHLQ(U8(2), ldc)
					IMUL3Q(I32(width*half+row), ldc, c)
					ADDQ(tile, c)
					return c, ldc
				}
				c, ldc := rowsOfTile()
				prefetchRows(c, ldc, rows)
				r := w()
				ap, bp, size, n, k := GP64(), GP64(), GP64(), GP64(), GP64()
				MOVQ(Mem{Base: r, Disp: tilesSize}, size)
				SHLQ(U8(2), size)
				MOVQ(Mem{Base: r, Disp: tilesLines}, n)
				MOVQ(left, ap)
				MOVQ(right, bp)
				if half == 1 {
					ADDQ(size, ap)
				}
				if column == 1 {
					ADDQ(size, bp)
				}
				// The micro-panel that all tiles of a call share is in the L1 cache. Only the other one is
				// prefetched, by its distance from ap.
				other := GP64()
				if bcst {
					XORQ(other, other)
					CMPQ(Mem{Base: r, Disp: tilesAStep}, U8(0))
					JNE(LabelRef(label("left")))
					MOVQ(bp, other)
					SUBQ(ap, other)
					Label(label("left"))
				}
				for _, row := range acc {
					for _, r := range row {
						VXORPS(r.AsX(), r.AsX(), r.AsX())
					}
				}
				Label(label("more"))
				r = w()
				MOVQ(Mem{Base: r, Disp: tilesEvery}, k)
				CMPQ(n, k)
				CMOVQLT(n, k)
				SUBQ(k, n)
				if m != nil {
					m.line()
				}
				Label(label("line"))
				for l := range unroll {
					var b []reg.VecVirtual
					for v := range panels * parts {
						b = append(b, s.vec())
						from := Mem{Base: bp, Disp: 4 * (panelWidth*l + s.lanes*(v%parts))}
						if v >= parts {
							from.Index, from.Scale = size, 1
						}
						VMOVUPS(from, b[v])
						if half+row == 0 && v%parts == 0 && !bcst {
							from.Disp += 64 * distance
							PREFETCHT0(from)
						}
					}
					for i := range rows {
						if bcst {
							VFMADD231PS_BCST(Mem{Base: ap, Disp: 4 * (panelWidth*l + i)}, b[0], acc[i][0])
							continue
						}
						tokens := s.vec()
						VBROADCASTSD(Mem{Base: ap, Disp: 4 * (panelWidth*l + 2*(row+i))}, tokens)
						for v := range b {
							VFMADD231PS(b[v], tokens, acc[i][v])
						}
					}
					switch {
					case bcst:
						PREFETCHT0(Mem{Base: ap, Index: other, Scale: 1, Disp: 64 * (distance + l)})
					case row+column == 0:
						PREFETCHT0(Mem{Base: ap, Disp: 64 * (distance + l)})
					}
				}
				ADDQ(U32(4*panelWidth*unroll), ap)
				ADDQ(U32(4*panelWidth*unroll), bp)
				SUBQ(U8(unroll), k)
				JG(LabelRef(label("line")))
				TESTQ(n, n)
				JNZ(LabelRef(label("more")))
				c, ldc = rowsOfTile()
				if bcst {
					put(c, ldc, acc, s.lanes, func(r, m Op) { VADDPS(m, r, r); VMOVUPS(r, m) })
					continue
				}
				addTokens(s, acc, c, ldc, 4*width*column)
			}
		}
	}
	DECQ(part)
	JZ(LabelRef("slot"))
	r = w()
	for _, p := range []struct {
		step int
		at   Mem
	}{{tilesCPart, tile}, {tilesAPart, left}, {tilesBPart, right}} {
		x := GP64()
		MOVQ(Mem{Base: r, Disp: p.step}, x)
		SHLQ(U8(2), x)
		ADDQ(x, p.at)
	}
	JMP(LabelRef("part"))
	Label("done")
	if m != nil {
		m.end(loadPacking())
	}
	VZEROUPPER()
	RET()
}

// addTokens emits the sums of even and odd tokens, which are neighbors, added to rows of c.
func addTokens(s isa, acc [][]reg.VecVirtual, c, ldc reg.Register, disp int) {
	var even, odd reg.VecVirtual
	if s == avx512 {
		even, odd = everySecond(0), everySecond(1)
	}
	for _, r := range acc {
		if s == avx512 {
			addNeighbors(r[0], r[1], even, odd)
		} else {
			other := s.vec()
			VSHUFPS(U8(0xdd), r[1], r[0], other)
			VSHUFPS(U8(0x88), r[1], r[0], r[0])
			VADDPS(other, r[0], r[0])
			VPERMPD(U8(0xd8), r[0], r[0])
		}
		VADDPS(Mem{Base: c, Disp: disp}, r[0], r[0])
		VMOVUPS(r[0], Mem{Base: c, Disp: disp})
		ADDQ(ldc, c)
	}
}
