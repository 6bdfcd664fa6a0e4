package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// packPanel emits the copy of activations into a packed panel, four rows at a time: 16 columns
// side by side, the next 16 columns tileRows*16 elements further.
func packPanel(s isa) {
	declare("packPanel"+s.name, "func(dst, src []float32, lds int, fours, panels int)",
		"is packPanelGo for whole micro-panels and four rows at a time, at least one of\neither.")
	dst, src := Load(Param("dst").Base(), GP64()), Load(Param("src").Base(), GP64())
	lds, lds3 := stride("lds"), GP64()
	LEAQ(Mem{Base: lds, Index: lds, Scale: 2}, lds3)
	fours := Load(Param("fours"), GP64())
	from, to, n := GP64(), GP64(), GP64()
	Label("rows")
	MOVQ(src, from)
	MOVQ(dst, to)
	Load(Param("panels"), n)
	Label("panel")
	row := []Mem{{Base: from}, {Base: from, Index: lds, Scale: 1}, {Base: from, Index: lds, Scale: 2}, {Base: from, Index: lds3, Scale: 1}}
	for v := 0; v < panelWidth; v += s.lanes {
		for i, m := range row {
			r := s.vec()
			VMOVUPS(m.Offset(4*v), r)
			VMOVUPS(r, Mem{Base: to, Disp: 4 * (panelWidth*i + v)})
		}
	}
	ADDQ(U8(4*panelWidth), from)
	ADDQ(U32(4*panelWidth*tileRows), to)
	DECQ(n)
	JNZ(LabelRef("panel"))
	LEAQ(Mem{Base: src, Index: lds, Scale: 4}, src)
	ADDQ(U32(4*4*panelWidth), dst)
	DECQ(fours)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// copy16 emits the copy of rows of 16 elements.
func copy16(s isa) {
	declare("copy16"+s.name, "func(dst []float32, ldd int, src []float32, lds int, rows int)")
	dst, src := Load(Param("dst").Base(), GP64()), Load(Param("src").Base(), GP64())
	ldd, lds := stride("ldd"), stride("lds")
	rows := Load(Param("rows"), GP64())
	TESTQ(rows, rows)
	JZ(LabelRef("done"))
	Label("row")
	for v := 0; v < panelWidth; v += s.lanes {
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

// transpose emits the transposition of 8 rows x 8 columns at a time, for AVX. Halves of rows r
// and r+4 share a register, so that no value crosses its middle.
func transpose() {
	declare("transposeAVX2", "func(dst *float32, ldd int, src *float32, lds int, rows8, cols8 int)",
		"is transposeGo for 8*rows8 rows and 8*cols8 columns, both positive.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ldd, lds := stride("ldd"), stride("lds")
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
// cache lines in, whole lines out. It goes along 16 rows, so that adjacent lines are read. With
// non-temporal stores it goes along 16 columns, so that adjacent lines are written.
func transpose16(name string, nontemporal bool) {
	down, store := nontemporal, func(src, dst Op) { VMOVUPS(src, dst) }
	if nontemporal {
		store = func(src, dst Op) { VMOVNTPS(src, dst) }
	}
	declare(name, "func(dst *float32, ldd int, src *float32, lds int, rows16, cols16 int)",
		"is transposeGo for 16*rows16 rows and 16*cols16 columns,\nboth positive.")
	dst, src := Load(Param("dst"), GP64()), Load(Param("src"), GP64())
	ldd, lds := stride("ldd"), stride("lds")
	inner, outer := "cols16", Load(Param("rows16"), GP64())
	if down {
		inner, outer = "rows16", Load(Param("cols16"), GP64())
	}
	from, to, n := GP64(), GP64(), GP64()
	Label("panel")
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
	// In stages of 1, 2, 4 and 8, pairs of rows swap every other group of that many elements.
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
	JNZ(LabelRef("panel"))
	VZEROUPPER()
	RET()
}
