package backendtest

import (
	"fmt"
	"math"
	"slices"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// productCase is a weight and a number of tokens. Block 0 means dense, and then
// nnzb is unused.
type productCase struct {
	out, in, block, nnzb, tokens int
}

func (c productCase) String() string {
	return fmt.Sprintf("%dx%d/B=%d/nnzb=%d/T=%d", c.out, c.in, c.block, c.nnzb, c.tokens)
}

func (c productCase) weight(d *draws) paramData {
	if c.block == 0 {
		return d.dense("w", c.out, c.in, 1)
	}
	return d.sparse("w", sparse.Shape{Out: c.out, In: c.in, Block: c.block}, c.nnzb, 1)
}

// productCases are weights of every block size, non-square both ways, with one
// block, some and all, and token counts around the tiles of 16, 64 and 128 that
// backends like. Some are long enough, one way or both, to be split into several
// tiles.
func productCases() []productCase {
	var list []productCase
	for _, s := range []struct{ block, rows, cols int }{
		{0, 40, 24}, {0, 7, 83}, {0, 130, 2}, {0, 150, 270}, {0, 264, 520},
		{1, 7, 40}, {1, 65, 9}, {1, 72, 64}, {4, 10, 3}, {4, 3, 17}, {8, 5, 3}, {8, 2, 11},
		{16, 3, 5}, {16, 4, 1}, {16, 9, 17}, {32, 1, 3}, {32, 4, 2}, {64, 3, 1}, {64, 1, 2},
		{16, 3, 59}, {16, 65, 4}, {32, 26, 25}, {64, 2, 15},
	} {
		size, all := max(1, s.block), s.rows*s.cols
		counts := []int{1, (all + 2) / 3, all}
		if s.block == 0 {
			counts = []int{0}
		}
		for k, nnzb := range counts {
			for _, tokens := range []int{1, 7, 15, 16, 17, 33, 127, 129, 1000} {
				c := productCase{s.rows * size, s.cols * size, s.block, nnzb, tokens}
				// A long case with few of its token counts, the rest at one density each.
				work := tokens * max(nnzb*size*size, c.out*c.in/8)
				if s.block == 0 {
					work = tokens * c.out * c.in
				}
				most := 3 << 20
				if all <= 15 {
					most = 16 << 20 // every block size has such a shape, and meets every token count
				}
				if work > most || work > 1<<19 && tokens < 1000 && tokens%3 != k {
					continue
				}
				list = append(list, c)
			}
		}
	}
	return list
}

// dsdChecks go through the four combinations of bias and pre.
func dsdChecks() []check {
	var list []check
	for k, c := range productCases() {
		bias, pre := k%2 == 0, k/2%2 == 0
		list = append(list, check{name: fmt.Sprintf("%v/bias=%v/pre=%v", c, bias, pre), prepare: func(d *draws) (script, bounds) {
			w, b := c.weight(d), d.dense("b", 1, c.out, 1)
			x := d.reals(c.tokens*c.in, 1)
			run := func(r *harness) {
				weight, vec := r.param(w), r.param(b)
				xs, ys := r.input("x", x), r.output("y", c.tokens*c.out)
				var pres backend.Buffer
				if pre {
					pres = r.output("pre", c.tokens*c.out)
				}
				if !bias {
					vec = nil
				}
				r.b.DSD(ys, pres, xs, weight, vec, c.tokens)
			}
			limit := func(ref *harness) {
				size, terms := absProduct(x, w.full(w.values), c.tokens, c.in, c.out, false)
				for k := range size {
					if bias {
						size[k] += math.Abs(float64(b.values[k%c.out]))
						terms[k]++
					}
				}
				sum := func(i int) float64 { return d.limit("product", terms[i], size[i]) }
				y := ref.value("y")
				if !pre {
					ref.allow("y", func(i int) float64 { return sum(i) + d.stored(y[i]) })
					return
				}
				a := ref.value("pre")
				ref.allow("pre", func(i int) float64 { return sum(i) + d.stored(a[i]) })
				ref.allow("y", func(i int) float64 {
					return maxGELUSlope*(sum(i)+d.stored(a[i])) + d.limit("gelu", 0, a[i]) + d.stored(y[i])
				})
			}
			return run, limit
		}})
	}
	return list
}

// ddsChecks go through the three modes, with dx in place of pre in every second
// one of the last.
func ddsChecks() []check {
	var list []check
	for k, c := range productCases() {
		mode, inPlace := backend.DDSMode(k%3), k%2 == 0
		list = append(list, check{name: fmt.Sprintf("%v/mode=%d/in place=%v", c, mode, inPlace), prepare: func(d *draws) (script, bounds) {
			w := c.weight(d)
			dy, before := d.reals(c.tokens*c.out, 1), d.reals(c.tokens*c.in, 3)
			run := func(r *harness) {
				weight, dys := r.param(w), r.input("dy", dy)
				var dxs, pres backend.Buffer
				switch {
				case mode == backend.Assign:
					dxs = r.output("dx", c.tokens*c.in)
				case mode == backend.Accumulate:
					dxs = r.inout("dx", before)
				case inPlace:
					dxs = r.inout("dx", before)
					pres = dxs
				default:
					dxs, pres = r.output("dx", c.tokens*c.in), r.input("pre", before)
				}
				r.b.DDS(dxs, dys, weight, c.tokens, mode, pres)
			}
			limit := func(ref *harness) {
				size, terms := absProduct(dy, w.full(w.values), c.tokens, c.out, c.in, true)
				dx := ref.value("dx")
				ref.allow("dx", func(i int) float64 {
					old := float64(before[i])
					sum := d.limit("product", terms[i], size[i])
					switch mode {
					case backend.Accumulate:
						sum = d.limit("product", terms[i]+1, size[i]+math.Abs(old))
					case backend.TimesGELU:
						sum = math.Abs(geluSlope(old))*sum + d.limit("gelu slope", 0, size[i])
					}
					return sum + d.stored(dx[i])
				})
			}
			return run, limit
		}})
	}
	return list
}

// sddChecks run with and without a bias.
func sddChecks() []check {
	var list []check
	for k, c := range productCases() {
		bias := k%2 == 0
		list = append(list, check{name: fmt.Sprintf("%v/bias=%v", c, bias), prepare: func(d *draws) (script, bounds) {
			w, b := c.weight(d), d.dense("b", 1, c.out, 1)
			dy, x := d.reals(c.tokens*c.out, 1), d.reals(c.tokens*c.in, 1)
			run := func(r *harness) {
				weight := r.param(w, "grad")
				var vec backend.Param
				if bias {
					vec = r.param(b, "grad")
				}
				r.b.SDD(weight, vec, r.input("dy", dy), r.input("x", x), c.tokens)
			}
			return run, func(ref *harness) { c.allowGradient(ref, d, w, b, dy, x, bias) }
		}})
	}
	return append([]check{smallBesideLarge(64), smallBesideLarge(300)}, list...)
}

// smallBesideLarge is SDD of one large term and then many small ones, of which arithmetic that
// cuts off bits, instead of rounding, loses all. (A sum of ranges of tokens loses those of the
// first range alone.)
func smallBesideLarge(tokens int) check {
	c := productCase{in: 64, out: 64, block: 16, nnzb: 16, tokens: tokens}
	return check{name: fmt.Sprintf("%v/small terms beside a large one", c), prepare: func(d *draws) (script, bounds) {
		w, b := c.weight(d), d.dense("b", 1, c.out, 1)
		for i := range w.grad {
			w.grad[i] = 0
		}
		terms := func(n int) []float32 {
			// The product of two is just below 2^-23, the last place of float32 at 1.
			v := slices.Repeat([]float32{0x1.6ap-12}, tokens*n)
			for i := range n {
				v[i] = 1
			}
			return v
		}
		dy, x := terms(c.out), terms(c.in)
		run := func(r *harness) {
			weight := r.param(w, "grad")
			r.b.SDD(weight, nil, r.input("dy", dy), r.input("x", x), c.tokens)
		}
		return run, func(ref *harness) { c.allowGradient(ref, d, w, b, dy, x, false) }
	}}
}

// allowGradient bounds the results of SDD.
func (c productCase) allowGradient(ref *harness, d *draws, w, b paramData, dy, x []float32, bias bool) {
	dyT, xT := sizes(dy, c.tokens, c.out), sizes(x, c.tokens, c.in)
	ref.allow("w.grad", func(k int) float64 {
		o, i := w.place(k)
		size := math.Abs(float64(w.grad[k]))
		for t, v := range dyT[o*c.tokens:][:c.tokens] {
			size += v * xT[i*c.tokens+t]
		}
		return d.limit("product", c.tokens+1, size)
	})
	if !bias {
		return
	}
	ref.allow("b.grad", func(o int) float64 {
		size := math.Abs(float64(b.grad[o]))
		for t := range c.tokens {
			size += math.Abs(float64(dy[t*c.out+o]))
		}
		return d.limit("product", c.tokens+1, size)
	})
}

// absProduct returns, for each element of x W^T, or of x W when transposed, the
// sum of the absolute values of its terms and their number. x is [t, from], the
// result [t, to]; w is the masked dense weight.
func absProduct(x []float32, w []float64, t, from, to int, transposed bool) (size []float64, terms []int) {
	xT, sizeT := sizes(x, t, from), make([]float64, to*t)
	count := make([]int, to)
	for j := range to {
		sum := sizeT[j*t:][:t]
		for i := range from {
			k := j*from + i
			if transposed {
				k = i*to + j
			}
			if w[k] == 0 {
				continue
			}
			count[j]++
			v := math.Abs(w[k])
			for row, u := range xT[i*t:][:t] {
				sum[row] += u * v
			}
		}
	}
	size, terms = make([]float64, t*to), make([]int, t*to)
	for k := range terms {
		size[k], terms[k] = sizeT[k%to*t+k/to], count[k%to]
	}
	return size, terms
}

// sizes returns the absolute values of a [rows, columns] matrix, transposed: sums over rows then
// run along memory.
func sizes(x []float32, rows, columns int) []float64 {
	out := make([]float64, len(x))
	for i, v := range x {
		out[i%columns*rows+i/columns] = math.Abs(float64(v))
	}
	return out
}

// geluSlope is the derivative of GELU.
func geluSlope(a float64) float64 {
	return 0.5*(1+math.Erf(a/math.Sqrt2)) + a*math.Exp(-a*a/2)/math.Sqrt(2*math.Pi)
}
