package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const outerSignature = "func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool, move *byte)"

// The fields of kernel.Move by their offsets, which a test compares.
const (
	moveSrc    = 0
	moveAsk    = 24
	moveStride = 48
	moveDst    = 56
	moveStep   = 80
	moveDone   = 88
	movePairs  = 96
)

// outer emits the square tile of a weight gradient: a sum of outer products of
// rows of a and of b. AVX2 does a quarter of the rows of a 16 x 16 tile at a time.
// AVX-512 goes four steps at a time and copies a pair of lines meanwhile, while there are
// any: beside the multiplications it costs next to nothing.
func outer(s isa, name string, size int) {
	TEXT(name+s.name, NOSPLIT, outerSignature)
	lanes := min(size, s.lanes)
	vectors, part := size/lanes, size
	if size/lanes*size > 16 {
		part = 4
	}
	a, c := Load(Param("a").Base(), GP64()), Load(Param("c").Base(), GP64())
	left := GP64()
	if part == size {
		claim(c, bytes("ldc"), size)
	} else {
		MOVQ(U32(size/part), left)
		Label("rows")
	}
	acc, row := accumulators(part, vectors, lanes), make([]reg.VecVirtual, vectors)
	for i := range acc {
		for v := range acc[i] {
			VXORPS(acc[i][v].AsX(), acc[i][v].AsX(), acc[i][v].AsX())
		}
	}
	for v := range row {
		row[v] = narrow(lanes)
	}
	value := narrow(lanes)
	ap, bp := GP64(), Load(Param("b").Base(), GP64())
	MOVQ(a, ap)
	lda, ldb := bytes("lda"), bytes("ldb")
	n := Load(Param("n"), GP64())
	step := func() {
		for v := range row {
			VMOVUPS(Mem{Base: bp, Disp: 4 * lanes * v}, row[v])
		}
		for i := range acc {
			if s == avx512 {
				VFMADD231PS_BCST(Mem{Base: ap, Disp: 4 * i}, row[0], acc[i][0])
				continue
			}
			VBROADCASTSS(Mem{Base: ap, Disp: 4 * i}, value)
			for v := range row {
				VFMADD231PS(row[v], value, acc[i][v])
			}
		}
		if s == avx512 {
			PREFETCHT0(Mem{Base: ap, Disp: 8 * 4 * strip}) // of a strip, eight steps ahead
		}
		ADDQ(lda, ap)
		ADDQ(ldb, bp)
	}
	if s == avx512 {
		fourSteps(n, step)
	}
	TESTQ(n, n)
	JZ(LabelRef("finish"))
	Label("step")
	step()
	DECQ(n)
	JNZ(LabelRef("step"))
	Label("finish")
	if s == avx512 {
		c = Load(Param("c").Base(), GP64()) // held in no register meanwhile
	}
	ldc := bytes("ldc")
	flag, err := Param("add").Resolve()
	if err != nil {
		panic(err)
	}
	addTo(flag.Addr, c, ldc, acc, lanes)
	put(c, ldc, acc, lanes, func(r, m Op) { VMOVUPS(r, m) })
	if part < size {
		for range part {
			ADDQ(ldc, c)
		}
		ADDQ(U32(4*part), a)
		DECQ(left)
		JNZ(LabelRef("rows"))
	}
	VZEROUPPER()
	RET()
}

// fourSteps emits the loop over groups of four of n steps, which leaves the rest in n,
// and the copying and asking beside it.
func fourSteps(n reg.Register, step func()) {
	move := Load(Param("move"), GP64())
	// A row has two pairs. Steps alternate: to the second one, and from there to the next row.
	from, ask, way := GP64(), GP64(), GP64()
	to, second, toWay := GP64(), GP64(), GP64()
	done := GP64()
	MOVQ(Mem{Base: move, Disp: moveDone}, done)
	MOVQ(done, from)
	SHRQ(U8(1), from)
	MOVQ(from, to)
	SHLQ(U8(6), to)
	ADDQ(Mem{Base: move, Disp: moveDst}, to)
	IMULQ(Mem{Base: move, Disp: moveStride}, from)
	SHLQ(U8(2), from)
	MOVQ(from, ask)
	ADDQ(Mem{Base: move, Disp: moveSrc}, from)
	ADDQ(Mem{Base: move, Disp: moveAsk}, ask)
	MOVQ(Mem{Base: move, Disp: moveStep}, second)
	SHLQ(U8(2), second)
	MOVQ(second, toWay)
	SHLQ(U8(1), toWay)
	MOVQ(U32(128), way)
	TESTQ(U32(1), done)
	JZ(LabelRef("row"))
	ADDQ(way, from)
	ADDQ(way, ask)
	ADDQ(toWay, to)
	turn := func() {
		// way becomes the rest of a stride, toWay of a line.
		NEGQ(way)
		NEGQ(toWay)
		ADDQ(U8(64), toWay)
		LEAQ(Mem{Base: way, Index: stride4(move), Scale: 4}, way)
	}
	turn()
	Label("row")
	SUBQ(Mem{Base: move, Disp: movePairs}, done)
	SUBQ(U8(4), n)
	JL(LabelRef("single"))
	Label("four")
	TESTQ(done, done)
	JGE(LabelRef("moved"))
	one, two := ZMM(), ZMM()
	VMOVUPS(Mem{Base: from}, one)
	VMOVUPS(Mem{Base: from, Disp: 64}, two)
	VMOVUPS(one, Mem{Base: to})
	VMOVUPS(two, Mem{Base: to, Index: second, Scale: 1})
	PREFETCHT1(Mem{Base: ask})
	PREFETCHT1(Mem{Base: ask, Disp: 64})
	ADDQ(way, from)
	ADDQ(way, ask)
	ADDQ(toWay, to)
	turn()
	INCQ(done)
	Label("moved")
	for range 4 {
		step()
	}
	SUBQ(U8(4), n)
	JGE(LabelRef("four"))
	ADDQ(Mem{Base: move, Disp: movePairs}, done)
	MOVQ(done, Mem{Base: move, Disp: moveDone})
	Label("single")
	ADDQ(U8(4), n)
}

// stride4 loads the row stride of what is copied, in elements.
func stride4(move reg.Register) reg.Register {
	r := GP64()
	MOVQ(Mem{Base: move, Disp: moveStride}, r)
	return r
}

// dots4 emits the dot products of vectors in groups of four, added to as many 4 x 4
// tiles. AVX2 takes two of the first at a time.
func dots4(s isa) {
	TEXT("dots4"+s.name, NOSPLIT, "func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n, fours int)")
	const size = 4
	part := size
	if s == avx2 {
		part = 2
	}
	c, ldc := Load(Param("c").Base(), GP64()), bytes("ldc")
	a, lda := Load(Param("a").Base(), GP64()), bytes("lda")
	ldb, ldb3, lda3 := bytes("ldb"), GP64(), GP64()
	LEAQ(Mem{Base: ldb, Index: ldb, Scale: 2}, ldb3)
	LEAQ(Mem{Base: lda, Index: lda, Scale: 2}, lda3)
	rows := Load(Param("fours"), GP64())
	if part < size {
		SHLQ(U8(1), rows)
	}
	Label("rows")
	cols, to, b := Load(Param("fours"), GP64()), GP64(), Load(Param("b").Base(), GP64())
	MOVQ(c, to)
	Label("cols")
	acc := accumulators(part, size, s.lanes)
	for i := range acc {
		for _, r := range acc[i] {
			VXORPS(r.AsX(), r.AsX(), r.AsX())
		}
	}
	ap, bp, n := GP64(), GP64(), Load(Param("n"), GP64())
	MOVQ(a, ap)
	MOVQ(b, bp)
	at := func(base, ld, ld3 reg.Register, i int) Mem {
		switch i {
		case 0:
			return Mem{Base: base}
		case 3:
			return Mem{Base: base, Index: ld3, Scale: 1}
		}
		return Mem{Base: base, Index: ld, Scale: uint8(i)}
	}
	SUBQ(U32(s.lanes), n)
	JL(LabelRef("sum"))
	Label("step")
	right := make([]reg.VecVirtual, size)
	for j := range right {
		right[j] = s.vec()
		VMOVUPS(at(bp, ldb, ldb3, j), right[j])
	}
	for i := range acc {
		left := s.vec()
		VMOVUPS(at(ap, lda, lda3, i), left)
		for j, r := range acc[i] {
			VFMADD231PS(right[j], left, r)
		}
	}
	ADDQ(U32(4*s.lanes), ap)
	ADDQ(U32(4*s.lanes), bp)
	SUBQ(U32(s.lanes), n)
	JGE(LabelRef("step"))
	Label("sum")
	p := GP64()
	MOVQ(to, p)
	for i := range acc {
		total := fold4(s, acc[i])
		VADDPS(Mem{Base: p}, total, total)
		VMOVUPS(total, Mem{Base: p})
		ADDQ(ldc, p)
	}
	ADDQ(U8(16), to)
	LEAQ(Mem{Base: b, Index: ldb, Scale: 4}, b)
	DECQ(cols)
	JNZ(LabelRef("cols"))
	for range part {
		ADDQ(ldc, c)
	}
	LEAQ(Mem{Base: a, Index: lda, Scale: uint8(part)}, a)
	DECQ(rows)
	JNZ(LabelRef("rows"))
	VZEROUPPER()
	RET()
}

// fold4 emits the sums of the lanes of four vectors, side by side. It takes no new
// register but for halves: VHADDPS knows the lower sixteen only.
func fold4(s isa, v []reg.VecVirtual) reg.Register {
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
	VMOVUPS(fold4(s, acc[:]), Mem{Base: dst})
	ADDQ(U8(16), dst)
	ADDQ(U8(16), idx)
	DECQ(groups)
	JNZ(LabelRef("group"))
	Label("done")
	VZEROUPPER()
	RET()
}
