package ptxsim

import "math"

// buildCopysign: b with the sign of a.
func buildCopysign(x *building) exec {
	x.class = Float
	t := x.typ(isFloating)
	sign := uint64(1) << (t.bits - 1)
	return x.op2(t, func(a, b uint64) uint64 { return b&^sign | a&sign })
}

func buildTestp(x *building) exec {
	t := x.typ(isFloating)
	x.class = Float
	x.nargs(2, 2)
	smallest := 0x1p-126
	if t == f64 {
		smallest = 0x1p-1022
	}
	test := map[string]func(v float64) bool{
		"finite":     func(v float64) bool { return !math.IsInf(v, 0) && v == v },
		"infinite":   func(v float64) bool { return math.IsInf(v, 0) },
		"number":     func(v float64) bool { return v == v },
		"notanumber": func(v float64) bool { return v != v },
		"normal":     func(v float64) bool { return (v == 0 || math.Abs(v) >= smallest) && !math.IsInf(v, 0) },
		"subnormal":  func(v float64) bool { return v != 0 && math.Abs(v) < smallest },
	}[x.need("finite", "infinite", "number", "notanumber", "normal", "subnormal")]
	d, a := x.dstPred(x.in.args[0]), x.src(1, t)
	return func(w *warp, m uint32) {
		p := uint32(0)
		for l := range warpSize {
			if test(decodeFloat(w.r[a][l], t)) {
				p |= 1 << l
			}
		}
		w.setPredicate(d, m, p)
	}
}
