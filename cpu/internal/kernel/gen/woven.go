package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.Woven by their offsets, which a test compares.
const (
	wovenC     = 0
	wovenA     = 24
	wovenB     = 48
	wovenSlots = 72
	wovenIndex = 96
	wovenStep  = 120
	wovenLines = 128
	wovenMove  = 136
	wovenEvery = 144
)

// woven emits the gradients of blocks of 8 x 8 or 4 x 4. A line of b, which holds 2 or 4 tokens
// of each of its columns, is multiplied with the same tokens of one column of a after the
// other: a is the strip that all blocks share and that the first-level cache holds, for its
// lines are read most often. The tokens' sums are added up at the end. AVX2 does four
// columns of a at a time; AVX-512 several blocks, for which tokens of a are broadcast once, or several lines,
// so that sums enough are under way, and packs meanwhile. bcst is for the path of that name,
// which packs more columns together.
func woven(s isa, size int, turned, bcst bool) {
	const early = 8 // lines from the asking for one to its use
	name := "woven" + string(rune('0'+size))
	if turned {
		name += "Turned"
	}
	suffix := s.name
	if bcst {
		suffix += bcstSuffix
	}
	TEXT(name+suffix, NOSPLIT, "func(w *byte)")
	tokens, vectors := strip/size, strip/s.lanes
	rows, lines, together := size, strip/size, []int{3, 2, 1} // blocks, as kernel.Passes counts them
	switch {
	case s == avx2:
		rows, lines, together = 4, 1, []int{1}
	case size == 4:
		together[0] = 4 // six leave too few registers for packing
	}
	slot, left := AllocLocal(8), AllocLocal(8)
	gradients := make([]Mem, together[0])
	for i := range gradients {
		gradients[i] = AllocLocal(8)
	}
	w := func() reg.Register { return Load(Param("w"), GP64()) }
	var m *moving
	if s == avx512 {
		move := w()
		MOVQ(Mem{Base: move, Disp: wovenMove}, move)
		m = startMove(move, size, group(bcst))
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
		CMPQ(next, Mem{Base: r, Disp: wovenSlots + 8})
		JG(LabelRef(label("fewer", 0)))
		MOVQ(next, slot)
		slots, from := GP64(), make([]reg.Register, blocks) // the others' strips from the first one's on
		MOVQ(Mem{Base: r, Disp: wovenSlots}, slots)
		LEAQ(Mem{Base: slots, Index: i, Scale: 4}, slots)
		for j := range from {
			c, b := GP64(), GP64()
			MOVLQSX(Mem{Base: slots, Disp: 4 * j}, c)
			MOVQ(Mem{Base: r, Disp: wovenIndex}, b)
			MOVLQSX(Mem{Base: b, Index: c, Scale: 4}, b)
			IMUL3Q(I32(4*size*size), c, c)
			ADDQ(Mem{Base: r, Disp: wovenC}, c)
			MOVQ(c, gradients[j])
			SHLQ(U8(2), b)
			IMULQ(Mem{Base: r, Disp: wovenStep}, b)
			if from[j] = b; j == 0 {
				ADDQ(Mem{Base: r, Disp: wovenB}, b)
			}
			for line := 0; line < size*size; line += strip {
				PREFETCHT0(Mem{Base: c, Disp: 4 * line})
			}
		}
		if blocks > 1 {
			first := GP64()
			MOVQ(from[0], first)
			SUBQ(Mem{Base: r, Disp: wovenB}, first)
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
			MOVQ(Mem{Base: r, Disp: wovenA}, ap)
			MOVQ(from[0], bp)
			MOVQ(Mem{Base: r, Disp: wovenLines}, n)
			MOVQ(n, left)
			Label(label("more", part))
			r = w()
			MOVQ(Mem{Base: r, Disp: wovenEvery}, k)
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
					at := Mem{Base: bp, Disp: 4 * strip * l}
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
						PREFETCHT0(at.Offset(64 * early))
					}
				}
				for i := range rows {
					tokensOf, at := s.vec(), Mem{Base: ap, Disp: 4 * (strip*l + tokens*(part+i))}
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
			ADDQ(U32(4*strip*lines), ap)
			ADDQ(U32(4*strip*lines), bp)
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
				for _, p := range foldTokens(s, size, sums, part, turned) {
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
		move := w()
		MOVQ(Mem{Base: move, Disp: wovenMove}, move)
		m.end(move)
	}
	VZEROUPPER()
	RET()
}

// piece is some sums of a block that lie side by side, from element at on.
type piece struct {
	sums reg.Register
	at   int
}

// foldTokens emits the sums over the tokens of the columns of a from first on, each with
// all of b. They are rows of the block, or if turned its columns.
func foldTokens(s isa, size int, acc [][]reg.VecVirtual, first int, turned bool) []piece {
	switch {
	case s == avx512 && size == 8 && turned:
		var even, odd [2]reg.VecVirtual // columns of b, one in four lanes
		for half := range 2 {
			even[half], odd[half] = foldPairs(acc[4*half][0], acc[4*half+1][0], acc[4*half+2][0], acc[4*half+3][0])
		}
		// A turned 4 x 4 of lanes.
		lo0, hi0 := halves(even[0], even[1])
		lo1, hi1 := halves(odd[0], odd[1])
		var sums []piece
		for i, x := range [][2]reg.VecVirtual{{lo0, lo1}, {hi0, hi1}} {
			l, h := ZMM(), x[0]
			VSHUFF32X4(U8(0x88), x[1], x[0], l)
			VSHUFF32X4(U8(0xdd), x[1], x[0], h)
			sums = append(sums, piece{l, strip * i}, piece{h, strip * (2 + i)})
		}
		return sums
	case s == avx512 && size == 8:
		even, odd := numbers(0), numbers(1)
		var sums []piece
		for i := 0; i < size; i += 2 {
			addSecond(acc[i][0], acc[i+1][0], even, odd)
			sums = append(sums, piece{acc[i][0], size * i})
		}
		return sums
	case s == avx512:
		x := foldFour(acc[0][0], acc[1][0], acc[2][0], acc[3][0])
		if !turned { // column after column so far
			order := ZMM()
			VMOVUPS(turned4(), order)
			VPERMPS(x, order, x)
		}
		return []piece{{x, 0}}
	case size == 8:
		var sums []piece
		for i := range acc {
			lo, hi := acc[i][0], acc[i][1]
			odd := YMM()
			VSHUFPS(U8(0xdd), hi, lo, odd)
			VSHUFPS(U8(0x88), hi, lo, lo)
			VADDPS(odd, lo, lo)
			VPERMPD(U8(0xd8), lo, lo)
			sums = append(sums, piece{lo, size * (first + i)})
		}
		if !turned {
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
			sums = append(sums, piece{c.(reg.Vec).AsX(), size*i + first}, piece{high, size*(4+i) + first})
		}
		return sums
	}
	x, y := foldFour(acc[0][0], acc[1][0], acc[2][0], acc[3][0]), foldFour(acc[0][1], acc[1][1], acc[2][1], acc[3][1])
	if turned {
		return []piece{{x, 0}, {y, 8}}
	}
	// Columns 0 and 1 in the halves of x, 2 and 3 of y.
	x1, y1 := XMM(), XMM()
	VEXTRACTF128(U8(1), x, x1)
	VEXTRACTF128(U8(1), y, y1)
	l01, h01 := unpacked(x.AsX(), x1)
	l23, h23 := unpacked(y.AsX(), y1)
	r0, r1 := unpackedPairs(l01, l23)
	r2, r3 := unpackedPairs(h01, h23)
	return []piece{{r0, 0}, {r1, 4}, {r2, 8}, {r3, 12}}
}

// halves emits the even and the odd pieces of four lanes of two vectors.
func halves(x, y reg.VecVirtual) (even, odd reg.VecVirtual) {
	even = ZMM()
	VSHUFF32X4(U8(0x88), y, x, even)
	VSHUFF32X4(U8(0xdd), y, x, x)
	return even, x
}

// unpacked emits the numbers of the lower and the upper pairs of each four lanes of two
// vectors in turns; the second takes the place of x. unpackedPairs does so with pairs.
func unpacked(x, y reg.Register) (lo, hi reg.Register) {
	lo = alike(x)
	VUNPCKLPS(y, x, lo)
	VUNPCKHPS(y, x, x)
	return lo, x
}

func unpackedPairs(x, y reg.Register) (lo, hi reg.Register) {
	lo = alike(x)
	VUNPCKLPD(y, x, lo)
	VUNPCKHPD(y, x, x)
	return lo, x
}

// alike returns a new register of the same size.
func alike(x reg.Register) reg.Register { return narrow(int(x.Size()) / 4) }

// foldFour emits, for each four lanes of four vectors, the sums of the four side by side.
func foldFour(a, b, c, d reg.Register) reg.VecVirtual {
	for _, p := range [][2]reg.Register{{a, b}, {c, d}} {
		lo, hi := unpacked(p[0], p[1])
		VADDPS(lo, hi, hi)
	}
	lo, hi := unpackedPairs(a, c)
	VADDPS(lo, hi, hi)
	return a.(reg.VecVirtual)
}

// foldPairs emits, for each four lanes of four vectors, the sums of the lower two side by side,
// and those of the upper two.
func foldPairs(a, b, c, d reg.Register) (lower, upper reg.VecVirtual) {
	lab, hab := unpacked(a, b)
	lcd, hcd := unpacked(c, d)
	l0, l1 := unpackedPairs(lab, lcd)
	VADDPS(l0, l1, l1)
	h0, h1 := unpackedPairs(hab, hcd)
	VADDPS(h0, h1, h1)
	return l1.(reg.VecVirtual), h1.(reg.VecVirtual)
}

// addSecond emits the sums of neighbors in x, and behind them those in y, into x.
func addSecond(x, y, even, odd reg.VecVirtual) {
	other := ZMM()
	VMOVAPS(x, other)
	VPERMT2PS(y, even, x)
	VPERMT2PS(y, odd, other)
	VADDPS(other, x, x)
}

// numbers loads which numbers of two vectors are even or odd ones.
func numbers(odd int) reg.VecVirtual {
	v := ZMM()
	VMOVUPS(everySecond(odd), v)
	return v
}

// everySecond returns the indices of the even or odd numbers of two vectors.
func everySecond(odd int) Mem {
	return indices([]string{"evenNumbers", "oddNumbers"}[odd], func(i int) int { return 2*i + odd })
}

// turned4 returns the indices of a 4 x 4 matrix turned.
func turned4() Mem { return indices("turned4", func(i int) int { return i%4*4 + i/4 }) }

func indices(name string, at func(i int) int) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range strip {
		DATA(4*i, U32(at(i)))
	}
	constants[name] = m
	return m
}
