package ptxsim

import "math"

// The .approx functions and the sums of matrix products are more exact here than on a GPU, or
// rounded in another order. With Options.Perturb they are wrong by what PTX allows, and sums of
// matrix products as tensor cores make them (aligned.go): a result that depends on more is found
// by comparing.

// approximate is what PTX says of the error of an approximation in float32.
type approximate struct{ relative, absolute float64 }

// approximateErrors are those of the .approx functions and of div.full, without the half unit in the last
// place of the rounding here. Of sin and cos that of arguments up to 2 pi is taken.
var approximateErrors = map[string]approximate{
	"rcp": {relative: 0x1p-24}, "sqrt": {relative: 0x1p-24}, "rsqrt": {relative: 0x1p-24}, "ex2": {relative: 0x1.8p-23}, "lg2": {absolute: 0x1p-22},
	"sin": {absolute: 0x1.4p-21}, "cos": {absolute: 0x1.4p-21}, "tanh": {relative: 0x1.ffep-12}, "div": {relative: 0x1.8p-23},
}

// wrong returns v with some error, which at, bits of the operands, and the seed choose. Powers
// of two stay as they are: NVIDIA's libraries count on 2 to a whole power being exact.
func (e approximate) wrong(v float64, seed, at uint64) float64 {
	if !finite(v) || math.Float64bits(v)<<12 == 0 {
		return v
	}
	u := float64(int64(mix(seed^at)>>11)-1<<52) * 0x1p-52 // from -1 to 1
	return v*(1+u*e.relative) + u*e.absolute
}

// mix returns a random-looking number of x (splitmix64).
func mix(x uint64) uint64 {
	x += 0x9E3779B97F4A7C15
	x = (x ^ x>>30) * 0xBF58476D1CE4E5B9
	x = (x ^ x>>27) * 0x94D049BB133111EB
	return x ^ x>>31
}

// perturb1 says what a function of one float32, by o's modifiers, gives with Options.Perturb.
func (x *building) perturb1(o floatMods, f func(v float64) float64) {
	e, d, a := approximateErrors[x.in.op], x.last[0], x.last[1]
	x.other = func(w *warp, m uint32) {
		for l := range warpSize {
			if m>>l&1 != 0 {
				v := w.r[a][l]
				w.r[d][l] = o.out(float32(e.wrong(f(float64(o.in(v))), w.blk.launch.dev.opt.Perturb, v)))
			}
		}
	}
}

// perturbDiv is perturb1 for a / b.
func (x *building) perturbDiv(o floatMods) {
	e, d, a, b := approximateErrors["div"], x.last[0], x.last[1], x.last[2]
	x.other = func(w *warp, m uint32) {
		for l := range warpSize {
			if m>>l&1 != 0 {
				p, q := w.r[a][l], w.r[b][l]
				w.r[d][l] = o.out(float32(e.wrong(float64(o.in(p))/float64(o.in(q)), w.blk.launch.dev.opt.Perturb, p<<32|q)))
			}
		}
	}
}

// perturbMma is a product that adds its terms in an order of its own, as tensor cores do.
func (x *building) perturbMma(s mmaShape, d, a, b, c []int) {
	x.other = func(w *warp, _ uint32) {
		if !w.together() || !w.full() {
			return
		}
		var t mmaTiles
		if s.in == f32 {
			t.loadTF32(w, a, b)
		} else {
			t.load(w, a, b, s.in)
		}
		// Rows of A and columns of B with their k in another order have the same product.
		order := mix(w.blk.launch.dev.opt.Perturb ^ uint64(w.steps)<<20 ^ uint64(w.blk.index))
		for i := s.k - 1; i > 0; i-- {
			k := int(order % uint64(i+1))
			order = mix(order)
			for r := range t.a {
				t.a[r][i], t.a[r][k] = t.a[r][k], t.a[r][i]
			}
			for n := range t.b {
				t.b[n][i], t.b[n][k] = t.b[n][k], t.b[n][i]
			}
		}
		t.multiplyAligned(w, s, c, alignmentOf(w.blk.launch.dev.opt.Perturb))
		for i, r := range d {
			w.r[r] = t.out[i]
		}
	}
}
