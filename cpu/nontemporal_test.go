package cpu_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// Products whose result is so large that it is written with non-temporal stores, with everything
// that may follow the sums. B = 8 and the dense weight, whose columns are no whole tiles, take
// other functions.
func TestNonTemporalProducts(t *testing.T) {
	for _, c := range []struct{ larger, smaller, block int }{{2048, 16, 16}, {2048, 64, 64}, {2048, 16, 8}, {2053, 18, 0}} {
		t.Run(fmt.Sprintf("%dx%d/B=%d", c.larger, c.smaller, c.block), func(t *testing.T) {
			if testing.Short() && c.block != 16 {
				t.Skip("-short: one block size is enough to look for races")
			}
			s := newLargeResult(t, c.larger, c.smaller, c.block)
			paths := cpu.Paths()
			if testing.Short() {
				paths = paths[len(paths)-1:] // as the conformance suite
			}
			for _, path := range paths {
				t.Run(path.String(), func(t *testing.T) {
					var one [][]float32
					s.run(t, opener(1, path)(t), func(what string, got []float32, want, tol []float64) {
						for i, v := range got {
							if !(math.Abs(float64(v)-want[i]) <= tol[i]) {
								t.Fatalf("%s[%d]: found %v, expected %v within %.2g", what, i, v, want[i], tol[i])
							}
						}
						one = append(one, got)
					})
					s.run(t, opener(3, path)(t), func(what string, got []float32, _, _ []float64) {
						if !slices.Equal(got, one[0]) {
							t.Errorf("%s: 1 and 3 threads: found different bits, expected equal ones", what)
						}
						one = one[1:]
					})
				})
			}
		})
	}
}

// largeResult is a product whose result has many more columns than its operand, forward with a
// weight of many rows and backward with one of many columns, and what it must give.
type largeResult struct {
	tokens, larger, smaller int
	up, down                *sparse.Topology
	wUp, wDown              []float32
	x, bias, old, pre       []float32

	forward, gelu, backward, added, slope expected
}

type expected struct{ want, tol []float64 }

func newLargeResult(t *testing.T, larger, smaller, block int) *largeResult {
	s := &largeResult{tokens: cpu.NonTemporalBytes/4/larger + 13, larger: larger, smaller: smaller}
	n := larger * smaller
	if block > 0 {
		for _, d := range []struct {
			topo **sparse.Topology
			sparse.Shape
		}{{&s.up, sparse.Shape{Out: larger, In: smaller, Block: block}}, {&s.down, sparse.Shape{Out: smaller, In: larger, Block: block}}} {
			topo, err := sparse.StartTopology(d.Shape, d.Positions()/3, 5, 0)
			if err != nil {
				t.Fatal(err)
			}
			*d.topo, n = topo, topo.NNZ()*topo.BlockSize()
		}
	}
	s.wUp, s.wDown, s.x, s.bias = draw(1, n), draw(2, n), draw(3, s.tokens*smaller), draw(4, larger)
	s.old, s.pre = draw(5, s.tokens*larger), draw(6, s.tokens*larger)
	s.expect()
	return s
}

// product returns the sums of x times a weight, tokens first.
func (s *largeResult) product(at [][2]int, w []float32, largerFirst bool) (want, size []float64) {
	want, size = make([]float64, s.tokens*s.larger), make([]float64, s.tokens*s.larger)
	for r := range s.tokens {
		y, z := want[r*s.larger:], size[r*s.larger:]
		for k, p := range at {
			to, from := p[0], p[1]
			if !largerFirst {
				to, from = from, to
			}
			v := float64(w[k]) * float64(s.x[r*s.smaller+from])
			y[to] += v
			z[to] += math.Abs(v)
		}
	}
	return want, size
}

// expect: n+2 roundings of the sum of magnitudes bound the error of n terms. The slope of
// GELU is at most 1.13; kernel's tests bound the errors of GELU and of its slope.
func (s *largeResult) expect() {
	const unit, steepest = 1.0 / (1 << 24), 1.13
	bound := func(r *expected, size []float64, first []float32, terms int) {
		r.tol = size
		for i, v := range size {
			if first != nil {
				old := float64(first[i%len(first)])
				r.want[i] += old
				v += math.Abs(old)
			}
			r.tol[i] = float64(terms+2) * unit * v
		}
	}
	var size []float64
	s.forward.want, size = s.product(elements(s.larger, s.smaller, s.up), s.wUp, true)
	bound(&s.forward, size, s.bias, s.smaller+1)
	s.gelu = expected{slices.Clone(s.forward.want), slices.Clone(s.forward.tol)}
	for i, a := range s.forward.want {
		s.gelu.want[i] = a * (1 + math.Erf(a/math.Sqrt2)) / 2
		s.gelu.tol[i] = steepest*s.gelu.tol[i] + 1.2e-7*max(1, math.Abs(a))
	}

	s.backward.want, size = s.product(elements(s.smaller, s.larger, s.down), s.wDown, false)
	s.added.want = slices.Clone(s.backward.want)
	bound(&s.added, slices.Clone(size), s.old, s.smaller+1)
	bound(&s.backward, size, nil, s.smaller)
	s.slope = expected{slices.Clone(s.backward.want), slices.Clone(s.backward.tol)}
	for i, r := range s.backward.want {
		a := float64(s.pre[i])
		s.slope.want[i] = r * ((1+math.Erf(a/math.Sqrt2))/2 + a*math.Exp(-a*a/2)/math.Sqrt(2*math.Pi))
		s.slope.tol[i] = steepest*s.slope.tol[i] + math.Abs(r)*(3e-7+2*unit)
	}
}

// run does the products one after the other and shows each result, and that nothing behind
// it has been written.
func (s *largeResult) run(t *testing.T, b backend.Backend, show func(what string, got []float32, want, tol []float64)) {
	defer b.Close()
	b.(*cpu.Backend).NonTemporalFrom(cpu.NonTemporalBytes) // whatever the machine's caches
	param := func(out, in int, topo *sparse.Topology, values []float32) backend.Param {
		w := b.NewParam(backend.ParamSpec{Name: "w", Out: out, In: in, Topology: topo})
		b.WriteFloats(w.Values(), 0, values)
		return w
	}
	up, down := param(s.larger, s.smaller, s.up, s.wUp), param(s.smaller, s.larger, s.down, s.wDown)
	bias := param(1, s.larger, nil, s.bias)
	n, x := s.tokens*s.larger, withNaN(b, s.x, 32*s.smaller)
	result := func(old []float32) backend.Buffer { return withNaN(b, old, n-len(old)+64) }
	read := func(what string, buf backend.Buffer, r expected) {
		got := make([]float32, n+64)
		if err := b.ReadFloats(got, buf, 0); err != nil {
			t.Fatal(err)
		}
		for i, v := range got[n:] {
			if v == v {
				t.Fatalf("%s: wrote element %d behind the end", what, i)
			}
		}
		show(what, got[:n], r.want, r.tol)
	}
	y, pre := result(nil), result(nil)
	b.DSD(y, nil, x, up, bias, s.tokens)
	read("y", y, s.forward)
	y = result(nil)
	b.DSD(y, pre, x, up, bias, s.tokens)
	read("y before GELU", pre, s.forward)
	read("GELU", y, s.gelu)

	dx := result(nil)
	b.DDS(dx, x, down, s.tokens, backend.Assign, nil)
	read("dx", dx, s.backward)
	dx = result(s.old)
	b.DDS(dx, x, down, s.tokens, backend.Accumulate, nil)
	read("dx added", dx, s.added)
	pre = result(s.pre)
	b.DDS(pre, x, down, s.tokens, backend.TimesGELU, pre) // in place
	read("dx times GELU'", pre, s.slope)
}
