package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmax emits what attention does to the micro-panels of its scores.
func softmax(s isa) {
	each := func(name, signature string, body func(v int, part func(param string) Mem)) {
		declare(name+s.name, signature)
		for v := 0; v < panelWidth; v += s.lanes {
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

	each("softmaxPanel", "func(p, top, sum []float32, scale float32)", func(v int, part func(string) Mem) {
		top := make([]reg.VecVirtual, 4)
		for i := range top {
			top[i] = s.vec()
			VMOVUPS(part("p"), top[i])
		}
		loopPanel(s, "max", v, []string{"p"}, 4, func(i int, at []Mem) { VMAXPS(at[0], top[i], top[i]) })
		shift, scale := fold(top, func(a, b, dst Op) { VMAXPS(a, b, dst) }), scalar(s, "scale")
		VMULPS(scale, shift, shift)
		VMOVUPS(shift, part("top"))
		sum, constants := [2]reg.VecVirtual{zero(s), zero(s)}, inRegisters(s)
		loopPanel(s, "exp", v, []string{"p"}, 2, func(i int, at []Mem) {
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

	each("expPanel", "func(p, shift []float32, scale float32)", func(v int, part func(string) Mem) {
		shift, scale, constants := s.vec(), scalar(s, "scale"), inRegisters(s)
		VMOVUPS(part("shift"), shift)
		loopPanel(s, "exp", v, []string{"p"}, 2, func(i int, at []Mem) {
			x := s.vec()
			VMOVUPS(at[0], x)
			VFMSUB213PS(shift, scale, x)
			VMOVUPS(exp(s, x, constants), at[0])
		})
	})

	each("scalePanel", "func(y, x, factor []float32)", func(v int, part func(string) Mem) {
		factor := s.vec()
		VMOVUPS(part("factor"), factor)
		loopPanel(s, "row", v, []string{"y", "x"}, 4, func(i int, at []Mem) {
			x := s.vec()
			VMULPS(at[1], factor, x)
			VMOVUPS(x, at[0])
		})
	})

	each("softmaxGradPanel", "func(ds, p, w, dp []float32, scale float32)", func(v int, part func(string) Mem) {
		delta := four()
		loopPanel(s, "delta", v, []string{"w", "dp"}, 4, func(i int, at []Mem) {
			x := s.vec()
			VMOVUPS(at[0], x)
			VFMADD231PS(at[1], x, delta[i])
		})
		mean, scale := fold(delta, add), scalar(s, "scale")
		loopPanel(s, "row", v, []string{"ds", "p", "w", "dp"}, 4, func(i int, at []Mem) {
			x, y := s.vec(), s.vec()
			VMULPS(at[1], mean, x)
			VMOVUPS(at[2], y)
			VFMSUB132PS(at[3], x, y)
			VMULPS(scale, y, y)
			VMOVUPS(y, at[0])
		})
	})
}
