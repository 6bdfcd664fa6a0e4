package kernel

import (
	"math"
	"testing"
)

// lengths has whole vectors of every path, what is left over, and nothing.
var lengths = []int{0, 1, 3, 7, 8, 15, 16, 17, 31, 64, 65, 100, 131}

func TestReductions(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range lengths {
			x := random(n, 1)
			var sum, sq, abs, diff float64
			top := math.Inf(-1)
			for i := range x {
				a := float64(x[i])
				sum += a
				sq += a * a
				abs += math.Abs(a)
				diff += (a - 0.125) * (a - 0.125)
				top = max(top, a)
			}
			e := float64(n+2) * unit
			near(t, "Sum", n, k.Sum(x), sum, e*abs)
			near(t, "SumAbs", n, k.SumAbs(x), abs, e*abs)
			near(t, "SumSqDiff", n, k.SumSqDiff(x, 0.125), diff, (e+2*unit)*diff)
			if got := k.SumSq(x); !(math.Abs(got-sq) <= 1e-14*sq) {
				t.Fatalf("SumSq of %d: found %v, expected %v", n, got, sq)
			}
			if n > 0 && float64(k.Max(x)) != top {
				t.Fatalf("Max of %d: found %v, expected %v", n, k.Max(x), top)
			}
		}
	})
}

// An infinite or undefined element must not vanish in a sum.
func TestSumsKeepNaN(t *testing.T) {
	nan := float32(math.NaN())
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range []int{1, 16, 37, 131} {
			for _, at := range []int{0, n / 2, n - 1} {
				x, y := random(n, 1), random(n, 2)
				x[at] = nan
				if s := k.SumSq(x); s == s {
					t.Errorf("SumSq of %d with NaN at %d: found %v", n, at, s)
				}
				if s := k.ExpShift(y, x, 1); s == s || y[at] == y[at] {
					t.Errorf("ExpShift of %d with NaN at %d: found %v, sum %v", n, at, y[at], s)
				}
				k.GELU(y, x)
				if y[at] == y[at] {
					t.Errorf("GELU(NaN): found %v", y[at])
				}
				k.GELUGrad(y, y, x)
				if y[at] == y[at] {
					t.Errorf("GELUGrad(NaN): found %v", y[at])
				}
			}
		}
	})
}

func TestMaps(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range lengths {
			x, a, b, c := random(n, 1), random(n, 2), random(n, 3), random(n, 4)
			y, check := guarded(t, n)
			each := func(what string, tol float64, want func(i int) float64) {
				t.Helper()
				check(what)
				for i := range y {
					near(t, what, i, y[i], want(i), tol*unit)
				}
			}
			f := func(s []float32, i int) float64 { return float64(s[i]) }

			copy(y, a)
			k.Axpy(y, 0.75, x)
			each("Axpy", 4, func(i int) float64 { return f(a, i) + 0.75*f(x, i) })
			copy(y, a)
			k.Scale(y, 0.3)
			each("Scale", 1, func(i int) float64 { return f(a, i) * float64(float32(0.3)) })
			k.Times(y, x, a)
			each("Times", 1, func(i int) float64 { return f(x, i) * f(a, i) })
			k.Normalize(y, x, a, b, 0.25, 1.5)
			each("Normalize", 12, func(i int) float64 { return f(a, i)*(f(x, i)-0.25)*1.5 + f(b, i) })
			k.NormGrad(y, x, a, b, 0.25, 1.5, 0.375, -0.5)
			each("NormGrad", 20, func(i int) float64 {
				return 1.5 * (f(b, i)*f(x, i) - 0.375 + (f(a, i)-0.25)*1.5*0.5)
			})

			copy(y, a)
			dgamma, checkGamma := guarded(t, n)
			copy(dgamma, b)
			sum, dot := k.NormSums(dgamma, y, x, b, c, 0.25, 1.5)
			checkGamma("NormSums")
			each("NormSums: dbeta", 2, func(i int) float64 { return f(a, i) + f(x, i) })
			var s, d float64
			for i := range x {
				xhat := (f(b, i) - 0.25) * 1.5
				near(t, "NormSums: dgamma", i, dgamma[i], f(b, i)+f(x, i)*xhat, 10*unit)
				s += f(c, i) * f(x, i)
				d += f(c, i) * f(x, i) * xhat
			}
			near(t, "NormSums: sum", n, sum, s, float64(n+2)*unit*float64(n))
			near(t, "NormSums: dot", n, dot, d, float64(n+4)*unit*2*float64(n))
		}
	})
}

func TestAdam(t *testing.T) {
	step := AdamStep{G: 0.5, B1: 0.875, R1: 0.125, B2: 0.96875, R2: 0.03125, C1: 2, C2: 4, Eps: 1.0 / (1 << 20), LR: 0.0625, Decay: 0.25}
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range lengths {
			w, g, m, v := random(n, 1), random(n, 2), random(n, 3), random(n, 4)
			for i := range v {
				v[i] *= v[i]
			}
			w2, m2, v2 := append([]float32(nil), w...), append([]float32(nil), m...), append([]float32(nil), v...)
			k.Adam(w2, g, m2, v2, &step)
			for i := range w {
				gi := 0.5 * float64(g[i])
				mi := 0.875*float64(m[i]) + 0.125*gi
				vi := 0.96875*float64(v[i]) + 0.03125*gi*gi
				u := 2*mi/(math.Sqrt(4*vi)+1.0/(1<<20)) + 0.25*float64(w[i])
				near(t, "m", i, m2[i], mi, 3*unit)
				near(t, "v", i, v2[i], vi, 3*unit)
				near(t, "w", i, w2[i], float64(w[i])-0.0625*u, 4*unit*(1+math.Abs(u)))
			}
		}
	})
}

func TestExpError(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		const n = 1 << 15
		x, y, shift := make([]float32, n), make([]float32, n), make([]float32, PanelWidth)
		for i := range x {
			x[i] = -87.3 + 175.2*float32(i)/n
			if i%2 == 0 {
				x[i] /= 64 // near 0, where most arguments are
			}
		}
		copy(y, x)
		k.ExpPanel(y, shift, 1)
		worst := 0.0
		for i := range x {
			want := math.Exp(float64(x[i]))
			worst = max(worst, math.Abs(float64(y[i])-want)/want)
		}
		if !(worst <= 1.0/(1<<22)) {
			t.Errorf("exp: relative error: found %.3g, expected at most 2^-22", worst)
		}
		copy(y, []float32{-1e30, -200, float32(math.Inf(-1)), -88, 15: 0})
		k.ExpPanel(y[:PanelWidth], shift, 1)
		for i, v := range y[:4] {
			if !(v >= 0 && v <= 1.2e-38) {
				t.Errorf("exp far below zero, case %d: found %v, expected at most 1.2e-38", i, v)
			}
		}
		t.Logf("largest relative error %.3g", worst)
	})
}

func TestGELUError(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		const n = 1 << 15
		x, y, d, one := make([]float32, n), make([]float32, n), make([]float32, n), make([]float32, n)
		for i := range x {
			x[i] = -14 + 28*float32(i)/n
			if i%2 == 0 {
				x[i] /= 16
			}
			one[i] = 1
		}
		k.GELU(y, x)
		k.GELUGrad(d, one, x)
		worst, worstGrad := 0.0, 0.0
		for i, v := range x {
			a := float64(v)
			phi := 0.5 * math.Erfc(-a/math.Sqrt2)
			density := math.Exp(-a*a/2) / math.Sqrt(2*math.Pi)
			worst = max(worst, math.Abs(float64(y[i])-a*phi)/max(1, math.Abs(a)))
			worstGrad = max(worstGrad, math.Abs(float64(d[i])-(phi+a*density)))
		}
		if !(worst <= 1.2e-7) {
			t.Errorf("gelu: error over max(1, |x|): found %.3g, expected at most 1.2e-7", worst)
		}
		if !(worstGrad <= 3e-7) {
			t.Errorf("gelu': error: found %.3g, expected at most 3e-7", worstGrad)
		}
		t.Logf("largest errors: gelu %.3g, gelu' %.3g", worst, worstGrad)
	})
}

func TestColumnSums16(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, rows := range []int{0, 1, 3, 4, 7, 64, 129} {
			const ldx = 21
			x := random(max(16, rows*ldx), 1)
			sum, check := guarded(t, 16)
			copy(sum, random(16, 2))
			start := append([]float32(nil), sum...)
			k.ColumnSums16(sum, x, ldx, rows)
			check("ColumnSums16")
			for j := range 16 {
				want, size := float64(start[j]), math.Abs(float64(start[j]))
				for r := range rows {
					want += float64(x[r*ldx+j])
					size += math.Abs(float64(x[r*ldx+j]))
				}
				near(t, "ColumnSums16", j, sum[j], want, float64(rows+2)*unit*size)
			}
		}
	})
}

func TestSumTimes(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range lengths {
			a, x, f := random(n, 1), random(n, 2), random(n, 3)
			y, check := guarded(t, n)
			k.SumTimes(y, a, x, f)
			check("SumTimes")
			for i := range y {
				p := float64(x[i]) * float64(f[i])
				near(t, "SumTimes", i, y[i], float64(a[i])+p, 2*unit*(math.Abs(float64(a[i]))+math.Abs(p)))
			}
		}
	})
}

// Non-temporal stores write the same bits, whatever the alignment, the length and the strides, and
// nothing between the rows.
func TestGELUNonTemporalHasTheSameBits(t *testing.T) {
	eachPath(t, func(t *testing.T, k *Set) {
		for _, n := range append(lengths, 256, 512) {
			for _, off := range []int{0, 1, 8} {
				for _, shape := range []struct{ rows, ld, ldx int }{{0, n, n}, {1, n, n}, {3, n, n + 5}, {2, n + 32, n}, {3, n + 16, n + 16}, {2, n + 3, n + 1}} {
					nonTemporal(t, k, n, off, shape.rows, shape.ld, shape.ldx)
				}
			}
		}
	})
}

func nonTemporal(t *testing.T, k *Set, n, off, rows, ld, ldx int) {
	t.Helper()
	x, pre7, dy := random(rows*ldx, 1), random(rows*ld, 3), random(rows*ldx, 2)
	for i := range x {
		x[i] *= 7
	}
	for i := range pre7 {
		pre7[i] *= 7
	}
	for _, offPre := range []int{0, off} {
		y, check := guarded(t, rows*ld+off)
		pre, checkPre := guarded(t, rows*ld+offPre)
		k.GELUNonTemporal(y[off:], x, pre[offPre:], ld, ldx, rows, n)
		k.Fence()
		want, wantPre := marked(rows*ld), marked(rows*ld)
		for r := range rows {
			k.GELU(want[r*ld:][:n], x[r*ldx:][:n])
			copy(wantPre[r*ld:][:n], x[r*ldx:])
		}
		same(t, "GELUNonTemporal", y[off:], want)
		same(t, "GELUNonTemporal: pre", pre[offPre:], wantPre)
		check("GELUNonTemporal")
		checkPre("GELUNonTemporal: pre")
	}
	y, check := guarded(t, rows*ld+off)
	k.GELUGradNonTemporal(y[off:], dy, pre7, ld, ldx, rows, n)
	k.Fence()
	want := marked(rows * ld)
	for r := range rows {
		k.GELUGrad(want[r*ld:][:n], dy[r*ldx:][:n], pre7[r*ld:][:n])
	}
	same(t, "GELUGradNonTemporal", y[off:], want)
	check("GELUGradNonTemporal")
}

// marked returns n elements as guarded fills them.
func marked(n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = mark
	}
	return x
}

func same(t *testing.T, what string, got, want []float32) {
	t.Helper()
	for i, v := range want {
		if math.Float32bits(got[i]) != math.Float32bits(v) {
			t.Fatalf("%s of %d: element %d: found %v, expected %v", what, len(want), i, got[i], v)
		}
	}
}
