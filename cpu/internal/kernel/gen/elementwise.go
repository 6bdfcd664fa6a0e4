package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// maps emits the elementwise functions of few operations.
func maps(s isa) {
	declare("axpy"+s.name, "func(y []float32, a float32, x []float32)")
	a := scalar(s, "a")
	loop(s, []string{"y", "x"}, func(at []Mem) {
		y := s.vec()
		VMOVUPS(at[0], y)
		VFMADD231PS(at[1], a, y)
		VMOVUPS(y, at[0])
	})
	VZEROUPPER()
	RET()

	declare("scale"+s.name, "func(y []float32, a float32)")
	a = scalar(s, "a")
	loop(s, []string{"y"}, func(at []Mem) {
		y := s.vec()
		VMULPS(at[0], a, y)
		VMOVUPS(y, at[0])
	})
	VZEROUPPER()
	RET()

	declare("times"+s.name, "func(y, x, f []float32)")
	loop(s, []string{"y", "x", "f"}, func(at []Mem) {
		x := s.vec()
		VMOVUPS(at[1], x)
		VMULPS(at[2], x, x)
		VMOVUPS(x, at[0])
	})
	VZEROUPPER()
	RET()

	declare("sumTimes"+s.name, "func(y, a, x, f []float32)")
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

// norms emits the parts of LayerNorm.
func norms(s isa) {
	declare("normalize"+s.name, "func(y, x, gamma, beta []float32, mean, rstd float32)")
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

	declare("normSums"+s.name, "func(dy, dgamma, dbeta, x, gamma []float32, mean, rstd float32) (sum, dot float32)")
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
	reduce(s, sum, add, "sum")
	reduce(s, dot, add, "dot")
	VZEROUPPER()
	RET()

	declare("normGrad"+s.name, "func(y, dy, x, gamma []float32, mean, rstd, m1, m2 float32)")
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

// adam emits one step of AdamW. The fields of kernel.AdamStep are float32 in order.
func adam(s isa) {
	declare("adam"+s.name, "func(w, g, m, v []float32, a *AdamStep)")
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
