package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.GradBlocks by their offsets. A test compares them.
const (
	blocksC       = 0
	blocksA       = 24
	blocksB       = 48
	blocksSlots   = 72
	blocksIndex   = 96
	blocksStep    = 120
	blocksLines   = 128
	blocksPacking = 136
	blocksEvery   = 144
)

// gradBlocks emits the gradients of blocks of 8 x 8 or 4 x 4. A line of b holds 2 or 4 tokens of
// each of its columns. It is multiplied by the same tokens of one column of a after the
// other, and the sums of the tokens are added at the end. All blocks share a, the
// micro-panel whose lines are read most often: it stays in the L1 cache.
//
// AVX2 does four columns of a at a time. AVX-512 does several blocks, which share the
// broadcast tokens of a, or several lines, so that enough accumulators are in flight, and packs
// beside that. bcst is for the path of that name, which packs more columns together.
func gradBlocks(s isa, size int, transposed, bcst bool) {
	const distance = 8 // lines from the prefetch of one to its use
	name := "gradBlocks" + string(rune('0'+size))
	if transposed {
		name += "Transposed"
	}
	suffix := s.name
	if bcst {
		suffix += bcstSuffix
	}
	declare(name+suffix, "func(w *GradBlocks)")
	tokens, vectors := panelWidth/size, panelWidth/s.lanes
	rows, lines, together := size, panelWidth/size, []int{3, 2, 1} // blocks at a time, see kernel.Passes
	switch {
	case s == avx2:
		rows, lines, together = 4, 1, []int{1}
	case size == 4:
		together[0] = 4 // six would leave too few registers for packing
	}
	slot, left := AllocLocal(8), AllocLocal(8)
	gradients := make([]Mem, together[0])
	for i := range gradients {
		gradients[i] = AllocLocal(8)
	}
	w := func() reg.Register { return Load(Param("w"), GP64()) }
	var m *packer
	if s == avx512 {
		packing := w()
		MOVQ(Mem{Base: packing, Disp: blocksPacking}, packing)
		m = newPacker(packing, size, group(bcst))
	}
	all := accumulators(max(together[0], lines)*rows, vectors, s.lanes)
	none := GP64()
	XORQ(none, none)
	MOVQ(none, slot)
	for _, blocks := range together {
		label := func(name string, part int) string { return fmt.Sprintf("%s%dx%d", name, blocks, part) }
		Label(label("slot", 0))
		i, next, r := GP64(), GP64(), w()
		MOVQ(slot, i)
		LEAQ(Mem{Base: i, Disp: blocks}, next)
		CMPQ(next, Mem{Base: r, Disp: blocksSlots + 8})
		JG(LabelRef(label("fewer", 0)))
		MOVQ(next, slot)
		slots, from := GP64(), make([]reg.Register, blocks) // the others' micro-panels relative to the first
		MOVQ(Mem{Base: r, Disp: blocksSlots}, slots)
		LEAQ(Mem{Base: slots, Index: i, Scale: 4}, slots)
		for j := range from {
			c, b := GP64(), GP64()
			MOVLQSX(Mem{Base: slots, Disp: 4 * j}, c)
			MOVQ(Mem{Base: r, Disp: blocksIndex}, b)
			MOVLQSX(Mem{Base: b, Index: c, Scale: 4}, b)
			IMUL3Q(I32(4*size*size), c, c)
			ADDQ(Mem{Base: r, Disp: blocksC}, c)
			MOVQ(c, gradients[j])
			SHLQ(U8(2), b)
			IMULQ(Mem{Base: r, Disp: blocksStep}, b)
			if from[j] = b; j == 0 {
				ADDQ(Mem{Base: r, Disp: blocksB}, b)
			}
			for line := 0; line < size*size; line += panelWidth {
				PREFETCHT0(Mem{Base: c, Disp: 4 * line})
			}
		}
		if blocks > 1 {
			first := GP64()
			MOVQ(from[0], first)
			SUBQ(Mem{Base: r, Disp: blocksB}, first)
			for _, b := range from[1:] {
				SUBQ(first, b)
			}
		}
		sets := max(1, lines/blocks)
		for part := 0; part < size; part += rows {
			acc := make([][][][]reg.VecVirtual, sets) // by line, block, row, vector
			for l := range acc {
				for j := range blocks {
					acc[l] = append(acc[l], all[(l*blocks+j)*rows:][:rows])
				}
			}
			for _, row := range all[:sets*blocks*rows] {
				for _, r := range row {
					VXORPS(r.AsX(), r.AsX(), r.AsX())
				}
			}
			ap, bp, n, k := GP64(), GP64(), GP64(), GP64()
			r := w()
			MOVQ(Mem{Base: r, Disp: blocksA}, ap)
			MOVQ(from[0], bp)
			MOVQ(Mem{Base: r, Disp: blocksLines}, n)
			MOVQ(n, left)
			Label(label("more", part))
			r = w()
			MOVQ(Mem{Base: r, Disp: blocksEvery}, k)
			CMPQ(left, k)
			CMOVQLT(left, k)
			SUBQ(k, left)
			if m != nil {
				m.line()
			}
			Label(label("line", part))
			for l := range lines {
				var right [][]reg.VecVirtual
				for j := range blocks {
					at := Mem{Base: bp, Disp: 4 * panelWidth * l}
					if j > 0 {
						at.Index, at.Scale = from[j], 1
					}
					var line []reg.VecVirtual
					for v := range vectors {
						line = append(line, s.vec())
						VMOVUPS(at.Offset(4*s.lanes*v), line[v])
					}
					right = append(right, line)
					if s == avx512 {
						PREFETCHT0(at.Offset(64 * distance))
					}
				}
				for i := range rows {
					tokensOf, at := s.vec(), Mem{Base: ap, Disp: 4 * (panelWidth*l + tokens*(part+i))}
					switch {
					case tokens == 2:
						VBROADCASTSD(at, tokensOf)
					case s == avx512:
						VBROADCASTF32X4(at, tokensOf)
					default:
						VBROADCASTF128(at, tokensOf)
					}
					for j, line := range right {
						for v := range line {
							VFMADD231PS(line[v], tokensOf, acc[l%sets][j][i][v])
						}
					}
				}
			}
			ADDQ(U32(4*panelWidth*lines), ap)
			ADDQ(U32(4*panelWidth*lines), bp)
			SUBQ(U8(lines), k)
			JG(LabelRef(label("line", part)))
			CMPQ(left, U8(0))
			JNZ(LabelRef(label("more", part)))
			for j := range blocks {
				sums := acc[0][j]
				for l := 1; l < sets; l++ {
					for i := range sums {
						VADDPS(acc[l][j][i][0], sums[i][0], sums[i][0])
					}
				}
				c := GP64()
				MOVQ(gradients[j], c)
				for _, p := range sumTokens(s, size, sums, part, transposed) {
					at := Mem{Base: c, Disp: 4 * p.at}
					VADDPS(at, p.sums, p.sums)
					VMOVUPS(p.sums, at)
				}
			}
		}
		JMP(LabelRef(label("slot", 0)))
		Label(label("fewer", 0))
	}
	if m != nil {
		packing := w()
		MOVQ(Mem{Base: packing, Disp: blocksPacking}, packing)
		m.end(packing)
	}
	VZEROUPPER()
	RET()
}

// storedSums are adjacent sums of a block, from element at on.
type storedSums struct {
	sums reg.Register
	at   int
}

// sumTokens emits the sums over the tokens, for the columns of a from first on with all of b.
// They are rows of the block, or if transposed its columns.
func sumTokens(s isa, size int, acc [][]reg.VecVirtual, first int, transposed bool) []storedSums {
	switch {
	case s == avx512 && size == 8 && transposed:
		var even, odd [2]reg.VecVirtual // columns of b, one in four lanes
		for half := range 2 {
			even[half], odd[half] = sumPairs(acc[4*half][0], acc[4*half+1][0], acc[4*half+2][0], acc[4*half+3][0])
		}
		// Transpose 4 x 4 groups of lanes.
		lo0, hi0 := evenOddLanes(even[0], even[1])
		lo1, hi1 := evenOddLanes(odd[0], odd[1])
		var sums []storedSums
		for i, x := range [][2]reg.VecVirtual{{lo0, lo1}, {hi0, hi1}} {
			l, h := ZMM(), x[0]
			VSHUFF32X4(U8(0x88), x[1], x[0], l)
			VSHUFF32X4(U8(0xdd), x[1], x[0], h)
			sums = append(sums, storedSums{l, panelWidth * i}, storedSums{h, panelWidth * (2 + i)})
		}
		return sums
	case s == avx512 && size == 8:
		even, odd := everySecond(0), everySecond(1)
		var sums []storedSums
		for i := 0; i < size; i += 2 {
			addNeighbors(acc[i][0], acc[i+1][0], even, odd)
			sums = append(sums, storedSums{acc[i][0], size * i})
		}
		return sums
	case s == avx512:
		x := sumQuads(acc[0][0], acc[1][0], acc[2][0], acc[3][0])
		if !transposed { // x has columns
			order := ZMM()
			VMOVUPS(transposed4(), order)
			VPERMPS(x, order, x)
		}
		return []storedSums{{x, 0}}
	case size == 8:
		var sums []storedSums
		for i := range acc {
			lo, hi := acc[i][0], acc[i][1]
			odd := YMM()
			VSHUFPS(U8(0xdd), hi, lo, odd)
			VSHUFPS(U8(0x88), hi, lo, lo)
			VADDPS(odd, lo, lo)
			VPERMPD(U8(0xd8), lo, lo)
			sums = append(sums, storedSums{lo, size * (first + i)})
		}
		if !transposed {
			return sums
		}
		row := func(i int) reg.Register { return sums[i].sums }
		l01, h01 := unpacked(row(0), row(1))
		l23, h23 := unpacked(row(2), row(3))
		c0, c1 := unpackedPairs(l01, l23)
		c2, c3 := unpackedPairs(h01, h23)
		sums = nil
		for i, c := range []reg.Register{c0, c1, c2, c3} {
			high := XMM()
			VEXTRACTF128(U8(1), c, high)
			sums = append(sums, storedSums{c.(reg.Vec).AsX(), size*i + first}, storedSums{high, size*(4+i) + first})
		}
		return sums
	}
	x, y := sumQuads(acc[0][0], acc[1][0], acc[2][0], acc[3][0]), sumQuads(acc[0][1], acc[1][1], acc[2][1], acc[3][1])
	if transposed {
		return []storedSums{{x, 0}, {y, 8}}
	}
	// Columns 0 and 1 in the halves of x, 2 and 3 of y.
	x1, y1 := XMM(), XMM()
	VEXTRACTF128(U8(1), x, x1)
	VEXTRACTF128(U8(1), y, y1)
	l01, h01 := unpacked(x.AsX(), x1)
	l23, h23 := unpacked(y.AsX(), y1)
	r0, r1 := unpackedPairs(l01, l23)
	r2, r3 := unpackedPairs(h01, h23)
	return []storedSums{{r0, 0}, {r1, 4}, {r2, 8}, {r3, 12}}
}
