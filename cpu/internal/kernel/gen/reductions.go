package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// reductions emits the sums and the maximum of slices, most with four vectors of partial sums.
func reductions(s isa) {
	emit := func(name, signature string, names []string, body func(at []Mem, disp int, acc reg.VecVirtual)) {
		declare(name+s.name, signature)
		var acc [4]reg.VecVirtual
		for i := range acc {
			acc[i] = zero(s)
		}
		var base []reg.Register
		for _, n := range names {
			base = append(base, Load(Param(n).Base(), GP64()))
		}
		n := Load(Param(names[0]).Len(), GP64())
		loopOver(s, "four", base, n, 4, func(at []Mem) {
			for i := range acc {
				body(at, 4*s.lanes*i, acc[i])
			}
		})
		loopOver(s, "one", base, n, 1, func(at []Mem) { body(at, 0, acc[0]) })
		VADDPS(acc[1], acc[0], acc[0])
		VADDPS(acc[3], acc[2], acc[2])
		VADDPS(acc[2], acc[0], acc[0])
		reduce(s, acc[0], add, "sum")
		VZEROUPPER()
		RET()
	}
	emit("dot", "func(x, y []float32) (sum float32)", []string{"x", "y"}, func(at []Mem, disp int, acc reg.VecVirtual) {
		x := s.vec()
		VMOVUPS(at[0].Offset(disp), x)
		VFMADD231PS(at[1].Offset(disp), x, acc)
	})
	emit("sum", "func(x []float32) (sum float32)", []string{"x"}, func(at []Mem, disp int, acc reg.VecVirtual) {
		VADDPS(at[0].Offset(disp), acc, acc)
	})

	declare("sumSqDiff"+s.name, "func(x []float32, mean float32) (sum float32)")
	mean, acc := scalar(s, "mean"), zero(s)
	loop(s, []string{"x"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[0], x)
		VSUBPS(mean, x, x)
		VFMADD231PS(x, x, acc)
	})
	reduce(s, acc, add, "sum")
	VZEROUPPER()
	RET()

	declare("max"+s.name, "func(x []float32) (top float32)")
	base, n := Load(Param("x").Base(), GP64()), Load(Param("x").Len(), GP64())
	top := s.vec()
	VMOVUPS(Mem{Base: base}, top)
	loopOver(s, "", []reg.Register{base}, n, 1, func(at []Mem) { VMAXPS(at[0], top, top) })
	reduce(s, top, func(a, b, dst Op) { VMAXPS(a, b, dst) }, "top")
	VZEROUPPER()
	RET()

	// In float64: half a vector of float32 fills a vector of float64.
	declare("sumSq"+s.name, "func(x []float32) (sum float64)")
	lo, hi := zero(s), zero(s)
	loop(s, []string{"x"}, func(at []Mem) {
		a, b := s.vec(), s.vec()
		VCVTPS2PD(at[0], a)
		VCVTPS2PD(at[0].Offset(2*s.lanes), b)
		VFMADD231PD(a, a, lo)
		VFMADD231PD(b, b, hi)
	})
	VADDPD(hi, lo, lo)
	y := lo.AsY()
	if s == avx512 {
		high := YMM()
		VEXTRACTF64X4(U8(1), lo, high)
		VADDPD(high, y, y)
	}
	high := XMM()
	x := lo.AsX()
	VEXTRACTF128(U8(1), y, high)
	VADDPD(high, x, x)
	VPERMILPD(U8(1), x, high)
	VADDPD(high, x, x)
	Store(x, Return("sum"))
	VZEROUPPER()
	RET()
}

// columnSums emits the addition of rows of 16 elements to one row, by four partial sums.
func columnSums(s isa) {
	declare("columnSums"+s.name, "func(sum, x []float32, ldx int, rows int)")
	sum, x := Load(Param("sum").Base(), GP64()), Load(Param("x").Base(), GP64())
	ldx, rows := stride("ldx"), Load(Param("rows"), GP64())
	acc := accumulators(4, panelWidth/s.lanes, s.lanes)
	for i := range acc {
		for _, r := range acc[i] {
			VXORPS(r.AsX(), r.AsX(), r.AsX())
		}
	}
	row := func(i int) {
		for v, r := range acc[i] {
			VADDPS(Mem{Base: x, Disp: 4 * s.lanes * v}, r, r)
		}
		ADDQ(ldx, x)
	}
	SUBQ(U8(4), rows)
	JL(LabelRef("rest"))
	Label("four")
	for i := range acc {
		row(i)
	}
	SUBQ(U8(4), rows)
	JGE(LabelRef("four"))
	Label("rest")
	ADDQ(U8(4), rows)
	JZ(LabelRef("end"))
	Label("one")
	row(0)
	DECQ(rows)
	JNZ(LabelRef("one"))
	Label("end")
	for v := range acc[0] {
		VADDPS(acc[1][v], acc[0][v], acc[0][v])
		VADDPS(acc[3][v], acc[2][v], acc[2][v])
		VADDPS(acc[2][v], acc[0][v], acc[0][v])
		VADDPS(Mem{Base: sum, Disp: 4 * s.lanes * v}, acc[0][v], acc[0][v])
		VMOVUPS(acc[0][v], Mem{Base: sum, Disp: 4 * s.lanes * v})
	}
	VZEROUPPER()
	RET()
}
