package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const mulSignature = "func(c []float32, ldc int, a []float32, aks int, b []float32, ldb int, segs []int64, kseg int, init []float32, ldi int)"

// bytes loads a stride given in elements.
func bytes(name string) reg.Register {
	r := Load(Param(name), GP64())
	SHLQ(U8(2), r)
	return r
}

// segments emits the loop over the segments and over k. step gets pointers to
// the current row of A (offset rowOffset bytes) and of B.
func segments(label string, a reg.Register, step func(ap, bp reg.Register)) {
	segs := Load(Param("segs").Base(), GP64())
	count := Load(Param("segs").Len(), GP64())
	b := Load(Param("b").Base(), GP64())
	aks, ldb := bytes("aks"), bytes("ldb")
	ap, bp, k := GP64(), GP64(), GP64()
	TESTQ(count, count)
	JZ(LabelRef(label + "store"))
	Label(label + "segment")
	MOVLQSX(Mem{Base: segs}, ap)
	MOVLQSX(Mem{Base: segs, Disp: 4}, bp)
	LEAQ(Mem{Base: a, Index: ap, Scale: 4}, ap)
	LEAQ(Mem{Base: b, Index: bp, Scale: 4}, bp)
	Load(Param("kseg"), k)
	TESTQ(k, k)
	JZ(LabelRef(label + "next"))
	Label(label + "k")
	step(ap, bp)
	ADDQ(aks, ap)
	ADDQ(ldb, bp)
	DECQ(k)
	JNZ(LabelRef(label + "k"))
	Label(label + "next")
	ADDQ(U8(8), segs)
	DECQ(count)
	JNZ(LabelRef(label + "segment"))
	Label(label + "store")
}

// mulAVX512 emits a tile whose accumulators, one per row, all fit the registers.
func mulAVX512(name string, rows, cols int) {
	TEXT(name+"AVX512", NOSPLIT, mulSignature)
	acc := make([]reg.VecVirtual, rows)
	from, ldi := Load(Param("init").Base(), GP64()), bytes("ldi")
	for i := range acc {
		acc[i] = narrow(cols)
		VMOVUPS(Mem{Base: from}, acc[i])
		ADDQ(ldi, from)
	}
	a := Load(Param("a").Base(), GP64())
	row := narrow(cols)
	segments("", a, func(ap, bp reg.Register) {
		VMOVUPS(Mem{Base: bp}, row)
		for i := range acc {
			VFMADD231PS_BCST(Mem{Base: ap, Disp: 4 * i}, row, acc[i])
		}
	})
	c, ldc := Load(Param("c").Base(), GP64()), bytes("ldc")
	for i := range acc {
		VMOVUPS(acc[i], Mem{Base: c})
		ADDQ(ldc, c)
	}
	VZEROUPPER()
	RET()
}

// mulAVX2 emits a tile that goes a few rows at a time, as many as fit.
func mulAVX2(name string, rows, cols int) {
	TEXT(name+"AVX2", NOSPLIT, mulSignature)
	vectors, lanes := max(1, cols/8), min(cols, 8)
	part := rows
	switch {
	case rows == 24 && cols == 16:
		part = 6
	case rows == 24:
		part = 12
	case cols == 16:
		part = 4
	}
	a := Load(Param("a").Base(), GP64())
	from, c := Load(Param("init").Base(), GP64()), Load(Param("c").Base(), GP64())
	left := GP64()
	MOVQ(U32(rows/part), left)
	Label("rows")
	acc := make([][]reg.VecVirtual, part)
	ldi := bytes("ldi")
	for i := range acc {
		for v := range vectors {
			r := narrow(lanes)
			acc[i] = append(acc[i], r)
			VMOVUPS(Mem{Base: from, Disp: 32 * v}, r)
		}
		ADDQ(ldi, from)
	}
	row := make([]reg.VecVirtual, vectors)
	for v := range row {
		row[v] = narrow(lanes)
	}
	value := narrow(lanes)
	segments("", a, func(ap, bp reg.Register) {
		for v := range row {
			VMOVUPS(Mem{Base: bp, Disp: 32 * v}, row[v])
		}
		for i := range acc {
			VBROADCASTSS(Mem{Base: ap, Disp: 4 * i}, value)
			for v := range row {
				VFMADD231PS(row[v], value, acc[i][v])
			}
		}
	})
	ldc := bytes("ldc")
	for i := range acc {
		for v := range vectors {
			VMOVUPS(acc[i][v], Mem{Base: c, Disp: 32 * v})
		}
		ADDQ(ldc, c)
	}
	ADDQ(U8(4*part), a)
	DECQ(left)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// spmv emits one output row for 64 tokens.
func spmv(s isa) {
	TEXT("spmv"+s.name, NOSPLIT, "func(dst, x []float32, idx []int32, val []float32, init float32)")
	acc := make([]reg.VecVirtual, 64/s.lanes)
	for i := range acc {
		acc[i] = s.vec()
	}
	init, err := Param("init").Resolve()
	if err != nil {
		panic(err)
	}
	VBROADCASTSS(init.Addr, acc[0])
	for i := 1; i < len(acc); i++ {
		VMOVAPS(acc[0], acc[i])
	}
	x := Load(Param("x").Base(), GP64())
	idx, val := Load(Param("idx").Base(), GP64()), Load(Param("val").Base(), GP64())
	n := Load(Param("idx").Len(), GP64())
	at, w := GP64(), s.vec()
	TESTQ(n, n)
	JZ(LabelRef("store"))
	Label("element")
	MOVLQSX(Mem{Base: idx}, at)
	SHLQ(U8(8), at)
	VBROADCASTSS(Mem{Base: val}, w)
	for i := range acc {
		VFMADD231PS(Mem{Base: x, Index: at, Scale: 1, Disp: 4 * s.lanes * i}, w, acc[i])
	}
	ADDQ(U8(4), idx)
	ADDQ(U8(4), val)
	DECQ(n)
	JNZ(LabelRef("element"))
	Label("store")
	dst := Load(Param("dst").Base(), GP64())
	for i := range acc {
		VMOVUPS(acc[i], Mem{Base: dst, Disp: 4 * s.lanes * i})
	}
	VZEROUPPER()
	RET()
}

// dots emits the dot products of one vector with four others at a time.
func dots(s isa) {
	TEXT("dots"+s.name, NOSPLIT, "func(dst, y, x []float32, stride int, idx []int32)")
	dst, x := Load(Param("dst").Base(), GP64()), Load(Param("x").Base(), GP64())
	stride, idx := bytes("stride"), Load(Param("idx").Base(), GP64())
	groups := Load(Param("idx").Len(), GP64())
	SHRQ(U8(2), groups)
	JZ(LabelRef("done"))
	Label("group")
	var base []reg.Register
	var acc [4]reg.VecVirtual
	for i := range acc {
		p := GP64()
		MOVLQSX(Mem{Base: idx, Disp: 4 * i}, p)
		IMULQ(stride, p)
		ADDQ(x, p)
		base = append(base, p)
		acc[i] = zero(s)
	}
	y, n := Load(Param("y").Base(), GP64()), Load(Param("y").Len(), GP64())
	loopOver(s, "", append(base, y), n, 1, func(at []Mem) {
		v := s.vec()
		VMOVUPS(at[4], v)
		for i := range acc {
			VFMADD231PS(at[i], v, acc[i])
		}
	})
	var half [4]reg.VecVirtual
	for i := range half {
		half[i] = YMM()
		if s == avx512 {
			VEXTRACTF64X4(U8(1), acc[i], half[i])
			VADDPS(half[i], acc[i].AsY(), half[i])
		} else {
			VMOVAPS(acc[i], half[i])
		}
	}
	VHADDPS(half[1], half[0], half[0])
	VHADDPS(half[3], half[2], half[2])
	VHADDPS(half[2], half[0], half[0])
	high := XMM()
	VEXTRACTF128(U8(1), half[0], high)
	VADDPS(high, half[0].AsX(), high)
	VMOVUPS(high, Mem{Base: dst})
	ADDQ(U8(16), dst)
	ADDQ(U8(16), idx)
	DECQ(groups)
	JNZ(LabelRef("group"))
	Label("done")
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

// copy16 emits the copy of rows of 16 elements.
func copy16() {
	TEXT("copy16AVX2", NOSPLIT, "func(dst []float32, ldd int, src []float32, lds int, rows int)")
	dst, src := Load(Param("dst").Base(), GP64()), Load(Param("src").Base(), GP64())
	ldd, lds := bytes("ldd"), bytes("lds")
	rows := Load(Param("rows"), GP64())
	lo, hi := YMM(), YMM()
	TESTQ(rows, rows)
	JZ(LabelRef("done"))
	Label("row")
	VMOVUPS(Mem{Base: src}, lo)
	VMOVUPS(Mem{Base: src, Disp: 32}, hi)
	VMOVUPS(lo, Mem{Base: dst})
	VMOVUPS(hi, Mem{Base: dst, Disp: 32})
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// constant returns 64 bytes of read-only memory that repeat a 32-bit word.
func constant(name string, word uint32) Mem {
	if m, ok := constants[name]; ok {
		return m
	}
	m := GLOBL(name, RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(word))
	}
	constants[name] = m
	return m
}

var constants = map[string]Mem{}
