package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const outerSignature = "func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool)"

// outer emits the square tile of a weight gradient: a sum of outer products of
// rows of a and of b. AVX2 does a quarter of the rows of a 16 x 16 tile at a time.
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
		ADDQ(lda, ap)
		ADDQ(ldb, bp)
	}
	TESTQ(n, n)
	JZ(LabelRef("finish"))
	Label("step")
	step()
	DECQ(n)
	JNZ(LabelRef("step"))
	Label("finish")
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
