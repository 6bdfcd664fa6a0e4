package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// loop emits body for each full vector of the slices named, whose lengths (a
// multiple of the vector's) equal that of the first. body gets their addresses.
func loop(s isa, names []string, body func(at []Mem)) {
	var base []reg.Register
	for _, n := range names {
		base = append(base, Load(Param(n).Base(), GP64()))
	}
	n := Load(Param(names[0]).Len(), GP64())
	loopOver(s, "", base, n, 1, body)
}

// loopOver is loop over n elements, steps vectors at a time; body gets the
// addresses of the first one. It advances base and leaves the rest in n.
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

// loopRows is loop over rows of cols elements, a positive multiple of the vector's. Rows of a slice are
// as far apart as the parameter of its stride says.
func loopRows(s isa, names, strides []string, body func(at []Mem)) {
	loaded, ld, base := map[string]reg.Register{}, []reg.Register(nil), []reg.Register(nil)
	for i, n := range names {
		base = append(base, Load(Param(n).Base(), GP64()))
		if loaded[strides[i]] == nil {
			loaded[strides[i]] = bytes(strides[i])
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

// scalar returns a parameter in all lanes.
func scalar(s isa, name string) reg.VecVirtual {
	p, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	v := s.vec()
	VBROADCASTSS(p.Addr, v)
	return v
}

func zero(s isa) reg.VecVirtual {
	v := s.vec()
	if s == avx512 {
		VPXORD(v, v, v)
	} else {
		VXORPS(v, v, v)
	}
	return v
}

// horizontal folds a vector's lanes, halves first, and stores the result.
func horizontal(s isa, v reg.VecVirtual, op func(a, b, dst Op), result string) {
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

// reductions emits the sums over one or two vectors, four partial vectors at a time.
func reductions(s isa) {
	reduce := func(name, signature string, names []string, body func(at []Mem, disp int, acc reg.VecVirtual)) {
		TEXT(name+s.name, NOSPLIT, signature)
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
		horizontal(s, acc[0], add, "sum")
		VZEROUPPER()
		RET()
	}
	reduce("dot", "func(x, y []float32) (sum float32)", []string{"x", "y"}, func(at []Mem, disp int, acc reg.VecVirtual) {
		x := s.vec()
		VMOVUPS(at[0].Offset(disp), x)
		VFMADD231PS(at[1].Offset(disp), x, acc)
	})
	reduce("sum", "func(x []float32) (sum float32)", []string{"x"}, func(at []Mem, disp int, acc reg.VecVirtual) {
		VADDPS(at[0].Offset(disp), acc, acc)
	})

	TEXT("sumSqDiff"+s.name, NOSPLIT, "func(x []float32, mean float32) (sum float32)")
	mean, acc := scalar(s, "mean"), zero(s)
	loop(s, []string{"x"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[0], x)
		VSUBPS(mean, x, x)
		VFMADD231PS(x, x, acc)
	})
	horizontal(s, acc, add, "sum")
	VZEROUPPER()
	RET()

	TEXT("max"+s.name, NOSPLIT, "func(x []float32) (top float32)")
	base, n := Load(Param("x").Base(), GP64()), Load(Param("x").Len(), GP64())
	top := s.vec()
	VMOVUPS(Mem{Base: base}, top)
	loopOver(s, "", []reg.Register{base}, n, 1, func(at []Mem) { VMAXPS(at[0], top, top) })
	horizontal(s, top, func(a, b, dst Op) { VMAXPS(a, b, dst) }, "top")
	VZEROUPPER()
	RET()

	// In float64: half a vector of float32 at a time fills one of float64.
	TEXT("sumSq"+s.name, NOSPLIT, "func(x []float32) (sum float64)")
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

// maps emits the functions that go element by element with few operations.
func maps(s isa) {
	TEXT("axpy"+s.name, NOSPLIT, "func(y []float32, a float32, x []float32)")
	a := scalar(s, "a")
	loop(s, []string{"y", "x"}, func(at []Mem) {
		y := s.vec()
		VMOVUPS(at[0], y)
		VFMADD231PS(at[1], a, y)
		VMOVUPS(y, at[0])
	})
	VZEROUPPER()
	RET()

	TEXT("scale"+s.name, NOSPLIT, "func(y []float32, a float32)")
	a = scalar(s, "a")
	loop(s, []string{"y"}, func(at []Mem) {
		y := s.vec()
		VMULPS(at[0], a, y)
		VMOVUPS(y, at[0])
	})
	VZEROUPPER()
	RET()

	TEXT("times"+s.name, NOSPLIT, "func(y, x, f []float32)")
	loop(s, []string{"y", "x", "f"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[1], x)
		VMULPS(at[2], x, x)
		VMOVUPS(x, at[0])
	})
	VZEROUPPER()
	RET()
}

// norms emits the parts of LayerNorm.
func norms(s isa) {
	TEXT("normalize"+s.name, NOSPLIT, "func(y, x, gamma, beta []float32, mean, rstd float32)")
	mean, rstd := scalar(s, "mean"), scalar(s, "rstd")
	loop(s, []string{"y", "x", "gamma", "beta"}, func(at []Mem) {
		x, g := s.vec(), s.vec()
		VMOVUPS(at[1], x)
		VSUBPS(mean, x, x)
		VMULPS(rstd, x, x)
		VMOVUPS(at[2], g)
		VFMADD213PS(at[3], g, x)
		VMOVUPS(x, at[0])
	})
	VZEROUPPER()
	RET()

	TEXT("normSums"+s.name, NOSPLIT, "func(dy, dgamma, dbeta, x, gamma []float32, mean, rstd float32) (sum, dot float32)")
	mean, rstd = scalar(s, "mean"), scalar(s, "rstd")
	sum, dot := zero(s), zero(s)
	loop(s, []string{"dy", "dgamma", "dbeta", "x", "gamma"}, func(at []Mem) {
		g, x, t := s.vec(), s.vec(), s.vec()
		VMOVUPS(at[0], g)
		VMOVUPS(at[3], x)
		VSUBPS(mean, x, x)
		VMULPS(rstd, x, x)
		VADDPS(at[2], g, t)
		VMOVUPS(t, at[2])
		VMOVUPS(at[1], t)
		VFMADD231PS(x, g, t)
		VMOVUPS(t, at[1])
		VMULPS(at[4], g, g)
		VADDPS(g, sum, sum)
		VFMADD231PS(x, g, dot)
	})
	horizontal(s, sum, add, "sum")
	horizontal(s, dot, add, "dot")
	VZEROUPPER()
	RET()

	TEXT("normGrad"+s.name, NOSPLIT, "func(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32)")
	mean, rstd = scalar(s, "mean"), scalar(s, "rstd")
	m1, m2 := scalar(s, "m1"), scalar(s, "m2")
	loop(s, []string{"y", "dy", "x", "gamma"}, func(at []Mem) {
		g, x := s.vec(), s.vec()
		VMOVUPS(at[1], g)
		VMULPS(at[3], g, g)
		VSUBPS(m1, g, g)
		VMOVUPS(at[2], x)
		VSUBPS(mean, x, x)
		VMULPS(rstd, x, x)
		VFNMADD231PS(m2, x, g)
		VMULPS(rstd, g, g)
		VMOVUPS(g, at[0])
	})
	VZEROUPPER()
	RET()
}

// adam emits one step of AdamW; the fields of AdamStep are float32 in order.
func adam(s isa) {
	TEXT("adam"+s.name, NOSPLIT, "func(w, g, m, v []float32, a *float32)")
	p := Load(Param("a"), GP64())
	var k [10]reg.VecVirtual
	for i := range k {
		k[i] = s.vec()
		VBROADCASTSS(Mem{Base: p, Disp: 4 * i}, k[i])
	}
	clip, b1, r1, b2, r2, c1, c2, eps, lr, decay := k[0], k[1], k[2], k[3], k[4], k[5], k[6], k[7], k[8], k[9]
	loop(s, []string{"w", "g", "m", "v"}, func(at []Mem) {
		g, m, v, w := s.vec(), s.vec(), s.vec(), s.vec()
		VMULPS(at[1], clip, g)
		VMULPS(at[2], b1, m)
		VFMADD231PS(g, r1, m)
		VMOVUPS(m, at[2])
		VMULPS(g, g, g)
		VMULPS(at[3], b2, v)
		VFMADD231PS(g, r2, v)
		VMOVUPS(v, at[3])
		VMULPS(c2, v, v)
		VSQRTPS(v, v)
		VADDPS(eps, v, v)
		VMULPS(c1, m, m)
		VDIVPS(v, m, m)
		VMOVUPS(at[0], w)
		VFMADD231PS(w, decay, m)
		VFNMADD231PS(m, lr, w)
		VMOVUPS(w, at[0])
	})
	VZEROUPPER()
	RET()
}

// columns emits the addition of rows of 16 elements to one, in four partial sums.
func columns(s isa) {
	TEXT("columns"+s.name, NOSPLIT, "func(sum, x []float32, ldx int, rows int)")
	sum, x := Load(Param("sum").Base(), GP64()), Load(Param("x").Base(), GP64())
	ldx, rows := bytes("ldx"), Load(Param("rows"), GP64())
	acc := accumulators(4, strip/s.lanes, s.lanes)
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

// fence emits the wait for stores past the caches.
func fence() {
	TEXT("fenceSSE", NOSPLIT, "func()")
	SFENCE()
	RET()
}

// pause emits what a loop does that waits for another thread.
func pause() {
	TEXT("pauseSSE", NOSPLIT, "func()")
	PAUSE()
	RET()
}

// mode emits access to the processor's control word for floating point.
func mode() {
	TEXT("modeSSE", NOSPLIT, "func() uint32")
	STMXCSR(NewParamAddr("ret", 0))
	RET()
	TEXT("setModeSSE", NOSPLIT, "func(mode uint32)")
	m, err := Param("mode").Resolve()
	if err != nil {
		panic(err)
	}
	LDMXCSR(m.Addr)
	RET()
}

// sumTimes emits y = a + x f.
func sumTimes(s isa) {
	TEXT("sumTimes"+s.name, NOSPLIT, "func(y, a, x, f []float32)")
	loop(s, []string{"y", "a", "x", "f"}, func(at []Mem) {
		a, x := s.vec(), s.vec()
		VMOVUPS(at[1], a)
		VMOVUPS(at[2], x)
		VFMADD231PS(at[3], x, a)
		VMOVUPS(a, at[0])
	})
	VZEROUPPER()
	RET()
}
