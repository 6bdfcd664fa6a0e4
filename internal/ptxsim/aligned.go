package ptxsim

import "math"

// alignment is how a tensor core adds a group of products and a sum. All are exact, and are
// shifted to the largest exponent among them. Bits below the last place that float32 has at that
// exponent are cut off, but for a few extra ones; then all are added exactly, and the result is
// cut to float32. NVIDIA publishes neither size of group nor extra bits. Measurements found groups of 4
// and no extra bit on a V100, and larger groups and more bits since (Fasi, Higham, Mikaitis,
// Pranesh: Numerical behavior of NVIDIA tensor cores, PeerJ Computer Science 7:e330, 2021;
// Khattak, Mikaitis: Accurate models of NVIDIA tensor cores, arXiv:2512.07004, 2025).
type alignment struct {
	group int // products
	extra int // bits
}

// alignmentOf chooses by the seed: groups of 4, 8 or 16 products and 0, 1 or 2 extra bits.
func alignmentOf(seed uint64) alignment {
	return alignment{group: 4 << (seed / 3 % 3), extra: int(seed % 3)}
}

// add returns c and the products of a and b, negated if negative, as a tensor core adds them.
func (g alignment) add(c float32, a, b []float32, negative bool) float32 {
	for len(a) > 0 {
		n := min(g.group, len(a))
		c = g.addGroup(c, a[:n], b[:n], negative)
		a, b = a[n:], b[n:]
	}
	return c
}

func (g alignment) addGroup(c float32, a, b []float32, negative bool) float32 {
	var terms [17]float64
	terms[0] = float64(c)
	highest, any := exponentOf(terms[0]), terms[0] != 0
	for i, v := range a {
		p := float64(v) * float64(b[i]) // exact
		if negative {
			p = -p
		}
		terms[i+1] = p
		if p == 0 {
			continue
		}
		// A tensor core adds the exponents of the factors: that of the product may be one more.
		if e := exponentOf(float64(v)) + exponentOf(float64(b[i])); !any || e > highest {
			highest, any = e, true
		}
	}
	sum := 0.0
	if last := math.Ldexp(1, highest-23-g.extra); any {
		for i, t := range terms[:len(a)+1] {
			if !finite(t) {
				return plainSum(terms[:len(a)+1])
			}
			terms[i] = math.Trunc(t/last) * last
		}
	}
	for _, t := range terms[:len(a)+1] {
		sum += t // exact: multiples of last, below 2^32 of it
	}
	return towardZero(sum)
}

// plainSum adds terms one after the other, for those that are infinite or not numbers.
func plainSum(terms []float64) float32 {
	sum := float32(0)
	for _, t := range terms {
		sum += float32(t)
	}
	return sum
}

// exponentOf returns e with 2^e <= |v| < 2^(e+1), a low one of 0 and a high one of what is not finite.
func exponentOf(v float64) int { return int(math.Float64bits(v)>>52&0x7FF) - 1023 }

// towardZero rounds to float32 by cutting bits off.
func towardZero(v float64) float32 {
	f := float32(v)
	if !math.IsInf(float64(f), 0) && math.Abs(float64(f)) > math.Abs(v) {
		f = math.Float32frombits(math.Float32bits(f) - 1)
	}
	return f
}

// multiplyAligned is multiply as tensor cores add.
func (t *mmaTiles) multiplyAligned(w *warp, s mmaShape, c []int, g alignment) {
	for l := range warpSize {
		for i := range 4 {
			row, col := t.a[l/4+8*(i/2)][:s.k], t.b[2*(l%4)+i%2][:s.k]
			if !s.half {
				t.out[i][l] = bits32(g.add(fromF32(w.r[c[i]][l]), row, col, false))
				continue
			}
			at := 16 * (i % 2)
			sum := g.add(float32(fromF16(w.r[c[i/2]][l]>>at&0xFFFF)), row, col, false)
			if at == 0 {
				t.out[i/2][l] = 0
			}
			t.out[i/2][l] |= toF16(float64(sum), "rn") << at
		}
	}
}

// multiplyAddAligned is multiplyAdd as tensor cores add.
func (w *warp) multiplyAddAligned(t *mmaTiles, k int, d []int, keep, negative bool) {
	g := alignmentOf(w.blk.launch.dev.opt.Perturb)
	for i, r := range d {
		for l := range warpSize {
			s := float32(0)
			if keep {
				s = fromF32(w.r[r][l])
			}
			w.r[r][l] = bits32(g.add(s, t.a[l/4+8*(i/2)][:k], t.b[2*(l%4)+i%2][:k], negative))
		}
	}
}
