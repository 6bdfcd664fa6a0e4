package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loop emits body for each vector of the slices named. body gets their addresses. All
// slices have the length of the first, a multiple of the vector's.
func loop(s isa, names []string, body func(at []Mem)) {
	var base []reg.Register
	for _, n := range names {
		base = append(base, Load(Param(n).Base(), GP64()))
	}
	n := Load(Param(names[0]).Len(), GP64())
	loopOver(s, "", base, n, 1, body)
}

// loopOver is loop over n elements, steps vectors at a time. body gets the addresses of the
// first of them. It advances base and leaves the rest in n.
func loopOver(s isa, label string, base []reg.Register, n reg.Register, steps int, body func(at []Mem)) {
	SUBQ(U32(s.lanes*steps), n)
	JL(LabelRef(label + "end"))
	Label(label + "loop")
	var at []Mem
	for _, b := range base {
		at = append(at, Mem{Base: b})
	}
	body(at)
	for _, b := range base {
		ADDQ(U32(4*s.lanes*steps), b)
	}
	SUBQ(U32(s.lanes*steps), n)
	JGE(LabelRef(label + "loop"))
	Label(label + "end")
	ADDQ(U32(s.lanes*steps), n)
}

// loopRows is loop over rows of cols elements, a positive multiple of the vector's. strides
// names the parameter that holds the row stride of each slice.
func loopRows(s isa, names, strides []string, body func(at []Mem)) {
	loaded, ld, base := map[string]reg.Register{}, []reg.Register(nil), []reg.Register(nil)
	for i, n := range names {
		base = append(base, Load(Param(n).Base(), GP64()))
		if loaded[strides[i]] == nil {
			loaded[strides[i]] = stride(strides[i])
		}
		ld = append(ld, loaded[strides[i]])
	}
	rows, cols, n := Load(Param("rows"), GP64()), Load(Param("cols"), GP64()), GP64()
	Label("row")
	at := make([]reg.Register, len(base))
	for i := range at {
		at[i] = GP64()
		MOVQ(base[i], at[i])
		ADDQ(ld[i], base[i])
	}
	MOVQ(cols, n)
	loopOver(s, "", at, n, 1, body)
	DECQ(rows)
	JNZ(LabelRef("row"))
}

// loopPanel emits a loop over the rows of micro-panels, per rows at a time and then one by one,
// for the vector of columns from v on. body gets the number of the row in its iteration and
// the addresses.
func loopPanel(s isa, label string, v int, names []string, per int, body func(i int, at []Mem)) {
	var base []reg.Register
	for _, n := range names {
		base = append(base, Load(Param(n).Base(), GP64()))
	}
	n := Load(Param(names[0]).Len(), GP64())
	for _, rows := range []int{per, 1} {
		here := label + string(rune('0'+v/s.lanes)) + string(rune('a'+rows))
		SUBQ(U32(panelWidth*rows), n)
		JL(LabelRef(here + "end"))
		Label(here)
		for i := range rows {
			var at []Mem
			for _, b := range base {
				at = append(at, Mem{Base: b, Disp: 4 * (panelWidth*i + v)})
			}
			body(i, at)
		}
		for _, b := range base {
			ADDQ(U32(4*panelWidth*rows), b)
		}
		SUBQ(U32(panelWidth*rows), n)
		JGE(LabelRef(here))
		Label(here + "end")
		ADDQ(U32(panelWidth*rows), n)
		if per == 1 {
			break
		}
	}
}

// reduce emits the reduction of a vector's lanes, upper half onto lower, and stores the result.
func reduce(s isa, v reg.VecVirtual, op func(a, b, dst Op), result string) {
	var y reg.Register = v
	if s == avx512 {
		high := YMM()
		VEXTRACTF64X4(U8(1), v, high)
		op(high, v.AsY(), v.AsY())
		y = v.AsY()
	}
	x := y.(reg.Vec).AsX()
	high := XMM()
	VEXTRACTF128(U8(1), y, high)
	op(high, x, x)
	VPERMILPD(U8(1), x, high)
	op(high, x, x)
	VMOVSHDUP(x, high)
	op(high, x, x)
	Store(x, Return(result))
}

func add(a, b, dst Op) { VADDPS(a, b, dst) }
