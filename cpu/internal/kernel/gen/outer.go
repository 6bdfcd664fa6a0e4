package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// outer emits the 16 x 16 tile of a weight gradient: a sum of outer products of rows of a and of
// b. AVX2 does a quarter of the rows at a time.
func outer(s isa) {
	declare("outer16"+s.name, "func(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, n int, add bool)")
	const size = panelWidth
	lanes := s.lanes
	vectors, part := size/lanes, size
	if size/lanes*size > 16 {
		part = 4
	}
	a, c := Load(Param("a").Base(), GP64()), Load(Param("c").Base(), GP64())
	left := GP64()
	if part == size {
		prefetchRows(c, stride("ldc"), size)
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
		row[v] = vector(lanes)
	}
	value := vector(lanes)
	ap, bp := GP64(), Load(Param("b").Base(), GP64())
	MOVQ(a, ap)
	lda, ldb := stride("lda"), stride("ldb")
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
	ldc := stride("ldc")
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

// dots emits dot products of one vector with others, four of these at a time.
func dots(s isa) {
	declare("dots"+s.name, "func(dst, y, x []float32, stride int, idx []int32)")
	dst, x := Load(Param("dst").Base(), GP64()), Load(Param("x").Base(), GP64())
	stride, idx := stride("stride"), Load(Param("idx").Base(), GP64())
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
	VMOVUPS(sumLanes(s, acc[:]), Mem{Base: dst})
	ADDQ(U8(16), dst)
	ADDQ(U8(16), idx)
	DECQ(groups)
	JNZ(LabelRef("group"))
	Label("done")
	VZEROUPPER()
	RET()
}
