package cpu_test

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/sparsebert/sparsebert-gpu/backend"
	"github.com/sparsebert/sparsebert-gpu/cpu"
	"github.com/sparsebert/sparsebert-gpu/internal/philox"
	"github.com/sparsebert/sparsebert-gpu/sparse"
)

// The products at sizes where tasks hold several panels, rows are long enough to be packed
// and the weight gradient takes several rounds: more than the conformance
// suite's small shapes reach. The oracle is the masked dense product in float64.
func TestLargeProducts(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: the conformance suite runs the same tasks on several threads")
	}
	for _, c := range []struct{ out, in, tokens, block int }{
		{320, 320, 1600, 16}, {320, 576, 900, 64}, {288, 528, 781, 8}, {264, 268, 801, 4},
		{300, 270, 601, 1}, {271, 275, 779, 0}, {80, 16, 1557, 16}, {4160, 16, 523, 16}, {16, 4160, 523, 4}, {4160, 16, 523, 1}, {1000, 300, 300, 0},
		{2100, 1100, 61, 0}, {3856, 3856, 30, 16},
	} {
		t.Run(fmt.Sprintf("%dx%d/T=%d/B=%d", c.out, c.in, c.tokens, c.block), func(t *testing.T) {
			l := newLarge(t, c.out, c.in, c.tokens, c.block)
			for _, path := range cpu.Paths() {
				t.Run(path.String(), func(t *testing.T) {
					inParts := func(threads int) backend.Backend { // whatever the machine's caches
						b := opener(threads, path)(t)
						b.(*cpu.Backend).PartFrom(cpu.PartBytes)
						return b
					}
					one, three := l.run(t, inParts(1)), l.run(t, inParts(3))
					if !slices.Equal(one, three) {
						t.Error("1 and 3 threads: found different bits, expected equal ones")
					}
					if c.tokens < 500 {
						return
					}
					splitK := func(threads int) []uint32 {
						b := opener(threads, path)(t)
						b.(*cpu.Backend).SplitKFrom(2)
						return l.run(t, b)
					}
					one = splitK(1)
					for _, threads := range []int{2, 3, 4} {
						if !slices.Equal(one, splitK(threads)) {
							t.Errorf("split-K partials, 1 and %d threads: found different bits, expected equal ones", threads)
						}
					}
				})
			}
		})
	}
}

// large is a case: the data of one weight and what the products must give.
type large struct {
	out, in, tokens int
	topo            *sparse.Topology
	w, bias, grad   []float32
	x, dy, dx       []float32

	wantY, wantDX, wantGrad, wantBias sums
}

func newLarge(t *testing.T, out, in, tokens, block int) *large {
	l := &large{out: out, in: in, tokens: tokens}
	n := out * in
	if block > 0 {
		shape := sparse.Shape{Out: out, In: in, Block: block}
		topo, err := sparse.StartTopology(shape, max(1, shape.Positions()/7), 3, 0)
		if err != nil {
			t.Fatal(err)
		}
		l.topo, n = topo, topo.NNZ()*topo.BlockSize()
	}
	s := philox.NewStream(5, philox.TestData, uint32(out), uint32(in))
	for _, f := range []struct {
		dst *[]float32
		n   int
	}{{&l.w, n}, {&l.grad, n}, {&l.bias, out}, {&l.x, tokens * in}, {&l.dx, tokens * in}, {&l.dy, tokens * out}} {
		*f.dst = make([]float32, f.n)
		for i := range *f.dst {
			(*f.dst)[i] = 2*s.Float32() - 1
		}
	}
	l.expect()
	return l
}

// expect visits each weight once; its three uses go to float64 sums. Activations
// are transposed here, tokens last, so that the visits run along memory.
func (l *large) expect() {
	x, dy := transpose(l.x, l.tokens, l.in), transpose(l.dy, l.tokens, l.out)
	y, dx := newSums(l.tokens*l.out), newSums(l.tokens*l.in)
	l.wantGrad, l.wantBias = newSums(len(l.w)), newSums(l.out)
	for k, at := range elements(l.out, l.in, l.topo) {
		o, i, v := at[0]*l.tokens, at[1]*l.tokens, float64(l.w[k])
		l.wantGrad.add(k, float64(l.grad[k]))
		for r := range l.tokens {
			y.add(o+r, v*float64(x[i+r]))
			dx.add(i+r, v*float64(dy[o+r]))
			l.wantGrad.add(k, float64(dy[o+r])*float64(x[i+r]))
		}
	}
	l.wantY = sums{transpose(y.sum, l.out, l.tokens), transpose(y.size, l.out, l.tokens)}
	l.wantDX = sums{transpose(dx.sum, l.in, l.tokens), transpose(dx.size, l.in, l.tokens)}
	for i := range l.wantY.sum {
		l.wantY.add(i, float64(l.bias[i%l.out]))
	}
	for i, v := range l.dx {
		l.wantDX.add(i, float64(v))
	}
	for i, v := range l.dy {
		l.wantBias.add(i%l.out, float64(v))
	}
}

// transpose transposes a rows x cols matrix.
func transpose[E any](a []E, rows, cols int) []E {
	b := make([]E, len(a))
	for r := range rows {
		for c := range cols {
			b[c*rows+r] = a[r*cols+c]
		}
	}
	return b
}

// run does the products, compares them, and returns the bits of all results.
func (l *large) run(t *testing.T, b backend.Backend) (bits []uint32) {
	defer b.Close()
	w := b.NewParam(backend.ParamSpec{Name: "w", Out: l.out, In: l.in, Topology: l.topo})
	bias := b.NewParam(backend.ParamSpec{Name: "b", Out: 1, In: l.out})
	buffer := func(x []float32) backend.Buffer {
		buf := b.Alloc("x", backend.F32, len(x))
		b.WriteFloats(buf, 0, x)
		return buf
	}
	b.WriteFloats(w.Values(), 0, l.w)
	b.WriteFloats(w.Grad(), 0, l.grad)
	b.WriteFloats(bias.Values(), 0, l.bias)
	x, dy, dx := buffer(l.x), buffer(l.dy), buffer(l.dx)
	y := b.Alloc("y", backend.F32, l.tokens*l.out)

	b.DSD(y, nil, x, w, bias, l.tokens)
	b.DDS(dx, dy, w, l.tokens, backend.Accumulate, nil)
	b.SDD(w, bias, dy, x, l.tokens) // leaves its scratch to the next one
	b.WriteFloats(w.Grad(), 0, l.grad)
	b.ZeroGrad([]backend.Param{bias})
	b.SDD(w, bias, dy, x, l.tokens)

	for _, r := range []struct {
		what string
		got  backend.Buffer
		want sums
		n    int // terms of a sum
	}{
		{"y", y, l.wantY, l.in + 1}, {"dx", dx, l.wantDX, l.out + 1},
		{"gradient", w.Grad(), l.wantGrad, l.tokens + 1}, {"bias gradient", bias.Grad(), l.wantBias, l.tokens},
	} {
		got := make([]float32, len(r.want.sum))
		if err := b.ReadFloats(got, r.got, 0); err != nil {
			t.Fatal(err)
		}
		for i, v := range got {
			bits = append(bits, math.Float32bits(v))
			// n+2 roundings of the sum of magnitudes bound the error of a sum of n
			// products in any order.
			tol := float64(r.n+2) / (1 << 24) * r.want.size[i]
			if !(math.Abs(float64(v)-r.want.sum[i]) <= tol) {
				t.Fatalf("%s[%d]: found %v, expected %v within %.2g", r.what, i, v, r.want.sum[i], tol)
			}
		}
	}
	return bits
}

// elements lists row and column of each stored value.
func elements(out, in int, topo *sparse.Topology) [][2]int {
	var at [][2]int
	if topo == nil {
		for k := range out * in {
			at = append(at, [2]int{k / in, k % in})
		}
		return at
	}
	size := topo.Block
	for s := range topo.NNZ() {
		for e := range size * size {
			at = append(at, [2]int{int(topo.Rows[s])*size + e/size, int(topo.Cols[s])*size + e%size})
		}
	}
	return at
}

// sums are sums and, for the error bounds, the sums of the terms' magnitudes.
type sums struct{ sum, size []float64 }

func newSums(n int) sums { return sums{make([]float64, n), make([]float64, n)} }

func (s sums) add(i int, v float64) {
	s.sum[i] += v
	s.size[i] += math.Abs(v)
}
