package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The fields of kernel.Squares by their offsets, which a test compares.
const (
	squaresC      = 0
	squaresLDC    = 24
	squaresA      = 32
	squaresLDA    = 56
	squaresB      = 64
	squaresN      = 88
	squaresTiles  = 96
	squaresCStep  = 104
	squaresAStep  = 112
	squaresBStep  = 120
	squaresNext   = 128
	squaresStride = 152
)

// fieldsOf returns what loads a field of kernel.Squares, and a stride in bytes.
func fieldsOf(q reg.Register) (field, stride func(disp int) reg.Register) {
	field = func(disp int) reg.Register {
		r := GP64()
		MOVQ(Mem{Base: q, Disp: disp}, r)
		return r
	}
	stride = func(disp int) reg.Register {
		r := field(disp)
		SHLQ(U8(2), r)
		return r
	}
	return field, stride
}

// nextSquare emits the step to the next tile and the end.
func nextSquare(q, tiles, c, a, b reg.Register) {
	step := GP64()
	for _, p := range []struct {
		at   reg.Register
		disp int
	}{{c, squaresCStep}, {a, squaresAStep}, {b, squaresBStep}} {
		MOVQ(Mem{Base: q, Disp: p.disp}, step)
		LEAQ(Mem{Base: p.at, Index: step, Scale: 4}, p.at)
	}
	DECQ(tiles)
	JNZ(LabelRef("tile"))
	VZEROUPPER()
	RET()
}

// squares emits a row or column of 16 x 16 tiles, of four rows at a time with AVX2, of all with
// AVX-512, whose multiplications broadcast by themselves. The left operand is a
// strip, whose rows are inner steps, or with panel a panel, whose rows are rows of the tile.
func squares(s isa, name string, panel bool) {
	part, vectors, lanes, suffix, bias := 4, 2, s.lanes, s.name, 0
	if s == avx512 {
		part, vectors, suffix = strip, 1, s.name+bcstSuffix
		if panel {
			bias = 512 // so that most displacements are short
		}
	}
	TEXT(name+suffix, NOSPLIT, "func(q *byte)")
	q := Load(Param("q"), GP64())
	field, stride := fieldsOf(q)
	c, a, b, tiles := field(squaresC), field(squaresA), field(squaresB), field(squaresTiles)
	ldc := stride(squaresLDC)
	var lda, next, nextStride reg.Register
	if panel {
		lda = stride(squaresLDA)
	}
	if s == avx512 {
		next, nextStride = field(squaresNext), stride(squaresStride)
	}
	ap, bp, n, k := GP64(), GP64(), GP64(), GP64()
	Label("tile")
	var to, from, left reg.Register = c, a, nil
	if part < strip {
		to, from, left = GP64(), GP64(), GP64()
		MOVQ(c, to)
		MOVQ(a, from)
		MOVQ(U32(strip/part), left)
		Label("rows")
	} else {
		claim(c, ldc, strip)
	}
	acc, row := accumulators(part, vectors, lanes), make([]reg.VecVirtual, vectors)
	for i := range acc {
		for v := range acc[i] {
			acc[i][v] = zero(s)
		}
	}
	for v := range row {
		row[v] = s.vec()
	}
	value := s.vec()
	step := func(i, rowStep, disp int) {
		for v := range row {
			VMOVUPS(Mem{Base: bp, Disp: 64*i + 4*lanes*v}, row[v])
		}
		for r := range acc {
			from := Mem{Base: ap, Disp: rowStep*r + disp - bias}
			if s == avx512 {
				VFMADD231PS_BCST(from, row[0], acc[r][0])
				continue
			}
			VBROADCASTSS(from, value)
			for v := range row {
				VFMADD231PS(row[v], value, acc[r][v])
			}
		}
	}
	LEAQ(Mem{Base: from, Disp: bias}, ap)
	MOVQ(b, bp)
	MOVQ(Mem{Base: q, Disp: squaresN}, n)
	// ask asks for four lines in sixteen steps.
	ask := func(i int) {
		if next != nil && i%4 == 0 {
			PREFETCHT1(Mem{Base: next, Disp: 16 * i})
		}
		if next != nil && i == strip-1 {
			ADDQ(nextStride, next)
		}
	}
	if panel {
		SUBQ(U8(strip), n)
		JL(LabelRef("sums"))
		Label("segment")
		for i := range strip {
			ask(i)
			step(i, 4*strip, 4*i)
		}
		ADDQ(lda, ap)
		ADDQ(U32(64*strip), bp)
		SUBQ(U8(strip), n)
		JGE(LabelRef("segment"))
	} else {
		MOVQ(n, k)
		SHRQ(U8(4), k)
		JZ(LabelRef("rest"))
		Label("steps")
		for i := range strip {
			ask(i)
			step(i, 4, 64*i)
		}
		ADDQ(U32(64*strip), ap)
		ADDQ(U32(64*strip), bp)
		DECQ(k)
		JNZ(LabelRef("steps"))
		Label("rest")
		ANDQ(U8(strip-1), n)
		JZ(LabelRef("sums"))
		Label("one")
		step(0, 4, 0)
		ADDQ(U8(64), ap)
		ADDQ(U8(64), bp)
		DECQ(n)
		JNZ(LabelRef("one"))
	}
	Label("sums")
	put(to, ldc, acc, lanes, func(r, m Op) { VMOVUPS(r, m) })
	if part < strip {
		for range part {
			ADDQ(ldc, to)
		}
		if panel {
			ADDQ(U32(4*strip*part), from)
		} else {
			ADDQ(U8(4*part), from)
		}
		DECQ(left)
		JNZ(LabelRef("rows"))
	}
	nextSquare(q, tiles, c, a, b)
}

// down emits a loop over the rows of a strip, per rows at a time and then one by one, for
// one vector of its columns. body gets the row of the turn and the addresses.
func down(s isa, label string, v int, names []string, per int, body func(i int, at []Mem)) {
	var base []reg.Register
	for _, n := range names {
		base = append(base, Load(Param(n).Base(), GP64()))
	}
	n := Load(Param(names[0]).Len(), GP64())
	for _, rows := range []int{per, 1} {
		here := label + string(rune('0'+v/s.lanes)) + string(rune('a'+rows))
		SUBQ(U32(strip*rows), n)
		JL(LabelRef(here + "end"))
		Label(here)
		for i := range rows {
			var at []Mem
			for _, b := range base {
				at = append(at, Mem{Base: b, Disp: 4 * (strip*i + v)})
			}
			body(i, at)
		}
		for _, b := range base {
			ADDQ(U32(4*strip*rows), b)
		}
		SUBQ(U32(strip*rows), n)
		JGE(LabelRef(here))
		Label(here + "end")
		ADDQ(U32(strip*rows), n)
		if per == 1 {
			break
		}
	}
}

// strips emits what attention does to the strips of its scores.
func strips(s isa) {
	each := func(name, signature string, body func(v int, part func(param string) Mem)) {
		TEXT(name+s.name, NOSPLIT, signature)
		for v := 0; v < strip; v += s.lanes {
			body(v, func(param string) Mem {
				return Mem{Base: Load(Param(param).Base(), GP64()), Disp: 4 * v}
			})
		}
		VZEROUPPER()
		RET()
	}
	fold := func(acc []reg.VecVirtual, op func(a, b, dst Op)) reg.VecVirtual {
		op(acc[1], acc[0], acc[0])
		op(acc[3], acc[2], acc[2])
		op(acc[2], acc[0], acc[0])
		return acc[0]
	}
	four := func() []reg.VecVirtual {
		acc := make([]reg.VecVirtual, 4)
		for i := range acc {
			acc[i] = zero(s)
		}
		return acc
	}

	each("softmaxStrip", "func(p, top, sum []float32, scale float32)", func(v int, part func(string) Mem) {
		top := make([]reg.VecVirtual, 4)
		for i := range top {
			top[i] = s.vec()
			VMOVUPS(part("p"), top[i])
		}
		down(s, "max", v, []string{"p"}, 4, func(i int, at []Mem) { VMAXPS(at[0], top[i], top[i]) })
		shift, scale := fold(top, func(a, b, dst Op) { VMAXPS(a, b, dst) }), scalar(s, "scale")
		VMULPS(scale, shift, shift)
		VMOVUPS(shift, part("top"))
		sum, constants := [2]reg.VecVirtual{zero(s), zero(s)}, inRegisters(s)
		down(s, "exp", v, []string{"p"}, 2, func(i int, at []Mem) {
			x := s.vec()
			VMOVUPS(at[0], x)
			VFMSUB213PS(shift, scale, x)
			e := exp(s, x, constants)
			VMOVUPS(e, at[0])
			VADDPS(e, sum[i], sum[i])
		})
		VADDPS(sum[1], sum[0], sum[0])
		VMOVUPS(sum[0], part("sum"))
	})

	each("expStrip", "func(p, shift []float32, scale float32)", func(v int, part func(string) Mem) {
		shift, scale, constants := s.vec(), scalar(s, "scale"), inRegisters(s)
		VMOVUPS(part("shift"), shift)
		down(s, "exp", v, []string{"p"}, 2, func(i int, at []Mem) {
			x := s.vec()
			VMOVUPS(at[0], x)
			VFMSUB213PS(shift, scale, x)
			VMOVUPS(exp(s, x, constants), at[0])
		})
	})

	each("scaleStrip", "func(y, x, factor []float32)", func(v int, part func(string) Mem) {
		factor := s.vec()
		VMOVUPS(part("factor"), factor)
		down(s, "row", v, []string{"y", "x"}, 4, func(i int, at []Mem) {
			x := s.vec()
			VMULPS(at[1], factor, x)
			VMOVUPS(x, at[0])
		})
	})

	each("softmaxGradStrip", "func(ds, p, w, dp []float32, scale float32)", func(v int, part func(string) Mem) {
		delta := four()
		down(s, "delta", v, []string{"w", "dp"}, 4, func(i int, at []Mem) {
			x := s.vec()
			VMOVUPS(at[0], x)
			VFMADD231PS(at[1], x, delta[i])
		})
		mean, scale := fold(delta, add), scalar(s, "scale")
		down(s, "row", v, []string{"ds", "p", "w", "dp"}, 4, func(i int, at []Mem) {
			x, y := s.vec(), s.vec()
			VMULPS(at[1], mean, x)
			VMOVUPS(at[2], y)
			VFMSUB132PS(at[3], x, y)
			VMULPS(scale, y, y)
			VMOVUPS(y, at[0])
		})
	})
}
