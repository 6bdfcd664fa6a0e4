package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// panel emits the copy of four rows at a time of the activations into a panel: 16
// columns go side by side, the next 16 tileRows*16 elements further.
func panel(s isa) {
	TEXT("panel"+s.name, NOSPLIT, "func(dst, src []float32, lds int, fours, strips int)")
	dst, src := Load(Param("dst").Base(), GP64()), Load(Param("src").Base(), GP64())
	lds, lds3 := bytes("lds"), GP64()
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	fours := Load(Param("fours"), GP64())
	from, to, n := GP64(), GP64(), GP64()
	Label("rows")
	MOVQ(src, from)
	MOVQ(dst, to)
	Load(Param("strips"), n)
	Label("strip")
	row := []Mem{{Base: from}, {Base: from, Index: lds, Scale: 1}, {Base: from, Index: lds, Scale: 2}, {Base: from, Index: lds3, Scale: 1}}
	for v := 0; v < strip; v += s.lanes {
		for i, m := range row {
			r := s.vec()
			VMOVUPS(m.Offset(4*v), r)
			VMOVUPS(r, Mem{Base: to, Disp: 4 * (strip*i + v)})
		}
	}
	ADDQ(U8(4*strip), from)
	ADDQ(U32(4*strip*tileRows), to)
	DECQ(n)
	JNZ(LabelRef("strip"))
	LEAQ(Mem{Base: src, Index: lds, Scale: 4}, src)
	ADDQ(U32(4*4*strip), dst)
	DECQ(fours)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// transpose emits the transposition of 8 rows x 8 columns at a time, for AVX. Halves of
// rows r and r+4 share a register, so that no value crosses its middle.
func transpose() {
	TEXT("transposeAVX2", NOSPLIT, "func(dst *float32, ldd int, src *float32, lds int, rows8, cols8 int)")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ldd, lds := bytes("ldd"), bytes("lds")
	ldd3, lds3 := GP64(), GP64()
	LEAQ(Mem{Base: ldd, Index: ldd, Scale: 2}, ldd3)
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	cols := Load(Param("cols8"), GP64())
	rows, from, to, low := GP64(), GP64(), GP64(), GP64()
	Label("column")
	Load(Param("rows8"), rows)
	MOVQ(src, from)
	MOVQ(dst, to)
	Label("row")
	LEAQ(Mem{Base: from, Index: lds, Scale: 4}, low)
	at := func(base reg.Register, r, disp int) Mem {
		switch r {
		case 0:
			return Mem{Base: base, Disp: disp}
		case 3:
			return Mem{Base: base, Index: lds3, Scale: 1, Disp: disp}
		}
		return Mem{Base: base, Index: lds, Scale: uint8(r), Disp: disp}
	}
	out := GP64()
	MOVQ(to, out)
	for half := range 2 {
		var t, u [4]reg.VecVirtual
		for r := range t {
			x := XMM()
			t[r] = YMM()
			VMOVUPS(at(from, r, 16*half), x)
			VINSERTF128(U8(1), at(low, r, 16*half), x.AsY(), t[r])
			u[r] = YMM()
		}
		VUNPCKLPS(t[1], t[0], u[0])
		VUNPCKHPS(t[1], t[0], u[1])
		VUNPCKLPS(t[3], t[2], u[2])
		VUNPCKHPS(t[3], t[2], u[3])
		for c := range 4 {
			o := YMM()
			if c%2 == 0 {
				VUNPCKLPD(u[2+c/2], u[c/2], o)
			} else {
				VUNPCKHPD(u[2+c/2], u[c/2], o)
			}
			if c == 3 {
				VMOVUPS(o, Mem{Base: out, Index: ldd3, Scale: 1})
			} else if c > 0 {
				VMOVUPS(o, Mem{Base: out, Index: ldd, Scale: uint8(c)})
			} else {
				VMOVUPS(o, Mem{Base: out})
			}
		}
		if half == 0 {
			LEAQ(Mem{Base: out, Index: ldd, Scale: 4}, out)
		}
	}
	LEAQ(Mem{Base: from, Index: lds, Scale: 8}, from)
	ADDQ(U8(32), to)
	DECQ(rows)
	JNZ(LabelRef("row"))
	ADDQ(U8(32), src)
	LEAQ(Mem{Base: dst, Index: ldd, Scale: 8}, dst)
	DECQ(cols)
	JNZ(LabelRef("column"))
	VZEROUPPER()
	RET()
}

// transpose16 emits the transposition of 16 rows x 16 columns at a time, for AVX-512: whole
// cache lines in, whole lines out. It goes along 16 rows, so that lines side by side are read, or with down
// along 16 columns, so that lines side by side are written.
func transpose16(name string, down bool, store func(src, dst Op)) {
	TEXT(name, NOSPLIT, "func(dst *float32, ldd int, src *float32, lds int, rows16, cols16 int)")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ldd, lds := bytes("ldd"), bytes("lds")
	inner, outer := "cols16", Load(Param("rows16"), GP64())
	if down {
		inner, outer = "rows16", Load(Param("cols16"), GP64())
	}
	from, to, n := GP64(), GP64(), GP64()
	Label("strip")
	Load(Param(inner), n)
	MOVQ(src, from)
	MOVQ(dst, to)
	Label("square")
	var x [16]reg.VecVirtual
	p := GP64()
	MOVQ(from, p)
	for r := range x {
		x[r] = ZMM()
		VMOVUPS(Mem{Base: p}, x[r])
		if !down {
			PREFETCHT0(Mem{Base: p, Disp: 512})
		}
		ADDQ(lds, p)
	}
	// In turns of 1, 2, 4 and 8: pairs of rows swap every other piece of that size.
	var y [16]reg.VecVirtual
	for r := 0; r < 16; r += 2 {
		y[r], y[r+1] = ZMM(), ZMM()
		VUNPCKLPS(x[r+1], x[r], y[r])
		VUNPCKHPS(x[r+1], x[r], y[r+1])
	}
	for r := 0; r < 16; r += 4 {
		for i := range 2 {
			VUNPCKLPD(y[r+2+i], y[r+i], x[r+2*i])
			VUNPCKHPD(y[r+2+i], y[r+i], x[r+2*i+1])
		}
	}
	// x[4*g+c] holds column c of every lane of four columns, of rows 4*g to 4*g+3.
	for c := range 4 {
		VSHUFF32X4(U8(0x88), x[4+c], x[c], y[c])
		VSHUFF32X4(U8(0xdd), x[4+c], x[c], y[4+c])
		VSHUFF32X4(U8(0x88), x[12+c], x[8+c], y[8+c])
		VSHUFF32X4(U8(0xdd), x[12+c], x[8+c], y[12+c])
	}
	for c := range 4 {
		VSHUFF32X4(U8(0x88), y[8+c], y[c], x[c])
		VSHUFF32X4(U8(0x88), y[12+c], y[4+c], x[4+c])
		VSHUFF32X4(U8(0xdd), y[8+c], y[c], x[8+c])
		VSHUFF32X4(U8(0xdd), y[12+c], y[4+c], x[12+c])
	}
	out := GP64()
	MOVQ(to, out)
	for c := range x {
		store(x[c], Mem{Base: out})
		ADDQ(ldd, out)
	}
	// p is 16 rows further, out 16 columns.
	if down {
		MOVQ(p, from)
		ADDQ(U8(64), to)
	} else {
		ADDQ(U8(64), from)
		MOVQ(out, to)
	}
	DECQ(n)
	JNZ(LabelRef("square"))
	if down {
		MOVQ(ldd, p)
		SHLQ(U8(4), p)
		ADDQ(p, dst)
		ADDQ(U8(64), src)
	} else {
		MOVQ(lds, p)
		SHLQ(U8(4), p)
		ADDQ(p, src)
		ADDQ(U8(64), dst)
	}
	DECQ(outer)
	JNZ(LabelRef("strip"))
	VZEROUPPER()
	RET()
}

// copy16 emits the copy of rows of 16 elements.
func copy16(s isa) {
	TEXT("copy16"+s.name, NOSPLIT, "func(dst []float32, ldd int, src []float32, lds int, rows int)")
	dst, src := Load(Param("dst").Base(), GP64()), Load(Param("src").Base(), GP64())
	ldd, lds := bytes("ldd"), bytes("lds")
	rows := Load(Param("rows"), GP64())
	TESTQ(rows, rows)
	JZ(LabelRef("done"))
	Label("row")
	for v := 0; v < strip; v += s.lanes {
		x := s.vec()
		VMOVUPS(Mem{Base: src, Disp: 4 * v}, x)
		VMOVUPS(x, Mem{Base: dst, Disp: 4 * v})
	}
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// weave emits the packing of lines of strips of size columns, 16 columns after the other.
// AVX2 takes eight columns at a time. The rows of the next line are asked for.
func weave(s isa, size int) {
	TEXT(fmt.Sprintf("weave%d%s", size, s.name), NOSPLIT, "func(dst *float32, step int, src *float32, lds int, lines, squares int)")
	tokens := strip / size
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	step, lds := bytes("step"), bytes("lds")
	lines := Load(Param("lines"), GP64())
	from, to, n, p := GP64(), GP64(), GP64(), GP64()
	var w *weaver
	if s == avx512 {
		w = startWeave(tokens)
	}
	Label("line")
	MOVQ(src, from)
	MOVQ(dst, to)
	Load(Param("squares"), n)
	Label("square")
	for part := 0; part < strip; part += s.lanes {
		MOVQ(from, p)
		var row []reg.VecVirtual
		for r := range tokens {
			row = append(row, s.vec())
			VMOVUPS(Mem{Base: p, Disp: 4 * part}, row[r])
			if part == 0 {
				PREFETCHT0(Mem{Base: p, Index: lds, Scale: uint8(tokens)})
			}
			if r+1 < tokens {
				ADDQ(lds, p)
			}
		}
		if w != nil {
			for _, line := range w.lines(row) {
				VMOVUPS(line, Mem{Base: to})
				ADDQ(step, to)
			}
			continue
		}
		for _, line := range halfLines(row) {
			VMOVUPS(line[0], Mem{Base: to})
			VMOVUPS(line[1], Mem{Base: to, Disp: 32})
			ADDQ(step, to)
		}
	}
	ADDQ(U32(64), from)
	DECQ(n)
	JNZ(LabelRef("square"))
	for range tokens {
		ADDQ(lds, src)
	}
	ADDQ(U8(4*strip), dst)
	DECQ(lines)
	JNZ(LabelRef("line"))
	VZEROUPPER()
	RET()
}

// halfLines returns the lines of eight columns of 2 or 4 rows in halves.
func halfLines(row []reg.VecVirtual) [][2]reg.Register {
	// Columns of the lower and upper four in the halves of a vector, until halves are joined.
	join := func(x, y reg.Register) (lo, hi reg.Register) {
		l := YMM()
		VPERM2F128(U8(0x20), y, x, l)
		VPERM2F128(U8(0x31), y, x, x)
		return l, x
	}
	if len(row) == 2 {
		lo, hi := join(unpacked(row[0], row[1]))
		return [][2]reg.Register{{lo, hi}}
	}
	l01, h01 := unpacked(row[0], row[1])
	l23, h23 := unpacked(row[2], row[3])
	c0, c1 := unpackedPairs(l01, l23)
	c2, c3 := unpackedPairs(h01, h23)
	lo0, hi0 := join(c0, c1)
	lo1, hi1 := join(c2, c3)
	return [][2]reg.Register{{lo0, lo1}, {hi0, hi1}}
}
